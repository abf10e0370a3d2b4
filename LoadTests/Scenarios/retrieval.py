"""Search times and recalls of the vector index, and ranking times: the speed tests of a release build."""

import os
import re
import subprocess

import machine
from lab import Trouble, need, note
from results import Report, table

SUMMARY = "time and recall of a search, time of a ranking: the speed tests in release mode; builds for minutes"

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
    tables = understand(done.stdout, report)
    report.check(len(tables) > 1, f"the speed tests' lines were not understood:\n{done.stdout[-1500:]}")
    for what, rows in tables.items():
        table([what, "mean", "p50", "p99", "recall", "5th percentile"], rows)
    return report


SEARCH = re.compile(
    r"\s+((?:k|filter) .+): mean ([\d.]+) p50 ([\d.]+) p99 ([\d.]+) .*µs, recall ([\d.]+), 5th percentile ([\d.]+)")
RANKING = re.compile(r"(\d+ of \d+ × \d+, λ .+): p50 ([\d.]+) µs, p99 ([\d.]+) µs")


def understand(output, report):
    """Rows by what was searched; the figures, in µs, go into the report."""
    tables, what = {}, ""
    for line in output.splitlines():
        if ": built in " in line:
            what = line.strip().partition(": built in ")[0]
        elif found := SEARCH.match(line):
            mean, p50, p99, recall, worst = map(float, found.groups()[1:])
            report.figures[f"{what}, {found.group(1)}"] = {"mean": mean, "p50": p50, "p99": p99, "recall": round(recall, 4), "recallP5": round(worst, 4)}
            row = [found.group(1), f"{mean:.1f} µs", f"{p50:.1f} µs", f"{p99:.1f} µs", f"{recall:.3f}", f"{worst:.2f}"]
            tables.setdefault(what, []).append(row)
        elif found := RANKING.match(line):
            p50, p99 = map(float, found.groups()[1:])
            report.figures[f"ranking, {found.group(1)}"] = {"p50": p50, "p99": p99}
            tables.setdefault("ranking", []).append([found.group(1), "", f"{p50:.1f} µs", f"{p99:.1f} µs", "", ""])
    return tables
