"""How many short steps a second, against a floor that does nothing but start and wait.

Knows: the contestants, and that each is measured right after a floor that starts the same command: a machine's speed
wanders, the ratio of neighbours hardly does.
Unaware of: how the figures are shown.
"""
import os
import shutil

import bed as beds
import figures
import running

DIRECT = "/bin/true"
SHELL = "/bin/true >/dev/null"  # needs a shell, which then becomes `true`
FARM = """
import subprocess, sys
from mpi4py.futures import MPIPoolExecutor
def step(number): return subprocess.call(["/bin/true"])
if __name__ == "__main__":
    with MPIPoolExecutor() as pool:
        assert not any(pool.map(step, range(int(sys.argv[1])), unordered=True))
"""


class Contestant:
    """`prepare(folder, steps)` writes what is needed and returns (command, standard input or None). `share`: of the number
    of steps, for slow ones. `by_mpi`: the launcher's own start and end is measured by a run of one step and taken off."""

    def __init__(self, name, prepare, floor="floor", share=1.0, by_mpi=False):
        self.name, self.prepare, self.floor, self.share, self.by_mpi = name, prepare, floor, share, by_mpi


def floor_command(bed, folder, steps, kind):
    files = []
    if kind == "floor, two files a step":
        os.makedirs(os.path.join(folder, "files"))
        files = ["--files", os.path.join(folder, "files")]
    command = ["/bin/sh", "-c", SHELL] if kind == "floor, sh -c" else [DIRECT]
    return [bed.floor, "2", str(steps), *files, "--", *command]


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def numbers(folder, steps):
    return write(folder, "numbers", "".join(f"{i}\n" for i in range(steps)))


def makefile(steps):
    names = " ".join(f"s{i}" for i in range(steps))
    return f"all: {names}\n.PHONY: all {names}\n{names}:\n\t@{DIRECT}\n"


def ninja_file(steps):
    return f"rule run\n  command = {DIRECT}\n" + "".join(f"build s{i}: run\n" for i in range(steps))


def ours(bed):
    """gradus itself: alone and over MPI, by output and by shell."""
    outputs = [("packed", "packed output"), ("steps", "two files a step")]
    if not bed.has_output_option:
        outputs = [(None, "two files a step")]
        bed.leave_out("gradus with packed output", "this gradus has no --output yet: it writes two files a step")
    for ranks, where in ((0, "gradus alone"), (3, "gradus, mpirun -np 3")):
        def starts(line, output, ranks=ranks):
            def prepare(folder, steps):
                file = bed.steps_file(line, steps)
                return (bed.ranks(ranks, file, output) if ranks else bed.alone(2, file, output)), None
            return prepare
        for output, words in outputs:
            yield Contestant(f"{where}, {words}", starts(DIRECT, output), by_mpi=ranks > 0)
        yield Contestant(f"{where}, sh -c, {outputs[0][1]}", starts(SHELL, outputs[0][0]), floor="floor, sh -c",
                         by_mpi=ranks > 0)


def peers(bed):
    """What Debian has of the field. ninja and GNU parallel start a shell for each command."""
    def xargs(folder, steps): return ["xargs", "-P2", "-n1", DIRECT], numbers(folder, steps)
    def make(folder, steps): return ["make", "-j2", "-f", write(folder, "Makefile", makefile(steps))], None
    def ninja(folder, steps):
        write(folder, "build.ninja", ninja_file(steps))
        return ["ninja", "-j2", "--quiet"], None
    def parallel(folder, steps): return ["parallel", "--will-cite", "-j2", DIRECT, "::::", numbers(folder, steps)], None
    def farm(folder, steps):  # Debian's mpi4py is built with Open MPI, whatever we are built with
        launcher = shutil.which("mpirun.openmpi") or bed.mpiexec
        program = write(folder, "farm.py", FARM)
        return [launcher, "-np", "3", beds.PYTHON, "-m", "mpi4py.futures", program, str(steps)], None

    for program, contestant in (("xargs", Contestant("xargs -P2", xargs)), ("make", Contestant("make -j2", make)),
                                ("ninja", Contestant("ninja -j2", ninja, floor="floor, sh -c")),
                                ("parallel", Contestant("GNU parallel -j2", parallel, floor="floor, sh -c", share=0.2))):
        if bed.has(program):
            yield contestant
        else:
            bed.leave_out(contestant.name, f"no {program} here (scripts/benchmark without --no-install installs it)")
    if beds.said_by(beds.PYTHON, "-c", "import mpi4py.futures; print('there')") == "there":
        yield Contestant("mpi4py.futures, mpirun -np 3", farm, by_mpi=True)
    else:
        bed.leave_out("mpi4py.futures", f"{beds.PYTHON} has no mpi4py (Debian: python3-mpi4py)")


