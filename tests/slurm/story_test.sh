#!/bin/bash
# A user's whole story on three nodes with four GPUs each: a template is written and submitted, all GPUs are busy, the
# time runs out, the job drains, puts itself back into the queue, goes on and finishes; then scancel in the middle of
# another. Makes a bed of its own.
#   story_test.sh GRADUS MPIEXEC
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
. "$here/../mpi/placement.sh"
gradus=$(readlink -f "$1") mpiexec=$2
slurm=$here/slurm-bed motioncor2=$(readlink -f "$here/../cluster/motioncor2")
check_records=$(readlink -f "$here/../support/check_records")
make_scratch
cd "$scratch"
touch movie.mrc
export HOME=$scratch
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES GRADUS_SITE
export MOTIONCOR2_RECORDS=$scratch/records
mkdir bin
ln -s "$mpiexec" bin/mpirun
export PATH=$scratch/bin:$PATH
at_exit "$slurm down"
needs "$slurm" up 3 4 8

steps=360
motioncor2_steps steps $steps 2000
journal=steps.run/journal.jsonl
lives() { grep -c '^{"life"' $journal; }
template() { "$gradus" template slurm --nodes 3 --gpus-per-node 4 --cpus-per-node 4 --gradus "$gradus" --option=--quiet "$@"; }

it "written by gradus template, drained before the end, back in the queue by itself, finished in a later life"
# One minute is the shortest limit that SLURM knows; 12 GPUs do half of the steps in it.
template --kind requeue --time 1 --signal-before 5 --steps steps.txt >job.sh
"$slurm" run sbatch --parsable --output=job.log job.sh >id
finished() { grep -q '"over":0' $journal 2>/dev/null; }
wait_until 400 finished || fail "a run that finishes" "$("$slurm" run squeue; cat job.log; tail -n 5 $journal)"
expect_match "lives" "^[2-9]" "$(lives)"
expect_equal "lives that ended with 75" $(($(lives) - 1)) "$(grep -c '"over":75' $journal)"
expect_exit 0 "$check_records" records --steps $steps --gpus "$(for h in h1 h2 h3; do printf "$h:%s," 0 1 2 3; done | sed 's/,$//')"
expect_equal "steps named as succeeded" $steps "$(grep '"final":"succeeded"' $journal | grep -o '"end":[0-9]*' | sort -u | wc -l)"
expect_equal "records of success" $steps "$(grep -c '"final":"succeeded"' $journal)"
# What is still started is expected to end in time, by what was seen: a machine that stands still just then can cost one.
cut=$(grep -c '"outcome":"\(cancelled\|timed_out\)"' $journal || true)
((cut <= 2)) || fail "at most two attempts that the time limit cost" "$cut"

it "a life in which nothing succeeds for lack of time exits 1, and the job is not requeued"
echo "sleep 200" >never.txt
template --kind requeue --time 1 --signal-before 5 --steps never.txt --option=--time-limit=3s >never.sh
expect_exit 1 timeout -k 5 60 "$slurm" batch never.sh
expect_match "state" "ExitCode=1:0" "$seen"
expect_equal "lives" 1 "$(grep -c '^{"life"' never.run/journal.jsonl)"

it "scancel in the middle leaves no process on any node within KillWait"
for ((i = 0; i < 12; i++)); do echo "sh -c 'sleep 876.5 & sleep 876.5; true' %(GPU)s"; done >cancel.txt
template --kind requeue --time 5 --steps cancel.txt >cancel.sh
id=$("$slurm" run sbatch --parsable --output=cancel.log cancel.sh)
sleeps() { for host in h1 h2 h3; do "$slurm" exec $host pgrep -f 'sleep 876[.]5|gradus run' 2>/dev/null || true; done; }
busy() { (($(sleeps | wc -l) >= 24)); }
wait_until 90 busy || fail "12 steps that run" "$(cat cancel.log)"
"$slurm" run scancel "$id"
idle() { [[ -z $(sleeps) ]]; }
wait_until 40 idle || fail "no process on any node" "$(sleeps)"
