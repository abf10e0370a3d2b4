"""Phases of a run, and what a probe's samples say of each."""

import time

from probe import summary
from results import table, time_text


class Timeline:
    def __init__(self):
        self.phases = []  # name, begin, end

    def begin(self, name, seconds=0):
        self.end()
        self.phases.append([name, time.perf_counter(), None])
        time.sleep(seconds)

    def end(self):
        if self.phases and self.phases[-1][2] is None:
            self.phases[-1][2] = time.perf_counter()

    def of(self, name, samples):
        """Samples planned within a phase."""
        return [sample for phase, begin, end in self.phases if phase == name
                for sample in samples if begin <= sample.t < end]

    def show(self, samples, report):
        """A row a phase; its figures go into the report."""
        rows = []
        for name, begin, end in self.phases:
            figures = summary(self.of(name, samples))
            if not figures["answers"]:
                continue
            report.figures[name] = {"seconds": round(end - begin, 2), **figures}
            rows.append([
                name, f"{end - begin:.1f} s", figures["answers"], figures["wrong"], time_text(figures["p50"]),
                time_text(figures["p99"]), time_text(figures["max"]), time_text(figures["lateP99"]), shares(figures)])
        table(["phase", "", "answers", "wrong", "p50", "p99", "max", "client late p99", "tiers"], rows)


def shares(figures):
    counts = sorted(figures["tiers"].items(), key=lambda one: -one[1])
    return ", ".join(f"{tier} {100 * count / figures['answers']:.0f} %" for tier, count in counts)


def check_probe(samples, report):
    wrong = [sample for sample in samples if sample.wrong]
    report.check(samples, "the probe had no answer at all")
    report.check(not wrong, f"{len(wrong)} of {len(samples)} answers to the probe were wrong, first: {wrong[0].wrong if wrong else ''}")


def check_wrk(figures, report):
    """Every answer that wrk had was a 200 with items in it."""
    report.figures["wrk"] = figures
    others = {status: count for status, count in figures["statuses"].items() if status != "200"}
    report.check(figures["requests"] > 0, "wrk had no answer at all")
    report.check(not others, f"wrk saw statuses other than 200: {others}")
    report.check(figures["wrong"] == 0, f"wrk saw {figures['wrong']} wrong answers, first: {figures['example']}")
    broken = {kind: count for kind, count in figures["errors"].items() if count}
    report.check(not broken, f"wrk had errors: {broken}")
