"""Checks of factors and ids, with messages that name the rows at fault."""

import numpy as np

from .errors import SnapshotRejected

ID_BYTES_MAX = 255
ROWS_NAMED = 5


def matrix(name, value):
    """A float32 matrix, a row an id. Takes whatever numpy takes, and what has a `to_numpy` (factors on a GPU)."""
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    array = np.asarray(value)
    if array.ndim != 2 or 0 in array.shape:
        raise SnapshotRejected("tensor_invalid", f"{name}: must be rows of numbers, not of shape {array.shape}")
    if array.dtype.kind not in "fiu":
        raise SnapshotRejected("tensor_invalid", f"{name}: must be of numbers, not of {array.dtype}")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1)) if array.dtype.kind == "f" else np.array([], dtype=int)
    if bad.size:
        raise SnapshotRejected("non_finite_values", f"{name}: {_rows(bad)} NaN or infinite values")
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, dtype="<f4")
    over = np.flatnonzero(~np.isfinite(result).all(axis=1))
    if over.size:
        raise SnapshotRejected("non_finite_values", f"{name}: {_rows(over)} values beyond the range of float32")
    return result


def ids(name, values, rows, factors):
    """Ids as strings: each row needs one, and each its own."""
    texts = [value if isinstance(value, str) else str(value) for value in values]
    if len(texts) != rows:
        raise SnapshotRejected("tensor_invalid", f"{name}: {len(texts)} ids for the {rows} rows of {factors}")
    places = {}
    for row, text in enumerate(texts):
        if not 1 <= len(text.encode()) <= ID_BYTES_MAX:
            raise SnapshotRejected("tensor_invalid", f"{name}: row {row} has an id that is not 1 to {ID_BYTES_MAX} bytes")
        if text in places:
            raise SnapshotRejected("tensor_invalid", f"{name}: \"{text}\" stands twice, at rows {places[text]} and {row}")
        places[text] = row
    return texts, places


def _rows(rows):
    named = ", ".join(str(row) for row in rows[:ROWS_NAMED])
    more = f" and {len(rows) - ROWS_NAMED} more" if len(rows) > ROWS_NAMED else ""
    return f"row {named} has" if len(rows) == 1 else f"rows {named}{more} have"
