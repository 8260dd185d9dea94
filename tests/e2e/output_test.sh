#!/bin/bash
# Where the output of steps goes (--output), and how it is read again (gradus logs).
#   output_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
make_scratch
cd "$scratch"
files() { (cd steps.run/logs && ls | sed 's/rank-0\..*\.pack/PACK/' | paste -sd ' '); }
cat >steps.jsonl <<'X'
{"id":"says","command":"echo said; echo complained >&2"}
{"id":"silent","command":"true"}
{"id":"fails","command":"echo before; echo why >&2; exit 3"}
X

it "a few steps have two files each"
expect_exit 1 "$gradus" run steps.jsonl --threads 3
expect_equal "files" "1.err 1.out 2.err 2.out 3.err 3.out" "$(files)"

for kind in "packed:PACK" "failed:3.err 3.out" "none:"; do
  it "--output ${kind%%:*} leaves exactly: ${kind#*:}"
  expect_exit 1 "$gradus" run steps.jsonl --threads 3 --output "${kind%%:*}" --restart
  expect_equal "files" "${kind#*:}" "$(files)"
done
it "--output of another kind is refused with the four that there are"
expect_exit 2 "$gradus" run steps.jsonl --output tapes
expect_match "message" "steps, packed, failed, none" "$seen"

it "gradus logs tells the same whatever --output was"
for kind in steps packed; do
  expect_exit 1 "$gradus" run steps.jsonl --threads 3 --output $kind --restart
  expect_exit 0 "$gradus" logs steps.jsonl says
  expect_equal "its output" $'said\ncomplained' "$seen"
  expect_exit 0 "$gradus" logs steps.run 3 --err
  expect_equal "standard error by ordinal" "why" "$seen"
  expect_exit 0 "$gradus" logs steps.run silent
  expect_match "of a silent step" "has written nothing" "$seen"
  expect_exit 0 "$gradus" logs steps.run
  expect_equal "steps with output" "1 3" "$(awk '{print $1}' <<<"$seen" | paste -sd ' ')"
  expect_match "the failed step's end, in the summary" "why" "$(grep -A3 failed steps.run/summary.json)"
done

it "an output stays its step's own when the file's order has changed between lives"
for kind in steps packed; do
  printf 'echo one\necho two\necho three; false\n' >order.txt
  expect_exit 1 "$gradus" run order.txt --output $kind --restart
  printf 'echo zero\necho one\necho two\necho four; false\n' >order.txt
  expect_exit 1 "$gradus" run order.txt --output $kind --resume
  expect_match "message" "what earlier lives have written is in logs[.]1" "$seen"
  for pair in 1:zero 2:one 3:two 4:four; do
    expect_exit 0 "$gradus" status order.run --step "${pair%%:*}"
    expect_match "tail in the status of step ${pair%%:*} with $kind" "${pair#*:}" "$seen"
  done
  expect_equal "what they wrote, with $kind" "zero one two four" "$(for i in 1 2 3 4; do "$gradus" logs order.run $i; done | paste -sd ' ')"
  expect_exit 1 "$gradus" run order.txt --output $kind --resume
  expect_no_match "a second time" "what earlier lives" "$seen"
  expect_no_file order.run/logs.2
  # Cut off between putting aside and beginning.
  printf 'echo five\necho zero\necho one\necho two\necho four; false\n' >order.txt
  mv order.run/logs order.run/logs.3
  mkdir order.run/logs
  expect_exit 1 "$gradus" run order.txt --output $kind --resume
  expect_equal "what they wrote, with $kind" "five zero one two four" "$(for i in 1 2 3 4 5; do "$gradus" logs order.run $i; done | paste -sd ' ')"
  printf 'true\n' >order.txt
  expect_exit 0 "$gradus" run order.txt --restart --output $kind
  expect_no_file order.run/logs.1
done

