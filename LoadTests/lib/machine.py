"""The machine under the measurement: what it is, and which commit."""

import os
import pathlib
import platform
import shutil
import subprocess

LOADTESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = LOADTESTS.parent


def cpu_model():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    for line in lines:
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def facts():
    return {
        "cpu": cpu_model(), "cores": len(os.sched_getaffinity(0)), "architecture": platform.machine(),
        "memoryGiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(), "loadAverage": round(os.getloadavg()[0], 2),
    }


def describe():
    here = facts()
    line = f"{here['cpu']}, {here['cores']} cores, {here['memoryGiB']} GiB, Linux {here['kernel']}; commit {commit()}"
    # A busy neighbour costs the tail first: say so beside the figures.
    if here["loadAverage"] > 0.5:
        line += f"\nthis machine is busy (load {here['loadAverage']}): latencies will be worse than it can do"
    return line


def commit():
    """The commit, with `+` when tracked files differ from it."""
    def git(*words):
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    found = git("rev-parse", "--short=10", "HEAD")
    if found.returncode != 0:
        return "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no").stdout.strip()
    return found.stdout.strip() + ("+" if changed else "")


def version(*command):
    """The first line that a program says of its version; None when it is not there."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip().splitlines()
    return said[0].strip() if said else None
