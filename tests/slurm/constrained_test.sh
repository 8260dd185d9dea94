#!/bin/bash
# Ways of starting a run in a SLURM that constrains devices: each rank sees only what it may open, counted from 0.
# On a bed of its own, of nodes h1 and h2 with 4 and 2 GPUs.
#   constrained_test.sh GRADUS MPIEXEC FAKE_CUDA_FOLDER      the folder may be empty: no driver then
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
tests=${here%/*} slurm=$here/slurm-bed
. "$tests/cluster/expect.sh"
. "$here/ways.sh"
gradus=$(readlink -f "$1") fake_cuda=${3:-}
mpirun="$2 --bind-to none" srun="srun --mpi=pmix --cpu-bind=none"
make_scratch
export GRADUS_SLURM_DIR=/run/gradus-slurm.start-$$
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
at_exit "$slurm down"
needs "$slurm" up 2 4,2 8 --constrain-devices
make_with_driver

two_each="h1:0 h1:1 h2:0 h2:1"
uses "sbatch and mpirun, one rank a node" "$two_each" \
  "--nodelist=h1,h2 --ntasks-per-node=1 --gpus-per-node=2" "$mpirun" "--master-works"
uses "sbatch and srun with PMIx, two ranks a node" "$two_each" \
  "--nodelist=h1,h2 --ntasks-per-node=2 --gpus-per-node=2" "$srun" "--master-works"

# All four ranks have CUDA_VISIBLE_DEVICES=0, each for another device.
uses "a GPU for each task, by srun" "$two_each" \
  "--nodelist=h1,h2 --ntasks-per-node=2 --gpus-per-task=1" "$srun" "--master-works"
drivers=with uses "no CUDA_VISIBLE_DEVICES by --gpu-bind=none, but no other device can be opened" "$two_each" \
  "--nodelist=h1,h2 --ntasks-per-node=2 --gpus-per-task=1 --gpu-bind=none" "$srun" "--master-works"
refuses "a GPU for each task, by mpirun: its daemons get the GPUs of one task" \
  "host h2: with --gpus-per-task mpirun gets there 1 GPU for 2 ranks: use --gpus-per-node" \
  "--nodelist=h1,h2 --ntasks-per-node=2 --gpus-per-task=1" "$mpirun" "--master-works"

refuses "a job with no GPU on a node that has some: none can be opened" "no slot has a GPU" \
  "--nodelist=h1 --ntasks=2" "$srun" "--master-works"

# Without a driver only the names 0,1 are known, and they are right.
it "the second job on a node sees 0,1, which are devices 2 and 3"
touch held
"$slurm" run sbatch -w h1 --gres=gpu:2 --parsable --wrap "while [ -e $scratch/held ]; do sleep 0.1; done" >id
has_started() { [[ $("$slurm" run squeue -h -o %T -j "$(<id)") == RUNNING ]]; }
wait_until 60 has_started || fail "a job that runs" "$("$slurm" run squeue)"
uses "the second job on a node" "h1:2 h1:3" "--nodelist=h1 --ntasks=2 --gres=gpu:2" "$mpirun" "--master-works"
rm held
