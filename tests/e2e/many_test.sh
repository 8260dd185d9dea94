#!/bin/bash
# A hundred thousand steps, alone or under mpirun: each is journalled once, memory stays, time is linear.
#   many_test.sh alone|mpi GRADUS [MPIEXEC]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
way=$1 gradus=$(readlink -f "$2") mpiexec=${3:-mpirun} steps=${GRADUS_MANY_STEPS:-100000}
make_scratch
cd "$scratch"
mpi_environment
# finishes N: a run of N steps; leaves the master's peak memory in $rss (KiB) and its wall time in $wall.
finishes() {
  yes true | head -n "$1" >many.txt || true
  case $way in
    alone) command=("$gradus" run many.txt --threads 3 --quiet --restart) ;;
    mpi) command=("$mpiexec" -np 3 "$gradus" run many.txt --threads 1 --quiet --restart) ;;
  esac
  expect_exit 0 timeout -k 5 1500 "${command[@]}"
  expect_match "summary" "$1 of $1 steps succeeded" "$seen"
  rss=$(sed -n 's/.*"master_max_rss_kib": \([0-9]*\).*/\1/p' many.run/summary.json)
  wall=$(sed -n 's/.*"wall_s": \([0-9]*\).*/\1/p' many.run/summary.json)
}

it "10000 steps finish, and then up to $steps, $way"
few=10000
finishes $few
few_rss=$rss few_wall=$wall
# On a slow machine as many as it does in some minutes; the slope below can be seen on half of them too.
for ((; steps > 30000 && steps / few * few_wall > 150; steps -= 10000)); do :; done
finishes "$steps"
echo "  $few steps: $few_wall s, $few_rss KiB; $steps steps: $wall s, $rss KiB"

it "every one is journalled once"
expect_equal "steps that succeeded" "$steps" "$(grep -o '"end":[0-9]*' many.run/journal.jsonl | sort -u | wc -l)"
expect_equal "records of an end" "$steps" "$(grep -c '"final":"succeeded"' many.run/journal.jsonl)"

it "the master's memory grows by the steps file and its graph, not by what has finished"
# 200 bytes a step for graph, states, keys and queues; a record kept of each end would be more than that again.
grown=$(((rss - few_rss) * 1024 / (steps - few)))
((grown <= 300)) || fail "at most 300 bytes more for each step" "$grown"
