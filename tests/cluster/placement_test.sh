#!/bin/bash
# Runs over three hosts, judged by what the steps saw: needs the bed h0..h3.
#   placement_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/expect.sh"
. "$here/../mpi/placement.sh"
gradus=$(readlink -f "$1")
hosts=$here/hosts motioncor2=$here/motioncor2
check_records=$(readlink -f "$here/../support/check_records")
make_scratch
cd "$scratch"
touch movie.mrc
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
export MOTIONCOR2_RECORDS=$scratch/records

# over HOSTS NP MAP STEPS OPTIONS...: runs steps.txt; the first host of HOSTS has the master.
over() {
  local where=$1 np=$2 map=$3
  shift 3
  rm -rf steps.run records
  expect_exit 0 timeout -k 5 120 "$hosts" mpirun -np "$np" --map-by "$map" --host "$where" -x MOTIONCOR2_RECORDS ${ASAN_OPTIONS:+-x ASAN_OPTIONS} \
    "$gradus" run "$scratch/steps.txt" --quiet "$@"
}
# "HOST:LOCAL_RANK=GPUS", sorted.
gpus_by_local_rank() { awk '{print $1 ":" $3 "=" $8}' records | sort -u | paste -sd ' '; }
all_gpus() { for host in "$@"; do printf '%s:%s,' $host 0 $host 1 $host 2 $host 3; done | sed 's/,$//'; }

motioncor2_steps steps 120 40
for map in node slot; do
  it "1, 2 and 3 worker ranks and the master on the second host, by $map: every host's four GPUs dealt out whole"
  over h2:3,h1:1,h3:3 7 $map --gpus 0-3 --threads 1
  expect_equal "who had what" "h1:0=0,1,2,3 h2:0=0,1 h2:1=2,3 h3:0=0,1 h3:1=2 h3:2=3" "$(gpus_by_local_rank)"
  expect_exit 0 "$check_records" records --steps 120 --gpus "$(all_gpus h1 h2 h3)"
done

it "threads as well as ranks: four slots on each host, one GPU each"
over h1:1,h2:2,h3:2 5 slot --gpus 0-3 --threads 2
expect_equal "who had what" "h2:0=0 h2:0=1 h2:1=2 h2:1=3 h3:0=0 h3:0=1 h3:1=2 h3:1=3" "$(gpus_by_local_rank)"
expect_exit 0 "$check_records" records --steps 120

it "rank 0 works too on its own host with --master-works; without, its GPUs are told to idle"
over h1:1,h2:1,h3:1 3 node --gpus 0-3 --threads 1 --master-works
expect_equal "who had what" "h1:0=0,1,2,3 h2:0=0,1,2,3 h3:0=0,1,2,3" "$(gpus_by_local_rank)"
over h1:1,h2:1,h3:1 3 node --gpus 0-3 --threads 1
expect_match "note" "h1.*master-works" "$seen"

it "a list per host"
over h1:1,h2:1,h3:1 3 node --gpus "h2=0; h3.some.domain=2,3; *=1" --threads 1
expect_equal "who had what" "h2:0=0 h3:0=2,3" "$(gpus_by_local_rank)"

it "hundreds of movies over three hosts never meet on a GPU"
motioncor2_steps steps 400 1
over h2:3,h1:1,h3:3 7 node --gpus 0-3 --threads 1
expect_exit 0 "$check_records" records --steps 400 --gpus "$(all_gpus h1 h2 h3)"

it "kill -9 of a rank on another host: its steps end there, the journal tells the truth, --resume goes on"
for ((i = 1; i <= 60; i++)); do echo "echo x >>ran.$i; sleep 0.05"; done >lost.txt
echo 'test -e once || { touch once; sleep 765.4; }' >>lost.txt
timeout -k 5 120 "$hosts" mpirun -np 3 --map-by node --host h1:1,h2:1,h3:1 ${ASAN_OPTIONS:+-x ASAN_OPTIONS} "$gradus" run "$scratch/lost.txt" --threads 1 >lost.log 2>&1 &
pid=$!
sleeper_on() { "$hosts" exec "$1" pgrep -f 'sleep 765[.]4' 2>/dev/null; }
anywhere() { sleeper_on h2 || sleeper_on h3; }
wait_until 90 test -e once || fail "the last step" "$(cat lost.log)"
wait_until 60 anywhere >/dev/null || fail "a sleep on h2 or h3" "$(cat lost.log)"
for host in h2 h3; do
  [[ -z $(sleeper_on $host) ]] || "$hosts" exec $host pkill -9 -x gradus
done
code=0; wait $pid || code=$?
((code != 0)) || fail "an exit code other than 0" 0
nowhere() { ! anywhere >/dev/null; }
wait_until 30 nowhere || fail "no sleep left on any host" "$(anywhere)"
before=$(grep -o '"end":[0-9]*.*"final":"succeeded"' lost.run/journal.jsonl | cut -d : -f 2 | cut -d , -f 1)
expect_exit 0 timeout -k 5 120 "$hosts" mpirun -np 3 --map-by node --host h1:1,h2:1,h3:1 ${ASAN_OPTIONS:+-x ASAN_OPTIONS} "$gradus" run "$scratch/lost.txt" --threads 1 --resume
for i in $before; do expect_equal "runs of step $i, reported before" 1 "$(wc -l <ran.$i)"; done
