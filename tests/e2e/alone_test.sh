#!/bin/bash
# Whole runs of one process, judged by what the steps saw and left.
#   alone_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
. "$here/../mpi/placement.sh"
gradus=$(readlink -f "$1")
motioncor2=$(readlink -f "$here/../cluster/motioncor2")
check_records=$(readlink -f "$here/../support/check_records")
make_scratch
cd "$scratch"
mkdir locks
touch movie.mrc
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES OMP_NUM_THREADS
run=("$gradus" run)
succeeded() { grep -c '"final":"succeeded"' "$1/journal.jsonl"; }

# --- the seed cases: T threads are 1 master and T-1 slots ---------------------------------------------
placement "3 threads with 0 1: a GPU each" "0=0 1=1" "0 1" -- "${run[@]}" --threads 3
placement "3 threads with 0 1 2 3: two GPUs each" "0=0,1 1=2,3" "0 1 2 3" -- "${run[@]}" --threads 3
placement "one thread has the whole list" "0=0,1" "0 1" -- "${run[@]}" --threads 1
placement "no thread count: one slot for each GPU" "0=0 1=1 2=2" "0-2" -- "${run[@]}"
placement "groups: what each slot gets is said outright" "0=0,1 1=2" "0 1 | 2" -- "${run[@]}" --threads 3

it "5 threads with 0 1: two slots for each GPU"
for ((i = 0; i < 24; i++)); do echo "sleep 0.05; echo %(SLOT)s=%(GPU)s >>seen"; done >five.txt
expect_exit 0 "${run[@]}" five.txt --gpus "0 1" --threads 5
expect_equal "slots and their GPUs" "0=0 1=1 2=0 3=1" "$(sort -u seen | paste -sd ' ')"

it "hundreds of movies never meet on a GPU"
rm -rf steps.run records
motioncor2_steps steps 300 1
expect_exit 0 env MOTIONCOR2_RECORDS="$PWD/records" MOTIONCOR2_LOCKS="$PWD/locks" "${run[@]}" steps.txt --gpus 0-3 --threads 5
host=$(</proc/sys/kernel/hostname)
expect_exit 0 "$check_records" records --steps 300 --gpus "$host:0,$host:1,$host:2,$host:3"

it "an inherited CUDA_VISIBLE_DEVICES is honoured: tokens in the variable, positions in the command"
cat >inherited.txt <<'X'
CUDA_VISIBLE_DEVICES=%(GPU)s sh -c 'echo $CUDA_VISIBLE_DEVICES >token.%(STEP)s'
echo %(GPU)s >position.%(STEP)s
X
expect_exit 0 env CUDA_VISIBLE_DEVICES=2,3 "${run[@]}" inherited.txt --gpus 1 --threads 2
expect_equal "token and position" "3 1" "$(cat token.1 position.2 | paste -sd ' ')"

it "a step with gpus and no mark is masked; one without GPU is left alone, or sees none with --hide-gpus"
cat >mask.jsonl <<'X'
{"command":"echo <$CUDA_VISIBLE_DEVICES> >masked","gpus":2}
{"command":"echo <$CUDA_VISIBLE_DEVICES> >plain"}
X
sed -i 's/<$CUDA_VISIBLE_DEVICES>/\\"$CUDA_VISIBLE_DEVICES\\"/' mask.jsonl
expect_exit 0 "${run[@]}" mask.jsonl --gpus 0-3 --threads 5
expect_equal "masked" "0,1" "$(<masked)"
expect_equal "plain" "" "$(<plain)"
expect_exit 0 env CUDA_VISIBLE_DEVICES=0,1,2,3 "${run[@]}" mask.jsonl --gpus 0-3 --threads 5 --restart
expect_equal "plain" "0,1,2,3" "$(<plain)"
expect_exit 0 env CUDA_VISIBLE_DEVICES=0,1,2,3 "${run[@]}" mask.jsonl --gpus 0-3 --threads 5 --restart --hide-gpus
expect_equal "plain" "" "$(<plain)"

# --- what a step gets --------------------------------------------------------------------------------
it "everything that is no mark reaches the program as it was written"
cat >literal.txt <<'X'
date +%s >/dev/null && printf '%s|%d|%%|%(title)s|${HOME}|{a}' x 5 >literal 2>/dev/null; echo "50% %%(GPU)s $((1+1)) 'q'" >literal2
X
expect_exit 0 "${run[@]}" literal.txt
expect_equal "text" "50% %(GPU)s 2 'q'" "$(<literal2)"

