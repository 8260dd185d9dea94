#!/bin/bash
# Hosts that are cut off, lose their daemon or their power: needs the bed h0..h3.
#   lost_test.sh GRADUS LAUNCHER
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/expect.sh"
. "$here/../mpi/ranks.sh"
gradus=$(readlink -f "$1") launcher=$(readlink -f "$2")
hosts=$here/hosts
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
export GRADUS_MPIRUN="$hosts mpirun --enable-recovery"
steps=50
ticking_steps $steps 8 0.0544

left_on() { "$hosts" exec "$1" pgrep -fa 'step[.]sh|sleep 0[.]0544' 2>/dev/null || true; }
nothing_runs() { [[ -z $(for host in h1 h2 h3; do left_on $host; done) ]]; }
start() {
  local command=("$1")
  [[ $1 != "$hosts" ]] || command+=(mpirun)
  shift
  rm -rf steps.run seen go
  timeout -k 5 180 "${command[@]}" -np 4 --map-by node --host h0:1,h1:1,h2:1,h3:1 "$gradus" run "$scratch/steps.txt" \
    --threads 1 --quiet --lost-after 10s "$@" >log 2>&1 &
  pid=$!
  wait_until 60 begun 20 || fail "some steps" "$(cat log)"
}
finish() { touch go; code=0; wait $pid || code=$?; wait_until 45 nothing_runs || fail "no step left" "$(for host in h1 h2 h3; do left_on $host; done)"; }
resume() {
  expect_exit 0 timeout -k 5 90 "$hosts" mpirun -np 3 --map-by node --host h0:1,h1:1,h2:1 "$gradus" run \
    "$scratch/steps.txt" --threads 1 --quiet --resume
  expect_equal "reported succeeded in both lives" $steps "$(succeeded)"
}
it "a host is cut off without notice: its steps end there, the run ends and says so, --resume goes on"
start "$hosts"
"$hosts" cut h3
finish
"$hosts" plug h3
((code != 0)) || fail "an exit code other than 0" 0
# Its guardian says so where mpirun kills rank 0 before it does.
interrupted() { [[ $(state) == interrupted ]]; }
wait_until 30 interrupted || fail "state interrupted" "$(state)"
resume

seen_fault "a host is cut off without notice" "its steps end there, the run ends, \`interrupted\`; \`--resume\` goes on"
it "--survive: a host is cut off and comes back: the others do its work, its late words change nothing"
start "$launcher" --survive
"$hosts" cut h3
wait_until 90 grep -q '^{"gone":3,' steps.run/journal.jsonl || fail "a lost rank 3" "$(cat log)"
"$hosts" plug h3
finish
expect_equal "exit code" 0 $code
expect_equal "succeeded" $steps "$(succeeded)"
expect_equal "steps that overlap themselves" "" "$(twice_at_once)"
expect_match "summary" "lost +rank 3 on h3" "$(cat log)"

seen_fault "\`--survive\`: a host is cut off and comes back" "the others do its work; what it says later changes nothing"
it "--survive: a daemon of mpirun is killed: the others do the work of its rank"
start "$launcher" --survive
"$hosts" kill-daemon h3 orted
finish
expect_equal "exit code" 0 $code
expect_equal "succeeded" $steps "$(succeeded)"
expect_equal "steps that overlap themselves" "" "$(twice_at_once)"

seen_fault "\`--survive\`: a daemon of mpirun is killed" "the others do the work of its ranks"
it "a daemon of mpirun is killed: the run ends and says so, nothing is left, --resume goes on"
start "$hosts"
"$hosts" kill-daemon h3 orted
finish
((code != 0)) || fail "an exit code other than 0" 0
over() { [[ $(state) == interrupted || $(state) == stopped ]]; }
wait_until 20 over || fail "interrupted or stopped" "$(state)"
resume

seen_fault "a daemon of mpirun is killed" "the run ends, nothing is left on any host; \`--resume\` goes on"
it "a host loses its power: mpirun ends the run, nothing is left on the others, --resume goes on"
start "$hosts"
"$hosts" power-off h3
finish
((code != 0)) || fail "an exit code other than 0" 0
wait_until 20 over || fail "interrupted or stopped" "$(state)"
resume
"$hosts" power-on h3
seen_fault "a host loses its power" "mpirun ends the run, nothing is left on the others; \`--resume\` goes on"

# $1: how many threads a rank; the rest: options.
on_three_hosts() {
  timeout -k 5 60 "$hosts" mpirun -np 4 --map-by node --host h0:1,h1:1,h2:1,h3:1 "$gradus" run "$1" --threads "$2" --quiet "${@:3}"
}
it "a step that fails is tried on another host each time"
# shellcheck disable=SC2016
echo '{"command":"uname -n >>hosts.tried; exit 1","retries":2}' >moving.jsonl
expect_exit 1 on_three_hosts "$scratch/moving.jsonl" 1 --retry-delay 0.1s
expect_equal "hosts of its attempts" "h1 h2 h3" "$(sort hosts.tried | paste -sd ' ')"
expect_match "summary" "tried on slot . on h., then slot . on h., then slot . on h." "$seen"
seen_fault "a step fails on every host" "each retry goes to a host that it has not tried; the summary names each place"

it "a bad host: its slots are quarantined by name, steps with retries succeed elsewhere"
# shellcheck disable=SC2016
for ((i = 1; i <= 90; i++)); do echo '{"command":"test $(uname -n) != h2 || exit 1; sleep 0.2; echo x >>good.'$i'","retries":1}'; done >bad_host.jsonl
expect_exit 0 on_three_hosts "$scratch/bad_host.jsonl" 2 --retry-delay 0s
expect_equal "slots quarantined, all on h2" "2 2" "$(grep -c '  quarantined slot' <<<"$seen") $(grep -c '  quarantined slot .* on h2' <<<"$seen")"
expect_equal "steps that ran" 90 "$(ls good.* | wc -l)"
seen_fault "a bad host: whatever runs there fails" "both its slots are quarantined by name; steps with retries lose none by it"
