"""A process of its own for each peer's index: libraries do not meet, and what is measured runs on one core.

The parent asks, the worker answers, over a pipe; one worker works at a time. An answer is ("ok", value) or ("trouble", why).
"""

import json
import multiprocessing
import os
import resource
import signal
import time

import numpy as np

WARM_UP = 200
# Twice the last-level cache of the machines that this was written on.
THRASHED_BYTES = 64 << 20
NEIGHBOUR_BYTES = 256 << 20


class Stopped(Exception):
    """The worker ended or said that it could not."""


class Worker:
    def __init__(self, core, log):
        # glibc asks for huge pages where it maps: peers shall not lose to page walks that their users can switch off.
        os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
        context = multiprocessing.get_context("spawn")
        self.log = log
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, core, str(log)), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, what, *words):
        try:
            self.pipe.send((what, *words))
            verdict, value = self.pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.process.join(1)
            raise Stopped(f"the peer's process ended with {self.process.exitcode} while it should {what}; what it said is in {self.log}") from None
        if verdict != "ok":
            raise Stopped(value)
        return value

    def end(self):
        self.pipe.close()
        self.process.join(2)
        if self.process.is_alive():
            self.process.kill()


class Neighbour:
    """A process on another core that writes through more memory than the caches hold, for as long as a `with` lasts."""

    def __init__(self, core):
        self.process = multiprocessing.get_context("spawn").Process(target=trample, args=(core,), daemon=True)

    def __enter__(self):
        self.process.start()
        # Until it has its memory it disturbs differently.
        time.sleep(1.5)

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()


def trample(core):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.sched_setaffinity(0, {core})
    dirt = np.zeros(NEIGHBOUR_BYTES // 8, np.int64)
    while True:
        dirt += 1


def serve(pipe, core, log):
    # Libraries chat on both streams, ours are for tables and progress.
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(said, 1)
    os.dup2(said, 2)
    # Ctrl-C reaches the whole group; the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    holds = Held(core)
    while True:
        try:
            what, *words = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(("ok", getattr(holds, what)(*words)))
        except Exception as trouble:
            pipe.send(("trouble", f"{type(trouble).__name__}: {trouble}"))


class Held:
    """What a worker holds: one index, queries, and what they should answer."""

    def __init__(self, core):
        self.core, self.slices = core, {}

    def build(self, peer, parameters, base, folder, threads):
        """Builds from the file of vectors and saves; returns seconds and peak memory."""
        from peers import PEERS, size_on_disk
        vectors = np.load(base)
        begun, before = time.perf_counter(), time.process_time()
        index = PEERS[peer].build(vectors, parameters, threads)
        seconds, busy = time.perf_counter() - begun, time.process_time() - before
        PEERS[peer].save(index, folder)
        facts = {"build_s": round(seconds, 2), "build_cpu_s": round(busy, 2), "index_bytes": size_on_disk(folder),
                 "date": time.strftime("%Y-%m-%dT%H:%M"), "build_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}
        (folder / "facts.json").write_text(json.dumps(facts))
        return facts

    def load(self, peer, folder):
        from peers import PEERS
        self.pin()
        self.peer, self.index = PEERS[peer], PEERS[peer].load(folder)

    def pin(self):
        os.sched_setaffinity(0, {self.core})

    def measure(self, setting, k, queries, truth, count, seconds, thrashed):
        """Recall and microseconds of the first `count` queries; fewer when `seconds` are over."""
        return measured(self.peer.searcher(self.index, setting, k), *self.read(queries, truth), k, count, seconds, thrashed)

    def overhead(self, peer, base, queries, k, thrashed):
        """Microseconds of a call that has nothing to search: the median, for a mean would keep other processes' time."""
        from peers import PEERS
        self.pin()
        call = PEERS[peer].nothing(np.load(base, mmap_mode="r")[:k].copy(), k)
        asked = np.load(queries)[:200 if thrashed else 2000]
        timings(call, asked[:WARM_UP], False, 5)
        return float(np.median(timings(call, asked, thrashed, 5)[1]))

    def read(self, queries, truth):
        if queries not in self.slices:
            self.slices[queries] = np.load(queries), np.load(truth)
        return self.slices[queries]


def measured(call, queries, truth, k, count, seconds, thrashed):
    # Warmed up with the last queries, which are timed last.
    timings(call, queries[-WARM_UP:], False, seconds / 4)
    answers, took = timings(call, queries[:count], thrashed, seconds)
    hits = np.array([len(np.intersect1d(np.ravel(found)[:k], true[:k])) / k for found, true in zip(answers, truth)])
    return {"recall": float(hits.mean()), "recall_p5": float(np.percentile(hits, 5)), "mean_us": float(took.mean()),
            "p50_us": float(np.percentile(took, 50)), "p99_us": float(np.percentile(took, 99)), "queries": len(took)}


def timings(call, queries, thrashed, seconds):
    """(answers, microseconds), of the queries that were asked before `seconds` were over; at least 50."""
    answers, took, clock = [], [], time.perf_counter_ns
    dirt = np.zeros(THRASHED_BYTES // 8, np.int64) if thrashed else None
    until = clock() + int(seconds * 1e9)
    for query in queries:
        if thrashed:
            dirt += 1
        start = clock()
        found = call(query)
        end = clock()
        answers.append(found)
        took.append(end - start)
        if end > until and len(took) >= 50:
            break
    return answers, np.array(took) / 1e3
