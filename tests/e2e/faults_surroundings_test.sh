#!/bin/bash
# What is around gradus goes wrong, each for real: nobody reads what it says, its terminal hangs up, the kernel has no
# memory or no process left for it and its steps.
#   faults_surroundings_test.sh GRADUS FAULTY
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
. "$here/../cluster/kernel_groups.sh"
gradus=$(readlink -f "$1")
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
succeeded() { grep -c '"final":"succeeded"' "$1/journal.jsonl"; }
over() { { grep -o '"over":[0-9]*' "$1/journal.jsonl" || true; } | tail -n 1 | cut -d : -f 2; }

it "nobody reads what gradus says (closed, full, a pipe without reader): the run goes as ever, and so does its journal"
for ((i = 1; i <= 30; i++)); do echo "echo $i >>$scratch/ran"; done >steps.txt
for ((i = 1; i <= 40; i++)); do echo "echo a step that fails, number $i; exit 1"; done >>steps.txt
for way in '>/dev/full 2>/dev/full' '>&- 2>&-' '<&- >&- 2>&-' '2>&1 | true'; do
  rm -rf ran mute.run
  code=0
  bash -c "set -o pipefail; timeout -k 5 60 '$gradus' run steps.txt --run-dir mute.run --threads 3 $way" || code=$?
  expect_equal "exit code with $way" 1 $code
  expect_equal "steps that ran with $way" 30 "$(wc -l <ran)"
  expect_equal "in the journal" "1 30" "$(over mute.run) $(succeeded mute.run)"
  expect_match "summary.json" '"exit_code": 1,' "$(<mute.run/summary.json)"
  expect_exit 1 timeout -k 5 60 "$gradus" run steps.txt --run-dir mute.run --resume --quiet
  expect_match "the journal can be read" "resuming: 30 of 70 steps succeeded before" "$seen"
done
code=0
bash -c "'$gradus' run nothing-there.txt >&- 2>/dev/full" || code=$?
expect_equal "exit code of a mistake that nobody can be told" 2 $code
seen_fault "output and error output of gradus closed, full, or a pipe that nobody reads" "the run, its journal, summary.json and exit code are as ever"

if command -v script >/dev/null; then
  # The first ones for longer than a terminal's line needs to be drawn again; the others when it has hung up.
  for ((i = 1; i <= 40; i++)); do echo "echo $i >>$scratch/ran; sleep 0.1$( ((i <= 12)) || echo "; until [ -e $scratch/hung_up ]; do sleep 0.05; done")"; done >hang.txt
  # $1: what is executed on a terminal of its own, which hangs up when some steps have run; $2: whether that stops it.
  on_a_terminal_that_hangs_up() {
    rm -rf ran hang.run hung_up
    SHELL=/bin/bash script -qfec "$1" /dev/null >/dev/null 2>&1 </dev/null &
    local terminal=$!
    wait_until 20 some_ran || fail "some steps" "$(ls)"
    kill -KILL $terminal
    wait $terminal 2>/dev/null || true
    [[ $2 == ignored ]] || wait_until 30 grep -qs '"stop":' hang.run/journal.jsonl || fail "a stop" "$(tail -n 3 hang.run/journal.jsonl)"
    touch hung_up
    wait_until 60 is_over || fail "an end of the run" "$(tail -n 3 hang.run/journal.jsonl)"
  }
  # Not by its journal: summary.json is written and the lock is given back after that.
  is_over() { [[ -n $(over hang.run) && $("$gradus" status hang.run --json) != *'"state": "running"'* ]]; }
  some_ran() { [[ $(cat ran 2>/dev/null | wc -l) -ge 6 ]]; }
  it "the terminal hangs up: steps that run end, 75, --resume goes on"
  on_a_terminal_that_hangs_up "exec '$gradus' run hang.txt --threads 3" stops
  expect_equal "exit code in the journal" 75 "$(over hang.run)"
  expect_match "summary.json" '"stopped": "signal HUP"' "$(<hang.run/summary.json)"
  ended=$(succeeded hang.run)
  ((ended < 40)) || fail "an end before all steps have run" "$ended"
  expect_exit 0 timeout -k 5 60 "$gradus" run hang.txt --threads 3 --resume --quiet
  expect_equal "runs of each step" "40 1" "$(sort ran | uniq -c | awk '{ n++; if ($1 > most) most = $1 } END { print n, most }')"
  it "the terminal hangs up on a run under nohup: it goes on to its end"
  on_a_terminal_that_hangs_up "trap '' HUP; exec '$gradus' run hang.txt --threads 3" ignored
  expect_equal "exit code in the journal" 0 "$(over hang.run)"
  expect_equal "steps that ran" 40 "$(sort -u ran | wc -l)"
  seen_fault "the terminal hangs up (SIGHUP)" "running steps end within the grace, 75, \`--resume\` goes on; where HUP is ignored (nohup), the run goes on to its end"
elif [[ ${CI:-} == true ]]; then
  cannot_run_here "script(1) makes the terminal"
fi

if kernel_group memory oom 300M; then
  it "a step takes all memory there is: the kernel kills it, the others and gradus live"
  {
    # Limited besides, should the group not hold it.
    echo 'ulimit -v 1000000; echo 500 >/proc/self/oom_score_adj; exec tail /dev/zero'
    for ((i = 1; i <= 20; i++)); do echo "echo $i >>$scratch/oom.ran; sleep 0.05"; done
  } >oom.txt
  expect_exit 1 in_kernel_group memory oom timeout -k 5 60 "$gradus" run oom.txt --threads 3 --quiet
  expect_match "summary" "step 1 on .*killed by SIGKILL" "$seen"
  expect_equal "the others" 20 "$(wc -l <oom.ran)"
  seen_fault "a step takes all memory (the kernel's OOM killer)" "killed by SIGKILL; the others and gradus go on"
else
  [[ ${CI:-} != true ]] || cannot_run_here "no memory group can be made"
fi

if kernel_group pids few 24; then
  it "the kernel has no process left for a while: starts are tried again and nothing is lost"
  for ((i = 1; i <= 40; i++)); do printf 'touch made.%s\nsleep 0.1\n' $i; done >pids.txt
  # A crowd that leaves too few for four steps at once, and goes when something was refused.
  in_kernel_group pids few bash -c 'for ((i = 0; i < 12; i++)); do sleep 60 & done; echo $$ >crowd; wait' 2>/dev/null &
  wait_until 20 test -s crowd || fail "a crowd" "$(ls)"
  in_kernel_group pids few timeout -k 5 60 "$gradus" run pids.txt --threads 5 --quiet >pids.log 2>&1 &
  pid=$!
  refused() { (($(kernel_group_refusals pids few) > 0)); }
  wait_until 30 refused || fail "starts that the kernel refused" 0
  pkill -P "$(<crowd)"
  await_end 60 $pid
  [[ $code == 0 ]] || fail "exit code 0" "$code: $(<pids.log)"
  expect_equal "steps that ran" 40 "$(ls made.* | wc -l)"
  full=$(kernel_group_refusals pids few)
  seen_fault "no process is left (a full pids group)" "$full starts were refused and tried again; every step ran"
else
  [[ ${CI:-} != true ]] || cannot_run_here "no group of processes can be made"
fi
