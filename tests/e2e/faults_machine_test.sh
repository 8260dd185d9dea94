#!/bin/bash
# What the machine does wrong, each for real: disks, limits, clocks, a damaged journal.
#   faults_machine_test.sh GRADUS FAULTY     FAULTY: the library of tests/support/faulty.c
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1") faulty=$(readlink -f "$2")
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
run=(timeout -k 5 120 "$gradus" run --quiet)
# What the journal reports. A last line without its newline was torn when the disk was full, and reports nothing.
succeeded() {
  head -n "$(wc -l <"$1/journal.jsonl")" "$1/journal.jsonl" | grep -o '"end":[0-9]*.*"final":"succeeded"' |
    cut -d : -f 2 | cut -d , -f 1 | sort -n
}
# The steps of a run write their number into `ran`. $1: how many; the rest: options of the first life, which must end
# with 3; then the second one succeeds, and what was reported as succeeded has run once.
ends_with_3_and_goes_on() {
  local before step
  expect_exit 3 "${@:2}"
  first=$seen
  first_state=$(grep -o '"state": "[a-z]*"' "$run_dir/summary.json")
  before=$(succeeded "$run_dir")
  if [[ -n ${mend:-} ]]; then eval "$mend"; fi
  expect_exit 0 "${run[@]}" "$steps" --run-dir "$run_dir" --resume --threads 3
  for step in $before; do expect_equal "runs of step $step, reported before" 1 "$(grep -cx "$step" ran)"; done
  expect_equal "steps that ran" "$1" "$(sort -u ran | wc -l)"
}
steps_file() {
  local i
  rm -f ran
  for ((i = 1; i <= $1; i++)); do echo "echo $i >>$scratch/ran${2:-}"; done >steps.txt
  steps=steps.txt
}
can_mount=0
if mkdir disk && mount -t tmpfs -o size=200k tmpfs disk 2>/dev/null; then
  can_mount=1
  at_exit "umount -l '$scratch/disk'"
elif [[ ${CI:-} == true ]]; then
  cannot_run_here "a small disk cannot be mounted"
fi

if ((can_mount)); then
  it "a full disk: nothing new starts, 3, --resume goes on"
  steps_file 900
  run_dir=disk/run mend="mount -o remount,size=20m disk"
  ends_with_3_and_goes_on 900 "${run[@]}" $steps --run-dir $run_dir --threads 3
  expect_match "message" "No space left on device" "$first"
  expect_match "message" "resuming: [1-9]" "$seen"
  seen_fault "the journal's disk is full" "nothing new starts, running steps end, exit code 3; \`--resume\` ran the rest once"
fi

if ((can_mount)); then
  it "a disk full of what steps write: the summary does not say running"
  mkdir small
  mount -t tmpfs -o size=300k tmpfs small
  at_exit "umount -l '$scratch/small'"
  for ((i = 0; i < 40; i++)); do echo "head -c 20000 /dev/zero | tr '\\0' x"; done >big.txt
  expect_exit 3 "${run[@]}" big.txt --run-dir small/run --threads 3
  expect_match "message" "No space left on device" "$seen"
  expect_match "summary.json" '"state": "interrupted"' "$(<small/run/summary.json)"
  expect_equal "files of writes that failed" "" "$(find small -name '*.new')"
fi

it "a journal that cannot be written any more: 3, --resume goes on"
for way in "broken:10 Input/output error" "readonly:10 Read-only file system"; do
  steps_file 300
  rm -rf eio.run
  run_dir=eio.run mend=
  ends_with_3_and_goes_on 300 env LD_PRELOAD="$faulty" FAULTY=${way%% *} FAULTY_FILE=/journal.jsonl "${run[@]}" $steps --run-dir $run_dir --threads 3
  expect_match "message" "write .*journal.jsonl: ${way#* }" "$first"
  # What it says to have succeeded is what the next life does not run again.
  succeeded=$(sed -n 's/^gradus: .* interrupted: \([0-9]*\) of 300 succeeded.*/\1/p' <<<"$first")
  expect_match "kept" "resuming: ${succeeded:-none} of 300 steps succeeded before" "$seen"
  expect_equal "summary.json of the first life" '"state": "interrupted"' "$first_state"
