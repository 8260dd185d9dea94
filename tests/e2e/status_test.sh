#!/bin/bash
# How a run is looked at from outside: gradus status and gradus explain.
#   status_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
make_scratch
cd "$scratch"
# The pipes hold their steps until somebody writes.
mkfifo hold1 hold2
cat >steps.jsonl <<X
{"id":"first","command":"cat $scratch/hold1"}
{"id":"second","command":"cat $scratch/hold2"}
{"id":"fails","command":"echo reason >&2; exit 3","priority":9}
{"id":"behind","command":"true","needs":["fails"]}
{"id":"later","command":"true","needs":["first"]}
{"id":"last","command":"true","needs":["later"]}
X
state() { "$gradus" status steps.run --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["state"])'; }
count() { "$gradus" status steps.run --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["steps"][sys.argv[1]])' "$1"; }
both_run() { [[ -e steps.run/journal.jsonl && $(count running) == 2 && $(count failed) == 1 ]]; }

"$gradus" run steps.jsonl --threads 3 >run.out 2>&1 &
run=$!
wait_until 60 both_run || fail "two running steps" "$("$gradus" status steps.run 2>&1)"

it "status tells counts, places and failures while the run goes on, by directory or steps file"
for name in steps.run steps.jsonl; do
  expect_exit 0 "$gradus" status $name
  expect_match "the counts" "2 of 6 done: 0 succeeded, 1 failed, 1 skipped; 2 running, 2 waiting" "$seen"
  expect_match "what runs" "running +first +[^ ]+ slot [01] +since" "$seen"
  expect_match "what failed" "failed +fails .*exit code 3" "$seen"
done
expect_equal "its state" running "$(state)"

it "--running and --failed show only these"
expect_exit 0 "$gradus" status steps.run --running
expect_equal "lines" 2 "$(wc -l <<<"$seen")"
expect_exit 0 "$gradus" status steps.run --failed
expect_match "the failure" "^ +failed +fails" "$seen"
expect_equal "lines" 1 "$(wc -l <<<"$seen")"

it "--step tells a step's attempts, reasons and the end of its output"
expect_exit 0 "$gradus" status steps.run --step fails
expect_match "the attempt" "attempt +1: .*exit code 3 after" "$seen"
expect_match "its output" "\| reason" "$seen"
expect_exit 0 "$gradus" status steps.run --step last --json
expect_equal "state and reason" "waiting it needs later, which waits itself" \
  "$(python3 -c 'import json,sys; s=json.load(sys.stdin); print(s["state"], s["why"][0])' <<<"$seen")"
expect_exit 0 "$gradus" status steps.run --step 3
expect_match "by its ordinal" "step fails" "$seen"

it "explain names what a step waits for, in the end, and why one was skipped"
expect_exit 0 "$gradus" explain steps.run last
expect_match "in the end" "in the end for first, which runs on [^ ]+ slot [01] since" "$seen"
expect_exit 0 "$gradus" explain steps.run behind
expect_match "the failure" "skipped because of fails, which has failed: exit code 3" "$seen"
expect_exit 0 "$gradus" explain steps.run
expect_match "the slots" "2 of 2 slots are busy" "$seen"

it "looking changes nothing in the run directory"
list() { find steps.run -printf '%p %T@ %s\n' | sort; }
before=$(list)
"$gradus" status steps.run >/dev/null
"$gradus" explain steps.run >/dev/null
expect_equal "the run directory" "$before" "$(list)"

it "a half-written last record is not yet read"
cp -r steps.run copy.run
printf '{"end":1,"t":1' >>copy.run/journal.jsonl
expect_exit 0 "$gradus" status copy.run
expect_match "what runs" "2 cut off" "$seen"