it "what a step wrote in an earlier life is never shown as what it wrote in the latest"
cat >lives.txt <<'X'
if test -e new; then test -e silent || echo NEW; exit 2; else echo OLD; exit 1; fi
X
for pair in steps:packed packed:packed failed:failed packed:steps steps:none packed:none failed:packed steps:failed; do
  for how in silent loud; do
    rm -f new silent
    expect_exit 1 "$gradus" run lives.txt --threads 2 --restart --output ${pair%:*}
    expect_exit 0 "$gradus" logs lives.txt 1
    expect_equal "the first life's, $pair" OLD "$seen"
    touch new
    [[ $how == loud ]] || touch silent
    expect_exit 1 "$gradus" run lives.txt --threads 2 --resume --output ${pair#*:}
    expected=NEW
    if [[ $how == silent || $pair == *:none ]]; then expected=; fi
    all="$("$gradus" logs lives.txt 1 2>/dev/null)/$("$gradus" logs lives.txt 1 --follow)"
    expect_equal "logs, $pair, $how" "$expected/$expected" "$all"
    expect_equal "outputs listed, $pair, $how" "${expected:+1}" "$("$gradus" logs lives.txt 2>/dev/null | awk '{print $1}')"
    everywhere=$("$gradus" status lives.txt --step 1; "$gradus" report lives.txt --json; cat lives.run/summary.json)
    expect_no_match "of the first life, $pair, $how" "OLD(\"|$'\n')" "$everywhere"
    [[ -z $expected ]] || expect_match "of the second life, $pair" '"NEW"' "$everywhere"
  done
done

it "nobody else can write to what a run writes, whatever the umask"
cat >hosts.jsonl <<X
{"id":"h","command":"find $scratch/hosts.run -name '*.hosts' -perm /022 | grep . && exit 1; test -e \$GRADUS_HOSTFILE","nodes":1}
{"id":"s","command":"find $scratch/hosts.run ! -type l -perm /022 | grep . && exit 1; exit 0"}
X
chmod 666 hosts.jsonl
for kind in steps packed failed; do
  expect_exit 0 sh -c 'umask 000; "$@"' sh "$gradus" run hosts.jsonl --threads 2 --restart --output $kind
  (umask 000; "$gradus" report hosts.run; "$gradus" trace hosts.run) >/dev/null
  expect_file hosts.run/report.html
  expect_equal "what others can write to" "" "$(find hosts.run -perm /022)"
done

it "gradus logs says what is wrong with its arguments"
expect_exit 2 "$gradus" logs
expect_exit 2 "$gradus" logs nowhere
expect_match "message" "nowhere holds no run" "$seen"
expect_exit 2 "$gradus" logs steps.run unknown
expect_match "message" "has no step 'unknown'" "$seen"
expect_exit 2 "$gradus" logs steps.run says --attempt 2
expect_match "message" "had 1 attempt" "$seen"

it "--follow shows a step's output while it grows, and ends with it"
echo 'echo 1; until [ -e followed ]; do sleep 0.1; done; for i in 2 3 4; do echo $i; echo e$i >&2; sleep 0.4; done' >slow.txt
"$gradus" run slow.txt --threads 1 --output packed >/dev/null &
run=$!
wait_until 20 test -s slow.run/logs/running.0.0.out || fail "an output that grows" "$(ls slow.run/logs 2>&1)"
{ sleep 0.5; touch followed; } &
expect_exit 0 run_bounded 60 "$gradus" logs slow.run 1 --follow
expect_equal "all of it" "1 2 3 4" "$(grep -v e <<<"$seen" | paste -sd ' ')"
expect_equal "its standard error" "e2 e3 e4" "$(grep e <<<"$seen" | paste -sd ' ')"
await_end 60 $run

it "--follow loses nothing that is kept when --output-limit cuts the output meanwhile"
cat >cut.txt <<'X'
seq 1 20000; until [ -e shown ]; do sleep 0.1; done; until [ $(stat -c %s cut.run/logs/1.out) -lt 50000 ]; do sleep 0.1; done; echo END
X
rm -f shown
"$gradus" run cut.txt --threads 2 --output steps --output-limit 50k >/dev/null &
run=$!
wait_until 20 test -s cut.run/logs/1.out || fail "an output" "$(ls cut.run/logs 2>&1)"
run_bounded 120 "$gradus" logs cut.run 1 --follow >followed 2>said &
follower=$!
wait_until 60 grep -qx 20000 followed || fail "what is kept" "$(tail -3 followed)"
touch shown
await_end 120 $follower
expect_equal "its end" END "$(tail -n 1 followed)"
expect_match "the line that tells what is missing" "bytes of output were left out here" "$(grep -a gradus followed)"
await_end 60 $run

it "more than a thousand steps are packed unless asked, which is said"
seq 1001 | sed 's,.*,echo x,' >many.txt
expect_exit 0 "$gradus" run many.txt --threads 3
expect_match "message" "output: one file for each rank, since there are more than 1000 steps" "$seen"
expect_equal "files" 1 "$(ls many.run/logs | wc -l)"
expect_equal "outputs in it" 1001 "$("$gradus" logs many.run | wc -l)"

it "a killed run leaves what had ended, and --resume adds to it"
printf 'echo one\nkill -9 $PPID; sleep 5\necho three\n' >killed.txt
expect_exit 137 "$gradus" run killed.txt --threads 1 --output packed
expect_exit 0 "$gradus" logs killed.run 1
expect_equal "what had ended" one "$seen"
sed -i 's/^kill.*/echo two/' killed.txt
expect_exit 0 "$gradus" run killed.txt --threads 1 --output packed --resume
expect_equal "packs of two lives" 2 "$(ls killed.run/logs | wc -l)"
expect_exit 0 "$gradus" logs killed.run 1
expect_equal "of the first life" one "$seen"
expect_exit 0 "$gradus" logs killed.run 2
expect_equal "of the second life" two "$seen"
