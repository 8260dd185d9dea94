#!/bin/bash
# Ranks that are killed or stopped on one host, with and without --survive.
#   lost_test.sh GRADUS MPIEXEC LAUNCHER          LAUNCHER: scripts/gradus-mpirun
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
. "$here/../cluster/kernel_groups.sh"
. "$here/ranks.sh"
gradus=$(readlink -f "$1") mpiexec=$2 launcher=$(readlink -f "$3")
make_scratch
cd "$scratch"
mpi_environment
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
if [[ $("$mpiexec" --version 2>&1) == *HYDRA* ]]; then echo "skipped: the recovery mode is Open MPI's"; exit 77; fi

export GRADUS_MPIRUN="$mpiexec --enable-recovery"
steps=40
ticking_steps $steps 5 0.0543
# $1: rank.
rank_pid() {
  local process
  for process in $(ranks_under "$pid"); do
    if grep -zqx "OMPI_COMM_WORLD_RANK=$1" "/proc/$process/environ"; then echo "$process"; return; fi
  done
}
# Where rank 0 did not come to say it, its guardian does, a moment later.
interrupted() { [[ $(state) == interrupted ]]; }
nothing_runs() { ! pgrep -f 'sleep 0[.]0543' >/dev/null; }
# start LAUNCHER... -- OPTIONS: in the background, until some steps have ended.
start() {
  local command=()
  while [[ $1 != -- ]]; do command+=("$1"); shift; done
  shift
  rm -rf steps.run seen go
  timeout -k 5 180 "${command[@]}" -np 4 "$gradus" run steps.txt --threads 1 --quiet "$@" >log 2>&1 &
  pid=$!
  wait_until 60 begun 30 || fail "some steps" "$(cat log)"
}
finish() { touch go; code=0; wait $pid || code=$?; wait_until 30 nothing_runs || fail "no step left" "$(pgrep -fa 'sleep 0[.]0543')"; }
resume() {
  local before
  before=$(succeeded || true)
  expect_exit 0 timeout -k 5 90 "$mpiexec" -np 4 "$gradus" run steps.txt --threads 1 --quiet --resume
  expect_equal "reported succeeded in both lives" $steps "$(succeeded)"
  expect_match "kept" "resuming: .*$before" "$seen"
}
it "a rank that is stopped: its steps are ended, the run ends and says so, --resume goes on"
start "$mpiexec" --
kill -STOP "$(rank_pid 2)"
finish
((code != 0)) || fail "an exit code other than 0" 0
wait_until 30 interrupted || fail "state interrupted" "$(state)"
resume

seen_fault "a rank is stopped (SIGSTOP)" "its guardian ends its steps and kills it after 5 s; the run ends, \`interrupted\`; \`--resume\` goes on"
it "gradus-mpirun ends an mpirun that does not start its ranks, and says so"
printf '#!/bin/sh\nexec sleep 600\n' >stuck
chmod +x stuck
expect_exit 70 env GRADUS_MPIRUN="$scratch/stuck" GRADUS_START_LIMIT=1 timeout -k 5 60 "$launcher" -np 2 "$gradus" run steps.txt --survive
expect_match "message" "rank 0 has not begun within 1 s" "$seen"
expect_no_match "message" "no program" "$seen"
it "… and says at once that a program is not there: mpirun itself waits for ever in silence"
expect_exit 70 env GRADUS_START_LIMIT=1 timeout -k 5 60 "$launcher" -np 2 misspelt run steps.txt --survive
expect_match "message" "no program 'misspelt' on this host.*rank 0 has not begun within 1 s .is misspelt on all hosts" "$seen"
expect_exit 2 env GRADUS_START_LIMIT=soon "$launcher" -np 2 true
expect_match "message" "GRADUS_START_LIMIT wants seconds" "$seen"
# One that has begun says so, also where it is the only rank: there is no limit for it.
echo "until [ -e $scratch/word.begun ]; do sleep 0.05; done" >begun.txt
for ranks in 1 2; do
  expect_exit 0 env GRADUS_STATUS_FILE="$scratch/word" timeout -k 5 60 "$launcher" -np $ranks "$gradus" run begun.txt --survive --restart --quiet
done

