#!/bin/bash
# What steps do wrong, each for real: they fail, hang, fork away, write without end.
#   faults_steps_test.sh GRADUS FAULTY
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
run=(timeout -k 5 60 "$gradus" run --quiet)
nap=543.$$  # its own, so that its steps can be told from others'
# $1: run; $2: ordinal; $3: key. Of the last end of that step.
record() { grep "\"end\":$2," "$1/journal.jsonl" | tail -n 1 | grep -o "\"$3\":[^,}]*" | cut -d : -f 2- | tr -d '"'; }

it "whatever way a step fails is told by name, with its last words"
printf '#!/no/such/interpreter\n' >bad_interpreter && chmod +x bad_interpreter
echo 'true' >not_executable
mkdir cores
cat >ways.jsonl <<'X'
{"id":"exit","command":"echo first; echo 'the last words' >&2; exit 7"}
{"id":"signal","command":"kill -BUS $$"}
{"id":"missing","argv":["no-such-program-anywhere"]}
{"id":"forbidden","argv":["./not_executable"]}
{"id":"folder","command":"true","cwd":"/no/such/folder"}
{"id":"interpreter","argv":["./bad_interpreter"]}
{"id":"core","command":"ulimit -c unlimited; kill -ABRT $$","cwd":"cores"}
{"id":"directory","argv":["/"]}
X
expect_exit 1 "${run[@]}" ways.jsonl
expect_match "summary" "step exit on .*exit code 7" "$seen"
expect_match "summary" "\| the last words" "$seen"
expect_match "summary" "step signal on .*killed by SIGBUS" "$seen"
expect_match "summary" "step missing on .*execve no-such-program-anywhere: No such file" "$seen"
expect_match "summary" "step forbidden on .*execve ./not_executable: Permission denied" "$seen"
expect_match "summary" "step folder on .*chdir /no/such/folder: No such file" "$seen"
expect_match "summary" "step interpreter on .*execve ./bad_interpreter: No such file" "$seen"
expect_match "summary" "step core on .*killed by SIGABRT" "$seen"
# Where the kernel gives cores to a program, or may write none, there is none to see.
if [[ -n $(ls cores) ]]; then expect_match "summary" "step core on .*killed by SIGABRT: core dumped" "$seen"; fi
expect_match "summary" "step directory on .*execve /: Permission denied" "$seen"
seen_fault "a step exits non-zero, dies by a signal or a core dump" "failed, with the code or the signal's name and the last lines of its output"
seen_fault "a step cannot start (missing, not executable, bad interpreter, bad folder)" "failed: \`could not start\`, with the call, the path and the errno in words"

it "a time limit ends everything of a step within the grace: what ignores TERM, its group, sessions of its own"
cat >deaf.sh <<X
trap '' TERM
(trap '' TERM; sleep ${nap}21) &
setsid sh -c "trap '' TERM; sleep ${nap}22" &
(setsid sh -c "trap '' TERM; sleep ${nap}23" &)
env -i setsid sleep ${nap}24 &
sleep ${nap}25
X
printf '{"command":"sh deaf.sh","timeout":0.5}\n{"command":"echo next"}\n' >deaf.jsonl
begin=$(date +%s%N)
expect_exit 1 "${run[@]}" deaf.jsonl --threads 1 --grace 1s
took=$((($(date +%s%N) - begin) / 1000000))
expect_equal "processes left" "" "$(pgrep -fa "sleep ${nap}2" || true)"
expect_equal "outcome" timed_out "$(record deaf.run 1 outcome)"
expect_equal "outcome of the next in that slot" succeeded "$(record deaf.run 2 outcome)"
((took < 20000)) || fail "an end soon after limit and grace" "$took ms"
seen_fault "a step exceeds its time limit, ignores TERM, has children in its group and in sessions of their own" "TERM, grace, KILL; nothing of it is left; the slot's next step follows"

it "a daemon that a step leaves behind does not outlive it, and holds no output open"
echo "setsid sleep ${nap}31 & sleep ${nap}32 & echo done" >daemon.txt
expect_exit 0 "${run[@]}" daemon.txt
expect_equal "processes left" "" "$(pgrep -fa "sleep ${nap}3" || true)"
seen_fault "a step ends and leaves processes behind that hold its output open" "succeeded; they are ended with it"

it "what a step leaves in its group is ended at once, also where nothing but the group tells whose it is"
echo "env -i sleep ${nap}35 & touch left_behind; sleep 0.2" >leaves.sh
cat >looks.sh <<X
for ((i = 0; i < 100; i++)); do
  sleep 0.05
  if [[ -e left_behind ]] && ! pgrep -f 'sleep ${nap}[3]5' >/dev/null; then exit 0; fi
done
exit 1
X
printf 'sh leaves.sh\nbash looks.sh\n' >group.txt
expect_exit 0 "${run[@]}" group.txt --threads 3

