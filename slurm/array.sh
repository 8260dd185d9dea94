#!/bin/bash
# Independent runs, one node each: run 1 has the steps of 1.txt, run 2 those of 2.txt, … in the folder `steps`.
# Fill in the lines marked <-- and: sbatch array.sh
#
# Two of them may share a node, each with its own GPUs, both counted from 0: a program that locks GPUs by their numbers
# (MotionCor2 before 1.4) needs `#SBATCH --exclusive` as well.
# One steps file over several nodes (many-nodes.sh) balances better; an array starts as soon as single nodes come free.
#
#SBATCH --job-name=gradus
#SBATCH --array=1-4              # <-- the runs
#SBATCH --nodes=1
#SBATCH --gpus-per-node=4        # <-- GPUs of each node
#SBATCH --cpus-per-task=16       # <-- cores that the steps of one run may use
#SBATCH --ntasks-per-node=1      # one process; its threads are the slots
#SBATCH --time=04:00:00          # <-- how long each may take
#SBATCH --output=gradus-%A_%a.log
#SBATCH --open-mode=append       # a job that is requeued goes on in the same log
#SBATCH --signal=B:USR1@120      # two minutes before the end: start nothing new (see one-node.sh)
set -eu
# module load ...                # <-- what the steps need
gradus=gradus                    # <-- where it is, if not in PATH
steps=${steps:-steps}            # <-- the folder of the steps files
options=()                       # <-- more options of `gradus run`

# Each run has a run directory of its own beside its steps file; `sbatch --array=3 array.sh` goes on with the third.
exec "$gradus" run "$steps/$SLURM_ARRAY_TASK_ID.txt" --resume "${options[@]}"
