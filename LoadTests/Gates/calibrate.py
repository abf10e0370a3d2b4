#!/usr/bin/env python3
"""Where the gates' thresholds come from: normal retraining beside poisoned snapshots, on real interactions.

    calibrate.py --needletail .build/release/needletail --out var/gates movielens=ratings.csv gowalla=train.txt

Trains on the first nine tenths of the data and again, with other seeds, on these and on everything; then damages the
factors in the ways that broken pipelines do, packs each and has `snapshot verify --against` measure it. A line a case, a
column a gate; `--json` for machines. Thresholds are chosen on the one data set and checked on the other.
"""
import argparse
import csv
import json
import os
import random
import subprocess
import sys

import numpy as np

GATES = ["items_kept", "users_kept", "overlap_users", "overlap_windows", "overlap_segments", "overlap_items",
         "score_distance_users", "score_distance_windows", "norm_distance_items", "norm_distance_users",
         "coverage", "coverage_ratio", "latency", "latency_ratio", "probe_recall"]
SEGMENTS = "16"
DIMENSIONS = "64"


def read(path, users):
    """Rows of text, oldest first: (user, item, further columns), and the header of a CSV. Of the first users only, unless
    `users` is 0."""
    header, rows = read_all(path)
    if users:
        kept = set(sorted({row[0] for row in rows}, key=lambda user: (len(user), user))[:users])
        rows = [row for row in rows if row[0] in kept]
    return header, rows


def read_all(path):
    with open(path) as file:
        if path.endswith(".csv"):
            rows = list(csv.reader(file))
            header, rows = rows[0], rows[1:]
            if "timestamp" in header:
                rows.sort(key=lambda row: int(row[header.index("timestamp")]))
            return header, rows
        pairs = []
        for line in file:
            user, *items = line.split()
            pairs += [[user, item] for item in items]
        # An adjacency list knows no time: what comes last is drawn.
        random.Random(7).shuffle(pairs)
        return ["user", "item"], pairs