done
seen_fault "the journal's disk fails (EIO) or becomes read-only" "nothing new starts, exit code 3 and the errno in words; \`--resume\` ran the rest once"

it "a journal that cannot even be begun: 3, and summary.json does not say running"
expect_exit 3 env LD_PRELOAD="$faulty" FAULTY=broken:1 FAULTY_FILE=/journal.jsonl "${run[@]}" $steps --run-dir never.run
expect_match "summary.json" '"state": "interrupted"' "$(<never.run/summary.json)"

it "the master is killed before its steps start: summary.json does not say running for ever"
echo "touch $scratch/early.ran" >early.txt
env LD_PRELOAD="$faulty" FAULTY=slow:1000 FAULTY_FILE=/journal.jsonl "$gradus" run --quiet early.txt >/dev/null 2>&1 &
early=$!
at_exit "kill -9 $early 2>/dev/null"
wait_until 30 grep -qs '"state": "running"' early.run/summary.json || fail "a run that begins" "$(ls early.run)"
kill -9 $early
wait $early || true
wait_until 30 grep -q '"state": "interrupted"' early.run/summary.json || fail "state interrupted" "$(<early.run/summary.json)"
expect_no_file early.ran

it "a CONT that comes before a run has stopped for the TSTP is not lost"
echo "until [ -e $scratch/on ]; do sleep 0.05; done" >tstp.txt
env LD_PRELOAD="$faulty" FAULTY=late-stop "$gradus" run --quiet tstp.txt >/dev/null 2>&1 &
tstp=$!
at_exit "kill -9 $tstp 2>/dev/null"
wait_until 30 grep -qs '"launch":1,' tstp.run/journal.jsonl || fail "a step that runs" "$(ls tstp.run)"
kill -TSTP $tstp
sleep 0.2
kill -CONT $tstp
touch on
await_end 30 $tstp
expect_equal "exit code" 0 "$code"

it "a journal that is removed while the run writes it: said within seconds, 3"
steps_file 4000
# The others take long enough for it to be noticed while there are some left, on any machine.
sed -i "60s|\$|; rm -rf $scratch/gone.run|; 61,\$s|\$|; sleep 0.01|" steps.txt
expect_exit 3 "${run[@]}" steps.txt --run-dir gone.run --threads 3
expect_match "message" "journal.jsonl was removed while the run wrote to it" "$seen"
ran=$(wc -l <ran)
((ran < 4000)) || fail "an end before all steps have run" "$ran"
it "… and where only the end of a short run finds that out, nothing counts as succeeded that the next life does not find"
printf 'true\nrm %s/brief.run/journal.jsonl\n' "$scratch" >brief.txt
expect_exit 3 "${run[@]}" brief.txt --run-dir brief.run --threads 1
expect_match "last line" "interrupted: 0 of 2 succeeded" "$seen"
expect_match "note" "2 steps succeeded and could not be recorded" "$seen"
seen_fault "the run directory is removed" "noticed within two seconds, exit code 3"

it "a slow disk: the run takes longer and is right"
steps_file 60
expect_exit 0 env LD_PRELOAD="$faulty" FAULTY=slow:30 FAULTY_FILE=/journal.jsonl "${run[@]}" steps.txt --run-dir slow.run --threads 3
expect_equal "succeeded" 60 "$(succeeded slow.run | wc -l)"
seen_fault "the journal's disk is slow (30 ms a write)" "the run waits for it and is right"

it "what the journal reports reaches the disk soon, though nothing more happens for hours, and its end at once"
printf 'true\nuntil [ -e %s/go_on ]; do sleep 0.05; done\n' "$scratch" >waits.txt
env LD_PRELOAD="$faulty" FAULTY=synced:"$scratch/synced" FAULTY_FILE=/journal.jsonl "$gradus" run --quiet waits.txt >/dev/null 2>&1 &
waiting=$!
at_exit "kill -9 $waiting 2>/dev/null"
all_synced() { [[ $(tail -n 1 synced) == "$(stat -c %s waits.run/journal.jsonl)" ]]; }
# Both are in the journal: nothing more comes until it may go on.
both_are_in() { grep -qs '"end":1,' waits.run/journal.jsonl && grep -q '"launch":2,' waits.run/journal.jsonl; }
wait_until 30 both_are_in || fail "an end and a start" "$(cat waits.run/journal.jsonl)"
wait_until 20 all_synced || fail "a journal that is synced" "$(tail -n 1 synced) of $(stat -c %s waits.run/journal.jsonl) bytes"
touch go_on
await_end 30 $waiting
expect_equal "exit code" 0 "$code"
grep -q '"over":0' waits.run/journal.jsonl || fail "an end of the run" "$(tail -n 1 waits.run/journal.jsonl)"
all_synced || fail "a journal that is synced to its end" "$(tail -n 1 synced) of $(stat -c %s waits.run/journal.jsonl) bytes"