it "steps see their variables, their cores and no launcher"
cat >env.jsonl <<'X'
{"id":"first","command":"env >env.first","env":{"MINE":"%(STEP)s-%(ATTEMPT)s"},"cpus":1}
{"id":"second","argv":["sh","-c","echo \"$0\" > argv.out","a b %(THREAD)s"],"needs":["first"],"cwd":"%(RUN_DIR)s"}
X
expect_exit 0 env PMIX_RANK=7 OMPI_MCA_foo=bar "$gradus" run env.jsonl --gpus none || true
expect_match "environment" $'MINE=1-1\n' "$(<env.first)"
for wanted in GRADUS_STEP=1 GRADUS_STEP_ID=first GRADUS_USE_GPU=no GRADUS_GPU_LIST=none OMP_NUM_THREADS=1 OMPI_MCA_foo=bar; do
  grep -qx "$wanted" env.first || fail "$wanted in the environment" "$(grep -E 'GRADUS|OMP' env.first)"
done
expect_no_match "environment" "PMIX_RANK" "$(<env.first)"
expect_match "output of the step with argv" "^a b [0-9]+$" "$(<env.run/argv.out)"

it "a large environment is no obstacle"
big=$(head -c 100000 /dev/zero | tr '\0' x)
echo 'sh -c "echo ${#BIG1} >big"' >big.txt
expect_exit 0 env BIG1="$big" "${run[@]}" big.txt
expect_equal "length" 100000 "$(<big)"

it "nothing of a step is left when it has ended"
echo 'sh -c "sleep 987.1 & true"' >left.txt
expect_exit 0 "${run[@]}" left.txt
expect_equal "leftover processes" "" "$(pgrep -f 'sleep 987[.]1' || true)"

it "output is kept for each attempt of each step"
cat >out.jsonl <<'X'
{"command":"echo out $GRADUS_ATTEMPT; echo err >&2; test $GRADUS_ATTEMPT = 2","retries":1}
X
expect_exit 0 "${run[@]}" out.jsonl
expect_equal "logs" "out 1 out 2 err" "$(cat out.run/logs/1.out out.run/logs/1.2.out out.run/logs/1.err | paste -sd ' ')"

# --- how runs end --------------------------------------------------------------------------------------
it "failures are told, dependents are skipped and say because of whom"
cat >fail.jsonl <<'X'
{"id":"a","command":"echo the reason >&2; exit 3"}
{"id":"b","command":"touch b.ran","needs":["a"]}
{"id":"c","command":"touch c.ran"}
{"id":"d","argv":["/no/such/program"]}
{"id":"e","command":"true","creates":["never.mrc"]}
{"id":"f","command":"kill -SEGV $$"}
{"id":"g","command":"sleep 60","timeout":0.2}
X
expect_exit 1 "${run[@]}" fail.jsonl
expect_match "summary" "1 of 7 steps succeeded, 5 failed, 1 skipped" "$seen"
expect_match "summary" "step a on .*exit code 3" "$seen"
expect_match "summary" "\| the reason" "$seen"
expect_match "summary" "step b because of step a" "$seen"
expect_match "summary" "execve /no/such/program: No such file" "$seen"
expect_match "summary" "missing: never.mrc" "$seen"
expect_match "summary" "killed by SIGSEGV" "$seen"
expect_match "summary" "time limit" "$seen"
expect_no_file b.ran
expect_file c.ran

it "--on-error stop starts nothing new"
printf 'false\nuntil grep -qs "final.:.failed" stop.run/journal.jsonl; do sleep 0.05; done\ntouch late.ran\n' >stop.txt
expect_exit 1 "${run[@]}" stop.txt --threads 3 --on-error stop
expect_no_file late.ran
expect_match "summary" "waiting" "$seen"
expect_match "explain" "on-error stop, for 1, which has failed: exit code 1" "$("$gradus" explain stop.txt 3)"
expect_match "status" "error .*on-error stop: 1 has failed" "$("$gradus" status stop.txt)"
expect_match "report" "error: --on-error stop: 1 has failed" "$("$gradus" report stop.txt --json)"