it "kill -9 of gradus ends what its steps have in sessions of their own, too"
echo "setsid sleep ${nap}41 & sleep ${nap}42" >orphan.txt
"${run[@]}" orphan.txt >/dev/null 2>&1 &
wait_until 60 pgrep -f "sleep ${nap}41" >/dev/null
pkill -KILL -f "$gradus run --quiet orphan.txt"
wait
nothing_left() { ! pgrep -f "sleep ${nap}4" >/dev/null; }
wait_until 30 nothing_left || fail "no process left" "$(pgrep -fa "sleep ${nap}4")"
seen_fault "gradus is killed (KILL) while steps run" "its guardian ends them, their sessions too; \`--resume\` goes on"

it "output without end is cut in the middle, and gradus does not grow by it"
cat >loud.jsonl <<'X'
{"command":"echo begin; head -c 300000000 /dev/zero | tr '\\0' x; echo; echo end"}
{"command":"yes 'all of this' | head -c 50000000 >&2; exit 3"}
{"command":"for i in 1 2 3; do printf 'at %s\\r' $i; done; head -c 3000000 /dev/zero | tr '\\0' '\\r'; exit 3"}
{"command":"head -c 100000 /dev/urandom; exit 3"}
{"command":"echo begin; truncate -s 10G /proc/self/fd/1; echo; echo end; exit 3"}
X
expect_exit 1 "${run[@]}" loud.jsonl --output-limit 1M
for log in 1.out 2.err 3.out 5.out; do
  size=$(stat -c %s loud.run/logs/$log)
  ((size < 1100000)) || fail "$log within its limit" "$size bytes"
  grep -aq 'bytes of output were left out here' loud.run/logs/$log || fail "a line in $log that says so" "$(tail -c 200 loud.run/logs/$log)"
done
for log in 1.out 5.out; do
  expect_equal "beginning and end of $log" "begin end" "$(head -n 1 loud.run/logs/$log | tr -d "\0") $(tail -n 1 loud.run/logs/$log | tr -d '\0')"
done
expect_match "summary" "1 step succeeded with a remark; step 1 on .*output were left out \(--output-limit 1.0 MiB\)" "$seen"
expect_equal "control characters in the summary" 0 "$(tr -d '\n' <<<"$seen" | LC_ALL=C grep -c '[[:cntrl:]]' || true)"
memory=$(grep -o '"master_max_rss_kib": [0-9]*' loud.run/summary.json | cut -d ' ' -f 2)
((memory < 200000)) || fail "less than 200 MB of memory" "$memory KiB"
seen_fault "a step writes 300 MB, makes its output 10 GB, writes nothing but carriage returns, or binary" "the file stays below \`--output-limit\`, beginning and end are kept, a line tells what is missing; the run goes on; gradus had ${memory} KiB"

it "a step that fails everywhere fails once, and each place is named"
echo '{"command":"exit 5","retries":2}' >everywhere.jsonl
expect_exit 1 "${run[@]}" everywhere.jsonl --threads 4 --retry-delay 0.01s
expect_match "summary" "attempt 3" "$seen"
expect_equal "places" 3 "$(grep -o 'tried on .*' <<<"$seen" | grep -o 'slot [0-9]' | sort -u | wc -l)"
expect_equal "failures" 1 "$(grep -c '"final":"failed"' everywhere.run/journal.jsonl)"
seen_fault "a step with retries fails on every slot" "failed once; the summary names the place of each attempt"

it "names with spaces, newlines, UTF-8 and escape sequences run, and are shown harmless"
folder=$'a b\n\xc3\xbc \x1b[31mred'
mkdir "$folder"
printf '{"id":"a b","command":"echo x >made; exit 1","cwd":"a b\\n\xc3\xbc \\u001b[31mred"}\n' >"$folder/steps.jsonl"
expect_exit 1 "${run[@]}" "$folder/steps.jsonl"
expect_file "$folder/made"
expect_equal "escape characters" 0 "$(grep -c $'\x1b' <<<"$seen" || true)"
expect_match "summary" 'a b\\n' "$seen"
seen_fault "file names with spaces, newlines, UTF-8, escape sequences" "they run; on the terminal they are escaped"

it "an environment of a megabyte is no obstacle, a command line beyond ARG_MAX is refused by name"
for ((i = 0; i < 10; i++)); do export "BIG$i=$(head -c 100000 /dev/zero | tr '\0' x)"; done
{
  echo 'test ${#BIG9} = 100000'
  echo "echo $(head -c 120000 /dev/zero | tr '\0' y) | wc -c"
  echo "echo $(head -c 140000 /dev/zero | tr '\0' z) | wc -c"
  printf 'echo'; for ((i = 0; i < 20; i++)); do printf ' %s' "$(head -c 100000 /dev/zero | tr '\0' w)"; done; echo
} >big.txt
expect_exit 1 "${run[@]}" big.txt
expect_equal "outcomes" "succeeded succeeded could_not_start could_not_start" "$(for i in 1 2 3 4; do record big.run $i outcome; done | paste -sd ' ')"
expect_match "summary" "a word of 14[0-9]{4} bytes, at most 131071; write the command into a script" "$seen"
for ((i = 0; i < 10; i++)); do unset "BIG$i"; done
seen_fault "an environment of 1 MB; command lines up to and beyond ARG_MAX" "run, or \`could not start\` with the size and the mend"
