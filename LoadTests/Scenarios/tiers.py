"""What an answer of each tier costs, beside the floor and nginx in the same run."""

import statistics

import machine
import peers
import results
import wrk
from gateway import SEGMENT_TARGET, TRENDING_TARGET, Gateway, catalogue, item_targets, user_targets
from lab import has, note
from results import Report, table, time_text

SUMMARY = "requests a second, latency and CPU per request of each tier, beside a floor and nginx"
ALONE = False

# Lists stay fresh for the whole run: what is measured is a hit, not a refresh.
FRESH = {"placements": {"home": {"fresh": "1h"}, "detail": {"fresh": "1h"}}}
# The user's own list whether there is a window or not, so that each user's is computed.
PERSONAL = {"placements": {"home": {"scope": "user"}}}
NO_L1 = {"cache": {"l1": {"bytes": 0}}}
# As many keys as the L2 rows ask for in turn: far more than connections, so that requests never share a search.
KEYS = 1000


def options(parser):
    parser.add_argument("--rounds", type=int, default=3, help="rounds; every row is measured once in each (default 3)")
    parser.add_argument("--seconds", type=int, default=2, help="of one measurement (default 2)")
    parser.add_argument("--connections", type=int, default=32, help="kept-alive connections (default 32)")


class Row:
    """Something to measure: where, what to ask for, whose processor time counts, which tier must answer."""

    def __init__(self, name, port, targets, processes, gateway=None, tier=None, beside="floor"):
        self.name, self.targets, self.gateway, self.tier, self.beside = name, targets, gateway, tier, beside
        self.origin = f"http://127.0.0.1:{port}"
        self.pids = [process.pid for process in processes]
        self.rounds, self.tiers = [], {}

    def measure(self, lab, seconds, connections):
        before = self.gateway.tiers() if self.gateway else {}
        figures = wrk.measure(lab, self.origin, self.targets, self.pids, seconds, connections)
        for tier, count in (self.gateway.tiers() if self.gateway else {}).items():
            self.tiers[tier] = self.tiers.get(tier, 0) + count - before.get(tier, 0)
        return figures

    def median(self, name):
        return statistics.median(one[name] for one in self.rounds)


def run(lab, options):
    report = Report()
    rows = start(lab)
    # Once before it counts: caches fill, code and pages come in.
    for row in rows:
        row.measure(lab, 1, options.connections)
        row.tiers.clear()
    for number in range(options.rounds):
        note(f"round {number + 1} of {options.rounds}")
        for row in rows:
            row.rounds.append(row.measure(lab, options.seconds, options.connections))
    show(rows, report)
    return report


def start(lab):
    """Everything runs all the time, on one processor; what is not asked does nothing."""
    repository, _ = catalogue(lab)
    cpu, rows = lab.server_cpu, []

    first = Gateway(lab, repository, settings=FRESH, cpu=cpu, name="l1").wait_until_ready()
    rows.append(Row("l1", first.port, [SEGMENT_TARGET], [first], first, "l1"))
    rows.append(Row("l1, 1,000 users", first.port, user_targets(KEYS), [first], first, "l1"))

    node = peers.memcached(lab, cpu=cpu)
    second = Gateway(lab, repository, [node.address], {**FRESH, **NO_L1}, cpu=cpu, name="l2").wait_until_ready()
    rows.append(Row("l2 (with memcached)", second.port, item_targets(KEYS), [second, node], second, "l2", "nginx memcached"))

    third = Gateway(lab, repository, settings={**PERSONAL, **NO_L1}, cpu=cpu, name="computed").wait_until_ready()
    rows.append(Row("computed, by user", third.port, user_targets(KEYS), [third], third, "computed"))
    rows.append(Row("computed, similar items", third.port, item_targets(KEYS), [third], third, "computed"))
    rows.append(Row("popular", first.port, [TRENDING_TARGET], [first], first, "popular"))
    return compare(lab, first, node) + rows


def compare(lab, gateway, node):
    """The floor, and nginx if it is installed: the same bytes, on the same processor."""
    gateway.get(SEGMENT_TARGET)
    size = gateway.get(SEGMENT_TARGET).bytes_in_all
    base = peers.floor(lab, size, lab.server_cpu)
    rows = [Row("floor", base.port, ["/"], [base])]
    if not (has("nginx") or has("/usr/sbin/nginx")):
        note("nginx is not installed (apt-get install nginx-light): its rows are left out")
        return rows
    body = "x" * (size - peers.NGINX_HEAD - len(nginx_name()))
    plain = peers.nginx(lab, f"return 200 '{body}';", lab.server_cpu)
    rows.append(Row("nginx return", plain.port, ["/"], [plain]))
    peers.store(node.port, {f"page{number}": body.encode() for number in range(KEYS)})
    through = peers.nginx(
        lab, "set $memcached_key $arg_key; memcached_pass pages;", lab.server_cpu,
        upstream=f"upstream pages {{ server {node.address}; keepalive 64; }}")
    pages = [f"/?key=page{number}" for number in range(KEYS)]
    rows.append(Row("nginx memcached", through.port, pages, [through, node]))
    return rows


def nginx_name():
    said = machine.version("nginx", "-v") or "nginx/1.22.1"
    return said.rpartition(" ")[2]


def show(rows, report):
    by_name = {row.name: row for row in rows}
    lines = []
    for row in rows:
        requests, errors = sum(one["requests"] for one in row.rounds), sum(one["errors"] for one in row.rounds)
        report.check(errors == 0, f"{row.name}: {errors} of {requests} requests had no good answer")
        if row.tier:
            share = row.tiers.get(row.tier, 0) / max(1, sum(row.tiers.values()))
            report.check(share > 0.99, f"{row.name}: answered by {row.tiers}, not by {row.tier}")
        cpu = results.spread([one["cpu"] for one in row.rounds])
        beside = by_name.get(row.beside)
        ratio = row.median("cpu") / beside.median("cpu") if beside and beside is not row else None
        report.figures[row.name] = {
            **{name: results.spread([one[name] for one in row.rounds]) for name in ("rps", "p50", "p99", "cpu")},
            "beside": row.beside if ratio else None, "ratio": ratio and round(ratio, 3),
        }
        lines.append([
            row.name, round(row.median("rps")), time_text(row.median("p50")), time_text(row.median("p99")),
            f"{cpu['median']:.2f}", f"{cpu['min']:.2f}–{cpu['max']:.2f}", f"{ratio:.2f} × {row.beside}" if ratio else ""])
    table(["", "requests/s", "p50", "p99", "CPU µs/request", "spread", "beside"], lines)