it "a file system that cannot lock: said, and the run goes on"
steps_file 3
expect_exit 0 env LD_PRELOAD="$faulty" FAULTY=nolock FAULTY_FILE=.run/lock "${run[@]}" steps.txt --run-dir nolock.run
expect_match "warning" "cannot be locked \(No locks available\): make sure that no other run uses it" "$seen"
seen_fault "a run directory on a file system without locks" "a warning that it cannot be known who else uses it"

it "two runs on one run directory: the second is refused, and told who holds it"
echo 'sleep 600' >long.txt
"$gradus" run --quiet long.txt >/dev/null 2>&1 &
holder=$!
at_exit "kill -9 $holder 2>/dev/null"
wait_until 60 test -e long.run/logs/1.out
expect_exit 2 "${run[@]}" long.txt --resume
expect_match "message" "in use by process $holder on .* since" "$seen"
rm long.run/lock  # a stale one, thinks somebody
expect_exit 2 "${run[@]}" long.txt --restart
expect_match "message" "in use: another run writes its journal" "$seen"
kill -9 $holder
seen_fault "two runs on one run directory" "the second is refused (2) with the first's process, host and start"

it "a torn tail is cut; a flipped byte, and a journal of another version, are named and nothing starts"
steps_file 20
expect_exit 0 "${run[@]}" steps.txt --run-dir torn.run
cp -r torn.run flipped.run
cp -r torn.run version.run
truncate -s -30 torn.run/journal.jsonl
expect_exit 0 "${run[@]}" steps.txt --run-dir torn.run --resume
expect_match "message" "bytes of an unfinished last record were cut off" "$seen"
line=$(grep -n '"end":7,' flipped.run/journal.jsonl | cut -d : -f 1)
sed -i "${line}s/succeeded/sucseeded/" flipped.run/journal.jsonl
expect_exit 3 "${run[@]}" steps.txt --run-dir flipped.run --resume
expect_match "message" "journal.jsonl: line $line \(byte [0-9]+\) is damaged.*cut the file there" "$seen"
sed -i '1s/"life":2/"life":9/' version.run/journal.jsonl
expect_exit 3 "${run[@]}" steps.txt --run-dir version.run --resume
expect_match "message" "journal version 9, this one reads 2" "$seen"
expect_equal "runs of each step" 1 "$(sort ran | uniq -c | awk '{ print $1 }' | sort -u)"
seen_fault "the journal has a torn tail / a flipped byte / another version" "cut and said / refused with line and byte / refused with both versions; nothing runs again"

it "a logs folder that cannot be written: outcomes are known all the same, and it is said"
steps_file 30
sed -i "10s|\$|; rm -rf $scratch/logs.run/logs; echo >$scratch/logs.run/logs|" steps.txt
echo 'exit 3' >>steps.txt
expect_exit 1 "${run[@]}" steps.txt --run-dir logs.run --threads 1
expect_match "summary" "steps succeeded with a remark; .*its output is lost: open .*logs/11.(out|err): Not a directory" "$seen"
expect_match "summary" "step 31 on .*exit code 3: its output is lost" "$seen"
expect_equal "succeeded" 30 "$(succeeded logs.run | wc -l)"
printf 'echo one\nrm -rf %s; echo two\necho three\necho four; exit 4\n' "$scratch/removed.run/logs" >removed.txt
for kind in packed failed steps; do
  expect_exit 1 "${run[@]}" removed.txt --threads 2 --output $kind --restart
  expect_match "summary, $kind" "steps? succeeded with a remark; .*its output is lost" "$seen"
  [[ $kind != packed ]] || expect_match "summary" "step 2 on .*: its output is lost, as is that of steps before it" "$seen"
  expect_match "summary, $kind" "step 4 on .*exit code 4: its output is lost" "$seen"
