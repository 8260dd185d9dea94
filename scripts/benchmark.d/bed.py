"""What is measured with: the programs that are there, a folder for each run, and the machine.

Knows: which programs were built and which the machine has; how gradus is started alone and under mpirun.
Unaware of: what is measured.
"""
import datetime
import os
import platform
import shutil
import subprocess

import running

PYTHON = "/usr/bin/python3"  # Debian's: the one that python3-mpi4py belongs to


def said_by(*command):
    """What a command says, or nothing if it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=running.environment()).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


class Bed:
    def __init__(self, build, scratch, mpiexec):
        self.build, self.scratch, self.mpiexec = build, scratch, mpiexec
        self.gradus = os.path.join(build, "gradus")
        self.floor = self.helper("gradus_floor")
        self.step = self.helper("gradus_bench_step")
        self.journal = self.helper("gradus_bench_journal")
        self.left_out = []  # {"what", "why"}
        self._folders, self._steps = 0, {}
        self.has_output_option = "--output " in said_by(self.gradus, "run", "--help")

    def helper(self, name):
        return os.path.join(self.build, "tests", "bench", name)

    def leave_out(self, what, why):
        if {"what": what, "why": why} not in self.left_out:
            self.left_out.append({"what": what, "why": why})

    def folder(self, name):
        """A new folder. Folders stay until all is over: after a mass deletion ext4 is slow for minutes."""
        self._folders += 1
        path = os.path.join(self.scratch, f"{self._folders:05d}-{name}")
        os.makedirs(path)
        return path

    def steps_file(self, line, count):
        """The path of a steps file of `count` times `line`."""
        if (line, count) not in self._steps:
            path = os.path.join(self.scratch, f"steps-{len(self._steps)}.txt")
            with open(path, "w") as file:
                file.write((line + "\n") * count)
            self._steps[(line, count)] = path
        return self._steps[(line, count)]

    def alone(self, slots, steps, output=None):
        return [self.gradus, "run", steps, "--threads", str(slots + 1 if slots > 1 else 1), *self._options(output)]

    def ranks(self, ranks, steps, output=None, options=()):
        """Under mpirun, a slot on each rank but the master's."""
        return [self.mpiexec, "-np", str(ranks), self.gradus, "run", steps, "--threads", "1",
                *self._options(output), *options]

    def _options(self, output):
        return ["--quiet", "--run-dir", "run", *(["--output", output] if output and self.has_output_option else [])]

    def machine(self):
        """What figures depend on, for the heading of the table."""
        with open("/proc/cpuinfo") as file:
            models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        with open("/proc/meminfo") as file:
            memory_kib = int(file.readline().split()[1])
        return {
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
            "cpu": models[0] if models else "?", "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(memory_kib / 2**20, 1), "kernel": platform.release(),
            "load_before": round(os.getloadavg()[0], 2),
            "gradus": said_by("git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always", "--dirty"),
            "mpi": (said_by(self.mpiexec, "--version").splitlines() or ["none"])[0],
        }

    def has(self, program):
        return shutil.which(program) is not None
