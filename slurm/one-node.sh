#!/bin/bash
# Runs a steps file on all GPUs of one node. Fill in the lines marked <-- and: sbatch one-node.sh
#
#SBATCH --job-name=gradus
#SBATCH --nodes=1
#SBATCH --gpus-per-node=4        # <-- GPUs of the node
#SBATCH --cpus-per-task=16       # <-- cores that its steps may use
#SBATCH --ntasks-per-node=1      # one process; its threads are the slots
#SBATCH --time=04:00:00          # <-- how long it may take
#SBATCH --open-mode=append       # a job that is requeued goes on in the same log
#SBATCH --signal=B:USR1@120      # to this script two minutes before the end: start nothing new. Its timing is rough, so
#                                  gradus knows the end of the job itself and starts nothing that would not be over by then
set -eu
# module load ...                # <-- what the steps need
gradus=gradus                    # <-- where it is, if not in PATH
steps=${steps:-steps.txt}        # <-- the steps file
options=()                       # <-- more options of `gradus run`

# No mpirun: on one node threads do it all. `exec`, so that signals reach gradus and not this shell.
# --resume: the same script starts a run, and goes on with one that was stopped.
exec "$gradus" run "$steps" --resume "${options[@]}"
