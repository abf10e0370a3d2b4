"""Factors of any trainer on their way to serving."""

import dataclasses
import json
import os
import secrets
import tempfile

import numpy as np

from . import factors, safetensors, tool
from .errors import NeedletailError, PublishTimeout, SnapshotRejected

PROBES_MAX = 256
EXPECT_MAX = 10


@dataclasses.dataclass(frozen=True)
class Published:
    """A version in a repository. `is_new` is false when the very same was there already."""
    model: str
    version: int
    digest: str
    is_new: bool
    nodes: list


class Snapshot:
    """Item and user factors with all that a snapshot is built from. Made by `from_factors`."""

    @classmethod
    def from_factors(
        cls, *, item_ids, item_factors, user_ids=None, user_factors=None, metric="dot", metadata=None,
        unavailable=(), segment_centroids=None, ranking=None, annotations=None, seed=1,
    ):
        """Checks factors and keeps them.

        item_ids, item_factors, user_ids, user_factors: ids (anything; `str` is taken of it) and rows of numbers.
        metric: "dot" or "cosine", what the factors were trained for.
        metadata: of items, a list of dicts with "id" (and "title", "categories", "publishedAt", "popularity"; others
            are kept), a DataFrame with such columns, or the path of a CSV or JSON lines file. What is None, NaN, NaT or
            NA is left out.
        unavailable: ids of items that are never shown.
        segment_centroids: rows of numbers; segments are formed from the users otherwise.
        ranking: weights by placement, as {"default": {"popularity": 0.2}}.
        annotations: what the manifest shall say besides, {name: text}, such as {"mlflow.run_id": "…"}.
        Raises SnapshotRejected: tensor_invalid, non_finite_values.
        """
        if metric not in ("dot", "cosine"):
            raise ValueError(f"metric must be dot or cosine, not {metric!r}")
        if (user_ids is None) != (user_factors is None):
            raise ValueError("user_ids and user_factors belong together")
        self = cls.__new__(cls)
        self.metric, self.seed = metric, int(seed)
        self.item_factors = factors.matrix("item_factors", item_factors)
        self.item_ids, self._items = factors.ids("item_ids", item_ids, len(self.item_factors), "item_factors")
        self.user_factors, self.user_ids, self._users = None, [], {}
        if user_factors is not None:
            self.user_factors = factors.matrix("user_factors", user_factors)
            self.user_ids, self._users = factors.ids("user_ids", user_ids, len(self.user_factors), "user_factors")
            self._check_dimension("user_factors", self.user_factors)
        self.segment_centroids = None
        if segment_centroids is not None:
            self.segment_centroids = factors.matrix("segment_centroids", segment_centroids)
            self._check_dimension("segment_centroids", self.segment_centroids)
        self.metadata = _metadata(metadata)
        self.unavailable = [str(item) for item in unavailable]
        self.ranking = ranking
        self.annotations = dict(annotations or {})
        self.probes = []
        return self

    def __init__(self):
        raise TypeError("use Snapshot.from_factors")

    def _check_dimension(self, name, matrix):
        items = self.item_factors.shape[1]
        if matrix.shape[1] != items:
            raise SnapshotRejected(
                "tensor_invalid", f"{name}: rows of {matrix.shape[1]} numbers, item_factors of {items}")

    def add_probe(self, *, user_id=None, item_id=None, vector=None, k=10, expect=None, min_overlap=0.67):
        """Adds a query that the snapshot must answer: a user's, an item's or another vector.

        The answer must share at least `min_overlap` of `expect`, ids of items; by default the best `k` of these factors
        by numpy, so that a snapshot whose rows and ids came apart is not published. At most 256 probes of 10 items.
        """
        given = [name for name, value in (("user_id", user_id), ("item_id", item_id), ("vector", vector)) if value is not None]
        if len(given) != 1:
            raise ValueError("a probe is of one of user_id, item_id and vector")
        if len(self.probes) == PROBES_MAX:
            raise ValueError(f"there are {PROBES_MAX} probes already")
        row, query = self._query(user_id, item_id, vector)
        if expect is None:
            expect = self._best(query, k)
        expect = [str(item) for item in expect]
        if not 1 <= len(expect) <= EXPECT_MAX:
            raise ValueError(f"a probe expects 1 to {EXPECT_MAX} items, not {len(expect)}")
        self.probes.append({**row, "expect": expect, "minOverlap": float(min_overlap)})
        return self

    def _query(self, user_id, item_id, vector):
        if vector is not None:
            query = factors.matrix("vector", [vector])[0]
            self._check_dimension("vector", query[None])
            return {"vector": [float(value) for value in query]}, query
        name, places, matrix = "userId", self._users, self.user_factors
        wanted = str(user_id)
        if item_id is not None:
            name, places, matrix, wanted = "itemId", self._items, self.item_factors, str(item_id)
        if wanted not in places:
            raise ValueError(f"there is no {name} {wanted!r} among the factors")
        return {name: wanted}, matrix[places[wanted]]

    def _best(self, query, k):
        scores = self.item_factors @ query
        if self.metric == "cosine":
            lengths = np.linalg.norm(self.item_factors, axis=1)
            scores = np.divide(scores, lengths, out=np.zeros_like(scores), where=lengths > 0)
        best = np.argsort(-scores, kind="stable")[:min(k, len(self.item_ids))]
        return [self.item_ids[row] for row in best]

    # Files.

    def save(self, folder):
        """Writes what `needletail snapshot build` reads; needs no executable. Returns the arguments that name it."""
        os.makedirs(folder, exist_ok=True)
        tensors = {"item_factors": self.item_factors, **safetensors.ids("item_ids", self.item_ids)}
        if self.user_factors is not None:
            tensors["user_factors"] = self.user_factors
            tensors.update(safetensors.ids("user_ids", self.user_ids))
        if self.segment_centroids is not None:
            tensors["segment_centroids"] = self.segment_centroids
        path = os.path.join(folder, "factors.safetensors")
        with open(path, "wb") as file:
            safetensors.write(file, tensors)
        arguments = ["--items", path, "--metric", self.metric, "--seed", str(self.seed)]
        if self.user_factors is not None:
            arguments += ["--users", path]
        if self.segment_centroids is not None:
            arguments += ["--centroids", path]
        for option, name, lines in [
            ("--metadata", "metadata.jsonl", [_line(row) for row in self.metadata or []]),
            ("--probes", "probes.jsonl", [_line(row) for row in self.probes]),
            ("--availability", "unavailable.txt", self.unavailable),
            ("--ranking", "ranking.json", [_line(self.ranking)] if self.ranking else []),
        ]:
            if isinstance(self.metadata, str) and option == "--metadata":
                arguments += [option, self.metadata]
            elif lines:
                arguments += [option, _write_lines(os.path.join(folder, name), lines)]
        return arguments

    def build(self, path, *, identity_key_file=None):
        """Has the executable build the snapshot file. Returns its report: items, users, segments, notes, seconds.

        identity_key_file: with the key of user hashes, the gateways' own; made beside `path` when not given.
        """
        with tempfile.TemporaryDirectory(prefix="needletail-") as folder:
            arguments = self.save(folder)
            if identity_key_file:
                arguments += ["--identity-key-file", identity_key_file]
            return tool.run("snapshot", "build", *arguments, "--out", path, "--json").check()

    def validate(self):
        """Builds the snapshot, has every byte of it checked as a gateway would, and drops it. Returns the build's report;
        raises SnapshotRejected with the server's reason codes."""
        with tempfile.TemporaryDirectory(prefix="needletail-") as folder:
            path = os.path.join(folder, "snapshot.ntsnap")
            report = self.build(path)
            tool.run("snapshot", "verify", path, "--json").check()
            return report

    # Publishing.

    def publish(
        self, to, *, model, sign_key=None, password_file=None, alias=None, wait=None, nodes=(), min_ready="100%",
        timeout=600, token_file=None, repository_token_file=None, identity_key_file=None,
    ):
        """Builds the snapshot and publishes it as the next version of a model.

        to: a folder, http(s)://host/path that takes PUT, or s3://bucket/prefix.
        sign_key: secret key file of `needletail keygen` or minisign; with a password, password_file holds it.
        alias: champion, challenger or one of your own, pointed to the version.
        wait, nodes, min_ready, timeout: "READY" or "SERVING" on how many of which nodes (admin addresses), in seconds.
        token_file: bearer token of the nodes' admin calls; repository_token_file: of an HTTP repository.
        identity_key_file: with the key of user hashes, the gateways' own. For a folder it is identity.key in it, made
            when it is not there; for other repositories with users it has to be given.
        Raises SnapshotRejected (reason, detail), PublishTimeout, NeedletailError.
        """
        nodes = _nodes(nodes, wait)
        if self.user_factors is not None and identity_key_file is None:
            identity_key_file = _identity_key(to)
        with tempfile.TemporaryDirectory(prefix="needletail-") as folder:
            path = os.path.join(folder, f"{model}.ntsnap")
            self.build(path, identity_key_file=identity_key_file)
            arguments = ["publish", path, "--to", to, "--model", model, "--json"]
            for name, text in self.annotations.items():
                arguments += ["--annotation", f"{name}={text}"]
            options = [
                ("--sign", sign_key), ("--password-file", password_file), ("--alias", alias), ("--wait", wait),
                ("--token-file", token_file), ("--repository-token-file", repository_token_file),
            ]
            if wait:
                options += [("--nodes", ",".join(nodes)), ("--min-ready", min_ready), ("--timeout", str(int(timeout)))]
            elif nodes:
                options += [("--nodes", ",".join(nodes))]
            for option, value in options:
                if value is not None:
                    arguments += [option, value]
            return _published(tool.run(*arguments))


