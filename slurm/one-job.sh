#!/bin/bash
# Runs a steps file on all GPUs of a SLURM allocation. Fill in the four lines marked <-- and: sbatch one-job.sh
#
#SBATCH --job-name=gradus
#SBATCH --nodes=2                # <-- nodes
#SBATCH --gpus-per-node=4        # <-- GPUs of each. Never --gpus-per-task: under mpirun remote ranks would see GPU 0 only
#SBATCH --cpus-per-task=16       # <-- cores of each node that its steps may use
#SBATCH --ntasks-per-node=1      # one rank a node; its threads are the slots
#SBATCH --exclusive
#SBATCH --time=04:00:00
#SBATCH --open-mode=append       # a requeued job goes on in the same log
set -eu
steps=steps.txt                  # <-- the steps file

# --bind-to none: the launcher's default would pin each rank, and so all its steps, to one core.
# --master-works: the node of rank 0 has GPUs too.
# --resume: the same script starts a run, and goes on with one that was stopped.
exec mpirun --bind-to none gradus run "$steps" --master-works --resume
