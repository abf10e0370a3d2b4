"""Publishes the factors of a Spark MLlib ALS model.

In Spark, after `model = ALS(userCol="user", itemCol="item", implicitPrefs=True).fit(ratings)`:

    model.itemFactors.write.parquet("factors/items")
    model.userFactors.write.parquet("factors/users")

Then, here or anywhere (parquet needs pyarrow; `.write.json` needs nothing):

    python3 publish_spark_als.py --items factors/items --users factors/users --to var/repository --model films

Spark's ids are integers. If yours were indexed (StringIndexer), --item-labels and --user-labels name files with a label
a line, in the order of the indexer's `labels`.
"""

import argparse

import needletail as nt


def labelled(ids, path):
    if path is None:
        return ids
    with open(path, encoding="utf-8") as file:
        labels = file.read().splitlines()
    return [labels[number] for number in ids]


def main():
    parser = argparse.ArgumentParser(description="Publish Spark MLlib ALS factors to Needletail.")
    parser.add_argument("--items", required=True)
    parser.add_argument("--users", required=True)
    parser.add_argument("--item-labels")
    parser.add_argument("--user-labels")
    parser.add_argument("--to", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--sign-key")
    options = parser.parse_args()

    item_ids, items = nt.read_spark_factors(options.items)
    user_ids, users = nt.read_spark_factors(options.users)
    snapshot = nt.Snapshot.from_factors(
        item_ids=labelled(item_ids, options.item_labels), item_factors=items,
        user_ids=labelled(user_ids, options.user_labels), user_factors=users,
        annotations={"trainer": "Spark MLlib ALS"})
    snapshot.add_probe(user_id=snapshot.user_ids[0])
    published = snapshot.publish(options.to, model=options.model, sign_key=options.sign_key)
    print(f"{published.model} version {published.version} ({published.digest[:8]})")


if __name__ == "__main__":
    main()