it "rank 0 killed: the run ends, summary.json says interrupted, --resume goes on"
start "$mpiexec" --
kill -KILL "$(rank_pid 0)"
finish
((code != 0)) || fail "an exit code other than 0" 0
wait_until 30 interrupted || fail "state interrupted" "$(state)"
resume

seen_fault "rank 0 is killed" "the workers end their steps and go; \`interrupted\`; \`--resume\` goes on"
it "a rank that is stopped for 3 s and goes on is only slow: nothing is lost"
# A guardian gives a stopped rank up after 4 to 5 s: where this test's own shell came too late, once more.
for try in 1 2 3; do
  start "$mpiexec" --
  slow=$(rank_pid 2)
  began=${EPOCHREALTIME/[.,]/}
  kill -STOP "$slow"
  sleep 3
  kill -CONT "$slow"
  took=$((${EPOCHREALTIME/[.,]/} - began))
  finish
  ((took > 3800000 && code != 0 && try < 3)) || break
done
expect_equal "exit code" 0 $code
expect_equal "succeeded" $steps "$(succeeded)"
expect_equal "runs of each step" 1 "$(awk '{ print $1, $2 }' seen | sort -u | cut -d ' ' -f 1 | uniq -c | awk '{ print $1 }' | sort -u)"
seen_fault "a rank is away for 3 s (SIGSTOP, SIGCONT)" "nothing is lost, nothing runs again"

# mpirun stays, and sends its ranks STOP and CONT; a suspended job has STOP and CONT sent to all; both longer than a single
# rank may be stopped.
are_stopped() { for rank in 0 1 2 3; do grep -q '^State:.*stopped' "/proc/$(rank_pid $rank)/status" || return 1; done; }
for way in "Ctrl-Z" "a suspended job"; do
  it "a run that is paused as by $way goes on as if nothing had been: nothing is lost, stopped or run again"
  start "$mpiexec" --
  mapfile -t ranks < <(for rank in 0 1 2 3; do rank_pid $rank; done)
  all=("$(awk '$1 == "PPid:" { print $2 }' "/proc/${ranks[0]}/status")")
  [[ $way == Ctrl-Z ]] || all+=("${ranks[@]}")
  kill -"$([[ $way == Ctrl-Z ]] && echo TSTP || echo STOP)" "${all[@]}"
  wait_until 20 are_stopped || fail "stopped ranks" "$(ps -o pid,stat,args -p "$(IFS=, && echo "${ranks[*]}")")"
  sleep 8
  kill -CONT "${all[@]}"
  finish
  expect_equal "exit code" 0 $code
  expect_equal "succeeded" $steps "$(succeeded)"
  expect_equal "runs of each step" 1 "$(awk '{ print $1, $2 }' seen | sort -u | cut -d ' ' -f 1 | uniq -c | awk '{ print $1 }' | sort -u)"
  expect_equal "stops in the journal" 0 "$(grep -c '^{"stop":' steps.run/journal.jsonl || true)"
done
seen_fault "all ranks of one host are away for 8 s (Ctrl-Z to mpirun; a suspended job)" "the run goes on; nothing is lost, nothing runs again"

it "--survive: all ranks of a host are stopped while rank 0 goes on: they are ended with their steps, which run elsewhere"
# Behind a shell rank 0 is no child of mpirun, as if it were on another host.
echo '"$@"; exit $?' >behind.sh
for ((i = 1; i <= 6; i++)); do echo "echo $i >>held.began; until [ -e go ]; do sleep 0.1; done"; done >held.txt
rm -f go
GRADUS_MPIRUN="$mpiexec --enable-recovery" timeout -k 5 180 "$launcher" -np 1 bash behind.sh "$gradus" run held.txt --threads 1 --quiet --survive --master-works : \
  -np 2 "$gradus" run held.txt >log 2>&1 &
