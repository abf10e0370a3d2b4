"""Who is measured: a peer with its builds, or Needletail. Both answer the same three questions.

    prepare(progress, loads)           the index is there, and loaded unless only that was asked for
    sweep(k, target, progress)         points on the people for choosing: setting, recall, time without the call's cost
    measure(k, points, round_)         the same of the given settings on the people for reporting, in a round
"""

import json
import shutil

import frontier
import ours
import peers
from worker import Worker

# Of a sweep's setting; a slow one gets fewer queries, but never so few that its recall says nothing.
SWEEP_SECONDS, SWEEP_QUERIES = 0.3, 1000
ROUND_SECONDS = 0.8
TAIL_SECONDS = 20
# Writing through the caches takes some ten milliseconds a query.
THRASHED_SWEEP_QUERIES, THRASHED_QUERIES = 100, 150


def choosing(point):
    """Settings are chosen by the median time: a neighbour that wakes up in between moves a mean, and chooses for it."""
    return point | {"mean_us": point["p50_us"]}


class Peer:
    is_ours = False

    def __init__(self, name, case, files, machine):
        self.name, self.case, self.files, self.machine = name, case, files, machine
        self.peer = peers.PEERS[name]
        self.builds = self.peer.builds(case.items, case.unit_norms(), machine.thorough)
        self.workers, self.facts, self.overheads = {}, {}, {}

    def folder(self, label):
        return self.files.folder / "indexes" / f"{self.name}, {label}"

    def expected_seconds(self):
        """Of building what is not kept."""
        missing = [label for label in self.builds if not (self.folder(label) / "facts.json").is_file()]
        return 2 + len(missing) * self.peer.million_s * self.case.items / 1e6

    def forget(self):
        for label in self.builds:
            shutil.rmtree(self.folder(label), ignore_errors=True)

    def prepare(self, progress, loads=True):
        for label, parameters in self.builds.items():
            folder = self.folder(label)
            kept = (folder / "facts.json").is_file()
            if kept and not loads:
                continue
            with progress.step(f"{self.name}, {label}: " + ("loading" if kept else "building")):
                if not kept:
                    self.build(parameters, folder)
                if not loads:
                    continue
                self.facts[label] = json.loads((folder / "facts.json").read_text())
                worker = self.workers[label] = Worker(self.machine.core, self.files.folder / "peers.log")
                worker.ask("load", self.name, folder)

    def build(self, parameters, folder):
        shutil.rmtree(folder, ignore_errors=True)
        builder = Worker(self.machine.core, self.files.folder / "peers.log")
        try:
            builder.ask("build", self.name, parameters, self.files.base, folder, self.machine.cores)
        finally:
            builder.end()

    def overhead(self, k):
        if k not in self.overheads:
            worker = next(iter(self.workers.values()))
            self.overheads[k] = worker.ask("overhead", self.name, self.files.base, self.files.test, k, bool(self.case.thrashed_of))
        return self.overheads[k]

    def sweep(self, k, target, progress):
        """Every line of settings of every build, as far as it can matter."""
        points, fastest = [], None
        for label, parameters in self.builds.items():
            with progress.step(f"{self.name}, {label}: settings for k {k}"):
                for line in self.peer.lines(parameters, k, self.files.items):
                    walked = []
                    for setting in line:
                        walked.append(choosing(self.point(label, setting, k, *self.tuned, SWEEP_QUERIES, SWEEP_SECONDS)))
                        if walked[-1]["recall"] >= target:
                            fastest = min(fastest or walked[-1]["mean_us"], walked[-1]["mean_us"])
                        if not frontier.worth_going_on(walked, target, fastest):
                            break
                    points += walked
        return points

    def sweep_cold(self, k, target, points, progress):
        """Cold caches change what is best: settings near the warm frontier are timed again, cold. Their recall stands."""
        with progress.step(f"{self.name}: settings for k {k}, cold"):
            return [choosing(self.point(at["build"], at["setting"], k, *self.tuned, THRASHED_SWEEP_QUERIES, 30, True))
                    | {"recall": at["recall"]} for at in frontier.near(points, target)]

    def measure(self, k, points, round_):
        count = THRASHED_QUERIES if self.case.thrashed_of else self.machine.round_queries
        slice_ = self.files.slice(round_, count)
        seconds = 60 if self.case.thrashed_of else ROUND_SECONDS
        # One point after the other: as ours does.
        return [self.point(at["build"], at["setting"], k, *slice_, count, seconds, bool(self.case.thrashed_of)) for at in points]

    def tail(self, k, point):
        """One setting on everybody for reporting, in one go: what percentiles far out need."""
        return self.point(point["build"], point["setting"], k, self.files.test, self.files.test_truth, self.files.test_count, TAIL_SECONDS)

    @property
    def tuned(self):
        return self.files.tune, self.files.tune_truth

    def point(self, label, setting, k, queries, truth, count, seconds, thrashed=False):
        found = self.workers[label].ask("measure", setting, k, queries, truth, count, seconds, thrashed)
        return frontier.relieved(found, self.overhead(k)) | {"build": label, "setting": setting}

    def describe(self, point):
        label = point["build"]
        return f"{label}: {self.peer.describe(point['setting'])}"

    def about(self, point, k):
        facts = self.facts[point["build"]]
        return {"overhead_us": self.overhead(k), "build_s": facts["build_s"], "build_cpu_s": facts.get("build_cpu_s"),
                "share": facts["index_bytes"] / self.files.float_bytes,
                "build_peak_mb": facts["build_peak_mb"], "built": facts["date"]}

    def leave(self, needed):
        """Ends the processes of builds that no chosen setting needs."""
        for label in set(self.workers) - {point["build"] for point in needed}:
            self.workers.pop(label).end()

    def end(self):
        for worker in self.workers.values():
            worker.end()
        self.workers = {}


