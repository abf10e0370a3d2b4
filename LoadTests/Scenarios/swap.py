"""A second version trained, published and rolled back under load: every answer stays an answer."""

import time

import peers
from gateway import MODEL, SEGMENT_TARGET, TRENDING_TARGET, Gateway, catalogue, item_targets, train_command, user_targets
from lab import Trouble, note
from probe import Probe
from results import Report
from timeline import Timeline, check_probe, check_wrk
from wrk import Load

SUMMARY = "train and publish a second version under load, then roll back: every answer 200"
ALONE = False


def options(parser):
    parser.add_argument("--seconds", type=float, default=3, help="of the quiet phases before and after (default 3)")
    parser.add_argument("--rate", type=int, default=4000, help="requests a second of wrk, about (default 4000)")
    parser.add_argument("--probe-rate", type=int, default=400, help="requests a second of the client that times (default 400)")
    parser.add_argument("--workers", type=int, default=0, help="of the gateway; 0 is one a core (default 0)")


def run(lab, options):
    report = Report()
    repository, data = catalogue(lab)
    node = peers.memcached(lab)
    gateway = Gateway(lab, repository, [node.address], workers=options.workers).wait_until_ready()
    targets = user_targets(300) + item_targets(300) + [SEGMENT_TARGET, TRENDING_TARGET]

    connections = 32
    load = Load(lab, gateway.origin, targets, 600, connections, delay=round(connections / options.rate * 1000), check=True)
    probe = Probe(lab, gateway.port, targets, options.probe_rate)
    timeline = Timeline()
    timeline.begin("before", options.seconds)

    timeline.begin("while version 2 is trained")
    note("training version 2 with another seed")
    train(lab, repository, data)
    timeline.begin("published, until it serves")
    published = time.perf_counter()
    wait_for(gateway, 2)
    report.figures["publishToServingSeconds"] = round(time.perf_counter() - published, 3)
    timeline.begin("the second after the swap", 1)
    timeline.begin("after", options.seconds)

    timeline.begin("rolling back")
    asked = time.perf_counter()
    gateway.admin("POST", f"/admin/v1/models/{MODEL}:rollback")
    wait_for(gateway, 1)
    report.figures["rollbackSeconds"] = round(time.perf_counter() - asked, 3)
    timeline.begin("the second after the rollback", 1)
    timeline.begin("after the rollback", options.seconds)
    timeline.end()

    samples, wrk = probe.stop(), load.stop()
    timeline.show(samples, report)
    check_probe(samples, report)
    check_wrk(wrk, report)
    check_versions(samples, wrk, timeline, report)
    print(f"  version 2 served {report.figures['publishToServingSeconds']:.2f} s after it was published, version 1 again "
          f"{report.figures['rollbackSeconds'] * 1000:.0f} ms after the rollback was asked for")
    print(f"  wrk: {wrk['requests']:,} answers, by version {wrk['versions']}, p99 {wrk['p99'] / 1000:.2f} ms\n")
    return report


def train(lab, repository, data):
    """One thread at the lowest priority: another machine would do it, but this one is all we have."""
    command = ["nice", "-n", "19", *train_command(lab, repository, data, seed=2), "--threads", "1"]
    lab.run(command, 120)


def wait_for(gateway, version, seconds=20):
    deadline = time.monotonic() + seconds
    while gateway.serving() != version:
        if time.monotonic() > deadline:
            raise Trouble(f"version {version} does not serve {seconds} s later:\n{gateway.process.said()}")
        time.sleep(0.01)


def check_versions(samples, wrk, timeline, report):
    for version in ("1", "2"):
        report.check(wrk["versions"].get(version, 0) > 0, f"wrk saw no answer of version {version}")
    # A worker switches between two requests, so a connection sees each change once and never an older version between.
    for connection in sorted({sample.connection for sample in samples}):
        seen = []
        for sample in samples:
            if sample.connection == connection and sample.version and (not seen or seen[-1] != sample.version):
                seen.append(sample.version)
        report.check(seen == [1, 2, 1], f"connection {connection} saw the versions {seen} instead of 1, 2, 1")
    for phase, version in (("before", 1), ("after", 2), ("after the rollback", 1)):
        others = {sample.version for sample in timeline.of(phase, samples)} - {version}
        report.check(not others, f"{phase}: answers of version {others}, not of {version} alone")
