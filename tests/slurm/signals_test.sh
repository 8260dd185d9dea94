#!/bin/bash
# What SLURM sends and does to a job: needs the bed (nodes h1, h2, h3; partitions low and high).
#   signals_test.sh GRADUS MPIEXEC
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1") mpiexec=$2
slurm=$here/slurm-bed
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
journal=steps.run/journal.jsonl
# More than are done before SLURM has come to what a test is about, however slow the machine is.
steps=100
for ((i = 1; i <= steps; i++)); do echo "echo x >>$scratch/ran.$i; sleep 0.5431"; done >steps.txt

left() { for host in h1 h2 h3; do "$slurm" exec $host pgrep -fa 'sleep 0[.]5431|gradus run' 2>/dev/null || true; done; }
nothing_left() { [[ -z $(left) ]]; }
ended() { [[ $(grep -c '"end"' $journal 2>/dev/null) -ge $1 ]]; }
# submit "SBATCH OPTIONS" LAUNCHER...: a job on two nodes; leaves its id in $id; returns when some steps have ended.
submit() {
  local options=$1 try
  shift
  { echo '#!/bin/bash'; echo "exec $* $gradus run $scratch/steps.txt --master-works --threads 2 --quiet --resume"; } >job.sh
  for try in 1 2 3; do
    rm -rf steps.run ran.* job.log
    # shellcheck disable=SC2086
    id=$("$slurm" run sbatch --parsable --output="$scratch/job.log" --open-mode=append --nodes=2 --ntasks-per-node=1 --cpus-per-task=2 --time=5 $options job.sh)
    wait_until 120 ended_or_crashed 4 || fail "some steps" "$(cat job.log; "$slurm" run squeue)"
    ! crashed || [[ -e $journal ]] || { echo "  Open MPI crashed at start $try"; wait_until 60 over; continue; }
    break
  done
  ended 4 || fail "some steps" "$(cat job.log; "$slurm" run squeue)"
}
# As again_if_mpi_crashes does, for jobs that are not waited for.
crashed() { grep -qs "Failing at address: (nil)" job.log; }
ended_or_crashed() { ended "$1" || crashed; }
over() { local jobs; jobs=$("$slurm" run squeue -h -j "$id" -t PD,R,CG 2>/dev/null) && [[ -z $jobs ]]; }
# What the journal reports succeeded has run once, and goes on to be true when the rest is run.
true_story() {
  local i
  wait_until 60 nothing_left || fail "nothing on any node" "$(left)"
  for i in $(grep '"final":"succeeded"' $journal | grep -o '"end":[0-9]*' | cut -d : -f 2); do
    expect_file ran.$i
    cp ran.$i kept.$i
  done
  expect_exit 0 timeout -k 5 120 "$gradus" run steps.txt --threads 8 --quiet --resume
  for i in kept.*; do expect_equal "runs of step ${i#kept.}" "$(wc -l <"$i")" "$(wc -l <"ran.${i#kept.}")"; done
  rm -f kept.*
  expect_equal "reported succeeded" $steps "$(grep -c '"final":"succeeded"' $journal)"
}

it "gradus doctor under srun without a PMI says so, each rank by itself; with PMIx one tells of all"
expect_exit 1 timeout -k 5 60 "$slurm" run srun -n 2 --mpi=none "$gradus" doctor --shared "$scratch"
expect_match "finding" "know nothing of each other: srun --mpi=pmix" "$seen"
again_if_mpi_crashes none timeout -k 5 60 "$slurm" run srun -N 2 -n 2 --mpi=pmix "$gradus" doctor --shared "$scratch"
expect_equal "exit code, having said $seen," 0 $code
# Which hosts is SLURM's choice: the one of the job before may still be completing.
expect_match "both ranks" "rank 0 on h[0-9].*rank 1 on h[0-9]" "$seen"

for launcher in "$mpiexec --bind-to none" "srun --mpi=pmix"; do
  it "scancel, under ${launcher%% *}: all ends within KillWait, and the journal is true"
  submit "" $launcher
  "$slurm" run scancel "$id"
  wait_until 60 over || fail "a job that is over" "$("$slurm" run squeue)"
  true_story
done

seen_fault "scancel, under mpirun and srun" "all ends within KillWait; the journal is true"
for launcher in "$mpiexec --bind-to none" "srun --mpi=pmix"; do
  it "scontrol suspend and resume, under ${launcher%% *}: the run goes on as if nothing had been"
  submit "" $launcher
  before=$(grep -c '"end"' $journal)
  "$slurm" run scontrol suspend "$id"
  sleep 8  # longer than a single rank may be stopped
  "$slurm" run scontrol resume "$id"
  wait_until 60 ended $((before + 12)) || fail "a run that goes on" "$(tail -n 3 $journal; cat job.log)"
  expect_equal "stops and losses" "" "$(grep -E '^\{"(stop|gone|over)"' $journal || true)"
  "$slurm" run scancel "$id"
  wait_until 60 over || fail "a job that is over" "$("$slurm" run squeue)"
  true_story
done

seen_fault "scontrol suspend for 8 s, then resume, under mpirun and srun" "the run goes on; nothing is lost"
it "scancel --batch --signal=USR1 under mpirun: drained, 75"
submit "" "$mpiexec --bind-to none"
"$slurm" run scancel --batch --signal=USR1 "$id"
wait_until 60 over || fail "a job that is over" "$("$slurm" run squeue)"
grep -q '"over":75' $journal || fail "exit code 75" "$(tail -n 3 $journal)"
expect_equal "attempts cut short" 0 "$(grep -c '"outcome":"cancelled"' $journal || true)"
true_story

it "scancel --signal=USR1 under srun: drained, 75"
submit "" "srun --mpi=pmix"
"$slurm" run scancel --signal=USR1 "$id"
wait_until 60 over || fail "a job that is over" "$("$slurm" run squeue)"
grep -q '"over":75' $journal || fail "exit code 75" "$(tail -n 3 $journal)"
true_story

seen_fault "scancel --signal=USR1, under mpirun and srun" "drained, 75"
it "preempted by a job of a higher partition: requeued, and the next life goes on"
submit "--partition=low --requeue --nodelist=h1,h2" "$mpiexec --bind-to none"
printf '#!/bin/bash\nsleep 1\n' >urgent.sh
urgent=$("$slurm" run sbatch --parsable --output=/dev/null --partition=high --nodes=2 --nodelist=h1,h2 --exclusive urgent.sh)
finished() { grep -q '"over":0' $journal; }
wait_until 120 finished || fail "a later life that finishes" "$("$slurm" run squeue; cat job.log; tail -n 3 $journal)"
expect_match "lives" "^[2-9]" "$(grep -c '^{"life"' $journal)"
wait_until 60 over || fail "a job that is over" "$("$slurm" run squeue)"
true_story

seen_fault "preemption by requeue" "the next life goes on"
it "a node of the job fails: the job ends, nothing is left, the journal is true"
submit "--no-requeue --nodelist=h2,h3" "$mpiexec --bind-to none"
"$slurm" power-off h3
wait_until 60 over || fail "a job that is over" "$("$slurm" run squeue)"
"$slurm" power-on h3
all_idle() { [[ $("$slurm" run sinfo -h -N -p test -t idle -o %N | sort -u | wc -l) == 3 ]]; }
true_story
wait_until 60 all_idle || fail "three idle nodes" "$("$slurm" run sinfo -N)"
seen_fault "a node of the SLURM job fails" "the job ends, nothing is left; \`--resume\` goes on"