pid=$!
begun_held() { [[ $(cat held.began 2>/dev/null | wc -l) -ge 3 ]]; }
wait_until 60 begun_held || fail "a step on each rank" "$(cat log)"
mapfile -t workers < <(for rank in 1 2; do rank_pid $rank; done)
kill -STOP "${workers[@]}"
are_gone() { ! kill -0 "${workers[0]}" 2>/dev/null && ! kill -0 "${workers[1]}" 2>/dev/null; }
# Their steps would go on until the end of this test.
wait_until 60 are_gone || fail "stopped ranks that are ended" "$(ps -o pid,stat,args -p "$(IFS=, && echo "${workers[*]}")")"
finish
expect_equal "exit code" 0 $code
expect_match "summary" "6 of 6 steps succeeded" "$(cat log)"
expect_equal "ranks lost" 2 "$(grep -c '"why"' held.run/summary.json)"

for signal in KILL STOP; do
  it "--survive: a rank gets SIG$signal, the others do its work; never two of one step at once"
  start "$launcher" -- --survive
  kill -$signal "$(rank_pid 2)"
  finish
  expect_equal "exit code" 0 $code
  expect_equal "succeeded" $steps "$(succeeded)"
  expect_equal "steps that overlap themselves" "" "$(twice_at_once)"
  expect_match "summary" "lost +rank 2 on .*: the rank was killed, or stopped" "$(cat log)"
  expect_equal "ranks lost" 1 "$(grep -c '"why"' steps.run/summary.json)"
done

seen_fault "\`--survive\`: a rank is killed or stopped" "the others do its work, the loss is in the summary; no step beside itself"
if kernel_group memory oom 150M; then
  it "a rank is killed by the kernel for want of memory: its steps are ended, the run ends and says so, --resume goes on"
  # The step takes the memory, and is the last that the kernel would choose; limited besides, should the group not hold it.
  echo 'ulimit -v 1000000; echo 0 >/proc/self/oom_score_adj; until grep -qs '"final"' steps.run/journal.jsonl; do sleep 0.05; done; touch oom.once; exec tail /dev/zero' >greedy.sh
  {
    # shellcheck disable=SC2016
    echo 'test $GRADUS_RANK != 2 || test -e oom.once || exec sh greedy.sh'
    # shellcheck disable=SC2016
    for ((i = 2; i <= steps; i++)); do echo 'test $GRADUS_RANK != 2 || test -e oom.once || exec sh greedy.sh; sleep 0.0543 #'$i; done
  } >steps.txt
  # shellcheck disable=SC2016
  echo 'echo $$ >"$0/cgroup.procs" && echo 1000 >/proc/self/oom_score_adj && exec "$@"' >in_group.sh
  rm -rf steps.run
  code=0
  timeout -k 5 90 "$mpiexec" -np 2 "$gradus" run steps.txt --threads 1 --quiet : \
    -np 1 bash -c "$(<in_group.sh)" "$(kernel_group_folder memory oom)" "$gradus" run steps.txt >log 2>&1 || code=$?
  ((code != 0 && code != 124)) || fail "an end with a code that tells" "$code: $(cat log)"
  expect_file oom.once
  wait_until 30 nothing_runs || fail "no step left" "$(pgrep -fa 'sleep 0[.]0543')"
  expect_match "word of mpirun" "signal 9 \(Killed\)" "$(cat log)"
  told() { [[ $(state) != running ]]; }
  wait_until 30 told || fail "a state other than running" "$(state)"
  resume
  seen_fault "a rank runs out of memory (the kernel's OOM killer)" "its steps end, the run ends and says so; \`--resume\` goes on"
  ticking_steps $steps 5 0.0543
elif [[ ${CI:-} == true ]]; then
  cannot_run_here "no memory group can be made"
fi

it "--survive: all workers killed: 3, and --resume goes on"
start "$launcher" -- --survive
mapfile -t workers < <(for rank in 1 2 3; do rank_pid $rank; done)
kill -KILL "${workers[@]}"
finish
expect_equal "exit code" 3 $code
resume

seen_fault "\`--survive\`: all workers are killed" "exit code 3, \`--resume\` goes on"

