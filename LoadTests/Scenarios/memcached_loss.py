"""memcached stops and dies under load: every answer stays an answer, and l2 comes back by itself."""

import signal
import time

import peers
from gateway import Gateway, catalogue, item_targets, user_targets
from lab import Trouble
from probe import Probe
from results import Report
from timeline import Timeline, check_probe, check_wrk
from wrk import Load

SUMMARY = "SIGSTOP and SIGKILL memcached under load: every answer 200, and when l2 answers again"
ALONE = False

# Without the first cache every answer asks memcached first.
NO_L1 = {"cache": {"l1": {"bytes": 0}}}
# An answer later than this hangs; the placements' deadline is 50 ms.
HANGS = 1.0


def options(parser):
    parser.add_argument("--seconds", type=float, default=3, help="of each phase (default 3)")
    parser.add_argument("--rate", type=int, default=1000, help="requests a second of wrk, about (default 1000)")
    parser.add_argument("--probe-rate", type=int, default=400, help="requests a second of the client that times (default 400)")
    parser.add_argument("--workers", type=int, default=0, help="of the gateway; 0 is one a core (default 0)")


def run(lab, options):
    report = Report()
    repository, _ = catalogue(lab)
    node = peers.memcached(lab)
    gateway = Gateway(lab, repository, [node.address], NO_L1, workers=options.workers).wait_until_ready()
    targets = user_targets(100) + item_targets(100)

    connections = 32
    load = Load(lab, gateway.origin, targets, 600, connections, delay=round(connections / options.rate * 1000), check=True)
    probe = Probe(lab, gateway.port, targets, options.probe_rate)
    wait_for_l2(probe, time.perf_counter(), "at the start")
    timeline = Timeline()
    timeline.begin("before", options.seconds)

    node.send(signal.SIGSTOP)
    timeline.begin("stopped (SIGSTOP)", options.seconds)
    node.send(signal.SIGCONT)
    timeline.begin("goes on (SIGCONT)")
    report.figures["l2AfterContinueSeconds"] = wait_for_l2(probe, time.perf_counter(), "after SIGCONT")
    time.sleep(options.seconds)

    node.kill()
    timeline.begin("killed (SIGKILL)", options.seconds)
    peers.memcached(lab, port=node.port)
    timeline.begin("started again")
    report.figures["l2AfterRestartSeconds"] = wait_for_l2(probe, time.perf_counter(), "after the restart")
    time.sleep(options.seconds)
    timeline.end()

    samples, wrk = probe.stop(), load.stop()
    timeline.show(samples, report)
    check_probe(samples, report)
    check_wrk(wrk, report)
    longest = max(sample.latency - sample.late for sample in samples)
    report.check(longest < HANGS, f"an answer took {longest:.2f} s")
    for phase in ("stopped (SIGSTOP)", "killed (SIGKILL)"):
        settled = timeline.of(phase, samples)[len(timeline.of(phase, samples)) // 2:]
        report.check(not any(sample.tier == "l2" for sample in settled), f"{phase}: l2 answered although memcached could not")
    print(f"  l2 answered {report.figures['l2AfterContinueSeconds']:.2f} s after SIGCONT and "
          f"{report.figures['l2AfterRestartSeconds']:.2f} s after the restart (empty)")
    print(f"  wrk: {wrk['requests']:,} answers, all checked, p99 {wrk['p99'] / 1000:.2f} ms, p99.9 {wrk['p999'] / 1000:.2f} ms\n")
    return report


def wait_for_l2(probe, since, when, seconds=20):
    """Seconds from `since` to the first answer from l2."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        for sample in reversed(probe.samples[-200:]):
            if sample.tier == "l2" and sample.t > since:
                return round(min(one.t + one.latency for one in probe.samples if one.tier == "l2" and one.t > since) - since, 3)
        time.sleep(0.01)
    raise Trouble(f"no answer from l2 within {seconds} s {when}")
