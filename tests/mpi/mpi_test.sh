#!/bin/bash
# Runs under mpirun on one host, judged by what the steps saw.
#   mpi_test.sh GRADUS MPIEXEC WHO       WHO: tests/cluster/who.c, a small MPI program
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
. "$here/ranks.sh"
. "$here/placement.sh"
gradus=$(readlink -f "$1") mpiexec=$2 who=$(readlink -f "$3")
motioncor2=$(readlink -f "$here/../cluster/motioncor2")
check_records=$(readlink -f "$here/../support/check_records")
host=$(</proc/sys/kernel/hostname)
nap=432.$$  # its own, so that its steps can be told from others'
make_scratch
cd "$scratch"
mkdir locks
touch movie.mrc
mpi_environment
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
# ranks N: mpirun with N ranks, then gradus run
ranks() { command=("$mpiexec" -np "$1" "$gradus" run); }

# --- the seed cases as ranks: the master has no slot -----------------------------------------------------
ranks 3
placement "-np 3 with 0 1: a GPU each" "0=0 1=1" "0 1" -- "${command[@]}" --threads 1
placement "-np 3 with 0 1 2 3: two GPUs each" "0=0,1 1=2,3" "0 1 2 3" -- "${command[@]}" --threads 1
placement "2 x 2 ranks by threads with 0 1 2 3: one each" "0=0 1=1 2=2 3=3" "0 1 2 3" -- "${command[@]}" --threads 2
placement "no thread count: as many slots as GPUs" "0=0 1=1 2=2 3=3" "0-3" -- "${command[@]}"
placement "five GPUs on two ranks" "0=0,1,2 1=3,4" "0-4" -- "${command[@]}" --threads 1
ranks 2
placement "-np 2: one worker has all" "0=0,1" "0 1" -- "${command[@]}" --threads 1
placement "--master-works: rank 0 has slots too" "0=0 1=1" "0 1" -- "${command[@]}" --threads 1 --master-works
ranks 5
placement "-np 5 with four GPUs" "0=0 1=1 2=2 3=3" "0-3" -- "${command[@]}" --threads 1

it "-np 5 with 0 1: two slots for each GPU"
for ((i = 0; i < 24; i++)); do echo "sleep 0.05; echo %(SLOT)s=%(GPU)s >>seen"; done >five.txt
expect_exit 0 timeout -k 5 60 "${command[@]}" five.txt --gpus "0 1" --threads 1
expect_equal "slots and their GPUs" "0=0 1=1 2=0 3=1" "$(sort -u seen | paste -sd ' ')"
expect_match "note" "--gpu-sharing exclusive" "$seen"

it "hundreds of movies on four ranks never meet on a GPU"
rm -rf steps.run records
motioncor2_steps steps 300 1
expect_exit 0 env MOTIONCOR2_RECORDS="$PWD/records" MOTIONCOR2_LOCKS="$PWD/locks" \
  timeout -k 5 100 "${command[@]}" steps.txt --gpus 0-3 --threads 1 --quiet
expect_exit 0 "$check_records" records --steps 300 --gpus "$host:0,$host:1,$host:2,$host:3"

it "-np 1 is a run alone"
echo 'echo %(RANK)s %(GPU)s >one' >one.txt
ranks 1
expect_exit 0 timeout -k 5 60 "${command[@]}" one.txt --gpus "0 1" --threads 2
expect_equal "rank and GPUs" "0 0 1" "$(<one)"

# --- steps that are MPI programs ---------------------------------------------------------------------------
it "a step may be an mpirun of its own, and a single MPI process"
cat >nested.txt <<X
$mpiexec -np 2 $who >nested.out
$who >single.out
X
ranks 3
expect_exit 0 timeout -k 5 60 "${command[@]}" nested.txt --threads 1
expect_equal "ranks of the nested mpirun" "2" "$(grep -c "rank [01] on $host" nested.out)"
expect_match "single process" "rank 0 on $host" "$(<single.out)"

it "a gradus inside a step deals out that step's GPUs only"
echo 'echo %(GPU)s >>inner.seen' >inner.txt
echo "$gradus run $PWD/inner.txt --threads 2 --run-dir inner.%(SLOT)s" >outer.txt
expect_exit 1 timeout -k 5 60 "${command[@]}" outer.txt --gpus "4 5 6 7" --threads 1 --use-gpu yes
expect_match "why the step without GPU has failed" "GRADUS_USE_GPU" "$seen"
expect_no_file inner.seen
echo '{"command":"'"$gradus run $PWD/inner.txt --threads 2 --run-dir inner.%(SLOT)s --restart"'","gpus":1}' >masked.jsonl
expect_exit 0 timeout -k 5 60 "${command[@]}" masked.jsonl --gpus "4 5" --threads 1
expect_equal "GPU of the inner run" "0" "$(sort -u inner.seen)"

