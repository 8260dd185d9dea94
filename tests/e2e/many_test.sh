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
yes true | head -n "$steps" >many.txt || true
case $way in
  alone) command=("$gradus" run many.txt --threads 3 --quiet) ;;
  mpi) command=("$mpiexec" -np 3 "$gradus" run many.txt --threads 1 --quiet) ;;
esac

it "$steps steps finish, $way"
expect_exit 0 timeout -k 5 1500 "${command[@]}"
expect_match "summary" "$steps of $steps steps succeeded" "$seen"
grep -E 'wall time|busy' <<<"$seen"

it "every one is journalled once"
expect_equal "steps that succeeded" "$steps" "$(grep -o '"end":[0-9]*' many.run/journal.jsonl | sort -u | wc -l)"
expect_equal "records of an end" "$steps" "$(grep -c '"final":"succeeded"' many.run/journal.jsonl)"
