"""Needletail's index, by its own executable: `index build` once, `index bench` for every measurement."""

import json
import os
import subprocess
import tempfile
import time

# What a line of `index bench --json` has to say.
NUMBERS = ("recall", "recall_p5", "mean_us", "p50_us", "p99_us", "index_bytes", "bytes_touched", "blocks", "refined", "rescored")
THRASH = "64MiB"


class Refused(Exception):
    """The executable ended with an error or said something else than it should."""


class Index:
    def __init__(self, needletail, core, files, metric):
        self.needletail, self.core, self.files, self.metric = needletail, core, files, metric
        folder = files.folder / "indexes"
        self.path, self.about = folder / "needletail.ntsnap", folder / "needletail.json"

    def is_kept(self):
        """Built, by this very executable: a newer one has another index."""
        return self.path.is_file() and self.about.is_file() and self.facts().get("executable") == self.stamp()

    def facts(self):
        return json.loads(self.about.read_text())

    def stamp(self):
        found = os.stat(self.needletail)
        return [found.st_size, found.st_mtime_ns]

    def build(self):
        command = [self.needletail, "index", "build", "--base", self.files.base, "--calibration", self.files.calibration,
                   "--metric", self.metric, "--out", self.path]
        self.path.parent.mkdir(exist_ok=True)
        self.about.unlink(missing_ok=True)
        begun = time.perf_counter()
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(list(map(str, command)), stdout=said, stderr=said)
            try:
                # Not `wait`: only this says what memory that one process took.
                _, status, used = os.wait4(process.pid, 0)
            except KeyboardInterrupt:
                process.kill()
                raise
            process.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            if process.returncode != 0:
                raise Refused(sentence(command, process.returncode, said.read()))
        facts = {"build_s": round(time.perf_counter() - begun, 2), "build_cpu_s": round(used.ru_utime + used.ru_stime, 2),
                 "build_peak_mb": used.ru_maxrss >> 10, "date": time.strftime("%Y-%m-%dT%H:%M"), "file_bytes": self.path.stat().st_size, "executable": self.stamp()}
        self.about.write_text(json.dumps(facts))
        return facts

    def bench(self, k, queries, truth, settings, limit, recall=None, thrash=False):
        """A point for each setting, in their order; without settings the range that the executable chooses."""
        command = [self.needletail, "index", "bench", "--index", self.path, "--core", self.core, "--queries", queries,
                   "--truth", truth, "-k", k, "--limit", limit, "--all", "--json"]
        command += ["--settings", ",".join(settings)] if settings else []
        command += ["--recall", recall] if recall else []
        command += ["--thrash", THRASH] if thrash else []
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            raise Refused(sentence(command, done.returncode, done.stdout + done.stderr))
        points = read(done.stdout)
        if len(points) < max(len(settings or []), 1):
            raise Refused(f"{len(points)} lines instead of {len(settings)} from {' '.join(map(str, command))}")
        return points


def read(output):
    """Points of the lines of `index bench --json`; other lines are not its JSON and do not count."""
    points = []
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        found = json.loads(line)
        missing = [name for name in NUMBERS if not isinstance(found.get(name), (int, float))]
        if missing:
            raise Refused(f"a line of index bench without {', '.join(missing)}: {line}")
        point = {name: found[name] for name in NUMBERS}
        asked = found.get("setting") or f"{found['blocks']}:{found['refined']}:{found['rescored']}"
        points.append(point | {"setting": asked, "queries": found.get("queries", 1), "lists": found.get("lists"), "build": ""})
    return points


def around(point, k, items):
    """Budgets about one: blocks scanned, rows refined of what they hold, rows scored exactly of those."""
    blocks, refined, rescored = map(int, point["setting"].split(":"))
    found = set()
    # An index without lists scans all of its blocks, whatever is asked for.
    for more in (1,) if point.get("lists") == 0 else (0.5, 0.7, 0.85, 1, 1.2, 1.4, 2):
        for much in (0.6, 0.8, 1, 1.25, 1.6):
            for exactly in (0.6, 0.8, 1, 1.3):
                wanted = min(max(round(blocks * more), 1), -(-items // 32)), round(refined * much), round(rescored * exactly)
                # What was switched off stays so; nothing can be scored exactly that was not refined.
                found.add((wanted[0], max(wanted[1], wanted[2], k) if refined else 0, max(wanted[2], k) if rescored else 0))
    return [":".join(map(str, setting)) for setting in sorted(found)]


def sentence(command, status, said):
    return f"{' '.join(map(str, command))} ended with {status}:\n{said.strip()[-1500:]}"
