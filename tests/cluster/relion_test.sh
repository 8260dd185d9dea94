#!/bin/bash
# The demo's RELION chain over three hosts: the same files as a sequential run, bit for bit. Needs the bed h0..h3.
#   relion_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/expect.sh"
gradus=$(readlink -f "$1")
pieces=$(readlink -f "$here/../../scripts/demo.d")
command -v relion_refine >/dev/null || cannot_run_here "RELION is not installed (apt-get install --no-install-recommends relion)"
make_scratch
cd "$scratch"
"$pieces/build" tools >/dev/null
tools/make-movies input 4
for way in reference hosts; do
  mkdir $way
  "$pieces/write-chain" $way 4 input >/dev/null
done
(cd reference && sh chain.sh) >reference.log 2>&1 || fail "the sequential chain to run" "$(tail -n 20 reference.log)"

it "the chain over three hosts gives the sequential run's files, and the truth"
cd hosts
expect_exit 0 timeout -k 5 300 "$here/hosts" mpirun -np 4 --map-by node --host h1:2,h2:1,h3:1 ${ASAN_OPTIONS:+-x ASAN_OPTIONS} \
  "$gradus" run chain.jsonl --gpus "0 1" --quiet
cd ..
expect_match "summary" "h1: .*GPU slot" "$seen"
for host in h2 h3; do expect_match "summary" "busy       $host: [0-9]+ GPU slots? [1-9]" "$seen"; done
expect_exit 0 "$pieces/compare-results" reference hosts
expect_exit 0 tools/check-truth hosts