# mpirun that sees a rank leave kills the others at once then: rank 0, too, if it has not said all.
for signal in TERM INT; do
  it "--survive: $signal to gradus-mpirun after a rank was lost: 75, and the summary says so"
  start "$launcher" -- --survive --grace 1s
  kill -KILL "$(rank_pid 3)"
  wait_until 60 grep -q '"gone":3,' steps.run/journal.jsonl || fail "rank 3 lost" "$(tail -n 2 steps.run/journal.jsonl)"
  kill -$signal "$(pgrep -P $pid)"
  # Before that they may go on to their end.
  wait_until 30 grep -q '"stop":"cancel"' steps.run/journal.jsonl || fail "a run that is told to stop" "$(tail -n 2 steps.run/journal.jsonl)"
  finish
  expect_equal "exit code" 75 $code
  expect_equal "state" stopped "$(state)"
  expect_match "last line" "stopped: [0-9]+ of $steps succeeded.*exit code 75" "$(tail -n 1 log)"
done
resume
seen_fault "\`--survive\`: TERM or INT to \`gradus-mpirun\` after a rank was lost" "the run stops with its summary, 75; \`--resume\` goes on"

it "--survive: a step that kills its rank each time has failed after three (--crash-limit), the others have not"
{
  # shellcheck disable=SC2016
  echo 'echo $GRADUS_RANK >>killed; kill -KILL $PPID; sleep 5'
  for ((i = 1; i <= 30; i++)); do echo "echo $i >>$scratch/beside; sleep 0.05"; done
} >poison.txt
expect_exit 1 timeout -k 5 90 "$launcher" -np 5 "$gradus" run poison.txt --threads 1 --quiet --survive
expect_match "summary" "step 1 on .*lost with the rank that ran it, attempt 3" "$seen"
expect_equal "ranks that it killed" "3 3" "$(wc -l <killed) $(sort -u killed | wc -l)"
expect_equal "others that ran" 30 "$(sort -u beside | wc -l)"
expect_match "summary" "30 of 31 steps succeeded, 1 failed" "$seen"
seen_fault "\`--survive\`: a step kills its rank whenever it runs" "given up after its third rank (\`--crash-limit\`); the other steps succeed"

# shellcheck disable=SC2016
echo 'ulimit -n 60; exec "$@"' >few.sh
for ((i = 1; i <= 30; i++)); do echo "echo $i >>$scratch/few.ran; sleep 0.05"; done >few.txt
few=("$gradus" run few.txt --quiet --threads 40)
it "a rank that cannot start its slots (too few descriptors) says so and ends the run"
code=0
timeout -k 5 60 "$mpiexec" -np 2 "${few[@]}" : -np 1 sh few.sh "${few[@]}" >log 2>&1 || code=$?
((code != 0 && code != 124)) || fail "an end with a code that tells" "$code: $(cat log)"
expect_match "message" "\(rank 2\): ulimit -n \(60\) is too low for 40 slots" "$(cat log)"
it "… and rank 0 that cannot"
code=0
timeout -k 5 60 "$mpiexec" -np 1 sh few.sh "${few[@]}" --restart --master-works : -np 2 "${few[@]}" >log 2>&1 || code=$?
expect_equal "exit code" 3 $code
expect_match "summary" "trouble +ulimit -n \(60\) is too low for 40 slots|gradus: ulimit -n \(60\) is too low for 40 slots" "$(cat log)"
it "… and with --survive the others do its work"
rm -f few.ran
expect_exit 0 timeout -k 5 60 "$launcher" -np 2 "${few[@]}" --restart --survive : -np 1 sh few.sh "${few[@]}"
expect_match "summary" "lost +rank 2 on " "$seen"
expect_equal "steps that ran" 30 "$(sort -u few.ran | wc -l)"
seen_fault "a rank cannot start its slots (\`ulimit -n\`)" "said with the rank; the run ends, or with \`--survive\` goes on without it"

it "--survive: rank 0 killed: the launcher ends all within seconds, not with 0"
start "$launcher" -- --survive
kill -KILL "$(rank_pid 0)"
finish
expect_equal "exit code" 137 $code
resume

seen_fault "\`--survive\`: rank 0 is killed" "all ends within seconds, 137 from the launcher"
it "a gradus inside a step, under an mpirun of its own, does not speak for the run"
rm -rf inner.run outer.run
echo true >inner.txt
printf '%s -np 2 %s run inner.txt --quiet --restart\nsleep 2\necho x >>last\n' "$mpiexec" "$gradus" >outer.txt
expect_exit 0 timeout -k 5 60 "$launcher" -np 2 "$gradus" run outer.txt --threads 1 --survive --quiet
expect_file last