it "ten mistakes are ten messages, and nothing is started"
cat >ten.jsonl <<'X'
{"command":"touch started"}
{"comand":"x"}
{"id":"a","command":"x","needs":["nobody"]}
{"id":"a","command":"x"}
{"id":"s","command":"x","needs":["s"]}
{"id":"p","command":"x","needs":["q"]}
{"id":"q","command":"x","needs":["p"]}
{"command":"x %(GPUS)s"}
{"command":"x","retries":-1}
{"command":"x","timeout":"soon"}
{"command":"x","gpus":"two"}
{"command":"x"
X
expect_exit 2 "${run[@]}" ten.jsonl
(($(grep -c 'ten.jsonl:[0-9]*:' <<<"$seen") >= 10)) || fail "at least ten messages with their places" "$seen"
expect_no_file started
expect_no_file ten.run

it "a run directory that no shell line may hold is a mistake where a command has it, before anything starts"
printf 'touch started\ncat x >%%(RUN_DIR)s/x\n' >blank.txt
expect_exit 2 "${run[@]}" blank.txt --run-dir "my project/blank.run"
expect_match "message" 'blank.txt:2: .*use "\$GRADUS_RUN_DIR" instead' "$seen"
expect_no_file started
expect_no_file "my project"

it "check counts what the file has"
printf 'true\n#GRADUS barrier=ended\ntrue\n#GRADUS barrier\ntrue\n' >count.txt
expect_exit 0 "$gradus" check count.txt
expect_match "counts" "3 steps, all well formed.* 2 barriers" "${seen//$'\n'/ }"

it "an empty name, an option in place of a value, a time beyond all times, too many slots: each a mistake that is named"
expect_exit 2 "${run[@]}" ""
expect_match "message" "name of the steps file is empty" "$seen"
expect_exit 2 "$gradus" check ""
for option in run-dir shell notify; do
  expect_exit 2 "${run[@]}" stop.txt --restart --$option ""
  expect_match "message" "--$option: its value is empty .a shell variable that is not set.*: give one, or leave the option out" "$seen"
done
expect_exit 2 "$gradus" simulate stop.txt --durations ""
for size in 0 0K 1; do
  expect_exit 2 "${run[@]}" stop.txt --restart --output-limit $size
  expect_match "message" "'$size' is no size from 4K on: write 500M, 2G or none" "$seen"
done
expect_exit 2 "${run[@]}" stop.txt --run-dir --resume
expect_match "message" "--run-dir: a value is missing: '--resume' is an option" "$seen"
expect_exit 2 "${run[@]}" stop.txt --time-limit 99999999999999999999
expect_exit 2 "${run[@]}" stop.txt --restart --threads 5000
expect_match "message" "more than the 4095 of one rank" "$seen"
printf 'touch started \\\n#GRADUS barrier\ntrue\n' >joined.txt
expect_exit 2 "${run[@]}" joined.txt
expect_match "message" "joined.txt:2:1: the line before ends in a backslash" "$seen"

it "a run option that stands twice in a steps file is a mistake, as on the command line"
printf '#GRADUS --threads 2\n#GRADUS --grace 3s\n#GRADUS --threads 3\ntouch started\n' >twice.txt
for more in "" "--threads 2"; do
  expect_exit 2 "${run[@]}" twice.txt $more
  expect_match "message" "twice.txt:3: --threads was given before, in line 1" "$seen"
done
expect_exit 2 "${run[@]}" stop.txt --threads 2 --threads 3
expect_no_file started

it "a run that the machine refuses at its start says so in summary.json"
echo true >refused.txt
expect_exit 3 bash -c "ulimit -n 20; exec '$gradus' run refused.txt --threads 20 --quiet"
expect_match "message" "ulimit -n .20. is too low" "$seen"
expect_match "summary.json" '"state": "interrupted"' "$(<refused.run/summary.json)"

it "wrong options are named with the nearest right one"
expect_exit 2 "${run[@]}" stop.txt --thread 3
expect_match "message" "did you mean --threads" "$seen"
expect_exit 2 "${run[@]}" stop.txt --gpus "5-3"
expect_match "message" "--gpus:1: '5-3' runs downwards" "$seen"
expect_exit 2 "$gradus" rum
expect_match "message" "did you mean 'run'" "$seen"
echo 'x %(GPU)s' >gpu.txt
expect_exit 2 "${run[@]}" gpu.txt --use-gpu no
expect_exit 2 "${run[@]}" gpu.txt --gpus none

# --- going on ------------------------------------------------------------------------------------------
it "a run directory that exists is refused, and a second run on it while it runs"
echo 'sleep 600' >long.txt
"${run[@]}" long.txt >/dev/null 2>&1 &
long=$!
at_exit "kill -9 $long 2>/dev/null"
wait_until 60 test -s long.run/journal.jsonl
expect_exit 2 "${run[@]}" long.txt --resume
expect_match "message" "in use by process $long on " "$seen"
kill -9 $long
wait $long 2>/dev/null || true
expect_exit 2 "${run[@]}" long.txt
expect_match "message" "--resume" "$seen"

it "kill -9 in mid-run: its step ends too, --resume runs what is left and nothing twice"
for ((i = 1; i <= 200; i++)); do echo "echo ran >>ran.$i; sleep 0.01"; done >kill.txt
# Not over before it is killed, however late that is.
sed -i '150s/^/until [ -e kill.go ]; do sleep 0.05; done; /' kill.txt
"${run[@]}" kill.txt --threads 3 >/dev/null 2>&1 &
killed=$!
wait_until 60 test -s ran.40
kill -9 $killed
wait $killed 2>/dev/null || true
touch kill.go
before=$(grep -o '"end":[0-9]*.*"final":"succeeded"' kill.run/journal.jsonl | cut -d : -f 2 | cut -d , -f 1 | sort -n)
expect_exit 0 "${run[@]}" kill.txt --threads 3 --resume
expect_match "message" "resuming: [0-9]+ of 200 steps succeeded before" "$seen"
for i in $before; do expect_equal "runs of step $i, reported before" 1 "$(wc -l <ran.$i)"; done
for ((i = 1; i <= 200; i++)); do expect_file ran.$i; done
expect_exit 0 "${run[@]}" kill.txt --threads 3 --resume
expect_match "message" "200 of 200 steps succeeded before; 0 to run" "$seen"

it "kill -9 while something that is deaf to TERM runs: a --resume at once waits for its end, and what it sums up stays"
# The first attempt leaves a process in its group that goes on until it is killed; the second looks for it.
cat >deaf.txt <<'X'
if mkdir first; then (trap '' TERM; echo $BASHPID >deaf.pid; touch deaf.begun; while :; do sleep 0.1; done) & wait; else case $(ps -o stat= -p "$(cat deaf.pid)") in "" | Z*) ;; *) touch both ;; esac; fi
X
sed -i "1i #GRADUS --shell bash" deaf.txt
"${run[@]}" deaf.txt --threads 1 >/dev/null 2>&1 &
killed=$!
wait_until 60 test -e deaf.begun
kill -9 $killed
wait $killed 2>/dev/null || true
expect_exit 0 "${run[@]}" deaf.txt --threads 1 --resume
expect_no_file both
expect_match "summary.json" '"state": "finished"' "$(<deaf.run/summary.json)"

