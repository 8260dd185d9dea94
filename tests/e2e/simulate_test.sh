#!/bin/bash
# gradus simulate: figures that can be reckoned by hand, durations from an earlier run, what is refused.
#   simulate_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU
simulate() { "$gradus" simulate --delay 0 "$@"; }
# $1: a JSON document; $2: a key, with dots between.
value() { python3 -c 'import functools, json, sys
print(functools.reduce(lambda part, key: part[key], sys.argv[2].split("."), json.loads(sys.argv[1])))' "$1" "$2"; }

# 16 GPU steps of 60 s, and one of 30 s that needs them all.
python3 -c 'import json
for i in range(16): print(json.dumps({"id": f"a{i}", "command": "align -gpu %(GPU)s", "cost": 60}))
print(json.dumps({"command": "sum", "needs": [f"a{i}" for i in range(16)], "cost": 30}))' >steps.jsonl

it "the makespan, its bound and the use of slots are those of the real scheduler on such nodes"
seen=$(simulate steps.jsonl --nodes 2 --gpus-per-node 4 --json)
expect_equal "version" 1 "$(value "$seen" version)"
expect_equal "slots" 8 "$(value "$seen" prediction.gpu_slots)"
expect_equal "makespan" 150.0 "$(value "$seen" prediction.makespan_s)"
expect_equal "chain" 90.0 "$(value "$seen" prediction.longest_chain_s)"
expect_equal "use" "$(python3 -c 'print((16 * 60 + 30) / (8 * 150))')" "$(value "$seen" prediction.gpu_slots_busy)"
expect_equal "tail" 30.0 "$(value "$seen" prediction.tail_s)"

it "four nodes are enough: one step a slot"
expect_equal "enough" 4 "$(value "$seen" enough_nodes)"
expect_match "in words" "enough     4 nodes: 90.0 s, within 5 %" "$(simulate steps.jsonl --gpus-per-node 4)"
expect_match "the table" "
 +4 +16 +90.0 s" "$(simulate steps.jsonl --gpus-per-node 4 --sweep)"

it "slots are shared out as gradus run does"
expect_equal "two a GPU" 16 "$(value "$(simulate steps.jsonl --gpus-per-node 4 --nodes 2 --slots-per-gpu 2 --json)" prediction.gpu_slots)"
seen=$(simulate steps.jsonl --gpus-per-node 4 --threads 2 --cpu-slots 1 --json)
expect_equal "threads" "2 1" "$(value "$seen" prediction.gpu_slots) $(value "$seen" prediction.cpu_slots)"

it "more nodes, ranks and GPUs than memory has room for are a mistake"
expect_exit 2 "$gradus" simulate steps.jsonl --nodes 100000 --gpus-per-node 100000
expect_match "message" "more than can be simulated" "$seen"

it "durations come from the costs, else from an earlier run of these steps, else from a guess"
printf 'sleep 0.3\ntrue\nfalse\n' >run.txt
"$gradus" run run.txt --threads 1 --quiet >/dev/null || true
seen=$(simulate run.txt --json)
expect_equal "learnt" "0 2 1" "$(value "$seen" durations.by_cost) $(value "$seen" durations.learnt) $(value "$seen" durations.guessed)"
expect_match "the longest" '^(0\.[3-9]|[1-9])' "$(value "$seen" prediction.longest_step_s)"
expect_equal "none" 3 "$(value "$(simulate run.txt --durations none --json)" durations.guessed)"
mv run.run elsewhere
expect_equal "elsewhere" 2 "$(value "$(simulate run.txt --durations elsewhere --json)" durations.learnt)"
expect_equal "what is left" 2 "$(value "$(simulate run.txt --durations elsewhere --resume --json)" done_before)"

it "a step whose timeout is shorter than its cost is foretold to fail"
echo '{"command":"true","cost":60,"timeout":"10s"}' >short.jsonl
expect_match "trouble" "1 steps reach their timeout and fail" "$(simulate short.jsonl)"

it "--time-limit is kept as by gradus run: what would be left is told; how many nodes are enough is asked without it"
seen=$(simulate steps.jsonl --nodes 2 --gpus-per-node 4 --time-limit 100s --json)
expect_equal "left, succeeded, until" "9 8 60.0" "$(value "$seen" prediction.left) $(value "$seen" prediction.succeeded) $(value "$seen" prediction.makespan_s)"
expect_equal "enough" 4 "$(value "$seen" enough_nodes)"
expect_match "in words" "left       9 steps would be left for the time limit .1m 40s." "$(simulate steps.jsonl --nodes 2 --gpus-per-node 4 --time-limit 100s)"
expect_no_match "with enough" "would be left" "$(simulate steps.jsonl --nodes 2 --gpus-per-node 4 --time-limit 4m)"
{ echo '#GRADUS --time-limit 1s --survive --notify true --retry-delay 3s'; echo true; } >limited.txt
expect_match "by its file" "1 steps would be left" "$(simulate limited.txt)"
expect_no_match "none" "would be left" "$(simulate limited.txt --time-limit none)"

it "--retry-delay and --on-error are heeded"
echo '{"command":"true","cost":60,"timeout":"10s","retries":2}' >tried.jsonl
expect_equal "10 + 4 + 10 + 8 + 10 s" 42.0 "$(value "$(simulate tried.jsonl --retry-delay 4s --json)" prediction.makespan_s)"
{ cat short.jsonl; for i in 1 2 3; do echo '{"command":"true '$i'","cost":60}'; done; } >failing.jsonl
expect_match "stop" "left       3 steps would be left after the first failure" "$(simulate failing.jsonl --threads 1 --on-error stop)"

it "a damaged journal that nobody has asked for teaches nothing, and is said; with --resume it is an error"
mv elsewhere run.run
sed -i '2s/[0-9]/x/' run.run/journal.jsonl
expect_exit 0 "$gradus" simulate run.txt
expect_match "warning" "warning: no durations are learnt from there: run.run/journal.jsonl: line 2 .* is damaged" "$seen"
expect_match "durations" "3 guessed" "$seen"
expect_exit 3 "$gradus" simulate run.txt --resume
expect_exit 3 "$gradus" simulate run.txt --durations run.run

it "what is wrong is refused before anything is simulated"
refused() { expect_exit 2 "$gradus" simulate "${@:2}"; expect_match "message" "$1" "$seen"; }
refused "say --gpus-per-node" steps.jsonl
refused "--nodes: '0' is not a whole number" steps.jsonl --gpus-per-node 4 --nodes 0
refused "^gradus: --survive has no effect on a simulation: leave it out
gradus: --output has no effect on a simulation: leave it out
gradus: 2 mistakes" steps.jsonl --gpus-per-node 4 --survive --output packed
refused "exclude each other" steps.jsonl --gpus-per-node 4 --threads 2 --slots-per-gpu 1
refused "unknown option --node: did you mean --nodes" steps.jsonl --gpus-per-node 4 --node 3
refused "gone/journal.jsonl: cannot be read" run.txt --durations gone
refused "no steps file was given" --nodes 2
echo '{"command":"x %(GPU)s","gpus":8}' >wide.jsonl
refused "8 GPUs" wide.jsonl --gpus-per-node 4
expect_exit 2 "$gradus" run steps.jsonl --sweep

it "it helps"
expect_match "help" "gradus simulate STEPS --nodes N" "$("$gradus" simulate --help)"
expect_no_match "help" "--(survive|notify|prefetch|restart)" "$("$gradus" simulate --help)"
expect_match "overview" "gradus simulate STEPS" "$("$gradus" --help)"
expect_exit 2 "$gradus" simulat
expect_match "nearest" "did you mean 'simulate'" "$seen"
