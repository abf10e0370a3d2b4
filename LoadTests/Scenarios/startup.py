"""From exec to the first 200 of /readyz, with the snapshot on the node's own disk."""

import random
import time

from gateway import MODEL, Gateway, catalogue
from lab import Trouble, note
from results import Report, spread, table

SUMMARY = "from exec to /readyz 200 on a local snapshot, the catalogue's and a larger one"
ALONE = False


def options(parser):
    parser.add_argument("--rounds", type=int, default=5, help="starts of each kind (default 5)")
    parser.add_argument("--items", type=int, default=100_000, help="of the larger snapshot; 0 leaves it out (default 100000)")


def run(lab, options):
    report = Report()
    repository, _ = catalogue(lab)
    kinds = [("catalogue", repository, local_data(lab, repository))]
    if options.items:
        large = train_large(lab, options.items)
        kinds.append((f"{options.items:,} items", large, local_data(lab, large)))
    nowhere = lab.folder / "nowhere"
    kinds.append((kinds[-1][0] + ", no repository", nowhere, kinds[-1][2]))

    rows = []
    for name, source, data in kinds:
        times = [start(lab, source, data) for _ in range(options.rounds)]
        size = max(path.stat().st_size for path in data.rglob("*.ntsnap"))
        report.figures[name] = {"milliseconds": spread(times, 1), "snapshotBytes": size}
        figures = report.figures[name]["milliseconds"]
        rows.append([name, f"{size / 1e6:.1f} MB", f"{figures['median']:.0f} ms", f"{figures['min']:.0f}–{figures['max']:.0f}"])
    table(["snapshot", "size", "exec to ready", "spread"], rows)
    return report


def local_data(lab, repository):
    """A data folder as a gateway leaves it: pulled, verified, noted as the last good one."""
    gateway = Gateway(lab, repository, name="first").wait_until_ready(120)
    deadline = time.monotonic() + 10
    while not list(gateway.data.glob(f"models/{MODEL}/last-good")):
        if time.monotonic() > deadline:
            raise Trouble(f"the gateway noted no last good snapshot:\n{gateway.process.said()}")
        time.sleep(0.01)
    gateway.end()
    return gateway.data


def start(lab, repository, data):
    """Milliseconds. The file is in the page cache: a start after a crash or an upgrade, not after a reboot."""
    gateway = Gateway(lab, repository, data=data, name="start")
    while not gateway.is_ready():
        if not gateway.process.is_alive() or time.perf_counter() - gateway.started > 30:
            raise Trouble(f"the gateway did not become ready:\n{gateway.process.said()}")
        time.sleep(0.0005)
    taken = (time.perf_counter() - gateway.started) * 1000
    gateway.end()
    return taken


def train_large(lab, items):
    """Random interactions: the files and the index are as large as real ones, the lists mean nothing."""
    note(f"training a snapshot of {items:,} items")
    folder, draw = lab.subfolder("large"), random.Random(1)
    users = max(100, items // 20)
    with open(folder / "interactions.csv", "w") as file:
        file.write("userId,itemId\n")
        for item in range(items):
            file.writelines(f"u{int(draw.random() ** 2 * users)},i{item}\n" for _ in range(4))
    lab.run([lab.needletail, "train", "--interactions", folder / "interactions.csv", "--out", folder / "repository",
             "--model", MODEL, "--segments", 8, "--json"], 600)
    return folder / "repository"
