#!/usr/bin/env python3
"""Needletail's index beside its peers', on the same vectors, at the same recall, in one run.

Called by `LoadTests/run retrieval`, which makes the environment that it needs. One thread pinned to one core, one query a
call. Settings are chosen on people who are not among those of whom figures are reported. Then rounds: in each, every
contender in turn answers the same people, others than in the round before. Peers are called through their python
bindings; the median time of such a call on an index of k vectors is subtracted from theirs. The machine should be quiet.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import cases
import contenders
import frontier
import gowalla
import plot
import progress as progress_
import tables
from ours import Refused
from worker import Neighbour, Stopped

# Tails are compared between those two.
RIVAL = "scann"
# Of float32: what an index may take.
SHARE_MAX = 0.25
PLOT_POINTS, PLOT_LEAST, PLOT_MOST = 5, 0.8, 0.996


@dataclasses.dataclass
class Machine:
    needletail: str | None
    core: int
    # Another one, where there is another.
    neighbour: int
    cores: int
    round_queries: int
    thorough: bool


def main():
    options = arguments()
    cores = sorted(os.sched_getaffinity(0))
    core = cores[-1] if options.core is None else options.core
    neighbour = next((other for other in cores if other != core), core)
    machine = Machine(options.needletail, core, neighbour, len(cores), options.queries, options.thorough)
    # Both explicitly: a shell starts what runs in its background with Ctrl-C ignored.
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, interrupt)
    progress = progress_.Progress()
    runs = planned(choose(cases.all_cases(options.items), options), machine, options, progress)
    done, status = [], 0
    try:
        for run in runs:
            progress.begin(run.case.name)
            try:
                run.prepare()
                if not options.prepare:
                    done.append(run)
                    run.perform({other.case.name: other for other in done})
            finally:
                run.end()
                if not options.prepare:
                    run.show()
            progress.done()
    except KeyboardInterrupt:
        print("\ninterrupted: what was measured until here is kept", file=sys.stderr)
        status = 130
    keep(done, options)
    sys.exit(status or (1 if any(run.troubles for run in runs) else 0))


def interrupt(*_):
    raise KeyboardInterrupt


def planned(chosen, machine, options, progress):
    """What is to be done, with an idea of how long it takes."""
    factors = gowalla.Factors(options.gowalla, options.needletail, options.data)
    runs = []
    for case in chosen:
        if case.shape is None and (why := factors.missing()):
            print(f"  {case.name} is left out: {why}", file=sys.stderr)
        else:
            runs.append(CaseRun(case, cases.Files(case, options.data, factors), machine, options, progress))
    forgotten = set()
    for run in runs:
        # A folder that two cases share is emptied once.
        run.forget(forgotten)
        progress.plan(run.expected_seconds())
    return runs


def arguments():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--needletail", help="the executable; without it the peers are measured alone")
    ask.add_argument("--data", type=pathlib.Path, required=True, help="folder for vectors, exact answers and indexes")
    ask.add_argument("--gowalla", type=pathlib.Path, help="folder with train.txt")
    ask.add_argument("--cases", nargs="*", default=[])
    ask.add_argument("--peers", nargs="*", default=[])
    ask.add_argument("--items", type=int, default=cases.BIG)
    ask.add_argument("--rounds", type=int, default=5)
    ask.add_argument("--queries", type=int, default=2000)
    ask.add_argument("--core", type=int)
    ask.add_argument("--all", action="store_true")
    ask.add_argument("--thorough", action="store_true")
    ask.add_argument("--rebuild", nargs="*", help="build those anew, by name; without names everybody")
    ask.add_argument("--prepare", action="store_true", help="make vectors, answers and indexes, and measure nothing")
    ask.add_argument("--out", type=pathlib.Path, required=True, help="file for the figures as JSON; .md and .svg go beside it")
    return ask.parse_args()


def choose(known, options):
    unknown = [name for name in options.cases if name not in known]
    if unknown:
        sys.exit(f"there is no case {unknown[0]}; there are {', '.join(known)}")
    if options.cases:
        return [known[name] for name in options.cases]
    return [case for case in known.values() if case.by_default or options.all]


class CaseRun:
    """One case: who takes part, what was chosen, what each round found."""

    def __init__(self, case, files, machine, options, progress):
        self.case, self.files, self.machine, self.options, self.progress = case, files, machine, options, progress
        self.troubles, self.contenders = [], []
        wanted = [name for name in case.peers if not options.peers or name in options.peers]
        if machine.needletail:
            self.contenders.append(contenders.Needletail(case, files, machine))
        self.contenders += [peer for name in wanted if (peer := contenders.Peer(name, case, files, machine)).builds]
        # By (contender's name, k): chains by target, points for the plot, and by setting what each round measured.
        self.swept, self.chains, self.plotted, self.measured, self.calibrated, self.tails = {}, {}, {}, {}, {}, {}

    def forget(self, forgotten):
        for contender in self.contenders if self.options.rebuild is not None else ():
            name = contender.name.strip("*")
            if (self.files.folder, name) not in forgotten and (not self.options.rebuild or name.lower() in map(str.lower, self.options.rebuild)):
                contender.forget()
                forgotten.add((self.files.folder, name))

    def expected_seconds(self):
        """Roughly: what is not there yet is made, then some seconds a setting. Measured on two Zen 4 cores."""
        million = self.case.items / 1e6
        making = 0 if self.files.is_there else 5 + 100 * million
        building = 0 if self.case.thrashed_of else sum(contender.expected_seconds() for contender in self.contenders)
        if self.options.prepare:
            return making + building
        each = (15 if self.case.thrashed_of else 9 + 14 * million) * len(self.case.targets)
        return making + building + each * len(self.contenders) * (0.5 + 0.1 * self.options.rounds)

    def prepare(self):
        """Vectors, answers and indexes."""
        self.files.ensure(self.progress.count)
        for contender in list(self.contenders):
            try:
                contender.prepare(self.progress, loads=not self.options.prepare)
            except (Stopped, Refused) as trouble:
                self.give_up(contender, trouble)

    def perform(self, earlier):
        """Settings, rounds, tails. `earlier`: the runs before, by name; a thrashed case goes on from the one that it is of."""
        warm = earlier.get(self.case.thrashed_of)
        for contender in list(self.contenders):
            try:
                for k in self.case.targets:
                    self.choose(contender, k, warm)
                contender.leave([point for (name, _), points in self.settings().items() if name == contender.name for point in points])
            except (Stopped, Refused) as trouble:
                self.give_up(contender, trouble)
        for round_ in range(self.options.rounds):
            for k in self.case.targets:
                # Whoever begins a round finds other caches than who ends it: the order turns.
                turn = round_ % max(len(self.contenders), 1)
                for contender in self.contenders[turn:] + self.contenders[:turn]:
                    with self.progress.step(f"round {round_ + 1} of {self.options.rounds}, k {k}: {contender.name.strip('*')}"):
                        self.round(contender, k, round_)

        if self.case.tails:
            self.look_at_tails()

    def look_at_tails(self):
        for k, targets in self.case.targets.items():
            for contender in self.contenders:
                point = self.answer(contender, k, targets[0])
                if point and (contender.is_ours or contender.name == RIVAL):
                    with self.progress.step(f"tails, k {k}: {contender.name.strip('*')}"):
                        alone = contender.tail(k, point)
                        with Neighbour(self.machine.neighbour):
                            beside = contender.tail(k, point)
                    self.tails[contender.name, k] = alone, beside

    def answer(self, contender, k, target):
        """The fastest measured setting that reaches a target."""
        return frontier.reaching([whole for _, whole, _ in self.chain(contender, k, target)], target)

    def choose(self, contender, k, warm):
        targets, key = self.case.targets[k], (contender.name, k)
        swept = warm.swept[key] if warm and key in warm.swept else contender.sweep(k, max(targets), self.progress)
        self.swept[key] = swept
        if self.case.thrashed_of:
            swept = contender.sweep_cold(k, targets[0], swept, self.progress)
        self.chains[contender.name, k] = {target: frontier.chain(swept, target) for target in targets}
        self.plotted[contender.name, k] = [] if self.case.thrashed_of else frontier.thinned(swept, PLOT_LEAST, PLOT_MOST, PLOT_POINTS)

    def settings(self):
        """What has to be measured, each once, by (name, k): chains in every round, the plot's points in the first."""
        return {key: list({identity(point): point for chain in [*chains.values(), self.plotted[key]] for point in chain}.values())
                for key, chains in self.chains.items()}

    def round(self, contender, k, round_):
        key = contender.name, k
        if key not in self.chains:
            return
        points = self.settings()[key]
        if round_ > 0:
            again = {identity(point) for chain in self.chains[key].values() for point in chain}
            points = [point for point in points if identity(point) in again]
        try:
            for point, found in zip(points, contender.measure(k, points, round_)):
                self.measured.setdefault(key, {}).setdefault(identity(point), []).append(found)
            for recall in self.case.targets[k] if contender.is_ours else ():
                if recall in (0.9, 0.95, 0.99):
                    self.calibrated.setdefault((k, recall), []).append(contender.as_calibrated(k, recall, round_))
        except (Stopped, Refused) as trouble:
            self.give_up(contender, trouble)

    def give_up(self, contender, trouble):
        self.troubles.append(f"{self.case.name}: {contender.name.strip('*')}: {trouble}")
        print(f"  {self.troubles[-1]}", file=sys.stderr, flush=True)
        contender.end()
        if contender in self.contenders:
            self.contenders.remove(contender)

    def end(self):
        for contender in self.contenders:
            contender.end()

    # What comes of it

    def chain(self, contender, k, target):
        """(text, pooled point, rounds) of a chain's settings that were measured."""
        rounds_of = self.measured.get((contender.name, k), {})
        return [(contender.describe(point), frontier.pooled(rounds), rounds)
                for point in self.chains.get((contender.name, k), {}).get(target, [])
                if (rounds := rounds_of.get(identity(point)))]

    def verdicts(self, k, target):
        ours_by_round, found = None, []
        for contender in self.contenders:
            settings = self.chain(contender, k, target)
            if not settings:
                continue
            if contender.is_ours:
                ours_by_round = frontier.by_round([(whole, rounds) for _, whole, rounds in settings])
            one = tables.verdict(contender.name, settings, target, None if contender.is_ours else ours_by_round)
            found.append(one | contender.about(one["point"], k))
        return found

    def curves(self, k):
        found = {}
        for contender in self.contenders:
            rounds_of = self.measured.get((contender.name, k), {})
            points = frontier.frontier([frontier.pooled(rounds) for rounds in rounds_of.values()])
            if points:
                found[contender.name.strip("*")] = [(point["recall"], point["mean_us"]) for point in points]
        return found

    def markdown(self):
        texts = []
        for k, targets in self.case.targets.items():
            for target in targets:
                if not (found := self.verdicts(k, target)):
                    continue
                text = tables.compared(self.case.title, k, target, found)
                if asked := self.calibrated.get((k, target)):
                    got = frontier.pooled(asked)
                    text += (f"\n\nAsked for recall {target:g}, without settings, Needletail answers with {got['recall']:.3f}"
                             f" in {tables.number(got['mean_us'])} µs.")
                texts.append(text)
        if self.tails:
            texts.append(tables.tails(self.case.title, self.test_count(), self.tails))
        return "\n\n".join(texts)

    def test_count(self):
        return max(point["queries"] for pair in self.tails.values() for point in pair)

    def unmet(self):
        """Sentences about what has to hold and does not."""
        found = []
        for k, targets in self.case.targets.items():
            for target in targets:
                known = {one["name"].strip("*"): one for one in self.verdicts(k, target)}
                if not (ours := known.get("Needletail")):
                    continue
                about = f"{self.case.name}, k {k}, recall {target:g}: "
                if ours["at_target_us"] is None:
                    found.append(about + f"Needletail reaches {ours['point']['recall']:.3f} only")
                if ours["share"] > SHARE_MAX:
                    found.append(about + f"the index is {ours['share']:.2f} of float32, more than {SHARE_MAX}")
                ratio = known.get(RIVAL, {}).get("ratio")
                if ratio and self.case.floor and self.is_full_size() and ratio[0] < self.case.floor:
                    found.append(about + f"{ratio[0]:.1f} times as fast as ScaNN, not {self.case.floor:g} times")
        return found

    def is_full_size(self):
        return self.case.shape is None or self.case.shape.items >= cases.BIG

    def show(self):
        print(self.markdown() + "\n", flush=True)

    def figures(self):
        return {f"k {k}, recall {target:g}": self.verdicts(k, target) for k, targets in self.case.targets.items() for target in targets} | {
            f"tails, k {k}": {"name": name, "alone": alone, "beside": beside} for (name, k), (alone, beside) in self.tails.items()}


def identity(point):
    return point["build"], str(point["setting"])


def keep(results, options):
    """JSON for `LoadTests/Results`, and beside it the tables and the plot."""
    figures = {run.case.name: run.figures() for run in results}
    curves = {run.case.name: {str(k): run.curves(k) for k in run.case.targets} for run in results}
    troubles = [trouble for run in results for trouble in run.troubles + run.unmet()]
    options.out.write_text(json.dumps({"figures": figures, "curves": curves, "failures": troubles}, ensure_ascii=False))
    options.out.with_suffix(".md").write_text("\n\n".join(run.markdown() for run in results) + "\n")
    panels = [(f"{run.case.title}, k = {k}", run.curves(k), max(targets))
              for run in results if not run.case.thrashed_of for k, targets in run.case.targets.items() if run.curves(k)]
    if panels:
        order = ["Needletail", *cases.EVERYBODY]
        options.out.with_suffix(".svg").write_text(plot.svg("Time of a query against recall: one thread, one query a call", panels, order))


if __name__ == "__main__":
    main()
