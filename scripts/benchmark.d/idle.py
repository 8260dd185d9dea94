"""What waiting costs: processor time of ranks and mpirun while their steps sleep.

Knows: runs of two steps that sleep; the times of processes' own threads under /proc, from when both steps are there. The
difference of a run that sleeps and one that does not would be simpler, but starts and ends of mpirun differ by more.
Unaware of: how the figures are shown.
"""
import os
import time

import figures
import running


def steps_file(bed, name, line):
    path = os.path.join(bed.folder("idle-steps"), f"{name}.txt")
    with open(path, "w") as file:
        file.write((line + "\n") * 2)
    return path


def children(process):
    path = f"/proc/{process}/task"
    found = []
    for thread in os.listdir(path):
        with open(f"{path}/{thread}/children") as file:
            found += file.read().split()
    return found


def name_of(process):
    with open(f"/proc/{process}/comm") as file:
        return file.read().strip()


def ranks_under(process):
    """The gradus processes that mpirun has started, by rank. Guardians are children of theirs, and are not in it."""
    found = {}
    for child in children(process):
        if name_of(child) != "gradus":
            found.update(ranks_under(child))
            continue
        with open(f"/proc/{child}/environ", "rb") as file:
            variables = dict(each.split(b"=", 1) for each in file.read().split(b"\0") if b"=" in each)
        found[int(variables.get(b"OMPI_COMM_WORLD_RANK") or variables.get(b"PMI_RANK", b"-1"))] = child
    return found


def used_ns(process):
    total = 0
    for thread in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total


def with_a_step(ranks):
    return {rank for rank, pid in ranks.items() if "sleep" in map(name_of, children(pid))}


def ranks_at_work(mpirun, count, limit_s=60):
    """The ranks under `mpirun`, once two of them have their steps."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        ranks = ranks_under(mpirun)
        if set(ranks) == set(range(count)) and len(with_a_step(ranks)) == 2:
            return ranks
        time.sleep(0.05)
    raise running.Failed(f"no {count} ranks of which two have steps within {limit_s} s")


def family(process):
    """`process` and all below it but the steps."""
    found = [process]
    for child in children(process):
        if name_of(child) != "sleep":
            found += family(child)
    return found


def shares_of_one_core(ranks, seconds):
    before, began = {rank: used_ns(pid) for rank, pid in ranks.items()}, time.monotonic()
    time.sleep(seconds)
    passed_ns = (time.monotonic() - began) * 1e9
    return {rank: (used_ns(pid) - before[rank]) / passed_ns for rank, pid in ranks.items()}


def whole_run(bed, seconds):
    """Share of one core (1 = all of it) that three ranks, their guardians and mpirun use while two steps sleep."""
    command = bed.ranks(3, steps_file(bed, "both", f"sleep {seconds + 8}"))
    folder = bed.folder("idle")
    process = running.start(command, folder)
    try:
        ranks_at_work(process.pid, 3)
        all_of_it = {each: each for each in family(process.pid)}
        share = sum(shares_of_one_core(all_of_it, seconds).values())
        running.finish(process, command, folder)
    except (OSError, running.Failed) as error:
        running.give_up(process)
        raise running.Failed(f"three ranks could not be looked at: {error}") from error
    return share


def single_ranks(bed, seconds):
    """Shares of one core that the master, a rank whose step sleeps, and a rank without a step use."""
    command = bed.ranks(4, steps_file(bed, "sleep", f"sleep {seconds + 8}"))
    folder = bed.folder("idle-ranks")
    process = running.start(command, folder)
    try:
        ranks = ranks_at_work(process.pid, 4)
        busy = with_a_step(ranks)
        if not busy:
            raise running.Failed("their steps ended before they could be looked at")
        time.sleep(1)  # until all is quiet
        shares = shares_of_one_core(ranks, seconds)
        running.finish(process, command, folder)
    except (OSError, running.Failed) as error:
        running.give_up(process)
        raise running.Failed(f"single ranks could not be looked at: {error}") from error
    return {"master": shares[0], "with_step": max(shares[rank] for rank in busy),
            "idle": shares[(set(ranks) - busy - {0}).pop()]}


def measure(bed, rounds, seconds, say):
    whole, single = [], []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}: idle cost")
        try:
            whole.append(whole_run(bed, seconds))
            single.append(single_ranks(bed, seconds))
        except running.Failed as failed:
            bed.leave_out("idle cost", str(failed))
    result = {"seconds": seconds}
    if whole:
        result["three_ranks_and_mpirun"] = figures.spread(whole)
    for key in ("master", "with_step", "idle"):
        if single:
            result[key] = figures.spread([each[key] for each in single])
    return result