it "a signal ends the waiting for what a killed life has left, with the code of a run that is stopped"
cat >hold.py <<'X'
import fcntl, struct, sys, time
lock = open(sys.argv[1])
fcntl.fcntl(lock, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 1, 1, 0))  # as guardians do
open("held", "w").close()
time.sleep(600)
X
python3 hold.py deaf.run/lock &
at_exit "kill $! 2>/dev/null"
wait_until 20 test -e held || fail "a lock" "none"
for signal in TERM:75 INT:130; do
  rm -f wait.log
  set -m  # else a child in the background ignores INT
  "${run[@]}" deaf.txt --threads 1 --resume >wait.log 2>&1 &
  pid=$!
  set +m
  wait_until 20 grep -qs "waiting until what the last life has left" wait.log || fail "a word about it" "$(<wait.log)"
  kill -"${signal%:*}" $pid
  await_end 60 $pid
  expect_equal "exit code" "${signal#*:}" $code
done
expect_match "message" "stopped while it waited" "$(<wait.log)"
expect_exit 2 "${run[@]}" deaf.txt --threads 1  # not after waiting

it "--resume on nothing starts afresh; a line inserted above changes nothing; a changed line runs again"
printf 'echo a >>again.a\necho b >>again.b\n' >again.txt
expect_exit 0 "${run[@]}" again.txt --resume
printf 'echo new >>again.new\necho a >>again.a\necho B >>again.b\n' >again.txt
expect_exit 0 "${run[@]}" again.txt --resume
expect_equal "runs" "a b B new" "$(cat again.a again.b again.new | paste -sd ' ')"

seen_fault "gradus alone is killed in mid-run" "its step ends too; \`--resume\` runs what is left"
# --- signals -------------------------------------------------------------------------------------------
# $1: signals to send; $2: exit code. The run has one step that lasts and one that waits.
has_stops() { [[ $(grep -c '"stop":' "$1/journal.jsonl") -ge $2 ]]; }
stopped_by() {
  local signal code=0 pid sent=0
  rm -rf sig.run sig.*.ran
  rm -f sig.go
  printf 'until [ -e sig.go ]; do sleep 0.05; done; touch sig.1.ran\ntouch sig.2.ran\n' >sig.txt
  "${run[@]}" sig.txt --threads 1 --grace 60s >sig.log 2>&1 &
  pid=$!
  wait_until 60 test -e sig.run/logs/1.out
  for signal in $1; do
    kill -"$signal" $pid
    wait_until 60 has_stops sig.run $((++sent)) || fail "stop $sent" "$(<sig.log)"
  done
  [[ $1 == *" "* ]] || touch sig.go
  wait $pid || code=$?
  expect_equal "exit code after $1" "$2" "$code"$([[ $code == "$2" ]] || cat sig.log)
  expect_no_file sig.2.ran
}
it "TERM, USR1 and USR2 let the running step end and exit with 75, INT with 130"
for signal in TERM USR1 USR2; do
  stopped_by $signal 75
  expect_file sig.1.ran
  grep -q "\"why\":\"signal $signal\"" sig.run/journal.jsonl || fail "the signal in the journal" "$(grep '"stop"' sig.run/journal.jsonl)"
