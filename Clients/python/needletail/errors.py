"""What can go wrong, by whose fault it is and what to do about it."""


class NeedletailError(Exception):
    """Anything that keeps a snapshot from being published."""


class SnapshotRejected(NeedletailError):
    """The snapshot is no good, or a node says so. Publishing the same again does not help.

    `reason` is one of the server's codes: tensor_invalid, non_finite_values, manifest_invalid, signature_missing,
    signature_invalid, digest_mismatch, dimension_changed, item_count_drop, probe_failed, gate_failed, canary_failed,
    not_enough_memory, fetch_failed, rollback_refused, unsupported_schema. `detail` is a sentence.
    """

    def __init__(self, reason, detail):
        super().__init__(f"{detail} ({reason})")
        self.reason = reason
        self.detail = detail


class PublishTimeout(NeedletailError):
    """The version is published, but the nodes did not serve it in time. It may still come."""


class ToolNotFound(NeedletailError):
    """There is no `needletail` executable."""
