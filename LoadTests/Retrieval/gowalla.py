"""Factors of Gowalla's places and people, made by our trainer."""

import pathlib
import subprocess
import tempfile

import numpy as np

TRAINING_SECONDS_MAX = 900


class Factors:
    def __init__(self, folder, needletail, data):
        self.folder, self.needletail, self.data = folder, needletail, pathlib.Path(data)

    @property
    def train(self):
        return self.folder / "train.txt"

    @property
    def kept(self):
        return self.data / "gowalla-factors"

    def missing(self):
        """Why there are none; None when there are."""
        if self.folder is None or not self.train.is_file():
            return f"{self.folder}/train.txt is not there (--gowalla FOLDER names another folder)"
        if not self.needletail and not (self.kept / "items.npy").is_file():
            return "its factors are made by `needletail train`, and no executable was named"
        return None

    def stamp(self):
        """What the vectors depend on, for the name of their folder."""
        return {"bytes": self.train.stat().st_size, "dimensions": 64, "seed": 1}

    def read(self, progress):
        if not (self.kept / "items.npy").is_file():
            self.make(progress)
        return (np.load(self.kept / f"{name}.npy").astype(np.float32) for name in ("items", "users"))

    def make(self, progress):
        progress("gowalla: training", 0, 1)
        with tempfile.TemporaryDirectory() as repository:
            done = subprocess.run(
                [self.needletail, "train", "--interactions", str(self.train), "--out", repository, "--model", "gowalla", "--dry-run",
                 "--dimensions", "64", "--export-factors", str(self.kept)],
                capture_output=True, text=True, timeout=TRAINING_SECONDS_MAX)
        if done.returncode != 0:
            raise SystemExit(f"needletail train ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-1000:]}")
        progress("gowalla: training", 1, 1)