class Data:
    """Interactions as a file that `train` and `snapshot build` read, with the ids in the order of the factors' rows."""

    def __init__(self, folder, name, header, rows):
        self.path = f"{folder}/{name}.csv"
        with open(self.path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
        self.users = list(dict.fromkeys(row[0] for row in rows))
        self.items = list(dict.fromkeys(row[1] for row in rows))


class Bench:
    def __init__(self, needletail, folder):
        self.needletail, self.folder = needletail, folder
        os.makedirs(folder, exist_ok=True)

    def run(self, *arguments, fails=False):
        done = subprocess.run([self.needletail, *arguments], capture_output=True, text=True)
        if done.returncode and not fails:
            sys.exit(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
        return done.stdout

    def train(self, data, seed):
        """Factors of users and items."""
        place = f"{data.path[:-4]}-{seed}"
        if not os.path.exists(f"{place}/items.npy"):
            self.run("train", "--interactions", data.path, "--out", f"{self.folder}/repository", "--model", "gates",
                     "--dry-run", "--dimensions", DIMENSIONS, "--segments", SEGMENTS, "--seed", str(seed),
                     "--export-factors", place)
        return np.load(f"{place}/users.npy"), np.load(f"{place}/items.npy")

    def pack(self, name, data, users, items):
        place = f"{self.folder}/{name}"
        for kind, ids, rows in [("users", data.users, users), ("items", data.items, items)]:
            np.save(f"{place}-{kind}.npy", np.ascontiguousarray(rows, dtype=np.float32))
            with open(f"{place}-{kind}.txt", "w") as file:
                file.write("\n".join(ids) + "\n")
        out = f"{place}.ntsnap"
        self.run("snapshot", "build", "--items", f"{place}-items.npy", "--item-ids", f"{place}-items.txt", "--users",
                 f"{place}-users.npy", "--user-ids", f"{place}-users.txt", "--interactions", data.path, "--segments",
                 SEGMENTS, "--out", out)
        return out

    def judge(self, snapshot, live):
        found = json.loads(self.run("snapshot", "verify", snapshot, "--against", live, "--json", fails=True))
        return {gate["gate"]: gate for gate in found["gates"]}, found


def poisoned(users, items, other_users):
    """Ways in which a pipeline breaks, with the factors that come of it."""
    rng = np.random.default_rng(5)
    tenth = rng.permutation(len(items))[:len(items) // 10]
    some = items.copy()
    some[tenth] = items[rng.permutation(tenth)]
    half = rng.permutation(len(items))[:len(items) // 2]
    many = items.copy()
    many[half] = items[rng.permutation(half)]
    flipped_half = items.copy()
    flipped_half[:, ::2] *= -1
    spread = items.std()
    yield "items shuffled", users, items[rng.permutation(len(items))]
    yield "half of the items shuffled", users, many
    yield "a tenth of the items shuffled", users, some
    yield "users shuffled", users[rng.permutation(len(users))], items
    yield "ids off by one", users, np.roll(items, 1, axis=0)
    yield "items zero", users, np.zeros_like(items)
    yield "users zero", np.zeros_like(users), items
    yield "items x 10", users, items * 10
    yield "items x 2", users, items * 2
    yield "items x 1.1", users, items * 1.1
    yield "items negated", users, -items
    yield "every other dimension negated", users, flipped_half
    yield "users and items negated", -users, -items
    yield "users of another run", other_users, items
    yield "all users the same", np.repeat(users.mean(0, keepdims=True), len(users), 0), items
    yield "items normalised", users, items / np.maximum(1e-9, np.linalg.norm(items, axis=1, keepdims=True))
    yield "noise of half the spread", users, items + rng.normal(0, spread / 2, items.shape)
    yield "noise of the spread", users, items + rng.normal(0, spread, items.shape)
    yield "noise of twice the spread", users, items + rng.normal(0, 2 * spread, items.shape)


HARMLESS = {"users and items negated", "items x 1.1", "a tenth of the items shuffled", "noise of half the spread"}


def cases(bench, header, rows, seeds):
    """Each with its name, its snapshot, the one that serves, and whether it ought to pass (None: either is right)."""
    part = Data(bench.folder, "part", header, rows[:len(rows) * 9 // 10])
    whole = Data(bench.folder, "whole", header, rows)
    live = bench.pack("live", part, *bench.train(part, 1))
    for seed in seeds[1:]:
        yield f"same data, seed {seed}", bench.pack("next", part, *bench.train(part, seed)), live, True
    for seed in seeds:
        yield f"10 % more, seed {seed}", bench.pack("next", whole, *bench.train(whole, seed)), live, True
    users, items = bench.train(whole, seeds[0])
    others, _ = bench.train(whole, seeds[1])
    for name, users, items in poisoned(users, items, others):
        yield name, bench.pack("next", whole, users, items), live, None if name in HARMLESS else False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--needletail", default=".build/release/needletail")
    parser.add_argument("--out", default="var/gates", help="folder for what is made")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each part of the data")
    parser.add_argument("--users", type=int, default=0, help="only so many users of each; 0 for all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("data", nargs="+", help="NAME=FILE: a CSV with a header, or adjacency lines")
    options = parser.parse_args()
    wrong = 0
    for entry in options.data:
        name, path = entry.split("=", 1)
        bench = Bench(options.needletail, f"{options.out}/{name}")
        if not options.json:
            print(f"{name}\n{'':32}verdict  {'  '.join(gate.replace('distance', 'ks') for gate in GATES)}")
        for case, snapshot, live, passes in cases(bench, *read(path, options.users), list(range(1, options.seeds + 1))):
            gates, found = bench.judge(snapshot, live)
            isWrong = passes is not None and found["isValid"] != passes
            wrong += isWrong
            if options.json:
                values = {gate: gates[gate].get("value") for gate in GATES if gate in gates}
                print(json.dumps({"data": name, "case": case, "passes": found["isValid"], "expected": passes,
                                  "detail": found["detail"], "gates": values}), flush=True)
                continue
            values = [gates.get(gate, {}).get("value") for gate in GATES]
            cells = ["-" if value is None else f"{value:.5f}" if gate == "latency" else f"{value:.3f}"
                     for gate, value in zip(GATES, values)]
            verdict = ("passes" if found["isValid"] else "FAILS") + (" (!)" if isWrong else "")
            line = "  ".join(cell.rjust(len(gate.replace("distance", "ks"))) for cell, gate in zip(cells, GATES))
            print(f"{case:32}{verdict:9}{line}", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
