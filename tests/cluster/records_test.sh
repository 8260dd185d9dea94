#!/bin/bash
# Tests the stand-in MotionCor2 and the judge of its records: needs neither root nor a bed.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/expect.sh"
motioncor2=$here/motioncor2
check=$here/../support/check_records
make_scratch
cd "$scratch"
export MOTIONCOR2_LOCKS=$scratch/locks MOTIONCOR2_RECORDS=$scratch/records
mkdir locks
touch movie.mrc

it "makes its output and one whole record of what it was told"
expect_exit 0 env GRADUS_RANK=3 GRADUS_LOCAL_RANK=1 GRADUS_THREAD=2 GRADUS_SLOT=5 GRADUS_ATTEMPT=1 GRADUS_STEP=17 \
  "$motioncor2" -InMrc movie.mrc -OutMrc out.mrc -Gpu 0 1 -Patch 5 5 -Tilt -60 2 -HoldMs 3
expect_file out.mrc
expect_match "record" "^$(</proc/sys/kernel/hostname) 3 1 2 5 1 17 0,1 [0-9]{19} [0-9]{19}$" "$(<records)"
read -r _ _ _ _ _ _ _ _ start end <records
((end - start >= 3000000)) || fail "3 ms at least" "$((end - start)) ns"

it "fails when an id of its host is held, and not when another is"
"$motioncor2" -Gpu 1 -HoldMs 60000 &
holder=$!
# Asked by looking: a try to lock would be in the holder's way.
held() { pgrep -P $holder -x sleep >/dev/null; }
wait_until 30 held || fail "GPU 1 held" "it is free"
expect_exit 1 "$motioncor2" -Gpu 0 1
expect_match "message" "GPU 1 of .* used by another process" "$seen"
expect_exit 0 "$motioncor2" -Gpu 0 2
expect_exit 0 env MOTIONCOR2_LOCKS="$scratch" "$motioncor2" -Gpu 1

it "a killed one holds its id as long as its last process lives, and no longer"
sleeps() { sleeper=$(<"/proc/$holder/task/$holder/children") && [[ $(cat /proc/${sleeper% }/comm 2>/dev/null) == sleep ]]; }
wait_until 30 sleeps || fail "a child that sleeps" "none"
kill -KILL $holder
await_end 60 $holder
expect_equal "exit code of the killed one" 137 $code
expect_exit 1 "$motioncor2" -Gpu 1
kill -KILL $sleeper
free() { flock -n "$MOTIONCOR2_LOCKS/motioncor2-gpu-1" true; }
wait_until 30 free || fail "GPU 1 free" "it is held"
expect_exit 0 "$motioncor2" -Gpu 1

it "fails without its movie, or with what is no id"
expect_exit 1 "$motioncor2" -InMrc none.mrc -OutMrc x.mrc -Gpu 0
expect_no_file x.mrc
expect_exit 1 "$motioncor2" -Gpu 'all'

# --- the judge; times below are in µs -------------------------------------------------------------------
records() { sed -E 's/([0-9]+) ([0-9]+)$/\1000 \2000/' >records; }

it "two steps of one host on one GPU at once are an offence, unless as many are allowed"
records <<R
h1 1 0 1 0 1 a 0,1 100 200
h2 2 0 1 1 1 b 0,1 100 200
h1 3 1 1 2 1 c 2 150 250
h1 1 0 1 0 1 d 1 200 300
R
expect_exit 0 "$check" records
expect_equal "numbers" "4 steps on 5 GPUs, at most 1 at once on one" "$seen"
records <<R
h1 1 0 1 0 1 a 0,1 100 201
h1 3 1 1 2 1 d 1 200 300
h1 4 1 1 3 1 e 1 250 260
R
expect_exit 1 "$check" records
expect_match "offence" "step d started on GPU h1:1 beside a" "$seen"
expect_match "offence" "step e started on GPU h1:1 beside d" "$seen"
expect_exit 0 "$check" records --at-once 2
expect_exit 0 "$check" records --at-once any

it "two steps at once on one slot are an offence, GPUs or not"
records <<R
h1 1 0 1 0 1 a - 100 200
h1 1 0 1 0 1 b - 199 300
R
expect_exit 1 "$check" records --at-once any
expect_match "offence" "step b started on slot 0 beside a" "$seen"

it "each step must be there once"
records <<R
h1 1 0 1 0 1 1 0 100 200
h1 1 0 1 0 1 3 0 200 300
h1 1 0 1 0 2 3 0 300 400
R
expect_exit 1 "$check" records --steps 2
expect_match "offence" "step 2 has ended 0 times" "$seen"
expect_match "offence" "step 3 was not asked for" "$seen"
expect_exit 1 "$check" records --steps 3
expect_match "offence" "step 3 has ended 2 times" "$seen"
printf '1\n3\n' >names
sed -i '$d' records
expect_exit 0 "$check" records --step-names names

it "exactly the given GPUs must have been used"
expect_exit 0 "$check" records --gpus h1:0
expect_exit 1 "$check" records --gpus h1:0,h1:1
expect_equal "offence" "offence: GPU h1:1 was not used
2 steps on 1 GPUs, at most 1 at once on one" "$seen"
expect_exit 1 "$check" records --gpus h1:1
expect_match "offence" "GPU h1:0 was used" "$seen"

it "a torn line, an empty file that should not be one and a wrong call are no success"
echo "h1 1 0 1 0 1 1 0 100" >records
expect_exit 1 "$check" records
: >records
expect_exit 1 "$check" records --steps 1
expect_exit 2 "$check" records --steps one
expect_exit 2 "$check" missing
