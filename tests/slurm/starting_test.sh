#!/bin/bash
# Every way of starting a run in a SLURM that does not constrain devices: every granted GPU is used and no other, or
# the run is refused with the flag to change. Needs the bed (nodes h1, h2, h3 with 4, 4 and 2 GPUs).
#   starting_test.sh GRADUS MPIEXEC WHO FAKE_CUDA_FOLDER      the folder may be empty: no driver then
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
tests=${here%/*} slurm=$here/slurm-bed
. "$tests/cluster/expect.sh"
. "$here/ways.sh"
gradus=$(readlink -f "$1") mpiexec=$2 who=$(readlink -f "$3") fake_cuda=${4:-}
mpirun="$mpiexec --bind-to none" srun="srun --mpi=pmix --cpu-bind=none"
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
make_with_driver

all_of_two_nodes="h1:0 h1:1 h1:2 h1:3 h2:0 h2:1 h2:2 h2:3"
uses "sbatch and mpirun, several ranks on each node, a master beside them" \
  "$all_of_two_nodes" "--nodelist=h1,h2 --ntasks-per-node=2 --gres=gpu:4" "$mpirun" "--gpus auto"
uses "sbatch and srun with PMIx, several ranks on each node" \
  "$all_of_two_nodes" "--nodelist=h1,h2 --ntasks-per-node=2 --gres=gpu:4" "$srun" "--gpus auto"
uses "the template's way: one rank a node, rank 0 works too" \
  "h1:0 h1:1 h2:0 h2:1" "--nodelist=h1,h2 --ntasks-per-node=1 --gpus-per-node=2" "$mpirun" "--master-works"
uses "one rank alone in a job, started by nothing" "h3:0 h3:1" "--nodelist=h3 --gres=gpu:2" "" ""

uses "a GPU for each task, by srun" "h1:0 h1:1 h2:0 h2:1" \
  "--nodelist=h1,h2 --ntasks-per-node=2 --gpus-per-task=1" "$srun" "--master-works"
uses "a GPU for each task, by mpirun, one rank a node" "h1:0 h2:0" \
  "--nodelist=h1,h2 --ntasks-per-node=1 --gpus-per-task=1" "$mpirun" "--master-works"
refuses "a GPU for each task, by mpirun, several ranks a node: its daemons get the GPUs of one task" \
  "host h2: with --gpus-per-task mpirun gets there 1 GPU for 2 ranks: use --gpus-per-node" \
  "--nodelist=h1,h2 --ntasks-per-node=2 --gpus-per-task=1" "$mpirun" "--master-works"

refuses "--gpu-bind=none, by srun: nothing says which GPUs were granted" \
  "SLURM granted 2 GPUs, (none|4) can be seen, .*leave out --gpu-bind=none, or name them with --gpus" \
  "--nodelist=h1,h2 --ntasks-per-node=2 --gpus-per-task=1 --gpu-bind=none" "$srun" "--master-works"
uses "--gpu-bind=none, by srun, with a list" "h1:0 h1:1 h2:0 h2:1" \
  "--nodelist=h1,h2 --ntasks-per-node=2 --gpus-per-task=1 --gpu-bind=none" "$srun" "--master-works --gpus 0,1"

uses "4 and 2 GPUs, by srun" "h1:0 h1:1 h1:2 h1:3 h3:0 h3:1" \
  "--nodelist=h1,h3 --ntasks-per-node=1 --gpus=6" "$srun" "--master-works"

it "a job with no GPU runs steps that want none, and is refused for others"
for launcher in "" "$srun" "$mpirun"; do
  for driver in $(drivers); do
    for i in 1 2 3 4 5 6 7 8; do echo "test -z \"\$CUDA_VISIBLE_DEVICES\" && echo $i >>$scratch/ran"; done >steps.txt
    rm -f ran
    write_job "$launcher" "" $driver way
    start_way 0 "--nodelist=h1 --ntasks=3"
    expect_equal "steps that ran" "1 2 3 4 5 6 7 8" "$(sort ran | paste -sd ' ')"
  done
  drivers=with refuses "a job with no GPU on a node that has some, by '$launcher'" \
    "host h1: 4 GPUs can be seen, but SLURM granted this job none there: .*--gpus-per-node=N" \
    "--nodelist=h1 --ntasks=3" "$launcher" ""
  drivers=without refuses "a job with no GPU, by '$launcher'" "no slot has a GPU" "--nodelist=h1 --ntasks=3" "$launcher" ""
done

# $1: driver; $2: mark. Two jobs hold two GPUs each of h1 at the same time; the second sees `2,3`.
share_a_node() {
  local name
  steps_by "$2" 40
  rm -f first.there second.there
  for name in first second; do
    write_job "$mpirun" "" "$1" $name \
      "cd $scratch; touch $name.there; until [[ -e first.there && -e second.there ]]; do sleep 0.1; done"
    "$slurm" batch --time=5 --nodelist=h1 --ntasks=2 --gres=gpu:2 $name.sh >$name.log 2>&1 &
    pids[${#pids[@]}]=$!
  done
  for name in first second; do
    await_end 60 "${pids[0]}"
    pids=("${pids[@]:1}")
    expect_equal "exit code, having said $(<$name.log)," 0 "$code"
    expect_exit 0 "$tests/support/check_records" $name.records --steps 40
  done
}
pids=()
for driver in $(drivers); do
  for mark in flag mask; do
    it "two jobs that share a node use two GPUs each and never meet ($driver a driver, by $mark)"
    share_a_node $driver $mark
    expect_equal "GPUs used" "h1:0 h1:1|h1:2 h1:3" \
      "$({ used_gpus first.records; used_gpus second.records; } | sort | paste -sd '|')"
    cat first.records second.records | awk '{$5 = "-"; $7 = NR; print}' >both.records  # slots and steps of their own
    expect_exit 0 "$tests/support/check_records" both.records --steps 80
  done
done

it "srun of several tasks without a PMI is refused once per task"
steps_by flag 8
expect_exit 0 timeout -k 5 60 "$slurm" run srun -w h1,h2 -N2 -n3 --mpi=none \
  sh -c "'$gradus' run '$scratch/steps.txt'; echo ended with \$?"
expect_equal "refusals" 3 "$(grep -c 'srun --mpi=pmix' <<<"$seen")"
expect_equal "tasks that ended with 2" 3 "$(grep -c '^ended with 2$' <<<"$seen")"
expect_no_file steps.run

it "a step may be an mpirun of its own, on every node, however the run was started"
for i in 1 2 3 4; do echo "$mpiexec -np 2 --oversubscribe $who >$scratch/nested.%(STEP)s.%(HOST)s; sleep 1"; done >steps.txt
for launcher in "$mpirun" "$srun"; do
  rm -f nested.*
  write_job "$launcher" "--master-works --threads 1" without way
  start_way 0 "--nodelist=h1,h2 --ntasks-per-node=1"
  for host in h1 h2; do
    compgen -G "nested.*.$host" >/dev/null || fail "a step on $host" "$(ls)"
    for ranks in nested.*.$host; do
      expect_equal "ranks" "rank 0 on $host local 0 of 2|rank 1 on $host local 1 of 2" "$(paste -sd '|' "$ranks")"
    done
  done
done