# --- errors: said once, by one rank, and every rank leaves ------------------------------------------------
it "a bad steps file is told once and ends all ranks with 2"
echo 'x %(GPUS)s' >bad.txt
expect_exit 2 timeout -k 5 60 "${command[@]}" bad.txt
expect_equal "messages" 1 "$(grep -c 'unknown mark' <<<"$seen")"
expect_exit 2 timeout -k 5 60 "${command[@]}" nothing-there.txt
expect_exit 2 timeout -k 5 60 "${command[@]}" one.txt --gpus "0 | 1 | 2" --threads 1 --run-dir other.run
expect_match "message" "3 GPU groups for the 2 slots" "$seen"

it "plan prints the map under mpirun, and runs nothing"
expect_exit 0 timeout -k 5 60 "$mpiexec" -np 3 "$gradus" plan --gpus 0-3 --json
expect_equal "GPUs" 4 "$(grep -c '"position"' <<<"$seen")"

it "a failing step gives exit code 1, and what needs several GPUs gets them from one rank"
cat >several.jsonl <<'X'
{"command":"echo %(GPU)s >two.gpus","gpus":2}
{"command":"false"}
X
expect_exit 1 timeout -k 5 60 "${command[@]}" several.jsonl --gpus 0-3 --threads 2
expect_match "GPUs" "^(0 1|2 3)$" "$(<two.gpus)"
expect_exit 2 timeout -k 5 60 "${command[@]}" several.jsonl --gpus "0 1" --threads 1 --restart
expect_match "message" "fewer ranks with more threads" "$seen"

# --- ends ----------------------------------------------------------------------------------------------------
hydra=0
# Not through grep -q: it leaves at the first match, and mpiexec may die of what it still had to say (pipefail).
[[ $("$mpiexec" --version 2>&1) != *HYDRA* ]] || hydra=1
# mpirun passes USR1 and USR2 on to its ranks; Hydra keeps it, so there it is for rank 0.
# $1: signal; $2: process.
drain() { if ((hydra)); then kill "-$1" "$(ranks_under "$2" | head -n 1)"; else pkill "-$1" -P "$2"; fi; }
runs() { pgrep -f "sleep $1" >/dev/null; }
gone() { ! runs "$1"; }

it "USR1 or USR2 to mpirun drains: what runs ends, the rest waits, 75, --resume goes on"
printf 'until [ -e drain.go ]; do sleep 0.05; done; echo x >>drain.1\necho x >>drain.2\n' >drain.txt
ranks 2
for signal in USR1 USR2; do
  rm -rf drain.run drain.go drain.1 drain.2
  timeout -k 5 60 "${command[@]}" drain.txt --threads 1 >drain.log 2>&1 &
  pid=$!
  wait_until 60 test -e drain.run/logs/1.out
  drain $signal $pid
  wait_until 20 grep -q '"stop":"drain"' drain.run/journal.jsonl || fail "a drain in the journal" "$(tail -n 2 drain.run/journal.jsonl)"
  touch drain.go
  code=0; wait $pid || code=$?
  expect_equal "exit code after $signal" 75 $code
  expect_file drain.1
  expect_no_file drain.2
  expect_exit 0 timeout -k 5 60 "${command[@]}" drain.txt --threads 1 --resume
  expect_equal "runs" "x x" "$(cat drain.1 drain.2 | paste -sd ' ')"
done

it "TERM to mpirun ends the steps, grandchildren too, in time"
echo "sh -c 'sleep ${nap}1 & sleep ${nap}1; true'" >term.txt
timeout -k 5 60 "${command[@]}" term.txt --threads 1 >term.log 2>&1 &
pid=$!
wait_until 60 runs "${nap}1"
pkill -TERM -P $pid
wait $pid || true
wait_until 30 gone "${nap}1" || fail "no sleep left" "$(pgrep -fa "sleep $nap")"

seen_fault "TERM to mpirun" "steps and their children end in time"
it "kill -9 of a worker rank ends its steps, and the run; --resume goes on"
rm -rf lost.run
for ((i = 1; i <= 40; i++)); do echo "echo x >>lost.$i; sleep 0.05"; done >lost.txt
echo "test -e lost.once || { touch lost.once; sleep ${nap}2; }" >>lost.txt
ranks 3
timeout -k 5 60 "${command[@]}" lost.txt --threads 1 >lost.log 2>&1 &
pid=$!
wait_until 30 test -e lost.once
wait_until 20 runs "${nap}2"
worker=$(ranks_under $pid | tail -n 1)
kill -9 "$worker"
code=0; wait $pid || code=$?
((code != 0)) || fail "an exit code other than 0" 0
wait_until 30 gone "${nap}2" || fail "no sleep left" "$(pgrep -fa "sleep $nap")"
interrupted() { grep -q '"state": "\(interrupted\|stopped\)"' lost.run/summary.json; }
wait_until 30 interrupted || fail "a summary.json that does not say finished" "$(cat lost.run/summary.json)"
# Unless the master was kept from its turn for the whole second that mpirun leaves it.
if grep -q '^{"gone":' lost.run/journal.jsonl; then
  expect_match "the cause in summary.json" 'rank 2 was lost|"rank": 2' "$(<lost.run/summary.json)"
