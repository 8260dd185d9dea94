"""scripts/benchmark, once everything is built: measures part after part and writes the results.

Knows: options, the order of the parts. Unaware of: how anything is measured.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile

import bed as beds
import idle
import reaction
import running
import scaling
import tables
import throughput

PARTS = ("throughput", "reaction", "idle", "metg", "start")


class Sizes:
    """How much is measured."""

    def __init__(self, rounds, steps, form):
        tiny, quick = form == "tiny", form in ("quick", "tiny")
        self.rounds = rounds or (1 if tiny else 3 if quick else 5)
        self.steps = steps or (20 if tiny else 1000 if quick else 5000)
        self.few_rounds = 1 if quick else min(self.rounds, 3)
        self.chains = ([(1, 6, False), (20, 3, False), (1, 4, True)] if tiny else
                       [(1, 200, False), (200, 20, False), (1, 50, True)] if quick else
                       [(1, 1000, False), (200, 100, False), (1, 200, True)])
        self.sleep_s = 1 if tiny else 10
        self.slots = (2,) if tiny else (2, 4, 8)
        self.lengths_ms = [10, 1] if tiny else [2.0 ** k for k in (range(8, -3, -2) if quick else range(8, -3, -1))]
        self.ideal_s = 0.02 if tiny else 0.5 if quick else 1.0
        self.start_steps = 2000 if tiny else 200000 if quick else 1000000
        self.million_steps = 50 if tiny else 10000 if quick else 100000


def options():
    parser = argparse.ArgumentParser(prog="benchmark", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, help="rounds of everything (default 5)")
    parser.add_argument("--steps", type=int, help="steps of each run of short ones (default 5000)")
    parser.add_argument("--quick", dest="form", action="store_const", const="quick", help="a few minutes, rough figures")
    parser.add_argument("--tiny", dest="form", action="store_const", const="tiny", help="only to see that it works")
    parser.add_argument("--only", metavar="NAMES", help="parts, with commas: " + ", ".join(PARTS) + "; or words that "
                        "the names of rows have: 'gradus alone', xargs, …")
    parser.add_argument("--json", metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables there")
    parser.add_argument("--dir", help="folder for runs (default: in TMPDIR or /tmp); removed at the end")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--mpiexec", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def say(what):
    print(f"== {what}", file=sys.stderr, flush=True)


def measure(bed, sizes, parts, names):
    """`names`: words of which a row's name must hold one; empty: all rows."""
    wanted = lambda name: not names or any(word in name for word in names)
    results = {"machine": bed.machine()}
    if "throughput" in parts:
        results["throughput"] = throughput.measure(bed, sizes.rounds, sizes.steps, wanted, say)
    if "reaction" in parts:
        results["reaction"] = reaction.measure(bed, sizes.few_rounds, sizes.chains, say)
    if "idle" in parts:
        results["idle"] = idle.measure(bed, sizes.few_rounds, sizes.sleep_s, say)
    if "metg" in parts:
        results["metg"] = scaling.metg(bed, sizes.slots, sizes.lengths_ms, sizes.ideal_s, sizes.few_rounds, say)
    if "start" in parts:
        results["start"] = scaling.measure_start(bed, sizes, say)
    results["left_out"] = bed.left_out
    return results


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def main():
    chosen = options()
    names = [name.strip() for name in chosen.only.split(",")] if chosen.only else []
    parts = [name for name in names if name in PARTS] or (["throughput"] if names else PARTS)
    scratch = tempfile.mkdtemp(prefix="gradus-benchmark.", dir=chosen.dir)
    running.adopt_orphans()
    try:
        bed = beds.Bed(os.path.abspath(chosen.build), scratch, chosen.mpiexec)
        results = measure(bed, Sizes(chosen.rounds, chosen.steps, chosen.form), parts,
                          [name for name in names if name not in PARTS])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    text = tables.document(results)
    if chosen.json:
        write(chosen.json, json.dumps(results, indent=1) + "\n")
    if chosen.markdown:
        write(chosen.markdown, text)
    print(text, end="")


if __name__ == "__main__":
    main()
