#!/usr/bin/env python3
"""iALS of needletail against `implicit` (github.com/benfred/implicit): the same data, cores and dimensions.

    pip install implicit==0.7.2
    LoadTests/Training/compare_implicit.py --data ../shared/data/gowalla --needletail .build/release/needletail

The two run in turn, --rounds times, so that a machine's mood meets both. Of each run: wall time and processor time of
training alone, and Recall@20 and NDCG@20 by full ranking (ours by `needletail evaluate`; implicit's factors by numpy
here, an implementation of its own). Processor time is what to compare on a machine that others use too. The last lines
say how many epochs we need to reach implicit's quality, and the time to it. One JSON object a line with --json.

Both run with hyper-parameters chosen on Gowalla's validation part, never on its test part: implicit's alpha and
regularization from {10, 40, 100} x {.01, 1, 10, 50, 150} by NDCG@20, ours by `needletail evaluate --valid`. With
implicit's own defaults (--implicit-alpha 1 --implicit-regularization 0.01) it reaches Recall@20 .095 only.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

# Before numpy loads its BLAS: implicit runs its own threads and wants a serial BLAS inside them.
for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy
import scipy.sparse
from implicit.als import AlternatingLeastSquares

CUTOFF = 20


def read(path):
    """Lines `user item item ...` as a dict of sets."""
    rows = {}
    with open(path) as lines:
        for line in lines:
            numbers = [int(word) for word in line.split()]
            if numbers:
                rows.setdefault(numbers[0], set()).update(numbers[1:])
    return rows


def matrix(rows, users, items):
    columns = [sorted(rows.get(user, ())) for user in range(users)]
    offsets = numpy.cumsum([0] + [len(row) for row in columns])
    flat = numpy.array([item for row in columns for item in row], dtype=numpy.int32)
    return scipy.sparse.csr_matrix((numpy.ones(len(flat), dtype=numpy.float32), flat, offsets), shape=(users, items))


def measure(user_factors, item_factors, train, test):
    """Recall@20 and NDCG@20: all items ranked, train masked, users without test items left out."""
    discounts = 1 / numpy.log2(numpy.arange(2, CUTOFF + 2))
    recalls, ndcgs = [], []
    users = [user for user in sorted(test) if test[user]]
    for start in range(0, len(users), 512):
        batch = users[start : start + 512]
        scores = user_factors[batch] @ item_factors.T
        for row, user in enumerate(batch):
            scores[row, train.indices[train.indptr[user] : train.indptr[user + 1]]] = -numpy.inf
        top = numpy.argpartition(-scores, CUTOFF, axis=1)[:, :CUTOFF]
        order = numpy.argsort(-numpy.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
        for row, items in zip(batch, numpy.take_along_axis(top, order, axis=1)):
            hits = numpy.array([item in test[row] for item in items.tolist()])
            recalls.append(hits.sum() / len(test[row]))
            ndcgs.append(discounts[hits].sum() / discounts[: min(CUTOFF, len(test[row]))].sum())
    return statistics.fmean(recalls), statistics.fmean(ndcgs)


def run_implicit(options, train, test):
    model = AlternatingLeastSquares(
        factors=options.dimensions, iterations=options.iterations, num_threads=options.threads, use_gpu=False,
        random_state=options.seed, alpha=options.implicit_alpha, regularization=options.implicit_regularization)
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    model.fit(train, show_progress=False)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    recall, ndcg = measure(model.user_factors, model.item_factors, train, test)
    return {
        "trainer": "implicit", "epochs": options.iterations, "seconds": wall,
        "cpuSeconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "recall@20": recall, "ndcg@20": ndcg,
    }


def run_needletail(options, epochs):
    command = [
        options.needletail, "evaluate", "--train", options.data + "/train.txt", "--test", options.data + "/test.txt",
        "--format", "adjacency", "--json", "--dimensions", str(options.dimensions), "--alpha0", str(options.alpha0),
        "--lambda", str(options.lambda_), "--epochs", str(epochs), "--threads", str(options.threads),
        "--seeds", str(options.seed),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr.strip()}")
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    row = next(row for row in rows if row["model"] == "ials")
    return {
        "trainer": "needletail", "epochs": epochs, "seconds": row["trainSeconds"], "cpuSeconds": row["trainCPUSeconds"],
        "recall@20": row["recall@20"], "ndcg@20": row["ndcg@20"],
    }


def show(row, as_json):
    if as_json:
        print(json.dumps({key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}))
    else:
        print(
            f"{row['trainer']:<11} {row['epochs']:>3} epochs  {row['seconds']:7.2f} s  {row['cpuSeconds']:7.2f} s CPU  "
            f"Recall@20 {row['recall@20']:.4f}  NDCG@20 {row['ndcg@20']:.4f}")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with train.txt and test.txt")
    parser.add_argument("--needletail", default=".build/release/needletail")
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=15, help="of implicit; 15 is its default")
    parser.add_argument("--implicit-alpha", type=float, default=40)
    parser.add_argument("--implicit-regularization", type=float, default=50)
    parser.add_argument("--alpha0", type=float, default=0.01)
    parser.add_argument("--lambda", dest="lambda_", type=float, default=0.0048)
    parser.add_argument("--epochs", type=int, default=6, help="of needletail")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    rows, test = read(options.data + "/train.txt"), read(options.data + "/test.txt")
    users = 1 + max(max(rows), max(test))
    items = 1 + max(item for part in (rows, test) for row in part.values() for item in row)
    train = matrix(rows, users, items)

    theirs, ours = [], []
    for _ in range(options.rounds):
        theirs.append(run_implicit(options, train, test))
        show(theirs[-1], options.json)
        ours.append(run_needletail(options, options.epochs))
        show(ours[-1], options.json)

    # The fewest epochs with both of implicit's numbers.
    goal = theirs[-1]
    for epochs in range(1, options.epochs + 1):
        reached = run_needletail(options, epochs)
        if reached["recall@20"] >= goal["recall@20"] and reached["ndcg@20"] >= goal["ndcg@20"]:
            break
    median = {
        key: statistics.median(row[key] for row in theirs) / reached[key] for key in ("seconds", "cpuSeconds")
    }
    show({**reached, "trainer": "to reach it"}, options.json)
    if not options.json:
        print(f"implicit's quality in 1/{median['seconds']:.1f} of its wall time, 1/{median['cpuSeconds']:.1f} of its CPU time")


if __name__ == "__main__":
    main()
