"""METG, and what a million steps cost before and beside their running.

Knows: sweeps over the length of steps; steps files, journals and runs of great size.
Unaware of: how the figures are shown.
"""
import json
import os
import re

import figures
import running

# ---- METG: the shortest step at which the slots are still busy for 50 or 95 % of the time ----------------------


def efficiency(bed, kind, work, milliseconds, slots, ideal_s):
    """Slots' share of useful time, over as many steps as take `ideal_s` when nothing is lost. What a run of one step
    takes beside it is taken off: the start and end of program and launcher."""
    steps = max(slots, round(slots * ideal_s * 1e3 / milliseconds))
    line = f"{bed.step} {work} {milliseconds}"

    def wall_s(count):
        folder = bed.folder("metg")
        if kind == "floor":
            command = [bed.floor, str(slots), str(count), "--", bed.step, work, str(milliseconds)]
        elif kind == "gradus alone":
            command = bed.alone(slots, bed.steps_file(line, count))
        else:
            command = bed.ranks(slots + 1, bed.steps_file(line, count))
        return running.run(command, folder).wall_s

    overhead_s = wall_s(1) - milliseconds / 1e3
    rounds_of_steps = -(-steps // slots)
    return min(1.0, rounds_of_steps * milliseconds / 1e3 / max(1e-6, wall_s(steps) - overhead_s))


def metg(bed, slot_counts, lengths_ms, ideal_s, rounds, say):
    rows = []
    cores = len(os.sched_getaffinity(0))
    for slots in slot_counts:
        work = "spin" if slots <= cores else "sleep"
        for kind in ("floor", "gradus alone", "gradus, mpirun"):
            say(f"METG: {kind}, {slots} slots")
            sweeps = []
            for _ in range(rounds):
                try:
                    sweeps.append(sweep(bed, kind, work, slots, lengths_ms, ideal_s))
                except running.Failed as failed:
                    bed.leave_out(f"METG of {kind} at {slots} slots", str(failed))
            if sweeps:
                rows.append({"name": kind, "slots": slots, "work": work, "sweeps": sweeps,
                             **{f"metg{round(share * 100)}_ms": threshold(sweeps, share) for share in (0.5, 0.95)}})
    return {"rows": rows, "longest_ms": max(lengths_ms), "shortest_ms": min(lengths_ms)}


def sweep(bed, kind, work, slots, lengths_ms, ideal_s):
    """(length, efficiency) from the longest downwards, until less than half of the time is useful."""
    points = []
    for milliseconds in sorted(lengths_ms, reverse=True):
        points.append((milliseconds, efficiency(bed, kind, work, milliseconds, slots, ideal_s)))
        if points[-1][1] < 0.5:
            break
    return points


def threshold(sweeps, share):
    found = [figures.metg(points, share) for points in sweeps]
    return figures.spread(found) if all(found) else None


# ---- start and memory -------------------------------------------------------------------------------------------


def json_steps(bed, count):
    """JSON Lines in layers of a thousand; each step needs two of the layer before."""
    path = os.path.join(bed.folder("start"), "steps.jsonl")
    with open(path, "w") as file:
        for number in range(count):
            step = {"id": f"s{number}", "command": f"./average part{number}.mrc", "cost": 1 + number % 7}
            if number >= 1000:
                layer = (number // 1000 - 1) * 1000
                step["needs"] = [f"s{layer + number % 1000}", f"s{layer + (number * 7 + 1) % 1000}"]
            file.write(json.dumps(step, separators=(",", ":")) + "\n")
    return path


LOOKS = {"status": ["status", "run"], "status_step": ["status", "run", "--step", "{}"],
         "explain": ["explain", "run"], "explain_step": ["explain", "run", "{}"]}


def looks(bed, folder, step, rounds):
    """What it takes to look at the run in `folder`, each way in turn."""
    times = {name: [] for name in LOOKS}
    for _ in range(rounds):
        for name, words in LOOKS.items():
            times[name].append(running.run([bed.gradus, *(word.format(step) for word in words)], folder).wall_s)
    return {f"{name}_s": figures.spread(each) for name, each in times.items()}


def start(bed, count, rounds, say):
    """Times and peak memory of reading `count` steps, of reading the journal of a run of them, and of looking at it."""
    say(f"start: {count} steps in JSON Lines, and their journal")
    path = json_steps(bed, count)
    folder = bed.folder("start")
    running.run([bed.journal, path, os.path.join(folder, "run")], folder)
    checks, resumes = [], []
    for _ in range(rounds):
        checks.append(running.run([bed.gradus, "check", path], bed.folder("check")))
        resumes.append(running.run([*bed.alone(2, path), "--resume"], folder))
    seen = looks(bed, folder, f"s{count - 1}", rounds)
    small = running.run([bed.gradus, "check", bed.steps_file("true", 1)], bed.folder("check"))
    size = os.path.getsize(path)
    return {"steps": count, "file_bytes_per_step": size / count, **seen,
            "check_s": figures.spread([cost.wall_s for cost in checks]),
            "check_cpu_s": figures.spread([cost.cpu_s for cost in checks]),
            "check_bytes_per_step": (max(cost.rss_kib for cost in checks) - small.rss_kib) * 1024 / count,
            "resume_s": figures.spread([cost.wall_s for cost in resumes]),
            "resume_cpu_s": figures.spread([cost.cpu_s for cost in resumes]),
            "resume_less_check_s": figures.spread([r.wall_s - c.wall_s for r, c in zip(resumes, checks)]),
            "resume_bytes_per_step": (max(cost.rss_kib for cost in resumes) - small.rss_kib) * 1024 / count,
            "journal_bytes_per_step": os.path.getsize(os.path.join(folder, "run", "journal.jsonl")) / count}


def run_of(bed, count):
    """The master's peak memory in bytes and the files in the run directory after `count` steps at -np 3."""
    folder = bed.folder("million")
    running.run(bed.ranks(3, bed.steps_file("/bin/true", count)), folder, limit_s=60 + count / 50)
    with open(os.path.join(folder, "run", "summary.json")) as file:
        rss = int(re.search(r'"master_max_rss_kib": (\d+)', file.read()).group(1)) * 1024
    return rss, sum(len(files) for _, _, files in os.walk(os.path.join(folder, "run")))


def million(bed, few, many, say):
    """Master's memory and files for a million steps, on the line through a run of `few` and one of `many` steps."""
    say(f"memory and files: runs of {few} and {many} steps")
    (rss_few, files_few), (rss_many, files_many) = run_of(bed, few), run_of(bed, many)
    slope_rss, slope_files = (rss_many - rss_few) / (many - few), (files_many - files_few) / (many - few)
    return {"from": [few, many], "master_bytes_per_step": slope_rss,
            "master_mib_per_million": (rss_few + slope_rss * (1e6 - few)) / 2**20,
            "files_per_million": round(files_few + slope_files * (1e6 - few))}


def measure_start(bed, options, say):
    result = {}
    try:
        result["start"] = start(bed, options.start_steps, options.few_rounds, say)
        result["million"] = million(bed, options.million_steps // 5, options.million_steps, say)
    except running.Failed as failed:
        bed.leave_out("start and memory", str(failed))
    return result
