"""Reaction: from the end of a step to the start of the one that needs it, on another rank.

Knows: a chain whose steps go to two ranks in turn: one rank has the GPU, and a step without GPU prefers the other.
Unaware of: how the figures are shown.

The step itself reads the clock, first when it begins and last when it ends: what is measured holds the end of a process,
both messages, the decision and the start of a process. The floor's is that of one thread that starts the same program
again and again: an end and a start, and nothing between. It makes no files, so the output of the steps is packed: two new
files for each step are on ext4 what more than half of a hop consists of, and ten times as much after many were deleted.

Steps that compute leave no core free: so a chain is measured, too, while as many programs spin as there are cores.
"""
import contextlib
import json
import os
import subprocess

import figures
import running


def chain(bed, folder, milliseconds, count):
    record = os.path.join(folder, "record")
    path = os.path.join(folder, "chain.jsonl")
    with open(path, "w") as file:
        for number in range(count):
            words = [bed.step, "sleep", str(milliseconds), record]
            step = {"id": str(number), "argv": words}
            if number % 2 == 0:
                step["env"] = {"BENCH_GPU": "%(GPU)s"}
            if number > 0:
                step["needs"] = [str(number - 1)]
            file.write(json.dumps(step) + "\n")
    return path, record


def records(path):
    with open(path) as file:
        return [(int(start), int(end), rank) for start, end, rank in (line.split() for line in file)]


def gaps_of_chain(bed, milliseconds, count):
    folder = bed.folder("reaction")
    path, record = chain(bed, folder, milliseconds, count)
    limit_s = 60 + count * (milliseconds + 100) / 1000
    running.run(bed.ranks(3, path, "packed", ["--gpus", "0 |"]), folder, limit_s=limit_s)
    seen = figures.hops(records(record))
    if len(seen) != count - 1:
        raise running.Failed(f"only {len(seen)} of {count - 1} steps of the chain were on another rank than the one before")
    return seen


def gaps_of_floor(bed, milliseconds, count):
    folder = bed.folder("reaction-floor")
    record = os.path.join(folder, "record")
    running.run([bed.floor, "1", str(count), "--", bed.step, "sleep", str(milliseconds), record], folder)
    ordered = sorted(records(record))
    return [after[0] - before[1] for before, after in zip(ordered, ordered[1:])]


@contextlib.contextmanager
def spinning(bed, programs):
    """So many programs that do nothing but use a core."""
    spinners = [subprocess.Popen([bed.step, "spin", "3600000"]) for _ in range(programs)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def measure(bed, rounds, chains, say):
    """`chains`: (length of the steps in ms, how many in the chain, whether all cores are busy beside it). All rounds'
    gaps are taken together."""
    rows = []
    for milliseconds, count, busy in chains:
        for name, gaps in (("gradus, mpirun -np 3", gaps_of_chain), ("floor", gaps_of_floor)):
            seen = []
            what = f"{name} after steps of {milliseconds} ms{', all cores busy' if busy else ''}"
            for number in range(rounds):
                say(f"round {number + 1} of {rounds}: reaction of {what}")
                try:
                    with spinning(bed, len(os.sched_getaffinity(0)) if busy else 0):
                        seen.append(gaps(bed, milliseconds, count))
                except running.Failed as failed:
                    bed.leave_out(f"reaction of {what}", str(failed))
            if seen:
                rows.append(row(name, milliseconds, busy, seen))
    return {"rows": rows}


def row(name, milliseconds, busy, rounds):
    together = [gap / 1e6 for gaps in rounds for gap in gaps]
    return {"name": name, "step_ms": milliseconds, "cores_busy": busy, "gaps": len(together), "median_ms": figures.median(together),
            "p99_ms": figures.percentile(together, 0.99), "max_ms": max(together),
            "medians_ms": figures.spread([figures.median(gaps) / 1e6 for gaps in rounds]),
            "median_share_of_step": figures.median(together) / milliseconds}
