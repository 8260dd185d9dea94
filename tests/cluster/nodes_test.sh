#!/bin/bash
# A step that is an MPI program over several hosts, judged by where its ranks were: needs the bed h0..h3.
#   nodes_test.sh GRADUS MPIEXEC WHO
# The step runs on h0, the one host from which this bed can reach the others as ssh would.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/expect.sh"
gradus=$(readlink -f "$1") mpiexec=$2 who=$(readlink -f "$3")
hosts=$here/hosts
make_scratch
cd "$scratch"

over() {
  rm -rf steps.run
  expect_exit "$1" timeout -k 5 120 "$hosts" mpirun -np 4 --map-by node --host h0:1,h2:2,h3:1 -x OMPI_MCA_plm_rsh_agent \
    ${ASAN_OPTIONS:+-x ASAN_OPTIONS} "$gradus" run "$scratch/steps.jsonl" --master-works --threads 2 --quiet --gpus none
}

it "an mpirun of a step reaches the nodes of its host file, which nobody else uses meanwhile"
{
  for ((i = 1; i <= 12; i++)); do echo '{"command":"date +%s.%N >>busy; sleep 0.2; date +%s.%N >>busy"}'; done
  echo '{"id":"wide","nodes":3,"priority":1,"command":"cat %(HOSTFILE)s >hosts; date +%s.%N >from; '"$mpiexec"' --hostfile %(HOSTFILE)s -np 8 '"$who"' >ranks; date +%s.%N >to; echo %(NODES)s >count"}'
  echo '{"id":"pair","nodes":2,"needs":["wide"],"command":"cut -d\" \" -f1 %(HOSTFILE)s | paste -sd, >pair"}'
} >steps.jsonl
sed -i "s|>>busy|>>$scratch/busy|g; s|>hosts|>$scratch/hosts|; s|>from|>$scratch/from|; s|>to;|>$scratch/to;|; s|>ranks|>$scratch/ranks|; s|>count|>$scratch/count|; s|>pair|>$scratch/pair|" steps.jsonl
over 0
expect_equal "host file" "h0 slots=2,h2 slots=4,h3 slots=2" "$(paste -sd, hosts)"
expect_equal "nodes" 3 "$(cat count)"
expect_equal "ranks by host" "2 h0,4 h2,2 h3" "$(awk '{print $4}' ranks | sort | uniq -c | awk '{print $1, $2}' | paste -sd,)"
expect_equal "other steps meanwhile" "" "$(awk -v from="$(cat from)" -v to="$(cat to)" '$1 > from && $1 < to' busy)"
expect_match "nodes of the second" "^h[023],h[023]$" "$(cat pair)"
expect_equal "host files left" "" "$(find steps.run -name '*.hosts')"
expect_match "record" '"with":\[1,3,2\]|"with":\[1,2,3\]' "$(grep '"launch":13' steps.run/journal.jsonl)"

it "more nodes than there are: refused before anything starts"
echo '{"nodes":4,"command":"true"}' >steps.jsonl
over 2
expect_match "message" "needs 4 nodes, and the run has slots on 3 such nodes" "$seen"
