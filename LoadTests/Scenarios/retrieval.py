"""Search times and recalls of the vector index, and ranking times: the speed tests of a release build."""

import os
import re
import subprocess

import machine
from lab import Trouble, need, note
from results import Report, table

SUMMARY = "time and recall of a search, time of a ranking: the speed tests in release mode; builds for minutes"
ALONE = True

# A build of its own: -enable-testing changes every object of a release build.
SCRATCH = ".build-speed"


def options(parser):
    parser.add_argument("--million", action="store_true", help="a million vectors of 128 dimensions instead of up to 100,000")
    parser.add_argument("--limit", type=int, default=3600, help="seconds for build and tests (default 3600)")


def run(lab, options):
    need("swift")
    report = Report()
    command = ["swift", "test", "-c", "release", "-Xswiftc", "-enable-testing", "--scratch-path", SCRATCH, "--filter", "SpeedTests"]
    speed = "2" if options.million else "1"
    note(f"NEEDLETAIL_SPEED={speed} {' '.join(command)}")
    try:
        done = subprocess.run(
            command, cwd=machine.ROOT, env={**os.environ, "NEEDLETAIL_SPEED": speed}, text=True, timeout=options.limit,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        raise Trouble(f"not done after {options.limit} s") from None
    if done.returncode != 0:
        raise Trouble(f"the speed tests ended with {done.returncode}:\n{done.stdout[-3000:]}")
    rows, what = [], ""
    for line in done.stdout.splitlines():
        if ": built in " in line:
            what = line.strip().partition(": built in ")[0]
        found = re.match(r"\s+(k|filter) (.+): mean ([\d.]+) p50 ([\d.]+) p99 ([\d.]+) .*?µs, (.*)", line)
        if found:
            kind, case, mean, p50, p99, recall = found.groups()
            name = f"{what}, {kind} {case}"
            report.figures[name] = {"mean": float(mean), "p50": float(p50), "p99": float(p99), "recall": recall}
            rows.append([name, f"{mean} µs", f"{float(p50):.1f} µs", f"{float(p99):.1f} µs", recall])
        found = re.match(r"(\d+ of \d+ × \d+, λ .+): p50 ([\d.]+) µs, p99 ([\d.]+) µs", line)
        if found:
            name = "ranking, " + found.group(1)
            report.figures[name] = {"p50": float(found.group(2)), "p99": float(found.group(3))}
            rows.append([name, "", f"{found.group(2)} µs", f"{found.group(3)} µs", ""])
    report.check(rows, f"no line of the speed tests was understood:\n{done.stdout[-1500:]}")
    table(["", "mean", "p50", "p99", "recall"], rows)
    return report
