"""Item and user vectors shaped like a recommender's, from a seed.

Items. Tastes are points around 64 parent tastes; an item is a point around its taste, and tastes are unequally popular
(the r-th holds in proportion to r to the power -0.6). Coordinate i is scaled by i to the power -0.35, so that the spectrum
decays as that of trained factors does, and everything is turned by a random rotation, so that no axis is special. Then
lengths: every direction gets length 1, times exp(normal * norm_sigma). With norm_sigma 0 inner product is cosine; with
more of it few long vectors win most answers, as popular items do in trained factors.

Users. Not drawn from the items' distribution, which is what makes retrieval for people harder than for items: the mean of
three items of each of one to three tastes, with noise of 0.3 of its length. Popular tastes are asked for more often.

Drawing goes by parts of 100,000 rows, so that memory stays near that of the result.
"""

import dataclasses

import numpy as np

PART = 100_000
PARENTS = 64
ITEMS_PER_TASTE = 250
PARENT_SPREAD = TASTE_SPREAD = 0.8
QUERY_NOISE = 0.3


@dataclasses.dataclass(frozen=True)
class Shape:
    items: int
    dimensions: int = 128
    norm_sigma: float = 0.25
    # How far items lie from their taste. 0.75 leaves clusters plain to see, 3 drowns them in noise.
    spread: float = 0.75
    # Every item is there so many times, each a hundredth of its length away from the others.
    copies: int = 1
    seed: int = 20260


def make(shape, users, progress=lambda done, of: None):
    """(items x d, users x d), both float32 and C-ordered."""
    random = np.random.default_rng(shape.seed)
    d, distinct = shape.dimensions, -(-shape.items // shape.copies)
    tastes = make_tastes(random, max(PARENTS, distinct // ITEMS_PER_TASTE), d)
    member = choose_tastes(random, len(tastes), distinct)
    base = np.empty((distinct, d), np.float32)
    turn = decaying_rotation(random, d)
    for start in range(0, distinct, PART):
        part = tastes[member[start:start + PART]]
        part += random.standard_normal(part.shape, dtype=np.float32) * np.float32(shape.spread)
        part = part @ turn
        length = np.exp(random.standard_normal((len(part), 1)) * shape.norm_sigma).astype(np.float32)
        base[start:start + PART] = part * (length / np.linalg.norm(part, axis=1, keepdims=True))
        progress(min(start + PART, distinct), distinct)
    people = make_users(random, base, member, users)
    return (multiply(random, base, shape) if shape.copies > 1 else base), people


def make_tastes(random, count, dimensions):
    parents = random.standard_normal((PARENTS, dimensions), dtype=np.float32) * np.float32(PARENT_SPREAD)
    own = random.standard_normal((count, dimensions), dtype=np.float32) * np.float32(TASTE_SPREAD)
    return parents[random.integers(0, PARENTS, count)] + own


def choose_tastes(random, count, items):
    weight = np.arange(1, count + 1) ** -0.6
    random.shuffle(weight)
    return random.choice(count, items, p=weight / weight.sum())


def decaying_rotation(random, dimensions):
    """Scales the axes, then turns them: one matrix to multiply rows with."""
    rotation = np.linalg.qr(random.standard_normal((dimensions, dimensions)))[0]
    return (np.arange(1, dimensions + 1)[:, None] ** -0.35 * rotation).astype(np.float32)


def make_users(random, base, member, count):
    order = np.argsort(member, kind="stable")
    first = np.searchsorted(member[order], np.arange(member.max() + 2))
    users = np.empty((count, base.shape[1]), np.float32)
    for user in range(count):
        # A random item's taste, so that large tastes come up more often than small ones.
        tastes = member[random.integers(0, len(base), random.integers(1, 4))]
        liked = np.concatenate([order[random.integers(first[taste], first[taste + 1], 3)] for taste in tastes])
        users[user] = base[liked].mean(0)
    noise = random.standard_normal(users.shape, dtype=np.float32) * np.float32(QUERY_NOISE / np.sqrt(base.shape[1]))
    return users + noise * np.linalg.norm(users, axis=1, keepdims=True)


def multiply(random, base, shape):
    copied = np.repeat(base, shape.copies, axis=0)[:shape.items]
    random.shuffle(copied)
    noise = random.standard_normal(copied.shape, dtype=np.float32) * np.float32(0.01 / np.sqrt(shape.dimensions))
    return copied + noise * np.linalg.norm(copied, axis=1, keepdims=True)


def exact(base, queries, k, progress=lambda done, of: None):
    """The k items of highest inner product of each query, best first, int32. By faiss, on every core."""
    import faiss
    flat = faiss.IndexFlatIP(base.shape[1])
    flat.add(base)
    answers = np.empty((len(queries), k), np.int32)
    for start in range(0, len(queries), 1000):
        part = queries[start:start + 1000]
        answers[start:start + len(part)] = flat.search(part, k)[1]
        progress(start + len(part), len(queries))
    return answers
