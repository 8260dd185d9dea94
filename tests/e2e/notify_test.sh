#!/bin/bash
# --notify: who is told what, and that no notifier ever harms the run.
#   notify_test.sh GRADUS MPIEXEC
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
mpiexec=$2
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
mpi_environment lo

# What it was told, a file for each event, and a line for each in `told`.
cat >keep <<'X2'
#!/bin/sh
cat >"told.$GRADUS_EVENT.json"
echo "$GRADUS_EVENT" >>told
env >told.env
X2
chmod +x keep
value() { python3 -c 'import json, sys; print(eval("d" + sys.argv[2], {"d": json.load(open(sys.argv[1]))}))' "$@"; }
forget() { rm -rf told* *.run; }

it "the first failure and the end are told, each once, with the summary as JSON on standard input"
printf 'false\nsh -c "echo the reason >&2; exit 3"\n#GRADUS --needs 2\ntrue\n#GRADUS default\nsleep 0.5\n' >fail.txt
expect_exit 1 "$gradus" run fail.txt --threads 2 --notify ./keep
expect_equal "events" "first-failure end" "$(paste -sd ' ' told)"
expect_equal "state" "running None" "$(value told.first-failure.json "['state']") $(value told.first-failure.json "['exit_code']")"
expect_equal "its first failed step" "2" "$(value told.first-failure.json "['failed'][0]['step']")"
expect_equal "the end" "$(<fail.run/summary.json)" "$(<told.end.json)"
expect_equal "run directory" "$PWD/fail.run" "$(value told.end.json "['run_dir']")"
grep -qx "GRADUS_RUN_DIR=$PWD/fail.run" told.env || fail "GRADUS_RUN_DIR" "$(grep GRADUS told.env)"

it "a run in which nothing fails tells its end alone; the option may stand in the steps file"
forget
printf '#GRADUS --notify ./keep\ntrue\n' >good.txt
expect_exit 0 "$gradus" run good.txt
expect_equal "events" "end" "$(paste -sd ' ' told)"
expect_exit 0 "$gradus" run good.txt --restart --notify none
expect_equal "events, when the command line says none" "end" "$(paste -sd ' ' told)"

it "a drain is told when it begins"
forget
printf 'touch began; until test -e told.drain.json; do sleep 0.05; done\ntrue\n' >drain.txt
"$gradus" run drain.txt --threads 1 --notify ./keep >drain.log 2>&1 &
pid=$!
wait_until 60 test -e began
kill -USR1 $pid
await_end 60 $pid
expect_equal "exit code" 75 $code
expect_equal "events" "drain end" "$(paste -sd ' ' told)"
expect_equal "what runs then" "running 1 signal USR1" "$(value told.drain.json "['state']") $(value told.drain.json "['steps']['running']") $(value told.drain.json "['stopped']")"
expect_equal "the end" stopped "$(value told.end.json "['state']")"

it "under mpirun the master alone tells, and the command is free of the launcher's variables"
forget
expect_exit 1 run_bounded 60 "$mpiexec" -n 3 "$gradus" run fail.txt --notify ./keep
expect_equal "events" "first-failure end" "$(paste -sd ' ' told)"
expect_no_match "environment" "(PMIX_|OMPI_COMM_WORLD)" "$(<told.env)"
expect_exit 1 run_bounded 60 "$mpiexec" -n 2 "$gradus" run fail.txt --restart --notify 'cat >/dev/null; mpirun -n 1 sh -c "echo \$OMPI_COMM_WORLD_SIZE >>nested"'
[[ $(<nested) == $'1\n1' ]] || fail "an MPI program of the notifier's own" "$(cat nested)"