it "a copy of the steps that a life left which died before its first record is not taken for the latest life's"
cp steps.run/journal.jsonl copy.run
echo '{"id":"first","command":"true"}' >copy.run/steps.jsonl
expect_exit 2 "$gradus" explain copy.run first
expect_match "message" "copy.run/steps.jsonl is of a life of which the journal has no record" "$seen"
expect_exit 0 "$gradus" status copy.run --step first
expect_match "message" "what it needs is not known: .* no record" "$seen"
expect_match "what the journal tells" "state +cut off" "$seen"
expect_exit 0 "$gradus" report copy.run
expect_match "message" "no record.* commands, and what steps need, are not known" "$seen"
expect_exit 2 "$gradus" logs copy.run fails --attempt 2
expect_match "by the journal" "step fails had 1 attempt" "$seen"

it "damage is said, and what stands before it is told"
{ head -n 4 steps.run/journal.jsonl; echo '{"end":1,"damaged'; } >copy.run/journal.jsonl
expect_exit 0 "$gradus" status copy.run
expect_match "the place" "journal +.*line 5 .*is damaged" "$seen"

it "--watch fits the terminal, shows the present, and leaves by q and by Ctrl-C with the terminal as it was"
for way in q interrupt; do
  expect_exit 0 run_bounded 150 env -u NO_COLOR TERM=xterm python3 -B "$here/watch.py" "$way" "$gradus" status steps.run --watch 0.2s
done
expect_exit 0 run_bounded 150 env NO_COLOR=1 TERM=xterm python3 -B "$here/watch.py" q "$gradus" status steps.run --watch 0.2s
expect_exit 0 "$gradus" status steps.run
expect_no_match "no colours where there is no terminal" $'\x1b' "$seen"

it "without a terminal --watch is refused, wherever it stands"
for words in "steps.run --watch" "--watch steps.run" "--watch 1s steps.run" "--watch=1s steps.run" "--watch --failed steps.run"; do
  expect_exit 2 "$gradus" status $words
  expect_match "message" "needs a terminal" "$seen"
done
expect_exit 2 "$gradus" status --watch 0s steps.run
expect_match "message" "wants a time, as 2s, and not '0s'" "$seen"

it "after a drain it says that the run stops, and then that it has stopped"
kill -USR1 $run
wait_until 20 eval '"$gradus" status steps.run | grep -q "stopping: signal USR1"' || fail "stopping" "$("$gradus" status steps.run)"
echo >hold1
echo >hold2
await_end 30 $run || true
expect_equal "its state" stopped "$(state)"
expect_exit 0 "$gradus" explain steps.run later
expect_match "why" "not going on: stopped" "$seen"

it "in the next life what is kept counts as succeeded, and the copy of the steps is the new one"
sed -i 's/exit 3/exit 0/' steps.jsonl
expect_exit 0 "$gradus" run steps.jsonl --threads 3 --resume
expect_exit 0 "$gradus" status steps.run
expect_match "the counts" "6 of 6 done: 6 succeeded \(2 in an earlier life\)" "$seen"
expect_match "the life" "life 2, exit code 0" "$seen"
expect_exit 0 "$gradus" status steps.run --step fails
expect_match "both attempts" "in life 1: .*in life 2: " "${seen//$'\n'/ }"
expect_exit 0 cmp steps.jsonl steps.run/steps.jsonl

it "a run whose master was killed is told from one that goes on"
rm hold1
mkfifo hold1
printf 'cat %s\n' "$scratch/hold1" >killed.txt
"$gradus" run killed.txt --threads 1 >/dev/null 2>&1 &
run=$!
wait_until 30 eval 'grep -q launch killed.run/journal.jsonl' || fail "a start" ""
kill -KILL $run
wait_until 30 eval '"$gradus" status killed.run | grep -q "broken off"' || fail "broken off" "$("$gradus" status killed.run)"

expect_exit 0 "$gradus" trace killed.run --output -
expect_match "in the trace" '"cat":"cut_off"' "$seen"
expect_exit 0 "$gradus" report killed.run --output -
expect_match "on the page" "1 was cut off" "$seen"
expect_match "in its legend" '<li class="o-cut_off"><i></i>cut off</li>' "$seen"

expect_exit 0 run_bounded 60 "$gradus" logs killed.run 1 --follow  # it will never be told that it ended
cp -r killed.run empty.run
: >empty.run/journal.jsonl
expect_exit 0 "$gradus" status empty.run --step 1
expect_match "why" "the run has not begun" "$seen"

