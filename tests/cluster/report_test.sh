#!/bin/bash
# The page of a run over three hosts in which much went wrong answers what a person asks of it: needs the bed h0..h3.
#   report_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/expect.sh"
gradus=$(readlink -f "$1")
hosts=$here/hosts
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES

# GPU 1 of h2 is bad. The others leave it time to show that, and `long` lets all others wait for it.
cat >step.sh <<'END'
if [ "$2" = h2.1 ]; then echo "$1" >>tried; echo "CUDA error: an illegal memory access" >&2; exit 1; fi
case $1 in
  s*) until [ "$(cat tried 2>/dev/null | wc -l)" -ge 3 ]; do sleep 0.05; done; sleep 0.3 ;;
  long) sleep 7 ;;
  broken) echo "no such particle" >&2; exit 3 ;;
  later*) touch later.begun; until [ -e drained ]; do sleep 0.05; done ;;
esac
END
step() { echo "{\"id\":\"$1\",\"command\":\"sh $scratch/step.sh $1 %(HOST)s.%(GPU)s\",\"cwd\":\"$scratch\"$2}"; }
{
  for ((i = 1; i <= 48; i++)); do step s$i ',"retries":3'; done
  step long ',"priority":9,"retries":3'
  step broken ''
  step behind ',"needs":["broken"]'
  for ((i = 1; i <= 30; i++)); do step later$i ',"needs":["long"],"retries":3'; done
} >steps.jsonl

it "three hosts, a bad GPU, retries, a failure, a drain: the run ends with 75"
timeout -k 5 180 "$hosts" mpirun -np 4 --map-by node --host h0:1,h1:1,h2:1,h3:1 ${ASAN_OPTIONS:+-x ASAN_OPTIONS} \
  "$gradus" run "$scratch/steps.jsonl" --gpus 0-3 --quiet --retry-delay 0.1s >log 2>&1 &
pid=$!
wait_until 90 test -e later.begun || fail "steps that need the long one" "$(cat log)"
pkill -USR1 -f "^mpirun .*$scratch/steps.jsonl"
wait_until 30 grep -q '"stop":"drain"' steps.run/journal.jsonl || fail "a drain" "$(cat log)"
touch drained
code=0
wait $pid || code=$?
expect_equal "exit code" 75 $code
expect_match "summary" "quarantined slot [0-9]+ on h2 with GPU 1" "$(cat log)"

it "which step took longest, why slots were empty, which GPU was bad, what to rerun, how many nodes to ask for: in --json"
"$gradus" report steps.run --json >report.json
python3 - report.json <<'P' || fail "a report that fits the run" "see above"
import json, sys
r = json.load(open(sys.argv[1]))
longest = [one["step"] for one in r["slowest"] if not one["step"].startswith("later")]  # these waited for this test
assert longest[0] == "long", r["slowest"]
assert r["lost_time"]["parts"][0]["name"] == "waiting for prerequisites", r["lost_time"]
assert [(p["place"], p["quarantined"]) for p in r["bad_places"]] == [("slot 5 on h2 with GPU 1", True)], r["bad_places"]
left = r["counts"]["total"] - r["counts"]["succeeded"]
names = r["rerun"]["names"]
assert {"broken", "behind", "later30"} <= set(names) and len(names) == r["rerun"]["count"] == left, r["rerun"]
assert r["rerun"]["command"].endswith("--resume"), r["rerun"]
assert [row["nodes"] for row in r["nodes_table"] if row["is_this_run"]] == [3], r["nodes_table"]
assert [row for row in r["nodes_table"] if row["is_enough"]] and r["advice"], (r["nodes_table"], r["advice"])
assert {"quarantine", "stop"} <= {mark["kind"] for mark in r["marks"]}, r["marks"]
P

it "… and in the words of the page, without its drawing"
expect_exit 0 "$gradus" report steps.run --output page.html
python3 - page.html <<'P' || fail "a page that answers" "see above"
import html.parser, re, sys
class Words(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.words, self.unseen = "", 0
    def handle_starttag(self, tag, attributes): self.unseen += tag in ("script", "style")
    def handle_endtag(self, tag): self.unseen -= tag in ("script", "style")
    def handle_data(self, data): self.words += "" if self.unseen else data + " "
page = Words()
page.feed(open(sys.argv[1]).read())
words = re.sub(r"\s+", " ", page.words)
for wanted in ("waiting for prerequisites", "slot 5 on h2 with GPU 1", "no such particle", "later30", "--resume", "drain: signal USR1",
               r"\blong\b.{0,80}h[1-3] slot \d+ GPU \d", r"\b[1-9]\d* nodes?\b"):
    assert re.search(wanted, words), (wanted, words)
P

it "what it tells to run does what is left"
: >later.begun
expect_exit 1 timeout -k 5 180 "$hosts" mpirun -np 4 --map-by node --host h0:1,h1:1,h2:1,h3:1 ${ASAN_OPTIONS:+-x ASAN_OPTIONS} \
  "$gradus" run "$scratch/steps.jsonl" --gpus 0-3 --quiet --retry-delay 0.1s --resume
expect_match "summary" "succeeded.*1 failed, 1 skipped" "$(tr '\n' ' ' <<<"$seen")"
