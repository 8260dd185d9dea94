#!/bin/bash
# scripts/benchmark in its tiniest form: that it measures what it says, not how fast anything is.
#   smoke_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
build=$1
[[ -x /usr/bin/python3 ]] || cannot_run_here "no /usr/bin/python3"
make_scratch
export PYTHONDONTWRITEBYTECODE=1
benchmark=("$here/../../scripts/benchmark" --no-install --build "$build" --tiny --dir "$scratch")

# $1: a Python expression over `r`, the results.
figure() { python3 -c "import json; r = json.load(open('$scratch/all.json')); print($1)"; }

it "every part is measured, and the tables hold it"
expect_exit 0 timeout -k 5 580 "${benchmark[@]}" --json "$scratch/all.json" --markdown "$scratch/all.md"
for part in "Short steps" Reaction Waiting METG "Start and memory"; do
  expect_match "tables" "### $part" "$(<"$scratch/all.md")"
done
expect_equal "rates and ratios that are not above 0" "[]" \
  "$(figure '[(row["name"], key) for row in r["throughput"]["rows"] for key in ("rate", "rate_share") if not row[key]["min"] > 0]')"

it "the floor, gradus alone and under mpirun are there; a peer is measured or said to be left out"
for name in floor "floor, two files a step" "floor, sh -c" "gradus alone" "gradus, mpirun -np 3" "xargs -P2" "make -j2" "ninja -j2" \
  "GNU parallel -j2" mpi4py.futures; do
  expect_match "rows and what was left out" ";$name" \
    "$(figure '";" + ";".join([row["name"] for row in r["throughput"]["rows"]] + [each["what"] for each in r["left_out"]])')"
done
# On a busy machine twenty steps may take no longer than one: that is said, too.
expect_equal "what else of gradus was left out" "[]" "$(figure '[each for each in r["left_out"] if "gradus" in each["what"] and
  not each["what"].endswith("packed output") and not each["why"].startswith("too few steps")]')"

it "every step of a chain hops to the other rank"
expect_equal "hops" "[5, 2, 3]" "$(figure '[row["gaps"] for row in r["reaction"]["rows"] if row["name"].startswith("gradus")]')"

it "one part alone, one row alone"
expect_exit 0 timeout -k 5 60 "${benchmark[@]}" --only "throughput,xargs" --json "$scratch/all.json"
expect_equal "rows" "['floor', 'xargs -P2']" "$(figure '[row["name"] for row in r["throughput"]["rows"]]')"
expect_equal "parts" "['left_out', 'machine', 'throughput']" "$(figure 'sorted(r)')"

it "nothing is left in the folder of the runs"
expect_equal "what is there" "all.json all.md" "$(ls "$scratch" | paste -sd ' ')"
