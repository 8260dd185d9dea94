#!/bin/bash
# As many-nodes.sh, for runs that take longer than one job may: before the time is over the job drains, puts itself back
# into the queue, and goes on where it was. Fill in the lines marked <--, then: sbatch requeue.sh
#
#SBATCH --job-name=gradus
#SBATCH --nodes=2                # <-- nodes
#SBATCH --gpus-per-node=4        # <-- GPUs of each; never --gpus-per-task (see many-nodes.sh)
#SBATCH --cpus-per-task=16       # <-- cores of each node that its steps may use
#SBATCH --ntasks-per-node=1      # one rank a node; its threads are the slots
#SBATCH --exclusive
#SBATCH --time=04:00:00          # <-- at least three times the longest step
#SBATCH --requeue                # the site's default may be to refuse
#SBATCH --open-mode=append       # all lives in one log
#SBATCH --signal=B:USR1@120      # to this script two minutes before the end; its timing is rough, so gradus knows the
#                                  end of the job itself and starts nothing that would not be over by then
set -u
# module load ...                # <-- what the steps need
gradus=gradus                    # <-- where it is, if not in PATH
steps=${steps:-steps.txt}        # <-- the steps file
options=()                       # <-- more options of `gradus run`

# mpirun passes USR1 on: nothing new is started, running steps end. At scancel it gives its ranks this many seconds from
# TERM to KILL; it must fit twice into the site's KillWait (30 s by default).
export OMPI_MCA_odls_base_sigkill_timeout=10
trap 'kill -USR1 $run 2>/dev/null' USR1
trap 'kill -TERM $run 2>/dev/null' TERM

mpirun --bind-to none "$gradus" run "$steps" --master-works --resume "${options[@]}" &
run=$!
# A trapped signal ends `wait` early: ask again until mpirun is really gone.
while wait $run; code=$?; kill -0 $run 2>/dev/null; do :; done

# 75: stopped early, steps are left, and this life has got somewhere. Anything else is for a person to look at.
if [ $code = 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
