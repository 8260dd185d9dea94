#!/bin/bash
# Runs inside SLURM jobs, judged by what the steps saw: needs the bed (nodes h1, h2, h3 with 4, 4 and 2 GPUs).
#   jobs_test.sh GRADUS MPIEXEC WHO
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
  again_if_mpi_crashes steps.run timeout -k 5 100 "$slurm" batch $options job.sh
  expect_equal "exit code, having said $seen," 0 $code
}
gpus_by_host() { awk '{n = split($8, ids, ","); for (i = 1; i <= n; i++) print $1 ":" ids[i]}' records | sort -u | paste -sd ' '; }

motioncor2_steps steps 60 40

it "sbatch and mpirun, one rank a node, rank 0 works too: every granted GPU of unequal nodes is used"
job "--nodes=2 --nodelist=h2,h3 --ntasks-per-node=1 --gres=gpu:2 --cpus-per-task=2 --time=5" \
  "$mpiexec" --bind-to none "$gradus" run "$scratch/steps.txt" --master-works --quiet
expect_equal "GPUs used" "h2:0 h2:1 h3:0 h3:1" "$(gpus_by_host)"
expect_exit 0 "$check_records" records --steps 60

it "several ranks on each node, a master beside them"
job "--nodes=2 --nodelist=h1,h2 --ntasks-per-node=2 --gres=gpu:4 --time=5" \
  "$mpiexec" --bind-to none "$gradus" run "$scratch/steps.txt" --quiet
expect_equal "GPUs used" "h1:0 h1:1 h1:2 h1:3 h2:0 h2:1 h2:2 h2:3" "$(gpus_by_host)"
expect_exit 0 "$check_records" records --steps 60

it "sbatch and srun with PMIx"
job "--nodes=2 --nodelist=h1,h2 --ntasks-per-node=1 --gres=gpu:4 --time=5" \
  srun --mpi=pmix --cpu-bind=none "$gradus" run "$scratch/steps.txt" --master-works --quiet
expect_equal "GPUs used" "h1:0 h1:1 h1:2 h1:3 h2:0 h2:1 h2:2 h2:3" "$(gpus_by_host)"
expect_exit 0 "$check_records" records --steps 60

it "srun without a PMI is refused and told how"
expect_exit 2 timeout -k 5 60 "$slurm" run srun -n 2 --mpi=none "$gradus" run "$scratch/steps.txt"
expect_match "message" "srun --mpi=pmix" "$seen"

it "a step inside a job may be an mpirun of its own"
echo "$mpiexec -np 2 --oversubscribe $who >$scratch/nested.%(HOST)s" >nested.txt
job "--nodes=1 --nodelist=h1 --ntasks-per-node=1 --time=5" \
  "$mpiexec" --bind-to none "$gradus" run "$scratch/nested.txt" --master-works --quiet --restart
expect_equal "ranks of the nested mpirun" 2 "$(grep -c '^rank [01] on h1' nested.h1)"