done
seen_fault "the logs folder is gone or cannot be written" "outcomes are known; the summary says whose output is lost"

if ((can_mount)); then
  it "a logs folder that is full: outcomes are known all the same, and it is said"
  steps_file 30
  sed -i "3s|\$|; mount -t tmpfs -o size=16k,nr_inodes=2 tmpfs $scratch/full.run/logs; echo >$scratch/full.run/logs/last|" steps.txt
  at_exit "umount -l '$scratch/full.run/logs' 2>/dev/null"
  echo 'echo lost; exit 3' >>steps.txt
  expect_exit 1 "${run[@]}" steps.txt --run-dir full.run --threads 1
  expect_match "summary" "steps succeeded with a remark; .*its output is lost: open .*logs/4.out: No space left on device" "$seen"
  expect_match "summary" "step 31 on .*exit code 3: its output is lost" "$seen"
  expect_equal "succeeded" 30 "$(succeeded full.run | wc -l)"
  seen_fault "the logs folder is full" "outcomes are known; the summary says whose output is lost"
fi

it "few descriptors: an error before anything starts, or all runs"
steps_file 50
for most in 4 8 12 16 24 48; do
  rm -rf few.run ran
  code=0
  # shellcheck disable=SC2016
  seen=$(timeout -k 5 60 sh -c 'ulimit -n $0; exec "$@"' $most "$gradus" run --quiet steps.txt --run-dir few.run --threads 9 2>&1) || code=$?
  case $code in
    0) expect_equal "steps that ran with ulimit -n $most" 50 "$(wc -l <ran)" ;;
    3) expect_match "ulimit -n $most" "Too many open files|ulimit -n.*is too low for 8 slots" "$seen"; expect_no_file ran ;;
    127) ;;  # the dynamic linker's own
    *) fail "0, or an error that is told, with ulimit -n $most" "exit code $code: $seen" ;;
  esac
done
expect_equal "exit code with 48 descriptors" 0 "$code"
seen_fault "\`ulimit -n\` from 4 to 48" "an error in words before anything starts, or (from 48 on for 8 slots) the whole run"

it "a limit on the size of files (ulimit -f) is told like a full disk, and steps have it as usual"
steps_file 900
run_dir=large.run mend=
# shellcheck disable=SC2016
ends_with_3_and_goes_on 900 bash -c 'ulimit -f 150; exec "$@"' bash "${run[@]}" $steps --run-dir $run_dir --threads 3 --output none
expect_match "message" "write .*journal.jsonl: File too large" "$first"
expect_equal "summary.json of the first life" '"state": "interrupted"' "$first_state"
echo "exec head -c 2000000 /dev/zero >$scratch/zeros" >zeros.txt
# shellcheck disable=SC2016
expect_exit 1 bash -c 'ulimit -f 150; exec "$@"' bash "${run[@]}" zeros.txt
expect_match "the step's end" "SIGXFSZ" "$seen"
# shellcheck disable=SC2016
expect_exit 3 bash -c 'ulimit -f 8; exec "$@"' bash "$gradus" status zeros.txt
expect_match "message" "ulimit -f is too low: File too large" "$seen"
seen_fault "files reach their limit (\`ulimit -f\`)" "as on a full disk: nothing new starts, running steps end, exit code 3; \`--resume\` ran the rest once"

most=100000
(ulimit -n $((most + 10000))) 2>/dev/null || most=$(($(ulimit -Hn) - 50))
it "$most inherited descriptors are no trouble, and steps have none of them"
((most > 500)) || fail "a limit that lets many be open" "$most"
# shellcheck disable=SC2016
expect_exit 0 bash -c 'ulimit -n $(($0 + 40)); for ((i = 10; i < $0; i++)); do eval "exec $i</dev/null"; done
  echo "ls /proc/self/fd | wc -l >'"$scratch"'/fds" >fds.txt; exec "$@"' $most "${run[@]}" fds.txt --threads 3
expect_equal "descriptors of a step" 4 "$(<fds)"
seen_fault "$most inherited descriptors" "no trouble; steps have none of them"

