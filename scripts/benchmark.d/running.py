"""Runs a command and tells what it cost.

Knows: wall time, processor time of all descendants, peak memory, the environment in which everything is measured.
Unaware of: what is run, and what for.
"""
import ctypes
import os
import resource
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
VARIABLES = 60  # in the environment of whatever is measured, as on a cluster


class Failed(Exception):
    """A command that was to be measured did not end well."""


class Cost:
    def __init__(self, wall_s, cpu_s, rss_kib):
        self.wall_s, self.cpu_s, self.rss_kib = wall_s, cpu_s, rss_kib

    def less(self, other):
        return Cost(self.wall_s - other.wall_s, self.cpu_s - other.cpu_s, self.rss_kib)


def adopt_orphans():
    """What a measured command leaves behind becomes our child, so that its processor time is counted too."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def environment():
    """Ours, less what would change a run, filled up to VARIABLES; Open MPI on one machine with few cores."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("GRADUS_", "SLURM_", "OMPI_", "PMIX_", "BENCH_"))}
    kept.update({
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
        "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self,vader,tcp", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
        "OMPI_MCA_oob_tcp_if_include": "lo", "OMPI_MCA_btl_tcp_if_include": "lo",
    })
    for number in range(VARIABLES - len(kept)):
        kept[f"BENCH_VARIABLE_{number}"] = f"value-{number}"
    return kept


def reap_orphans(seconds=5):
    """Waits for what a command has left to us; no longer than `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.002)
        except ChildProcessError:
            return


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def start(command, folder, stdin=None, limit_s=600):
    """Starts `command` in `folder`, with its output in folder/out. It is ended after `limit_s`."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "out"), "ab") as output, open(stdin or os.devnull, "rb") as source:
        return subprocess.Popen(["timeout", "-k", "5", str(limit_s), *command], cwd=folder, env=environment(),
                                stdin=source, stdout=output, stderr=subprocess.STDOUT)


def give_up(process):
    """Ends what start() gave, if it has not ended."""
    if process.returncode is None:
        process.terminate()
        process.wait()


def finish(process, command, folder):
    """Waits for the end of what start() gave. Returns when it ended (monotonic), and the peak memory of it or of its
    largest descendant in KiB. Failed when it did not end with 0."""
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:  # Ctrl-C among them: nothing that we have started stays behind
        give_up(process)
        raise
    ended = time.monotonic()
    process.returncode = os.waitstatus_to_exitcode(status)
    reap_orphans()
    if process.returncode != 0:
        raise Failed(f"exit code {process.returncode} of {' '.join(command)}: {last_line(os.path.join(folder, 'out'))}")
    return ended, usage.ru_maxrss


def run(command, folder, stdin=None, limit_s=600):
    """Runs `command` in `folder` and tells what it cost."""
    cpu_before, began = children_cpu_s(), time.monotonic()
    ended, rss_kib = finish(start(command, folder, stdin, limit_s), command, folder)
    return Cost(ended - began, children_cpu_s() - cpu_before, rss_kib)


def last_line(path):
    with open(path, errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else "(it said nothing)"
