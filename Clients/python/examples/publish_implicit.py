"""Trains an ALS model of `implicit` (pip install implicit) on interactions and publishes it.

    python3 publish_implicit.py --to var/repository --model films --interactions ratings.csv

Without --interactions it makes some up: people of four tastes.
"""

import argparse
import csv

import implicit
import numpy as np
import scipy.sparse

import needletail as nt


def read(path):
    """(user, item) pairs of a CSV file with a header, its first two columns."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        return [(row[0], row[1]) for row in rows]


def made_up(users=400, items=200, tastes=4, seed=1):
    random = np.random.default_rng(seed)
    return [
        (f"u{user}", f"i{item}")
        for user in range(users)
        for item in tastes * random.integers(0, items // tastes, 20) + user % tastes
    ]


def main():
    parser = argparse.ArgumentParser(description="Train with implicit, publish to Needletail.")
    parser.add_argument("--to", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--interactions")
    parser.add_argument("--sign-key")
    parser.add_argument("--factors", type=int, default=32)
    options = parser.parse_args()

    pairs = read(options.interactions) if options.interactions else made_up()
    users = {user: row for row, user in enumerate(sorted({user for user, _ in pairs}))}
    items = {item: row for row, item in enumerate(sorted({item for _, item in pairs}))}
    matrix = scipy.sparse.csr_matrix(
        (np.ones(len(pairs), dtype=np.float32), ([users[u] for u, _ in pairs], [items[i] for _, i in pairs])))
    model = implicit.als.AlternatingLeastSquares(factors=options.factors, random_state=1, num_threads=1)
    model.fit(matrix, show_progress=False)

    snapshot = nt.Snapshot.from_factors(
        item_ids=list(items), item_factors=model.item_factors, user_ids=list(users), user_factors=model.user_factors,
        annotations={"trainer": f"implicit {implicit.__version__}"})
    snapshot.add_probe(user_id=next(iter(users)))
    published = snapshot.publish(options.to, model=options.model, sign_key=options.sign_key)
    print(f"{published.model} version {published.version} ({published.digest[:8]})")


if __name__ == "__main__":
    main()
