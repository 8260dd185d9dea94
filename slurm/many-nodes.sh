#!/bin/bash
# Runs a steps file on all GPUs of several nodes. Fill in the lines marked <-- and: sbatch many-nodes.sh
#
#SBATCH --job-name=gradus
#SBATCH --nodes=2                # <-- nodes
#SBATCH --gpus-per-node=4        # <-- GPUs of each. Never --gpus-per-task: under mpirun remote ranks would see GPU 0 only
#SBATCH --cpus-per-task=16       # <-- cores of each node that its steps may use
#SBATCH --ntasks-per-node=1      # one rank a node; its threads are the slots
#SBATCH --exclusive
#SBATCH --time=04:00:00          # <-- how long it may take
#SBATCH --open-mode=append       # a job that is requeued goes on in the same log
#SBATCH --signal=B:USR1@120      # to this script two minutes before the end: start nothing new. Its timing is rough, so
#                                  gradus knows the end of the job itself and starts nothing that would not be over by then
set -eu
# module load ...                # <-- what the steps need
gradus=gradus                    # <-- where it is, if not in PATH
steps=${steps:-steps.txt}        # <-- the steps file
options=()                       # <-- more options of `gradus run`

# At scancel, mpirun gives its ranks this many seconds from TERM to KILL; it must fit into the site's KillWait (30 s by
# default) with the same again, since mpirun waits as long before it sends TERM.
export OMPI_MCA_odls_base_sigkill_timeout=10

# `exec`, so that USR1 reaches mpirun, which passes it on to the ranks.
# --bind-to none: the launcher's default would pin each rank, and so all its steps, to one core.
# --master-works: the node of rank 0 has GPUs too.
# --resume: the same script starts a run, and goes on with one that was stopped.
# Where mpirun may not start daemons on the nodes, in its place: srun --mpi=pmix --cpu-bind=none
exec mpirun --bind-to none "$gradus" run "$steps" --master-works --resume "${options[@]}"