it "gradus logs --follow is left with Ctrl-C"
"$gradus" run killed.txt --threads 1 --restart >/dev/null 2>&1 &
run=$!
# Of this life: until it has begun, the other's journal is there.
wait_until 30 eval 'grep -qs "\"pid\":$run," killed.run/journal.jsonl && grep -q "\"launch\"" killed.run/journal.jsonl' || fail "a start" ""
# From bash's background a child ignores INT; python3 gives it its usual meaning back.
python3 -c 'import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
child = subprocess.Popen(sys.argv[1:], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
time.sleep(1); child.send_signal(signal.SIGINT)
sys.exit(0 if child.wait(timeout=30) == -signal.SIGINT else 1)' "$gradus" logs killed.run 1 --follow ||
  fail "an end by INT" "another"
echo >hold1
await_end 30 $run

it "what only looks may be stopped (Ctrl-Z) for as long as its user likes; a run that is stopped is ended after its steps"
printf 'echo begun; cat %s\n' "$scratch/hold1" >killed.txt
"$gradus" run killed.txt --threads 1 --restart >/dev/null 2>&1 &
run=$!
wait_until 30 eval '"$gradus" logs killed.run 1 2>/dev/null | grep -q begun' || fail "a start" ""
"$gradus" logs killed.run 1 --follow >followed &
looks=$!
wait_until 30 grep -qs begun followed || fail "what the step wrote" "$(cat followed)"
kill -STOP $looks
sleep 8  # longer than a run may be stopped
! process_has_ended $looks || fail "a process that is stopped" "its end"
kill -CONT $looks
kill -STOP $run
await_end 60 $run
expect_equal "exit code of the run" 137 "$code"
await_end 60 $looks
expect_equal "exit code of what looked" 0 "$code"

it "wrong words are refused with the mend"
expect_exit 2 "$gradus" status
expect_exit 2 "$gradus" status nowhere
expect_match "message" "holds no run" "$seen"
expect_exit 2 "$gradus" status steps.run --step unknown
expect_match "message" "has no step 'unknown'" "$seen"
expect_exit 2 "$gradus" status steps.run --colour
expect_match "message" "status does not know '--colour': see gradus status --help" "$seen"
expect_exit 2 "$gradus" status steps.run other.run
expect_match "message" "one run, please: both 'steps.run' and 'other.run' were given" "$seen"
expect_exit 2 "$gradus" status steps.run --watch 1s
expect_match "message" "--watch needs a terminal" "$seen"
expect_exit 2 "$gradus" status steps.run --step ""
expect_match "message" "--step is empty .a shell variable that is not set" "$seen"
expect_exit 2 "$gradus" explain steps.run ""
expect_match "message" "a word is empty" "$seen"
expect_exit 2 "$gradus" explain steps.run unknown
expect_exit 0 "$gradus" explain steps.run 1
expect_match "the first, by its ordinal" "^step first" "$seen"
expect_exit 2 "$gradus" check steps.jsonl --json
expect_exit 2 "$gradus" explain steps.run 1 2
expect_match "message" "one step, please: both '1' and '2'" "$seen"
expect_exit 2 "$gradus" logs steps.run 1 --attempt none
expect_match "message" "--attempt wants a number" "$seen"

it "options may have their values behind an equals sign or a blank"
expect_exit 0 "$gradus" status steps.run --step 1
spaced=$seen
expect_exit 0 "$gradus" status --step=1 steps.run
expect_equal "step" "$spaced" "$seen"
expect_exit 0 "$gradus" status steps.run --step 2 --step 1  # of what is given twice the last counts
expect_equal "step" "$spaced" "$seen"
expect_exit 2 "$gradus" status steps.run --operands x
expect_exit 0 "$gradus" status --no-such-option --help
for command in status explain logs report trace; do expect_exit 0 "$gradus" $command -h; done
expect_exit 0 "$gradus" status --help
expect_exit 0 "$gradus" explain --help
