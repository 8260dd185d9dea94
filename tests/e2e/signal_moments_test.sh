#!/bin/bash
# Signals at random moments of a run, from before its start to its last second: it always ends, tells the truth, and can
# be gone on with.
#   signal_moments_test.sh GRADUS MPIEXEC [MOMENTS [SEED]]    for long: 1000 moments, any seed
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1") mpiexec=$2 moments=${3:-60} seed=${4:-1}
make_scratch
cd "$scratch"
mpi_environment
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
RANDOM=$seed
steps=8
nap=0.0$((6000 + RANDOM % 3000))  # its own, so that its steps can be told from others'
for ((i = 1; i <= steps; i++)); do echo "echo $i >>$scratch/began; sleep $nap; echo $i >>$scratch/done"; done >steps.txt
nothing_runs() { ! pgrep -f "sleep $nap" >/dev/null; }
is_free() { [[ $("$gradus" status steps.run --json 2>/dev/null) != *'"state": "running"'* ]]; }
reported() { grep -oh '"end":[0-9]*.*"final":"succeeded"' steps.run/journal.jsonl 2>/dev/null | cut -d : -f 2 | cut -d , -f 1 | sort -nu || true; }
pick() { local all=("$@"); echo "${all[RANDOM % $#]}"; }
seconds() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }

declare -A ends
for ((moment = 1; moment <= moments; moment++)); do
  rm -rf steps.run began done
  : >began
  : >done
  way=$(pick alone alone mpi)
  signals=$(pick TERM INT HUP USR1 "TSTP CONT" "TERM TERM" "INT INT" "TERM TERM TERM" "USR1 TERM" "INT USR1 INT" "TSTP CONT INT" "HUP TERM")
  group=$(pick "" "" "-")  # to the program, or to its group as by Ctrl-C
  it "moment $moment of seed $seed: $way, $signals"
  # shellcheck disable=SC2206
  [[ $way == alone ]] && command=("$gradus" run steps.txt --threads 3) || command=("$mpiexec" -np 3 "$gradus" run steps.txt --threads 1)
  # Job control gives it a group of its own; without it, a shell's background job would ignore INT.
  set -m
  "${command[@]}" --quiet --grace 1s >log 2>&1 &
  pid=$!
  set +m
  sleep "$(seconds $((RANDOM % ($([[ $way == alone ]] && echo 450 || echo 1000)))))"
  for signal in $signals; do
    kill -"$signal" -- "$group$pid" 2>/dev/null || true
    sleep "$(seconds $((RANDOM % 250)))"
  done
  # TSTP stops mpirun itself; whatever came of it, go on.
  kill -CONT -- "-$pid" 2>/dev/null || true
  await_end 60 $pid
  wait_until 30 nothing_runs || fail "no step left" "$(pgrep -fa "sleep $nap")"
  ends[$code]=$((${ends[$code]:-0} + 1))
  # mpirun that is told twice does not wait for its ranks.
  wait_until 20 is_free || fail "a run directory that nobody uses" "$("$gradus" status steps.run)"
  mapfile -t before < <(reported)
  for step in "${before[@]}"; do
    expect_equal "ends of step $step, which was reported" 1 "$(grep -cx "$step" done)"
  done
  if ((code == 0)); then expect_equal "reported by a run that says 0" $steps ${#before[@]}; fi
  expect_exit 0 timeout -k 5 60 "$gradus" run steps.txt --threads 3 --quiet --resume
  for step in "${before[@]}"; do expect_equal "runs of step $step, reported before" 1 "$(grep -cx "$step" began)"; done
  expect_equal "steps that ended" $steps "$(sort -u done | wc -l)"
done
seen_fault "$moments random moments for INT, TERM, HUP, USR1, TSTP and CONT, one to three of them, alone and under mpirun" "always an end; exit codes $(for code in "${!ends[@]}"; do echo "$code (${ends[$code]})"; done | sort -n | paste -sd , | sed 's/,/, /g')"