it "it never delays steps: a notifier that hangs is ended, and the end waits for no longer than its time"
forget
printf 'false\n' >hang.txt
for ((i = 0; i < 20; i++)); do echo true; done >>hang.txt
started=$SECONDS
"$gradus" run hang.txt --threads 2 --notify-limit 2s --notify 'echo $$ >>hung; sleep 987.3 & trap "" TERM; while :; do sleep 1; done' >hang.log 2>&1 &
pid=$!
wait_until 20 grep -qs '"exit_code": 1' hang.run/summary.json || fail "a run that has ended beside its notifier" "$(<hang.log)"
await_end 60 $pid
expect_equal "exit code" 1 $code
((SECONDS - started < 40)) || fail "an end within 40 s" "$((SECONDS - started)) s"
expect_match "message" "notify: the command for first-failure was ended: its time was over" "$(<hang.log)"
expect_match "message" "notify: the command for end was ended: its time was over" "$(<hang.log)"
none_hangs() { ! pgrep -f 'sleep 987[.]3' >/dev/null; }
wait_until 20 none_hangs || fail "nothing that is left of it" "$(pgrep -af 'sleep 987[.]3')"
seen_fault "a --notify command hangs and ignores TERM" "steps go on; it is ended after its time, and the run says so in one line"

it "a signal while the run waits for its notifier ends the waiting"
"$gradus" run hang.txt --restart --notify 'touch waits; exec sleep 300' >hurry.log 2>&1 &
pid=$!
wait_until 60 test -e waits
wait_until 60 grep -qs '"exit_code": 1' hang.run/summary.json
kill -TERM $pid
await_end 60 $pid
expect_equal "exit code" 1 $code

it "gradus is killed while a notifier runs: nothing of it is left"
"$gradus" run hang.txt --restart --notify 'touch kills; sleep 987.4; true' >/dev/null 2>&1 &
pid=$!
wait_until 60 test -e kills
kill -9 $pid
none_left() { ! pgrep -f 'sleep 987[.]4' >/dev/null; }
wait_until 60 none_left || fail "no process of the notifier" "$(pgrep -af 'sleep 987[.]4')"

it "… and when the run is over: it stays finished"
"$gradus" run good.txt --restart --notify 'touch over2; sleep 987.4; true' >/dev/null 2>&1 &
pid=$!
wait_until 60 test -e over2
kill -9 $pid
wait $pid 2>/dev/null || true
# Its guardian holds the second byte of the lock as long as it is there.
let_go() { python3 -c 'import fcntl, struct, sys
answer = fcntl.fcntl(open(sys.argv[1], "r+"), fcntl.F_OFD_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 1, 1, 0))
sys.exit(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)' good.run/lock; }
wait_until 60 let_go || fail "an end of the guardian" "it is there"
expect_match "summary.json" '"state": "finished"' "$(<good.run/summary.json)"

it "one that does not exist, fails, writes without end, or does not read: one line at most, never the run's failure"
line() { grep -c 'notify' "$1" || true; }
once() { forget; code=0; timeout 60 "$gradus" run good.txt --notify "$@" >once.log 2>&1 || code=$?; expect_equal "exit code with '$1'" 0 $code; }
once 'no-such-program-at-all'
expect_match "message" "notify: the command for end failed: exit code 127: .*no-such-program-at-all.*not found" "$(<once.log)"
expect_equal "lines" 1 "$(line once.log)"
once 'echo one; echo "the cause" >&2; exit 9'
expect_match "message" "failed: exit code 9: the cause" "$(<once.log)"
once 'kill -SEGV $$'
expect_match "message" "killed by SIGSEGV" "$(<once.log)"
once 'exec true <&-'
expect_equal "lines about one that does not read" 0 "$(line once.log)"
once 'head -c 3000000 /dev/zero | tr "\0" x; printf "\n\033[31mred\n"; exit 1'
expect_match "message" 'exit code 1: .*red' "$(<once.log)"
expect_no_match "message" $'\033' "$(<once.log)"
(($(wc -c <once.log) < 4000)) || fail "a short log" "$(wc -c <once.log) bytes"
once 'yes' --notify-limit 4s
expect_match "message" "was ended: its time was over: y" "$(<once.log)"
once 'sleep 0.1 & true'
expect_equal "lines about one that leaves something behind" 0 "$(line once.log)"

it "the last line on standard output tells all"
last=$("$gradus" run fail.txt --threads 1 --restart 2>/dev/null | tail -n 1) || true
expect_match "last line" '^gradus: fail.run finished: 1 of 4 succeeded, 2 failed \(exit code 3: 2, \.\.\.\), 1 skipped, [0-9.]+s on 1 node, slots [0-9]+ % busy; exit code 1; gradus status fail.run$' "$last"
