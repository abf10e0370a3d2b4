"""The cases: which vectors, which k at which recall, against whom; and their files.

A case's folder holds base.npy and, of three groups of people that share nobody, calibration.npy (what our index build may
look at), tune.npy (on which settings are chosen, for the peers and for us) and test.npy (of which figures are reported);
the latter two with the exact answers, in best-first order. Its name ends with a digest of what was asked for, so another
shape is another folder and an old one is used again.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil

import numpy as np

from vectors import Shape, exact, make

CALIBRATION, TUNE, TEST = 2000, 1000, 10_000
TRUTH = 100
GOWALLA_ITEMS = 40_981
BIG, SMALL = 1_000_000, 100_000
EVERYBODY = ("scann", "faiss IVF-PQ fast scan", "faiss RaBitQ fast scan", "faiss HNSW SQ8", "hnswlib", "usearch f16", "usearch i8")


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    # None: Gowalla's factors, which the trainer makes.
    shape: Shape | None
    # Recall at k, by k.
    targets: dict
    peers: tuple = ("scann",)
    # Sweeps and indexes are those of this case; only the caches differ.
    thrashed_of: str | None = None
    by_default: bool = True
    # Least ratio of ScaNN's time to ours that has to hold, and whether tails are looked at over everybody.
    floor: float | None = None
    tails: bool = False

    @property
    def items(self):
        return self.shape.items if self.shape else GOWALLA_ITEMS

    def unit_norms(self):
        return self.shape is not None and self.shape.norm_sigma == 0


USUAL = {10: (0.95,), 100: (0.95,)}


def all_cases(items):
    """By name; the large ones with so many items."""
    big = Shape(items)
    without_norms = dataclasses.replace(big, norm_sigma=0.0)
    middle = dataclasses.replace(big, items=max(items // 5, 20_000))
    size = f"{items // 1000:,}k" if items < 1_000_000 else f"{items / 1e6:g}M"
    text = f"{size} × {big.dimensions}"
    less = f"{middle.items // 1000:,}k × {big.dimensions}"
    return {case.name: case for case in (
        Case("norms25", f"{text}, norms σ 0.25", big, USUAL, EVERYBODY, floor=5, tails=True),
        Case("cosine", f"{text}, unit norms", without_norms, USUAL, EVERYBODY, floor=2, tails=True),
        Case("norms25-thrashed", f"{text}, norms σ 0.25, caches thrashed", big, USUAL, thrashed_of="norms25", floor=4),
        Case("cosine-thrashed", f"{text}, unit norms, caches thrashed", without_norms, USUAL, thrashed_of="cosine", floor=1.8),
        Case("10k", "10k × 64, norms σ 0.25", Shape(10_000, 64), USUAL, EVERYBODY),
        Case("50k", "50k × 64, norms σ 0.25", Shape(50_000, 64), USUAL, EVERYBODY),
        Case("gowalla", "Gowalla's factors, 41k × 64", None, {10: (0.96, 0.99)}, EVERYBODY, floor=2, tails=True),
        Case("flat-norms25", f"{text}, no clusters, norms σ 0.25", dataclasses.replace(big, spread=3.0), USUAL, by_default=False,
             floor=2),
        Case("flat-cosine", f"{text}, no clusters, unit norms", dataclasses.replace(without_norms, spread=3.0), USUAL,
             by_default=False, floor=2),
        Case("duplicates", f"{less}, ten near-copies of each", dataclasses.replace(middle, copies=10), USUAL, by_default=False),
        Case("norms50", f"{less}, norms σ 0.5", dataclasses.replace(middle, norm_sigma=0.5), USUAL, by_default=False),
        Case("norms80", f"{less}, norms σ 0.8", dataclasses.replace(middle, norm_sigma=0.8), USUAL, by_default=False),
    )}


class Files:
    """A case's folder. `ensure` makes it when it is not there; before that only `folder` and `is_there` are known."""

    def __init__(self, case, data, factors):
        self.case, self.factors = case, factors
        asked = dataclasses.asdict(case.shape) if case.shape else {"gowalla": factors.stamp()}
        asked |= {"people": (CALIBRATION, TUNE, TEST), "version": 1}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:8]
        # The thrashed cases and those they are of are the same vectors.
        self.folder = pathlib.Path(data).resolve() / f"{case.thrashed_of or case.name}-{digest}"

    @property
    def is_there(self):
        return (self.folder / "facts.json").is_file()

    def ensure(self, progress):
        if not self.is_there:
            self.make(self.case, self.factors, progress)
        facts = json.loads((self.folder / "facts.json").read_text())
        self.items, self.dimensions = facts["items"], facts["dimensions"]
        self.test_count = facts["test"]

    def __getattr__(self, name):
        """base, calibration, tune, tune_truth, test, test_truth: paths."""
        if name in ("base", "calibration", "tune", "tune_truth", "test", "test_truth"):
            return str(self.folder / f"{name}.npy")
        raise AttributeError(name)

    @property
    def float_bytes(self):
        return self.items * self.dimensions * 4

    def make(self, case, factors, progress):
        people = CALIBRATION + TUNE + TEST
        if case.shape:
            base, users = make(case.shape, people, lambda done, of: progress(f"{case.name}: vectors", done, of))
        else:
            base, users = factors.read(progress)
            users = users[np.random.default_rng(1).permutation(len(users))[:people]]
        calibration, tune, test = np.split(users, [CALIBRATION, CALIBRATION + TUNE])
        asked = np.concatenate([tune, test])
        truth = exact(base, asked, TRUTH, lambda done, of: progress(f"{case.name}: exact answers", done, of))
        self.write({"base": base, "calibration": calibration, "tune": tune, "tune_truth": truth[:len(tune)],
                    "test": test, "test_truth": truth[len(tune):]})

    def write(self, arrays):
        # Whole or not at all: a run that is stopped in between starts over.
        partial = self.folder.with_name(f"{self.folder.name}.{os.getpid()}")
        partial.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", np.ascontiguousarray(array))
        (partial / "facts.json").write_text(json.dumps({
            "items": len(arrays["base"]), "dimensions": arrays["base"].shape[1], "test": len(arrays["test"])}))
        shutil.rmtree(self.folder, ignore_errors=True)
        partial.rename(self.folder)

    def slice(self, round_, count):
        """Files with the queries of a round and their answers, other ones each time while there are any."""
        first = round_ * count % max(self.test_count - count + 1, 1)
        paths = []
        for name in ("test", "test_truth"):
            path = self.folder / "slices" / f"{name}-{first}-{count}.npy"
            if not path.is_file():
                path.parent.mkdir(exist_ok=True)
                np.save(path, np.load(self.folder / f"{name}.npy", mmap_mode="r")[first:first + count])
            paths.append(str(path))
        return paths
