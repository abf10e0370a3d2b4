"""Publish recommendation models to Needletail.

    import needletail as nt
    snapshot = nt.Snapshot.from_factors(item_ids=ids, item_factors=items, user_ids=users, user_factors=factors)
    snapshot.publish("var/repository", model="films")
"""

from .errors import NeedletailError, PublishTimeout, SnapshotRejected, ToolNotFound
from .snapshot import Published, Snapshot
from .spark import read_spark_factors

__all__ = [
    "NeedletailError", "Published", "PublishTimeout", "Snapshot", "SnapshotRejected", "ToolNotFound",
    "read_spark_factors",
]
__version__ = "0.1.0"