fi
before=$(grep -o '"end":[0-9]*.*"final":"succeeded"' lost.run/journal.jsonl | cut -d : -f 2 | cut -d , -f 1)
expect_exit 0 timeout -k 5 60 "${command[@]}" lost.txt --threads 1 --resume
for i in $before; do expect_equal "runs of step $i, reported before" 1 "$(wc -l <lost.$i)"; done

seen_fault "a worker rank is killed (KILL)" "its steps end, the run ends with mpirun's own code, \`interrupted\`; \`--resume\` goes on"
it "kill -9 of everything, then --resume: all succeeded, nothing reported runs again"
rm -rf all.run
for ((i = 1; i <= 150; i++)); do echo "echo x >>all.$i; sleep 0.01"; done >all.txt
# Not over before it is killed, however late that is.
sed -i '100s/^/until [ -e all.go ]; do sleep 0.05; done; /' all.txt
timeout -k 5 60 "${command[@]}" all.txt --threads 1 >all.log 2>&1 &
pid=$!
wait_until 60 test -e all.60
mapfile -t victims < <(ranks_under $pid; pgrep -P $pid)
kill -9 "${victims[@]}"
wait $pid || true
touch all.go
before=$(grep -o '"end":[0-9]*.*"final":"succeeded"' all.run/journal.jsonl | cut -d : -f 2 | cut -d , -f 1)
expect_exit 0 timeout -k 5 60 "${command[@]}" all.txt --threads 1 --resume
for i in $before; do expect_equal "runs of step $i, reported before" 1 "$(wc -l <all.$i)"; done
for ((i = 1; i <= 150; i++)); do expect_file all.$i; done
seen_fault "mpirun and all ranks are killed at once" "\`--resume\` goes on; what was reported has run once"

it "ranks of one machine ring each other, and so look at MPI a few times a second"
ranks 3
echo "chrt -p \$\$ >turns.%(SLOT)s; until [ -e go ]; do sleep 0.05; done" >bell.txt
cat bell.txt bell.txt >both.txt && mv both.txt bell.txt
timeout -k 5 60 "${command[@]}" bell.txt --threads 1 >bell.log 2>&1 &
pid=$!
wait_until 60 test -s turns.0 -a -s turns.1
# How often the thread that looks at MPI has slept.
naps() { awk '/^voluntary/ { print $2 }' /proc/$1/task/$1/status; }
# Short turns (node/short_turns.h) come with this mark, which says that children do not have them.
has_short_turns() { chrt -p "$1" | grep RESET_ON_FORK >/dev/null; }
for rank in $(ranks_under $pid); do wait_until 30 has_short_turns "$rank" || fail "short turns of rank $rank" "$(chrt -p "$rank")"; done
expect_no_match "turns of a step" "RESET_ON_FORK" "$(cat turns.0 turns.1)"
sleep 1
declare -A before=() since=()
milliseconds() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
for rank in $(ranks_under $pid); do since[$rank]=$(milliseconds) before[$rank]=$(naps "$rank"); done
expect_equal "ranks" 3 ${#before[@]}
sleep 2
# Unrung a rank naps for 50 ms at most: 20 times a second.
for rank in "${!before[@]}"; do
  count=$(($(naps "$rank") - before[$rank])) passed=$(($(milliseconds) - since[$rank]))
  ((count * 1000 < 15 * passed)) || fail "less than 15 naps of rank $rank a second" "$count in $passed ms"
done
touch go
code=0; wait $pid || code=$?
expect_equal "exit code" 0 $code

it "short steps wait at the slots; what waits behind one that is longer than its like runs elsewhere, once"
ranks 3
# Step 40, which is like the others by its words, lasts until these have run: what waits behind it must go elsewhere.
for ((i = 1; i <= 120; i++)); do
  echo "sleep 0.002; until [ $i != 40 ] || [ \$(wc -l <waited) -ge 119 ]; do sleep 0.05; done; echo $i >>waited; echo %(ATTEMPT)s >>attempts"
done >wait.txt
expect_exit 0 timeout -k 5 100 "${command[@]}" wait.txt --threads 1 --prefetch 0.5s
expect_equal "steps that ran, each once" "$(seq 120 | paste -sd ' ')" "$(sort -n waited | paste -sd ' ')"
((waited = $(grep -c '"waits":true' wait.run/journal.jsonl))) || fail "steps that waited at a slot" 0
called_back=$(grep -o '"end":[0-9]*,.*"outcome":"cancelled"' wait.run/journal.jsonl | grep -o '^"end":[0-9]*' | cut -d : -f 2 || true)
expect_equal "what the steps were told of earlier attempts" 1 "$(sort -u attempts)"
expect_match "summary" " 120 attempts( |$)" "$(grep 'wall time' <<<"$seen")"
[[ -n $called_back ]] || fail "steps that were called back from behind step 40" "none of $waited that waited"
expect_no_match "what failed or was lost" '"outcome":"(exit_code|signal)"|"lost"' "$(<wait.run/journal.jsonl)"