class Needletail:
    name, is_ours = "**Needletail**", True

    def __init__(self, case, files, machine):
        self.case, self.files, self.machine = case, files, machine
        self.index = ours.Index(machine.needletail, machine.core, files, "cosine" if case.unit_norms() else "dot")

    def expected_seconds(self):
        return 0 if self.index.is_kept() else 5 + 60 * self.case.items / 1e6

    def forget(self):
        self.index.about.unlink(missing_ok=True)

    def prepare(self, progress, loads=True):
        kept = self.index.is_kept()
        with progress.step("needletail: " + ("its index is there" if kept else "building")):
            self.facts = self.index.facts() if kept else self.index.build()

    def sweep(self, k, target, progress):
        with progress.step(f"needletail: settings for k {k}"):
            tuned = self.files.tune, self.files.tune_truth
            points = self.index.bench(k, *tuned, None, SWEEP_QUERIES)
            # The executable's range is about what it was calibrated for; then closer, about what that found.
            for _ in range(2):
                best = frontier.reaching(points, target) or frontier.frontier(points)[-1]
                points += self.index.bench(k, *tuned, ours.around(best, k, self.files.items), SWEEP_QUERIES)
            return [choosing(point) for point in points]

    def sweep_cold(self, k, target, points, progress):
        with progress.step(f"needletail: settings for k {k}, cold"):
            near = frontier.near(points, target)
            cold = self.index.bench(k, self.files.tune, self.files.tune_truth, [at["setting"] for at in near],
                                    THRASHED_SWEEP_QUERIES, thrash=True)
            return [choosing(found) | {"recall": at["recall"]} for at, found in zip(near, cold)]

    def measure(self, k, points, round_):
        count = THRASHED_QUERIES if self.case.thrashed_of else self.machine.round_queries
        return self.index.bench(k, *self.files.slice(round_, count), [at["setting"] for at in points], count, thrash=bool(self.case.thrashed_of))

    def tail(self, k, point):
        return self.index.bench(k, self.files.test, self.files.test_truth, [point["setting"]], self.files.test_count)[0]

    def as_calibrated(self, k, recall, round_):
        """What who asks for a recall gets, instead of settings chosen here; None where calibration knows no such recall."""
        count = THRASHED_QUERIES if self.case.thrashed_of else self.machine.round_queries
        return self.index.bench(k, *self.files.slice(round_, count), None, count, recall=recall, thrash=bool(self.case.thrashed_of))[0]

    def describe(self, point):
        blocks, refined, rescored = point["setting"].split(":")
        return f"{blocks} blocks, {refined} refined, {rescored} rescored"

    def about(self, point, k):
        return {"ours": True, "build_s": self.facts["build_s"], "build_cpu_s": self.facts.get("build_cpu_s"),
                "share": point["index_bytes"] / self.files.float_bytes,
                "build_peak_mb": self.facts["build_peak_mb"], "built": self.facts["date"], "bytes_touched": point["bytes_touched"]}

    def leave(self, needed):
        pass

    def end(self):
        pass
