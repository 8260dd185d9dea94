#!/bin/bash
# What gradus report and gradus trace make of a real run.
#   trace_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES

cat >chain.jsonl <<'J'
{"id":"one","command":"sleep 0.2; echo %(GPU)s"}
{"id":"two \"</script>\u0001","command":"sleep 0.3; echo %(GPU)s; touch two.ended","needs":["one"]}
{"id":"again","command":"test -e tried || { touch tried; echo not yet >&2; exit 7; }; : %(GPU)s","retries":1}
{"id":"bad","command":"echo it broke >&2; exit 3"}
{"id":"behind","command":"true","needs":["bad"]}
{"id":"last","command":"until [ -e two.ended ]; do sleep 0.05; done; sleep 3","needs":["again"]}
J
expect_exit 1 "$gradus" run chain.jsonl --gpus "0 1" --threads 3 --quiet --retry-delay 0s

it "the report knows the run"
expect_exit 0 "$gradus" report chain.jsonl --json
"$gradus" report chain.jsonl --json >report.json
python3 - report.json <<'P' || fail "a report that fits the run" "see above"
import json, sys
r = json.load(open(sys.argv[1]))
assert r["run"]["state"] == "finished" and r["run"]["exit_code"] == 1, r["run"]
assert (r["counts"]["succeeded"], r["counts"]["failed"], r["counts"]["skipped"]) == (4, 1, 1), r["counts"]
assert r["slowest"][0]["step"] == "last", r["slowest"]
assert r["rerun"]["names"] == ["bad", "behind"], r["rerun"]
assert r["rerun"]["command"].endswith("--resume"), r["rerun"]
causes = {f["cause"]: f for f in r["failures"]}
assert causes["exit code 3"]["examples"][0]["tail"] == ["it broke"], causes
assert causes["exit code 7"]["steps"] == ["again"] and causes["exit code 7"]["steps_failed"] == 0, causes
assert r["details"]["two \"</script>\u0001"]["needs"] == ["one"]
path = [link["step"] for link in r["critical_path"]]
assert path[-1] == "last" and "again" in path, path
lost = r["lost_time"]
assert abs(lost["slot_s"] - lost["busy_s"] - sum(p["seconds"] for p in lost["parts"])) < 0.05, lost
assert [row for row in r["nodes_table"] if row["is_this_run"]], r["nodes_table"]
columns = {len(c) for c in r["bars"].values()}
assert columns == {r["counts"]["attempts"]} == {6}, (columns, r["counts"])
P

it "the command that it gives does what is left"
expect_match "command" "run chain.jsonl .*--resume" "$(python3 -c 'import json; print(json.load(open("report.json"))["rerun"]["command"])')"

it "the page is written whole beside the journal, its path is printed, and nothing else is left there"
expect_exit 0 "$gradus" report chain.run
expect_match "path" "chain.run/report.html" "$seen"
expect_equal "parts" 0 "$(find chain.run -name '*.part' | wc -l)"
expect_equal "ends of scripts that came from an id" 0 "$(grep -c 'two "</script>' chain.run/report.html || true)"

it "the steps file is never written over"
cp chain.jsonl kept.jsonl
for words in "report chain.run" "report chain.jsonl" "trace chain.jsonl"; do
  for place in chain.jsonl "$PWD/./chain.jsonl"; do
    expect_exit 3 "$gradus" $words --output "$place"
    expect_match "message" "is the run's steps file: --output names another place" "$seen"
  done
done
expect_exit 0 cmp chain.jsonl kept.jsonl

it "the trace is JSON whose arrows end in slices of the right steps"
expect_exit 0 "$gradus" trace chain.jsonl --output trace.json
python3 - trace.json <<'P' || fail "a trace that fits the run" "see above"
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
slices = [e for e in events if e["ph"] == "X"]
assert len(slices) == 6, slices
def at(e):
    inside = [s for s in slices if (s["pid"], s["tid"]) == (e["pid"], e["tid"]) and s["ts"] <= e["ts"] < s["ts"] + s["dur"]]
    assert len(inside) == 1, (e, inside)
    return inside[0]
begins = {e["id"]: e for e in events if e["ph"] == "s"}
arrows = {(at(begins[e["id"]])["name"], at(e)["name"]) for e in events if e["ph"] == "f"}
assert arrows == {("one", "two \"</script>\u0001"), ("again", "last")}, arrows
for thread in {(s["pid"], s["tid"]) for s in slices}:
    own = sorted((s["ts"], s["dur"]) for s in slices if (s["pid"], s["tid"]) == thread)
    assert all(a[0] + a[1] <= b[0] for a, b in zip(own, own[1:])), own
names = {e["args"]["name"] for e in events if e["name"] == "thread_name"}
assert len(names) == 2 and all("GPU" in n for n in names), names
assert any(e["ph"] == "i" and e["cat"] == "life" for e in events)
P

it "a second life goes on behind the first on one time axis"
sed -i 's/echo it broke >&2; exit 3/true/' chain.jsonl
sleep 2
expect_exit 0 "$gradus" run chain.jsonl --gpus "0 1" --threads 3 --quiet --resume
"$gradus" report chain.jsonl --json >report.json
python3 - report.json <<'P' || fail "both lives" "see above"
import json, re, sys
r = json.load(open(sys.argv[1]))
assert len(r["run"]["lives"]) == 2 and r["counts"]["succeeded"] == 6, r["run"]
times = [float(t) for t in re.findall(r'"t":([0-9.]+)', open("chain.run/journal.jsonl").read())]
assert r["run"]["wall_s"] < max(times) - min(times) - 1.5, "the pause is cut out"
assert r["rerun"]["count"] == 0 and r["counts"]["kept"] == 4, r["counts"]
P

it "what is no run is refused with the mend"
expect_exit 2 "$gradus" report nothing.txt
expect_exit 2 "$gradus" trace chain.run --wrong
expect_match "message" "gradus trace --help" "$seen"

it "a run that begins again keeps no page of the one before"
expect_exit 0 "$gradus" run chain.jsonl --gpus "0 1" --threads 3 --quiet --restart
expect_no_file chain.run/report.html

it "what a run has written itself is no place for an output; links are followed, pipes are written to"
before=$(cksum <chain.run/journal.jsonl)
expect_exit 3 "$gradus" report chain.run --output chain.run/journal.jsonl
expect_match "message" "is the run's own" "$seen"
expect_equal "the journal" "$before" "$(cksum <chain.run/journal.jsonl)"
: >there.json
ln -s there.json link.json
expect_exit 0 "$gradus" trace chain.run --output link.json
[[ -L link.json && -s there.json ]] || fail "a link that is left, and what it leads to written" "$(ls -l link.json there.json)"
mkfifo pipe
cat pipe >piped &
expect_exit 0 "$gradus" trace chain.run --output pipe
wait
[[ -p pipe ]] || fail "a pipe that is left" "$(ls -l pipe)"
expect_equal "what came through" "$(cksum <there.json)" "$(cksum <piped)"
expect_exit 3 bash -c "'$gradus' status chain.run --json >/dev/full"
expect_match "message" "standard output: No space left on device" "$seen"

it "an output that cannot be written is an error and leaves nothing"
expect_exit 3 "$gradus" trace chain.run --output missing/trace.json
expect_match "message" "--output names another place" "$seen"
