"""Factors of Spark MLlib's ALS, as `model.itemFactors` and `model.userFactors` are written: rows of id and features."""

import glob
import json
import os

import numpy as np

from .errors import NeedletailError


def read_spark_factors(path):
    """Reads what `model.itemFactors.write.parquet(path)` or `.json(path)` made: a folder of part files, or one file.
    Returns ids (list of int, ascending) and factors (float32, a row an id). Parquet needs pyarrow."""
    files = _parts(path)
    rows = _parquet(files) if files[0].endswith(".parquet") else _json(files)
    if not rows:
        raise NeedletailError(f"{path} holds no factors")
    rows.sort(key=lambda row: row[0])
    lengths = {len(features) for _, features in rows}
    if len(lengths) != 1:
        raise NeedletailError(f"{path} has factors of different lengths: {sorted(lengths)}")
    return [row[0] for row in rows], np.array([row[1] for row in rows], dtype=np.float32)


def _parts(path):
    if not os.path.isdir(path):
        if os.path.exists(path):
            return [path]
        raise NeedletailError(f"{path} is not there; write it with model.itemFactors.write.json(path)")
    for pattern in ("*.parquet", "*.json"):
        # Spark marks files that are not data by a dot or an underscore.
        files = [name for name in glob.glob(os.path.join(path, pattern)) if os.path.basename(name)[0] not in "._"]
        if files:
            return sorted(files)
    raise NeedletailError(f"{path} has neither .parquet nor .json files; compressed JSON is not read")


def _json(files):
    rows = []
    for name in files:
        with open(name, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                    rows.append((int(row["id"]), row["features"]))
                except (ValueError, KeyError, TypeError) as error:
                    raise NeedletailError(f"{name}:{number}: is no row of id and features: {error}") from None
    return rows


def _parquet(files):
    try:
        import pyarrow.parquet
    except ImportError:
        raise NeedletailError("reading parquet needs pyarrow: pip install pyarrow, or write JSON from Spark") from None
    rows = []
    for name in files:
        table = pyarrow.parquet.read_table(name, columns=["id", "features"])
        rows.extend(zip(table["id"].to_pylist(), table["features"].to_pylist()))
    return rows