def _published(answer):
    nodes = answer.json.get("nodes") or []
    for node in nodes:
        if answer.code == tool.DATA and node.get("state") == "REJECTED":
            # Of a newer node, whose reasons this executable does not know, there is none.
            raise SnapshotRejected(node.get("reason") or "fetch_failed", f"{node.get('url')}: {node.get('detail')}")
    if answer.code == tool.TRY_AGAIN:
        raise PublishTimeout(answer.errors)
    found = answer.check()
    return Published(found["model"], found["version"], found["digest"], found["isNew"], nodes)


def _nodes(nodes, wait):
    if isinstance(nodes, str):
        # Joined by commas, its letters would be addresses.
        raise ValueError(f"nodes are a list of admin addresses, as [{nodes!r}]")
    nodes = list(nodes)
    if wait and not nodes:
        raise ValueError('wait needs nodes: the admin addresses, as ["http://a:9090"]')
    return nodes


def _identity_key(to):
    if "://" in to:
        raise NeedletailError(
            "users are hashed under the gateways' key: name its file with identity_key_file, as identity.keyFile does "
            "in the gateways' configuration")
    os.makedirs(to, exist_ok=True)
    path = os.path.join(to, "identity.key")
    new = f"{path}.{secrets.token_hex(8)}"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(16) + "\n")
    try:
        # Fails when there is one already, which stays: of two publishers that make it at once, both use the winner's.
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(new)
    return path


def _metadata(value):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "to_dict"):
        value = value.to_dict(orient="records")
    rows = []
    for row in value:
        item = _plain(row.get("id"))
        if item is None:
            raise ValueError("metadata: every row needs an \"id\"")
        try:
            members = _plain(row)
        except ValueError as error:
            raise ValueError(f"metadata of {item!r}: {error}") from None
        rows.append({**members, "id": str(item)})
    return rows


def _plain(value):
    """What JSON can hold of a value of numpy, pandas or datetime; None for what those have for nothing: NaN, NaT, NA."""
    if isinstance(value, np.ndarray):
        return _plain(list(value) if value.ndim else value[()])
    if isinstance(value, np.datetime64):
        # Of nanoseconds `item` would make a bare number.
        value = value.astype("datetime64[us]").item()
    elif isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    # pandas is not imported for its NA, which is neither equal nor unequal to anything.
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise ValueError("infinity is no number of JSON")
        return None if value != value else value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain for key, plain in ((key, _plain(part)) for key, part in value.items()) if plain is not None}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain for plain in map(_plain, value) if plain is not None]
    raise ValueError(f"{value!r} is a {type(value).__name__}, for which JSON has no form")


def _line(value):
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _write_lines(path, lines):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)
    return path
