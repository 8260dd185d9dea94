#!/usr/bin/env python3
"""Data for the report's page, made up but possible.

    made_up_report.py small             a chain of steps on three hosts: failures, a bad GPU, retries, a drain, a second life
    made_up_report.py large [STEPS]     a run of 100,000 steps on 128 slots, short ones drawn together
    made_up_report.py empty             nothing ran
"""

import datetime
import json
import random
import sys

OUTCOMES = ["succeeded", "exit_code", "signal", "timed_out", "could_not_start", "output_missing", "lost_with_worker",
            "cancelled", "running", "cut_off"]
BEGAN = datetime.datetime(2026, 11, 27, 15, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
HOSTILE = ["</script><img src=x onerror=alert(1)>", "<b>bold</b>", "a\"b'c&amp;", "{{data}}", "\u202eevil\x1b[31m"]


def iso(seconds):
    return (BEGAN + datetime.timedelta(seconds=round(seconds))).isoformat()


class Bars:
    def __init__(self):
        self.rows = []
        self.names = []
        self.of = {}

    def add(self, lane, begin, end, outcome, step, attempt=1, count=1):
        if step is None:
            index = -1
        else:
            index = self.of.setdefault(step, len(self.names))
            if index == len(self.names):
                self.names.append(step)
        self.rows.append((lane, round(begin, 3), round(end, 3), OUTCOMES.index(outcome), index, attempt, count))

    def columns(self):
        rows = sorted(self.rows, key=lambda row: row[:2])
        keys = ["lane", "begin", "end", "outcome", "step", "attempt", "count"]
        return {key: [row[i] for row in rows] for i, key in enumerate(keys)}


def use_of(bars, lanes, end, bins=200):
    """Busy share of GPU and CPU slots in each bin."""
    width = end / bins
    busy = {"gpu": [0.0] * bins, "cpu": [0.0] * bins}
    slots = {kind: sum(lane["kind"] == kind for lane in lanes) for kind in busy}
    for lane, begin, stop, *_ in bars.rows:
        column = busy[lanes[lane]["kind"]]
        for i in range(int(begin / width), min(bins, int(stop / width) + 1)):
            column[i] += max(0.0, min(stop, (i + 1) * width) - max(begin, i * width))
    share = {kind: [round(min(1, s / width / slots[kind]), 3) for s in column] if slots[kind] else [None] * bins
             for kind, column in busy.items()}
    return {"t_s": [round(i * width, 3) for i in range(bins)], **share}


def place(lanes, hosts, lane):
    gpus = lanes[lane]["gpus"]
    return f"{hosts[lanes[lane]['node']]} slot {lanes[lane]['slot']}" + (f" {gpus[0]}" if gpus else "")


def machine(hosts, gpus, cpu_slots):
    lanes, nodes = [], []
    for n, host in enumerate(hosts):
        nodes.append({"host": host, "lanes": []})
        for s in range(gpus + cpu_slots):
            kind = "gpu" if s < gpus else "cpu"
            nodes[n]["lanes"].append(len(lanes))
            lanes.append({"node": n, "slot": len(lanes), "rank": n + 1, "thread": s + 1, "kind": kind, "cores": [4 * s, 4 * s + 1],
                          "gpus": [f"GPU-{n}{s}4c1d9e-77aa-41c2-b001-9a{n}{s}"] if kind == "gpu" else []})
    return nodes, lanes


def small():
    draw = random.Random(6)
    hosts = ["node-a01", "node-a02", "node-a03"]
    nodes, lanes = machine(hosts, 4, 1)
    bars, details, free = Bars(), {}, [0.0] * len(lanes)
    bad, drain, resumed, quarantined = 6, 1100.0, 1178.0, 310.0
    lost_at, lost = 1500.0, [10, 11, 12, 13, 14]
    steps = [(f"align-{i}", "gpu", draw.lognormvariate(4.6, 0.35)) for i in range(1, 181)]
    steps += [(f"ctf-{i}", "cpu", draw.lognormvariate(3.5, 0.3)) for i in range(1, 60)]
    steps += [(name, "gpu", 70.0) for name in HOSTILE]
    draw.shuffle(steps)
    failed, fails_at_bad, retries, lost_count, attempts = {}, 0, 0, 0, 0
    story = {}

    def run_one(name, kind, seconds, ready=0.0, attempt=1, avoid=None):
        nonlocal fails_at_bad, retries, lost_count, attempts
        attempts += 1
        able = [i for i, lane in enumerate(lanes) if lane["kind"] == kind and i != avoid]
        able = [i for i in able if not (i == bad and free[i] > quarantined) and not (i in lost and free[i] >= lost_at)]
        lane = min(able, key=lambda i: (max(free[i], ready), i))
        begin = max(free[lane], ready) + 0.2
        if begin > drain and begin < resumed:
            begin = resumed + draw.random()
        end, outcome, what = begin + seconds, "succeeded", "succeeded"
        if lane == bad and begin < quarantined:
            end, outcome, what = begin + 4 + 3 * draw.random(), "exit_code", "exit code 134"
        elif name in ("align-33", HOSTILE[0]):
            end, outcome, what = begin + 30, "signal", "killed by SIGSEGV (core dumped)"
        elif name in ("ctf-7", "ctf-9"):
            end, outcome, what = begin + 1.5, "output_missing", "exit code 0, but ctf/7.star is missing"
        elif name == "align-90":
            end, outcome, what = begin + 300, "timed_out", "timed out after 5m 00s"
        elif name == HOSTILE[1]:
            end, outcome, what = begin + 0.01, "could_not_start", "could not start: execve <b>prog</b>: No such file or directory"
        if lane in lost and end > lost_at:
            end, outcome, what = lost_at, "lost_with_worker", "lost with rank 3 on node-a03"
            lost_count += 1
        free[lane] = end
        bars.add(lane, begin, end, outcome, name, attempt)
        story.setdefault(name, []).append({
            "attempt": attempt, "life": 2 if begin >= resumed else 1, "place": place(lanes, hosts, lane), "outcome": outcome,
            "what": what, "begin_s": round(begin, 3), "seconds": round(end - begin, 3), "user_s": seconds * 0.9, "system_s": 1.2,
            "max_rss_kib": 812345, "gpu_busy": 0.34 if kind == "gpu" else None, "gpu_memory_mib": 5120 if kind == "gpu" else None})
        if outcome == "succeeded":
            failed.pop(name, None)
        elif attempt < 2 or outcome == "lost_with_worker" or lane == bad:
            retries += 1
            run_one(name, kind, seconds, end + 5, attempt + 1, lane)
        else:
            failed[name] = (outcome, what, lane)

    for step in steps:
        run_one(*step)
    at = max(free)
    first_dry = sorted(free[i] for i in range(len(lanes)) if lanes[i]["kind"] == "gpu" and i != bad and i not in lost)[0]
    run_one("refine-all", "gpu", 760.0, at + 1)
    run_one("postprocess", "cpu", 41.0, at + 763)
    end = max(free)
    for name in list(story):
        if name in failed or len(story[name]) > 1 or draw.random() < 0.2 or name in ("refine-all", "postprocess", *HOSTILE):
            details[name] = {
                "command": f"relion_run_motioncorr --i {name}.star --o out/{name}/ --use_own --gpu 0 --j 4 --bin_factor 1",
                "line": len(details) + 1, "needs": [f"align-{i}" for i in range(1, 5)] if name == "refine-all" else [],
                "attempts": story[name],
                "tail": ["Correcting beam-induced motions ...", "000/??? sec ~~(,_,\">  [oo]", "<b>ERROR</b>: CUDA error 700 & more",
                         "\x1b[31mred\x1b[0m </pre><script>alert(2)</script>"] if name in failed or len(story[name]) > 1 else []}
    causes = {}
    for name, (outcome, what, lane) in failed.items():
        causes.setdefault(what if outcome != "could_not_start" else outcome.replace("_", " "), []).append((name, what, lane))
    failures = [{"cause": "exit code 134", "count": sum(a["outcome"] == "exit_code" for s in story.values() for a in s),
                 "steps": [n for n, s in story.items() if any(a["outcome"] == "exit_code" for a in s)][:20],
                 "examples": [{"step": next(n for n, s in story.items() if s[0]["outcome"] == "exit_code"),
                               "place": place(lanes, hosts, bad), "what": "exit code 134",
                               "tail": ["CUDA error 700: an illegal memory access was encountered", "Aborted (core dumped)"]}],
                 "places": [{"place": place(lanes, hosts, bad), "count": 60}]}]
    failures += [{"cause": cause, "count": len(ones), "steps": [one[0] for one in ones],
                  "examples": [{"step": ones[0][0], "place": place(lanes, hosts, ones[0][2]), "what": ones[0][1],
                                "tail": details[ones[0][0]]["tail"]}],
                  "places": [{"place": place(lanes, hosts, ones[0][2]), "count": len(ones)}]} for cause, ones in causes.items()]
    everything = [(a["seconds"], n, a["place"]) for n, s in story.items() for a in s]
    slowest = [{"step": n, "place": p, "seconds": s} for s, n, p in sorted(everything, reverse=True)[:10]]
    busy = sum(row[2] - row[1] for row in bars.rows)
    all_s = end * len(lanes)
    path = ["align-12", "refine-all", "postprocess"]
    total = len(story)
    return {
        "version": 1,
        "run": {"name": "chain.run", "steps_file": "chain.txt", "state": "finished", "exit_code": 1, "began": iso(0),
                "ended": iso(end + 5400), "wall_s": end, "gradus": "0.1.0", "written": iso(end + 5500),
                "lives": [{"begin_s": 0, "end_s": resumed, "began": iso(0), "ended": iso(resumed), "exit_code": 75,
                           "why": "signal USR1: drain"},
                          {"begin_s": resumed, "end_s": end, "began": iso(resumed + 5400), "ended": iso(end + 5400),
                           "exit_code": 1, "why": "end"}]},
        "counts": {"total": total + 3, "succeeded": total - len(failed), "failed": len(failed), "skipped": 3, "waiting": 0,
                   "running": 0, "kept": 0, "attempts": attempts, "retries": retries, "lost": lost_count},
        "verdict": f"{total - len(failed)} of {total + 3} steps succeeded; {len(failed)} failed and 3 were skipped because of them.",
        "advice": [
            {"what": f"GPU {lanes[bad]['gpus'][0]} on node-a02 is bad: leave it out.",
             "why": "5 steps in a row failed there that succeeded elsewhere."},
            {"what": "Ask for 2 nodes next time: they take 9 % longer than 3 and cost 27 % fewer node hours.",
             "why": "The last 13 minutes are one step (refine-all), whatever the number of nodes."},
            {"what": "GPU steps kept their GPU 34 % busy: two per GPU may pay.", "why": "Try --slots-per-gpu 2."}],
        "nodes": nodes, "lanes": lanes, "outcomes": OUTCOMES, "bars": bars.columns(), "step_names": bars.names,
        "marks": [{"t_s": drain, "kind": "stop", "text": "signal USR1: drain", "lanes": []},
                  {"t_s": resumed, "kind": "life", "text": "life 2 began, 1h 30m later", "lanes": []},
                  {"t_s": quarantined, "kind": "quarantine", "lanes": [bad],
                   "text": f"slot {bad} on node-a02 with {lanes[bad]['gpus'][0]}: 5 steps in a row failed there"},
                  {"t_s": lost_at, "kind": "lost", "text": "rank 3 on node-a03: <silent> for 60 s", "lanes": lost}],
        "use": use_of(bars, lanes, end),
        "tail": {"first_dry_s": round(first_dry, 1), "end_s": end, "busy_share": 0.11,
                 "last": [{"step": "postprocess", "place": "node-a01 slot 4", "seconds": 41.0, "end_s": end},
                          {"step": "refine-all", "place": place(lanes, hosts, 0), "seconds": 760.0, "end_s": end - 42}]},
        "lost_time": {"slot_s": all_s, "busy_s": busy,
                      "parts": [{"name": "waiting for prerequisites", "seconds": (all_s - busy) * 0.45},
                                {"name": "tail", "seconds": (all_s - busy) * 0.2}, {"name": "quarantine", "seconds": (all_s - busy) * 0.2},
                                {"name": "attempts that failed", "seconds": (all_s - busy) * 0.1},
                                {"name": "start", "seconds": (all_s - busy) * 0.05}]},
        "shapes": [{"shape": "relion_run_motioncorr --i … --o … --use_own --gpu … --j 4", "count": 180, "failed": 3, "median_s": 98.1,
                    "mean_s": 104.4, "p95_s": 170.0, "max_s": 300.0, "total_s": 18792.0, "longest": "align-90"},
                   {"shape": "ctffind <in> & …", "count": 59, "failed": 2, "median_s": 33.2, "mean_s": 34.4, "p95_s": 51.0,
                    "max_s": 66.0, "total_s": 2029.6, "longest": "ctf-21"}],
        "failures": failures,
        "bad_places": [{"place": f"slot {bad} on node-a02 with {lanes[bad]['gpus'][0]}", "failures": 5, "t_s": quarantined}],
        "rerun": {"count": len(failed) + 3, "names": list(failed), "command": "gradus run chain.txt --resume"},
        "critical_path": [{"step": n, "place": story[n][-1]["place"], "begin_s": story[n][-1]["begin_s"],
                           "seconds": story[n][-1]["seconds"], "waited_s": 0.9} for n in path],
        "slowest": slowest,
        "nodes_table": [{"nodes": n, "slots": 4 * n, "makespan_s": 900 + 7600 / n, "node_hours": n * (900 + 7600 / n) / 3600,
                         "is_this_run": n == 3} for n in (1, 2, 3, 4, 6, 8)],
        "gpu_use": {"mean_busy": 0.34, "by_shape": [{"shape": "relion_run_motioncorr --i …", "busy": 0.34, "memory_mib": 5120}]},
        "details": details}


def large(steps=100000):
    draw = random.Random(7)
    hosts = [f"gpu{n:03}" for n in range(16)]
    nodes, lanes = machine(hosts, 8, 0)
    bars, free = Bars(), [0.0] * len(lanes)
    most, details = 30000, {}
    shortest = 10.0  # what is shorter is drawn with its neighbours
    waiting = [None] * len(lanes)  # of each lane: begin, end, count

    def flush(lane):
        if waiting[lane]:
            begin, end, count = waiting[lane]
            bars.add(lane, begin, end, "succeeded", None, 1, count)
            waiting[lane] = None

    failed = []
    for i in range(1, steps + 1):
        lane = min(range(len(lanes)), key=free.__getitem__)
        seconds = draw.lognormvariate(1.6, 0.8)
        begin, end = free[lane] + 0.01, free[lane] + 0.01 + seconds
        free[lane] = end
        name = f"particle-stack-{i:06}"
        if draw.random() < 0.004:
            flush(lane)
            bars.add(lane, begin, end, draw.choice(OUTCOMES[1:4]), name)
            failed.append(name)
        elif seconds > shortest and len(bars.rows) < most:
            flush(lane)
            bars.add(lane, begin, end, "succeeded", name)
        elif waiting[lane] and end - waiting[lane][0] < 60:
            waiting[lane] = (waiting[lane][0], end, waiting[lane][2] + 1)
        else:
            flush(lane)
            waiting[lane] = (begin, end, 1)
    for lane in range(len(lanes)):
        flush(lane)
    end = max(free)
    for name in failed + bars.names[:2000 - len(failed)]:
        details[name] = {"command": f"extract --in movies/{name}.mrcs --out particles/{name}.star --gpu 0", "line": 1, "needs": [],
                         "attempts": [{"attempt": 1, "life": 1, "place": "gpu001 slot 8 GPU-104c1d9e", "outcome": "exit_code",
                                       "what": "exit code 1", "begin_s": 1.0, "seconds": 5.5, "user_s": 3.0, "system_s": 0.1,
                                       "max_rss_kib": 90000, "gpu_busy": None, "gpu_memory_mib": None}],
                         "tail": ["line of output"] * 3 if name in failed else []}
    report = small()
    report.update(nodes=nodes, lanes=lanes, bars=bars.columns(), step_names=bars.names, marks=[], use=use_of(bars, lanes, end, 500),
                  details=details, rerun={"count": len(failed), "names": failed[:1000], "command": "gradus run many.txt --resume"},
                  counts={"total": steps, "succeeded": steps - len(failed), "failed": len(failed), "attempts": steps},
                  verdict=f"{steps - len(failed)} of {steps} steps succeeded.")
    report["run"].update(name="many.run", lives=[{"begin_s": 0, "end_s": end, "began": iso(0), "ended": iso(end), "exit_code": 1}])
    return report


def main():
    words = sys.argv[1:] or ["small"]
    made = {"small": small, "large": lambda: large(*map(int, words[1:])), "empty": lambda: {"version": 1, "run": {"name": "empty.run"}}}
    json.dump(made[words[0]](), sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
