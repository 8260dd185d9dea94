#!/bin/bash
# Tests the SLURM bed itself, on beds of its own.
#   bed_test.sh WHO       WHO: the program of ../cluster/who.c
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
who=$(readlink -f "$1")
slurm=$here/slurm-bed
make_scratch
export GRADUS_SLURM_DIR=/run/gradus-slurm.test-$$
cd "$scratch"
at_exit "$slurm down"

srun() { run_bounded 60 "$slurm" run srun "$@"; }

# Prints "HOST visible=LIST may open=IDS" for the task that runs it.
cat >gpus <<'SH'
#!/bin/bash
read -r host </proc/sys/kernel/hostname
for device in "$GRADUS_SLURM_DIR/gpu/$host"/gpu*; do
  error=$({ : <"$device"; } 2>&1)
  [[ $error != *"No such device"* ]] || open+=${device##*/gpu}
done
echo "$host visible=${CUDA_VISIBLE_DEVICES-} may open=${open-}"
SH
chmod +x gpus

cat >across <<SH
#!/bin/bash
mpirun $who
SH

await_gone() {
  local pids
  pids=$(grep -ls "GRADUS_HOSTS_BED=$1" /proc/[0-9]*/environ) || true
  [[ -z $pids ]]
}

down_leaves_nothing() {
  local token
  token=$(<"$GRADUS_SLURM_DIR/hosts/token")
  "$slurm" down
  wait_until 30 await_gone "$token" || fail "no process of the bed" "$(grep -ls "GRADUS_HOSTS_BED=$token" /proc/[0-9]*/environ)"
  expect_no_file "$GRADUS_SLURM_DIR"
  expect_no_match "mounts" "$GRADUS_SLURM_DIR" "$(cat /proc/self/mounts)"
}

for mode in "" --light; do
  it "a SLURM of three unequal nodes comes up${mode:+ with $mode}"
  needs "$slurm" up 3 4,2,0 8 $mode >status
  expect_match "nodes" "h1 idle cpus=8 gpu:model:4.h2 idle cpus=8 gpu:model:2.h3 idle cpus=8 .null." "$(tail -n 3 status)"

  it "srun reaches every node${mode:+ with $mode}"
  expect_equal "names" "h1 h2 h3" "$(srun -N3 cat /proc/sys/kernel/hostname | sort | tr '\n' ' ' | sed 's/ $//')"

  it "srun --mpi=pmix starts one MPI run across nodes${mode:+ with $mode}"
  expect_equal "ranks" "rank 0 on h1 local 0 of 3
rank 1 on h1 local 1 of 3
rank 2 on h1 local 2 of 3
rank 3 on h2 local 0 of 1" "$(again_if_mpi_crashes none srun -N2 -n4 -w h1,h2 --mpi=pmix "$who"; grep '^rank ' <<<"$seen")"

  it "mpirun in an sbatch starts one MPI run across nodes${mode:+ with $mode}"
  expect_equal "ranks" "rank 0 on h1 local 0 of 2
rank 1 on h1 local 1 of 2
rank 2 on h2 local 0 of 1" "$(run_bounded 60 "$slurm" batch -N2 -n3 -w h1,h2 ./across)"

  it "CUDA_VISIBLE_DEVICES holds what was granted${mode:+ with $mode}"
  expect_equal "two on each of two nodes" "h1 visible=0,1 may open=0123
h2 visible=0,1 may open=01" "$(srun -N2 --gres=gpu:2 ./gpus | sort)"
  expect_equal "one for each task" "h1 visible=0 may open=0123
h1 visible=1 may open=0123" "$(srun -N1 -n2 -w h1 --gpus-per-task=1 ./gpus | sort)"
  expect_exit 1 "$slurm" run srun -I1 -w h2 --gres=gpu:3 true

  it "a failed job is told from a completed one${mode:+ with $mode}"
  expect_exit 1 "$slurm" batch --wrap "exit 3"
  expect_match "state" "FAILED, ExitCode=3:0" "$seen"

  down_leaves_nothing
done

it "a preempted job is requeued, and starts again soon"
"$slurm" up 2 2 4 --preempt --kill-wait 2 >/dev/null
"$slurm" run sbatch -p low -N2 --exclusive --requeue -o log --open-mode=append \
  --wrap 'echo "life ${SLURM_RESTART_COUNT:-0}" >>lives; [ "${SLURM_RESTART_COUNT:-0}" = 1 ] || sleep 600' >/dev/null
started() { [[ -e lives ]]; }
wait_until 60 started || fail "a job that has started" "$("$slurm" run squeue)"
srun -p high -N2 --exclusive true
second_life() { [[ $(<lives) == $'life 0\nlife 1' ]]; }
wait_until 120 second_life || fail "two lives" "$(<lives)"$'\n'"$("$slurm" run squeue)"

it "a node that loses its power goes down, and comes back"
"$slurm" power-off h2
node_is() { [[ $("$slurm" run sinfo -h -p test -N -n "$1" -o %t) == "$2" ]]; }
"$slurm" run scontrol update NodeName=h2 State=DOWN Reason=test
node_is_down() { [[ $("$slurm" run sinfo -h -p test -N -n "$1" -o %t) == down* ]]; }
wait_until 30 node_is_down h2 || fail "h2 down" "$("$slurm" status)"
"$slurm" power-on h2
wait_until 120 node_is h2 idle || fail "h2 idle" "$("$slurm" status)"
expect_equal "name" h2 "$(srun -w h2 cat /proc/sys/kernel/hostname)"

it "slurmd can be killed by its name, on one node only"
"$slurm" kill-daemon h1
no_daemon() { ! "$slurm" kill-daemon "$1" 2>/dev/null; }  # the killed one may be there for a moment
wait_until 20 no_daemon h1 || fail "no slurmd on h1" "it lives"
expect_equal "name" h2 "$(srun -w h2 cat /proc/sys/kernel/hostname)"
down_leaves_nothing

for mode in "" --light; do
  it "a step may open only the GPUs it was given, when devices are constrained${mode:+ with $mode}"
  code=0
  (CI='' GRADUS_TESTS_MUST_RUN='' "$slurm" up 2 4,2 8 --constrain-devices $mode) >status 2>&1 || code=$?
  if [[ $code == 77 ]]; then
    echo "  not here: $(<status)"
    continue
  fi
  expect_equal "exit code" 0 $code
  expect_equal "one for each task: each sees number 0, each another one" "h1 visible=0 may open=0
h1 visible=0 may open=1
h1 visible=0 may open=2
h2 visible=0 may open=0" "$(srun -N2 -n4 --gpus-per-task=1 ./gpus | sort)"
  down_leaves_nothing
  expect_equal "cgroups" "" "$(find /sys/fs/cgroup -maxdepth 2 -name 'slurm_h[12]' 2>/dev/null)"
done

it "says why it cannot run, skips on a laptop and fails in CI"
without_rights() { setpriv --bounding-set -all --inh-caps -all --reset-env env "$@" "$slurm" up 1 1 1; }
expect_exit 77 without_rights GRADUS_SLURM_DIR="$GRADUS_SLURM_DIR.n"
expect_match "reason" "the right to make namespaces" "$seen"
expect_exit 1 without_rights CI=true GRADUS_SLURM_DIR="$GRADUS_SLURM_DIR.n"
expect_no_file "$GRADUS_SLURM_DIR.n"
