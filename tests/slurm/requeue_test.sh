#!/bin/bash
# The requeue template under a real SLURM, and scancel: needs a bed (slurm-bed up 3 4,4,2 8 --preempt). Run by hand: it
# takes two minutes on a quiet machine, and its wall-time signal comes when SLURM likes.
#   requeue_test.sh GRADUS MPIEXEC WHO
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
. "$here/../mpi/placement.sh"
gradus=$(readlink -f "$1") mpiexec=$2 who=$(readlink -f "$3")
slurm=$here/slurm-bed motioncor2=$(readlink -f "$here/../cluster/motioncor2")
check_records=$(readlink -f "$here/../support/check_records")
make_scratch
cd "$scratch"
touch movie.mrc
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
export MOTIONCOR2_RECORDS=$scratch/records

# job "SBATCH OPTIONS" COMMAND...: a batch script of that one command; leaves its output in $seen.
job() {
  local options=$1
  shift
  { echo '#!/bin/bash'; printf '%q ' "$@"; echo; } >job.sh
  rm -rf steps.run records
  # shellcheck disable=SC2086
  expect_exit 0 timeout -k 5 100 "$slurm" batch $options job.sh
}
gpus_by_host() { awk '{n = split($8, ids, ","); for (i = 1; i <= n; i++) print $1 ":" ids[i]}' records | sort -u | paste -sd ' '; }

it "the requeue template: drained before the end, back in the queue by itself, finished in a later life"
for ((i = 1; i <= 24; i++)); do echo "sleep 4 && echo x >>$scratch/ran.$i"; done >long.txt
sed -e "s|^#SBATCH --nodes=2.*|#SBATCH --nodes=2 --nodelist=h1,h2|; s|^#SBATCH --gpus-per-node=4.*|#SBATCH --gres=gpu:2|
  s|^#SBATCH --cpus-per-task=16.*|#SBATCH --cpus-per-task=2|; s|^#SBATCH --time=.*|#SBATCH --time=1|
  s|^#SBATCH --signal=.*|#SBATCH --signal=B:USR1@45|
  s|mpirun --bind-to none gradus run|$mpiexec --bind-to none $gradus run|; s|--resume|--resume --threads 1 --quiet|" \
  "$here/../../slurm/requeue-job.sh" >requeue.sh
id=$(steps=$scratch/long.txt "$slurm" run sbatch --parsable --output="$scratch/requeue.log" requeue.sh)
finished() { grep -q '"over":0' long.run/journal.jsonl 2>/dev/null; }
wait_until 300 finished || fail "a run that finishes" "$("$slurm" run squeue; cat requeue.log; tail -n 5 long.run/journal.jsonl)"
expect_match "lives" "^[2-9]" "$(grep -c '^{"life"' long.run/journal.jsonl)"
grep -q '"over":75' long.run/journal.jsonl || fail "a life that ended with 75" "$(grep '"over"' long.run/journal.jsonl)"
for ((i = 1; i <= 24; i++)); do expect_equal "successes of step $i" 1 "$(wc -l <ran.$i)"; done
expect_equal "steps named as succeeded" 24 "$(grep '"final":"succeeded"' long.run/journal.jsonl | grep -o '"end":[0-9]*' | sort -u | wc -l)"
expect_equal "records of success" 24 "$(grep -c '"final":"succeeded"' long.run/journal.jsonl)"

it "scancel in the middle leaves no process on any node"
echo "sh -c 'sleep 876.5 & sleep 876.5; true'" >cancel.txt
sed -e 's|^#SBATCH --time=.*|#SBATCH --time=5|' requeue.sh >cancel.sh
id=$(steps=$scratch/cancel.txt "$slurm" run sbatch --parsable --output="$scratch/cancel.log" cancel.sh)
sleeps() { for host in h1 h2; do "$slurm" exec $host pgrep -f 'sleep 876[.]5' 2>/dev/null || true; done; }
wait_until 30 eval '[[ -n $(sleeps) ]]' || fail "a step that runs" "$(cat cancel.log)"
"$slurm" run scancel "$id"
wait_until 20 eval '[[ -z $(sleeps) ]]' || fail "no sleep on any node" "$(sleeps)"