# $1: limits (of setpriv's program). As a user without privileges, to whom limits on processes apply.
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups prlimit "$1" "${@:2}"; }
if [[ $EUID == 0 ]] && as_nobody --nproc=1000 true 2>/dev/null; then
  it "no process left for a while: starts are tried again and nothing is lost"
  mkdir nobody
  cp "$gradus" nobody/gradus
  # Steps that need no further process themselves.
  for ((i = 1; i <= 40; i++)); do printf 'touch made.%s\nsleep 0.1\n' $i; done >nobody/steps.txt
  chown -R 65534 nobody
  chmod 755 "$scratch"
  cd nobody
  # The user's other processes count, too: ours, and a crowd that goes after two seconds.
  others=$({ ps -o nlwp= -u 65534 || true; } | awk '{ n += $1 } END { print n + 0 }')
  as_nobody --nproc=$((others + 100)) bash -c 'for ((i = 0; i < 70; i++)); do sleep 2 & done; wait' 2>/dev/null &
  sleep 0.5
  expect_exit 0 as_nobody --nproc=$((others + 82)) timeout -k 5 60 ./gradus run --quiet steps.txt --threads 5
  wait
  expect_equal "steps that ran" 40 "$(ls made.* | wc -l)"
  rm -rf steps.run
  code=0
  seen=$(as_nobody --nproc=$((others + 3)) timeout -k 5 60 ./gradus run --quiet steps.txt --threads 9 2>&1) || code=$?
  expect_match "error of a run without room for its threads" "no thread can be started for slot .*: Resource temporarily unavailable|guardian: .*Resource temporarily unavailable|fork: " "$seen"
  ((code == 3 || code == 1 || code == 126)) || fail "an exit code that tells" $code
  cd ..
  seen_fault "no process or thread can be made (\`ulimit -u\`)" "starts are tried again for 20 s; too few for gradus itself: exit code 3 with the reason"

  it "a read-only steps file, and a run that was cut off while it kept a copy: the next one goes on"
  cd nobody
  mkdir -p steps.run
  echo true >steps.run/steps.txt.new
  chmod 444 steps.txt steps.run/steps.txt.new
  chown -R 65534 steps.run
  expect_exit 0 as_nobody --nofile=1024 timeout -k 5 60 ./gradus run --quiet steps.txt --threads 5 --restart
  cd ..
elif [[ ${CI:-} == true ]]; then
  cannot_run_here "limits on processes need another user (setpriv, prlimit)"
fi

it "little memory (ulimit -v): an error in words, not a crash"
steps_file 10
for kib in 20000 60000 120000 400000; do
  rm -rf memory.run ran
  code=0
  # shellcheck disable=SC2016
  seen=$(timeout -k 5 60 sh -c 'ulimit -v $0; exec "$@"' $kib "$gradus" run --quiet steps.txt --run-dir memory.run --threads 3 2>&1) || code=$?
  ((code < 128)) || fail "no crash with ulimit -v $kib" "exit code $code: $seen"
  ((code != 0)) || expect_equal "steps that ran" 10 "$(wc -l <ran)"
done
[[ $seen == *Sanitizer* || $code == 0 ]] || fail "a whole run with 400 MB" "exit code $code: $seen"
seen_fault "\`ulimit -v\` from 20 MB to 400 MB" "an error in words, or the whole run; no crash"

it "a wall clock that leaps back: durations are right"
steps_file 200
expect_exit 0 env LD_PRELOAD="$faulty" FAULTY=clock "${run[@]}" steps.txt --run-dir clock.run --threads 3
wrong=$(grep -o '"start":[0-9.-]*,"stop":[0-9.-]*' clock.run/journal.jsonl | tr -d '"a-z:' | awk -F, '$2 < $1 || $2 > $1 + 60')
expect_equal "attempts that last less than nothing, or an hour" "" "$wrong"
leaps=$(grep -o '"end":[0-9]*,"t":[0-9.]*' clock.run/journal.jsonl | cut -d : -f 3 | awk '$1 < last { n++ } { last = $1 } END { print n + 0 }')
((leaps > 0)) || fail "a clock that did leap" "$leaps leaps"
seen_fault "the wall clock leaps back by hours" "durations are measured by the monotonic clock"