def contestants(bed):
    for kind in ("floor, two files a step", "floor, sh -c"):
        yield Contestant(kind, lambda folder, steps, kind=kind: (floor_command(bed, folder, steps, kind), None))
    yield from ours(bed)
    yield from peers(bed)


def one_run(bed, contestant, steps):
    folder = bed.folder("throughput")
    command, stdin = contestant.prepare(folder, steps)
    return running.run(command, folder, stdin)


def match(bed, contestant, steps):
    """The floor, then the contestant: one round's figures."""
    steps = max(2, round(steps * contestant.share))
    folder = bed.folder("floor")
    floor = running.run(floor_command(bed, folder, steps, contestant.floor), folder)
    cost, counted = one_run(bed, contestant, steps), steps
    if contestant.by_mpi:
        cost, counted = cost.less(one_run(bed, contestant, 1)), steps - 1
    if cost.wall_s <= 0 or cost.cpu_s <= 0:
        raise running.Failed(f"too few steps: {steps} took no longer than one")
    rate, cpu_ms = counted / cost.wall_s, cost.cpu_s / counted * 1e3
    floor_rate, floor_cpu_ms = steps / floor.wall_s, floor.cpu_s / steps * 1e3
    return {"steps": steps, "rate": rate, "cpu_ms": cpu_ms, "floor_rate": floor_rate, "floor_cpu_ms": floor_cpu_ms,
            "rate_share": rate / floor_rate, "cpu_share": cpu_ms / floor_cpu_ms}


def measure(bed, rounds, steps, wanted, say):
    """Every contestant in turn, `rounds` times over, each round beginning with another."""
    field = [each for each in contestants(bed) if wanted(each.name)]
    matches = {each.name: [] for each in field}
    for number in range(rounds):
        turn = number * max(1, len(field) // max(1, rounds)) % max(1, len(field))
        for each in field[turn:] + field[:turn]:
            say(f"round {number + 1} of {rounds}: {each.name}")
            try:
                matches[each.name].append(match(bed, each, steps))
            except running.Failed as failed:
                matches[each.name].append(None)
                bed.leave_out(f"{each.name}, in round {number + 1}", str(failed))
    rows = [row(each, there(matches[each.name])) for each in field if there(matches[each.name])]
    return {"steps": steps, "rounds": rounds, "rows": [floor_row(field, matches), *rows] if rows else [],
            "against": against(matches)}


def there(rounds):
    """The rounds that have not failed."""
    return [each for each in rounds if each]


def row(contestant, rounds):
    keys = ("rate", "cpu_ms", "rate_share", "cpu_share")
    figures_of = {key: figures.spread([each[key] for each in rounds]) for key in keys}
    return {"name": contestant.name, "floor": contestant.floor, "steps": rounds[0]["steps"], **figures_of, "rounds": rounds}


def floor_row(field, matches):
    """The bare floor over all matches that it was measured in."""
    bare = [each for contestant in field if contestant.floor == "floor"
            for each in there(matches[contestant.name])]
    one = figures.spread([1.0])
    return {"name": "floor", "floor": "floor", "steps": bare[0]["steps"] if bare else 0,
            "rate": figures.spread([each["floor_rate"] for each in bare] or [0]),
            "cpu_ms": figures.spread([each["floor_cpu_ms"] for each in bare] or [0]), "rate_share": one, "cpu_share": one}


def against(matches):
    """Steps a second of gradus at -np 3, with its default output, over those of each peer in the same round."""
    mine = next((rounds for name, rounds in matches.items() if name.startswith("gradus, mpirun")), [])
    rows = []
    for name, rounds in matches.items():
        times = [a["rate"] / b["rate"] for a, b in zip(mine, rounds) if a and b]
        if times and not name.startswith(("gradus", "floor")):
            rows.append({"peer": name, "rate": figures.spread(times)})
    return rows