it "the launcher gives the run's own status and passes USR1 on"
echo false >bad.txt
expect_exit 1 timeout -k 5 60 "$launcher" -np 2 "$gradus" run bad.txt --survive
expect_exit 2 timeout -k 5 60 "$launcher" -np 2 "$gradus" run missing.txt --survive
start "$launcher" -- --survive
pkill -USR1 -P $pid
finish
expect_equal "exit code" 75 $code
resume

at_exit 'kill -KILL $(jobs -rp) 2>/dev/null'
# $1: log; the rest: arguments. As a terminal's shell starts it: in a group of its own, which is signalled as a whole.
in_a_group() {
  local log=$1
  shift
  setsid env --default-signal=INT "$launcher" "$@" <&0 >"$log" 2>&1 &
  pid=$!
}
it "a signal to the launcher's whole group (Ctrl-C, a terminal that goes away) stops the run as it stops mpirun"
echo "echo x >>$scratch/long.ran; exec sleep 600" >long.txt
for signal in INT TERM HUP; do
  rm -f long.ran
  # Else rank 0 has one second for all that it does at its end.
  OMPI_MCA_odls_base_sigkill_timeout=5 in_a_group log -np 3 "$gradus" run long.txt --survive --restart --quiet
  wait_until 30 test -s long.ran || fail "a step that runs" "$(cat log)"
  kill -$signal -- -$pid
  await_end 60 $pid
  expect_equal "exit code after $signal, having said $(cat log)," 75 "$code"
  expect_match "summary" "long.run stopped: 0 of 1 steps succeeded" "$(cat log)"
done
seen_fault "Ctrl-C, TERM or HUP to \`gradus-mpirun\` and all of its group" "mpirun hears of it once: the run stops with its summary, 75"

it "the launcher passes each signal on, once; what it is given as input is mpirun's"
cat >hears <<'END'
#!/usr/bin/env python3
import os, signal, sys
told, tell = os.pipe()
os.set_blocking(tell, False)
signal.set_wakeup_fd(tell)  # each one, also where two come at once
for name in "HUP INT USR1 USR2 TSTP CONT TERM".split():
    signal.signal(getattr(signal, "SIG" + name), lambda *_: None)
text = sys.stdin.read()
open(os.environ["GRADUS_STATUS_FILE"] + ".begun", "w").close()
with open("input", "w") as file:
    file.write(text)
name = ""
while name != "TERM":
    name = signal.Signals(os.read(told, 1)[0]).name[3:]
    with open("heard", "a") as file:
        file.write(name + "\n")
with open(os.environ["GRADUS_STATUS_FILE"], "w") as file:
    file.write("0\n")
END
chmod +x hears
heard() { grep -qsx "$1" heard; }
# How often it has heard of what it was told, in the order in which it was.
hears() {
  local signal
  for signal; do
    kill "-$signal" -- -$pid
    # Whoever stops is gone on with, as by a shell's `fg`.
    [[ $signal != TSTP ]] || { wait_until 20 heard TSTP && kill -CONT -- -$pid && signal=CONT; }
    wait_until 20 heard "$signal" || fail "$signal to be heard" "$(cat heard)"
  done
}
export GRADUS_MPIRUN=$scratch/hears
in_a_group log "$gradus" run - < <(echo from a pipe)
wait_until 20 test -s input || fail "input" "$(cat log)"
hears HUP INT USR1 TSTP USR2 TERM
await_end 20 $pid
expect_equal "exit code, having said $(cat log)," 0 "$code"
expect_equal "signals heard" "CONT HUP INT TERM TSTP USR1 USR2" "$(sort heard | paste -sd ' ')"
expect_equal "input" "from a pipe" "$(cat input)"
if setpriv --pdeathsig TERM true 2>/dev/null; then
  it "… and killed, it takes mpirun with it"
  rm heard input
  in_a_group log "$gradus" run - < <(echo from a pipe)
  wait_until 20 test -s input || fail "input" "$(cat log)"
  kill -KILL $pid
  wait_until 20 heard TERM || fail "TERM to be heard" "$(cat heard)"
fi
