#!/bin/bash
# Every job template, written by `gradus template` and run: needs the bed (nodes h1, h2, h3 with 4, 4 and 2 GPUs).
#   templates_test.sh GRADUS MPIEXEC
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
# The scripts call mpirun by its name.
mkdir bin
ln -s "$mpiexec" bin/mpirun
export PATH=$scratch/bin:$PATH
gpus_by_host() { awk '{n = split($8, ids, ","); for (i = 1; i <= n; i++) print $1 ":" ids[i]}' records | sort -u | paste -sd ' '; }
template() { "$gradus" template slurm --time 5 --cpus-per-node 2 --gradus "$gradus" --option=--quiet "$@"; }
run_job() { expect_exit 0 timeout -k 5 100 "$slurm" batch "$@"; }
motioncor2_steps steps 40 40

it "one-node: all GPUs of the node"
template --nodes 1 --gpus-per-node 4 --steps steps.txt --sbatch=--nodelist=h1 >one.sh
run_job one.sh
expect_equal "GPUs used" "h1:0 h1:1 h1:2 h1:3" "$(gpus_by_host)"
expect_exit 0 "$check_records" records --steps 40

it "many-nodes: all GPUs of two nodes; the same script again has nothing left to do"
rm -rf records steps.run
template --nodes 2 --gpus-per-node 4 --steps steps.txt --sbatch=--nodelist=h1,h2 >many.sh
run_job many.sh
expect_equal "GPUs used" "h1:0 h1:1 h1:2 h1:3 h2:0 h2:1 h2:2 h2:3" "$(gpus_by_host)"
expect_exit 0 "$check_records" records --steps 40
run_job many.sh
expect_exit 0 "$check_records" records --steps 40

it "array: a run of its own for each file"
rm -rf records
mkdir parts
motioncor2_steps parts/1 6 40
motioncor2_steps parts/2 8 40
template --kind array --array 1-2 --gpus-per-node 2 --steps parts --sbatch=--exclusive >array.sh
id=$("$slurm" run sbatch --parsable --output=array.log array.sh)
both_over() { grep -q '"state": "finished"' parts/1.run/summary.json && grep -q '"state": "finished"' parts/2.run/summary.json; } 2>/dev/null
wait_until 120 both_over || fail "two finished runs" "$(cat array*.log; "$slurm" run squeue)"
expect_equal "steps that ran" 14 "$(wc -l <records)"
# Else SLURM gives the next job, which names no nodes, others than the first.
nothing_queued() { local jobs; jobs=$("$slurm" run squeue -h) && [[ -z $jobs ]]; }
wait_until 60 nothing_queued || fail "an empty queue" "$("$slurm" run squeue)"

it "Scipion's host configuration: its job is what sbatch and mpirun take"
rm -rf records steps.run
# As Scipion does: the template's indentation goes, each %_(NAME) is filled in, %% is a percent sign.
command=$("$gradus" template scipion | sed -n 's/^PARALLEL_COMMAND = //p' | sed "s|%_(JOB_NODES)d|2|; s|%_(COMMAND)s|$gradus run $scratch/steps.txt --master-works --quiet|")
"$gradus" template scipion | awk '/^SUBMIT_TEMPLATE = /{ sub(/^SUBMIT_TEMPLATE = /, ""); print; on = 1; next } on && /^\t/ { sub(/^\t/, ""); print; next } { on = 0 }' |
  sed "s|%_(JOB_NAME)s|scipion|; s|%_(JOB_QUEUE)s|test|; s|%_(JOB_NODES)d|2|; s|%_(JOB_THREADS)d|2|; s|%_(GPUS)s|2|; s|%_(JOB_TIME)s|1|; s|%_(JOB_LOGS)s|$scratch/scipion|; s|%_(JOB_COMMAND)s|$command|; s|%%|%|g" >scipion.sh
bash -n scipion.sh
# Scipion's own reader takes ; alone for a comment (pyworkflow, protocol/hosts.py): all #SBATCH lines must come through it.
"$gradus" template scipion >hosts.conf
python3 - <<'P' || fail "a file that Scipion can read" "see above"
import configparser, json
hosts = configparser.RawConfigParser(comment_prefixes=";")
hosts.optionxform = str
assert hosts.read("hosts.conf") == ["hosts.conf"] and hosts.sections() == ["localhost"], hosts.sections()
template = hosts.get("localhost", "SUBMIT_TEMPLATE")
script = open("scipion.sh").read()
assert template.count("#SBATCH") == script.count("#SBATCH") >= 8, template
assert hosts.get("localhost", "PARALLEL_COMMAND").startswith("mpirun "), hosts.get("localhost", "PARALLEL_COMMAND")
assert json.loads(hosts.get("localhost", "QUEUES"))["gpu"][0][1] == "24"
P
expect_equal "marks left" "" "$(grep -o '%_[^ ]*' scipion.sh || true)"
run_job scipion.sh
expect_equal "GPUs used" "h1:0 h1:1 h2:0 h2:1" "$(gpus_by_host)"
"$gradus" template scipion | sed -n '/^QUEUES = /,$p' | sed 's/^QUEUES = //' >queues.json
echo "$(tr -d '\n' <queues.json)" | grep -q '"JOB_TIME", "24"' || fail "queues" "$(cat queues.json)"
