#!/bin/bash
# Every key that the program prints as JSON is documented in src/docs/json.md, with its type.
#   json_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
document=$(readlink -f "$here/../../src/docs/json.md")
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES

cat >compare.py <<'P'
import json, re, sys

# compare.py SECTION FILE...: what is not as the section's table says.
section = re.split(r"^## ", open(sys.argv[1]).read(), flags=re.M)
table = next(part for part in section if part.splitlines()[0] == sys.argv[2])
known = {key: kinds.split(", ") for key, kinds in re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", table, flags=re.M)}
kind_of = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object", type(None): "null"}
seen = set()

def look(value, key):
    if key:
        wild = re.sub(r"\.[^.]+$", ".*", key)
        kinds = known.get(key) or known.get(wild)
        if kinds is None and isinstance(value, dict) and any(one.startswith(key + ".") for one in known):
            kinds = ["object"]  # its parts are documented, and it need not be there
        if kinds is None:
            print(f"{key} is not documented")
        elif kind_of[type(value)] not in kinds and "any" not in kinds:
            print(f"{key} is {kind_of[type(value)]}, documented: {kinds}")
        seen.update({key, wild})
    if isinstance(value, dict):
        for name, one in value.items():
            look(one, f"{key}.{name}" if key else name)
    if isinstance(value, list):
        for one in value:
            if isinstance(one, dict):
                for name, part in one.items():
                    look(part, f"{key}[].{name}")
            else:
                look(one, key + "[]")

for name in sys.argv[3:]:
    look(json.load(open(name)), "")
# Top-level keys are always there.
for key in known:
    if "." not in key and "[" not in key and key not in seen:
        print(f"{key} is documented, and not there")
P
# $1: the section's heading; the rest: files.
documented() { expect_equal "differences from json.md, ${1}" "" "$(python3 compare.py "$document" "$@")"; }

cat >steps.jsonl <<'S'
{"id":"good","command":"sleep 0.1"}
{"id":"bad","command":"echo why >&2; exit 3","retries":2}
{"id":"late","command":"true","needs":["bad"]}
{"id":"gpu","command":"true %(GPU)s"}
S
it "the summary"
expect_exit 1 "$gradus" run steps.jsonl --gpus "0 1" --retry-delay 0s --notify 'cat >"$GRADUS_EVENT.json"'
documented summary.json steps.run/summary.json end.json first-failure.json
"$gradus" run steps.jsonl --gpus "0 1" --resume --retry-delay 0s --threads 2 >/dev/null 2>&1 || true
documented summary.json steps.run/summary.json

it "status and explain, of runs that go on and that are over"
for command in "status steps.run" "status steps.run --step bad" "status steps.run --step late" "explain steps.run" "explain steps.run late"; do
  expect_exit 0 "$gradus" $command --json
  printf '%s' "$seen" >"${command// /_}.json"
done
printf 'touch began; sleep 60\ntrue\n' >long.txt
"$gradus" run long.txt --threads 1 >/dev/null 2>&1 &
pid=$!
at_exit "kill -9 $pid 2>/dev/null"
wait_until 30 test -e began
"$gradus" status long.run --json >running.json
kill -USR1 $pid
wait_until 30 grep -q '"stop":' long.run/journal.jsonl
"$gradus" status long.run --json >stopping.json
kill -9 $pid
"$gradus" status long.run --json >broken.json
documented "gradus status RUN --json" status_steps.run.json running.json stopping.json broken.json
documented "gradus status RUN --step STEP --json" status_steps.run_--step_*.json
documented "gradus explain RUN [STEP] --json" explain*.json

it "what looks at machines and plans"
"$gradus" plan steps.jsonl --gpus "0 1" --json >plan.json
documented "gradus plan STEPS --json" plan.json
"$gradus" simulate steps.jsonl --nodes 2 --gpus-per-node 2 --sweep --json >simulate.json
documented "gradus simulate STEPS --json" simulate.json
"$gradus" gpus --json >gpus.json
CUDA_VISIBLE_DEVICES=0,1 "$gradus" gpus --json >gpus_by_list.json
documented "gradus gpus --json" gpus.json gpus_by_list.json
"$gradus" doctor --json >doctor.json
SLURM_JOB_ID=1 CUDA_VISIBLE_DEVICES=0,0 "$gradus" doctor --json >doctor_two.json || true
documented "gradus doctor --json" doctor.json doctor_two.json
"$gradus" --version --json >version.json
documented "gradus --version --json" version.json