done
stopped_by INT 130
expect_file sig.1.ran
it "a second TERM ends the running step"
stopped_by "TERM TERM" 75
expect_no_file sig.1.ran

it "signals while it reads its input end it as any program; while it starts, nothing is started any more"
mkfifo slow_input
if [[ -z ${TSAN_OPTIONS:-} ]]; then  # it keeps signals back until the next call, which a read that waits never comes to
  set -m
  "${run[@]}" slow_input >slow.log 2>&1 &
  pid=$!
  set +m
  exec {input}>slow_input  # returns when it reads there
  kill -INT $pid
  await_end 60 $pid
  expect_equal "exit code" 130 $code
  exec {input}>&-
fi
"${run[@]}" slow_input >slow.log 2>&1 &
pid=$!
exec {input}>slow_input
kill -USR1 $pid
echo 'touch sig.2.ran' >&$input
exec {input}>&-
await_end 60 $pid
expect_equal "exit code" 75 $code
expect_no_file sig.2.ran
expect_match "journal" '"stop":"drain"' "$(<slow_input.run/journal.jsonl)"

it "a third TERM kills what ignores the second, whatever the grace"
echo "trap '' TERM; echo deaf; while :; do sleep 1; done" >third.txt
"${run[@]}" third.txt --threads 1 --grace 100s >third.log 2>&1 &
pid=$!
wait_until 60 grep -qs deaf third.run/logs/1.out
for ((i = 1; i <= 3; i++)); do
  kill -TERM $pid
  wait_until 60 has_stops third.run $i || fail "stop $i" "$(<third.log)"
done
await_end 60 $pid
expect_equal "exit code" 75 $code
expect_match "journal" '"outcome":"cancelled","code":9' "$(<third.run/journal.jsonl)"

it "--time-limit: what would not end in time waits for --resume, 75; a life that achieved nothing ends with 1"
printf 'true\nsleep 60\ntouch limit.ran\n' >limit.txt
expect_exit 75 "${run[@]}" limit.txt --threads 1 --time-limit 8s --grace 1s
expect_match "summary" "1 of 3 steps succeeded, 2 waiting" "$seen"
expect_match "summary" "time limit" "$seen"
expect_no_file limit.ran
echo 'sleep 60' >nothing.txt
expect_exit 1 "${run[@]}" nothing.txt --threads 1 --time-limit 1s

it "a retry that would come after the limit is not waited for"
printf '{"command":"true"}\n{"command":"exit 3","retries":3}\n' >late.jsonl
begin=$SECONDS
expect_exit 75 "${run[@]}" late.jsonl --time-limit 60s --retry-delay 600s
((SECONDS - begin < 50)) || fail "an end before the limit" "after $((SECONDS - begin)) s"
expect_match "summary" "1 of 2 steps succeeded, 1 waiting" "$seen"

it "explain says so where a step was left for lack of time"
printf '{"command":"true"}\n{"id":"long","command":"sleep 100","cost":100}\n' >lack.jsonl
expect_exit 75 "${run[@]}" lack.jsonl --time-limit 20s --grace 1s
expect_exit 0 "$gradus" explain lack.run long
expect_match "reason" "it may take 1m 40s by its cost, .*time limit.*left to --resume" "$seen"

it "standard input is a steps file too, with its run directory stdin.run"
expect_exit 0 bash -c "echo 'echo from stdin' | '$gradus' run -"
expect_equal "output" "from stdin" "$(<stdin.run/logs/1.out)"

it "a full disk under the journal stops the run with 3 and loses nothing that was written"
if mkdir full && mount -t tmpfs -o size=200k tmpfs full 2>/dev/null; then
  at_exit "umount -l '$scratch/full'"
  for ((i = 1; i <= 3000; i++)); do echo "true"; done >full.txt
  expect_exit 3 "${run[@]}" full.txt --run-dir full/run --quiet
  expect_match "summary" "No space left" "$seen"
else
  echo "  (no tmpfs may be mounted here)"
fi
