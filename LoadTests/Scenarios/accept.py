"""How connections come to workers: what each value of http.accept costs, and how evenly it spreads them."""

import pathlib

import machine
import results
import wrk
from gateway import SEGMENT_TARGET, Gateway, catalogue
from lab import note
from results import Report, table, time_text

SUMMARY = "http.accept: a socket a worker, a shared one, or an acceptor, with few and with many connections"
ALONE = False

STRATEGIES = ["reuseport", "shared", "handover"]
CONNECTIONS = [4, 8, 1000]
FRESH = {"placements": {"home": {"fresh": "1h"}}}


def options(parser):
    parser.add_argument("--rounds", type=int, default=5, help="rounds; every row is measured once in each (default 5)")
    parser.add_argument("--seconds", type=int, default=2, help="of one measurement (default 2)")
    parser.add_argument("--workers", type=int, default=2, help="of each gateway (default 2)")


def run(lab, options):
    report = Report()
    repository, _ = catalogue(lab)
    gateways = {
        strategy: Gateway(
            lab, repository, settings={**FRESH, "http": {"accept": strategy}}, workers=options.workers, name=strategy,
        ).wait_until_ready() for strategy in STRATEGIES
    }
    rows = {(count, strategy): [] for count in CONNECTIONS for strategy in STRATEGIES}
    for gateway in gateways.values():
        wrk.measure(lab, gateway.origin, [SEGMENT_TARGET], [gateway.pid], 1, 64)
    for number in range(options.rounds):
        note(f"round {number + 1} of {options.rounds}")
        for (count, strategy), rounds in rows.items():
            rounds.append(measure(lab, gateways[strategy], count, options.seconds))
    show(rows, report)
    return report


def measure(lab, gateway, connections, seconds):
    before = worker_seconds(gateway.pid)
    figures = wrk.measure(lab, gateway.origin, [SEGMENT_TARGET], [gateway.pid], seconds, connections)
    spent = [after - first for first, after in zip(before, worker_seconds(gateway.pid))]
    # Every connection asks as fast as it is answered, so work goes by connections. 1 / workers is even.
    figures["busiest"] = max(spent) / max(sum(spent), 1e-9)
    return figures


def worker_seconds(pid):
    """Processor time of each worker's thread, to the nanosecond."""
    spent = []
    for task in sorted(pathlib.Path(f"/proc/{pid}/task").iterdir(), key=lambda path: int(path.name)):
        if (task / "comm").read_text().startswith("worker-"):
            spent.append(int((task / "schedstat").read_text().split()[0]) / 1e9)
    return spent


def show(rows, report):
    lines = []
    for (count, strategy), rounds in rows.items():
        errors = sum(one["errors"] for one in rounds)
        report.check(errors == 0, f"{strategy}, {count} connections: {errors} errors")
        spread = {name: results.spread([one[name] for one in rounds]) for name in ("rps", "p99", "cpu", "busiest")}
        base = results.spread([one["cpu"] for one in rows[count, STRATEGIES[0]]])["median"]
        report.figures[f"{strategy}, {count} connections"] = spread
        busiest = spread["busiest"]
        lines.append([
            f"{count} connections, {strategy}", round(spread["rps"]["median"]), time_text(spread["p99"]["median"]),
            f"{spread['cpu']['median']:.2f}", f"{spread['cpu']['min']:.2f}–{spread['cpu']['max']:.2f}",
            f"{spread['cpu']['median'] / base:.2f} ×",
            f"{busiest['median']:.0%} ({busiest['min']:.0%}–{busiest['max']:.0%})",
        ])
    table(["", "requests/s", "p99", "CPU µs/request", "spread", "beside reuseport", "busiest worker's share"], lines)
