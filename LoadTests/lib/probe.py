"""A client that looks at every answer and remembers when it came.

Open loop: each connection has its requests planned ahead at a constant rate, and a latency counts from the planned
time, so an answer that keeps the next request waiting is not forgotten (no coordinated omission). Threads of Python are
no precise clock: the client's own lateness is kept beside the latencies, and figures finer than that mean nothing.
"""

import collections
import json
import socket
import threading
import time

from results import percentile

# t: the planned time; late: how late the request left; latency: from the planned time to the whole answer. Seconds.
Sample = collections.namedtuple("Sample", "t late latency status tier version wrong connection")


class Probe:
    def __init__(self, lab, port, targets, rate, connections=4, items=9):
        self.port, self.targets, self.items = port, targets, items
        self.interval = connections / rate
        self.samples, self.stopping = [], threading.Event()
        begin = time.perf_counter() + 0.02
        self.threads = [
            threading.Thread(target=self.ask, args=(number, begin + number * self.interval / connections), daemon=True)
            for number in range(connections)]
        for thread in self.threads:
            thread.start()
        lab.clients.append(self)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(10)
        self.samples.sort(key=lambda sample: sample.t)
        return self.samples

    def ask(self, number, planned):
        connection, turn = None, number
        while not self.stopping.is_set():
            pause = planned - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            sent = time.perf_counter()
            target = self.targets[turn % len(self.targets)]
            turn += len(self.threads)
            try:
                connection = connection or Connection(self.port)
                status, head, body = connection.get(target)
                tier, version, wrong = self.look(status, head, body)
            except (OSError, ValueError) as error:
                connection, status, tier, version, wrong = None, 0, "", 0, f"{type(error).__name__}: {error}"
            done = time.perf_counter()
            self.samples.append(Sample(planned, sent - planned, done - planned, status, tier, version, wrong, number))
            planned += self.interval

    def look(self, status, head, body):
        """Tier and version of an answer, and what is wrong with it."""
        if status != 200:
            return "", 0, f"{status} {body[:200]!r}"
        answer = json.loads(body)
        tier = head.get("cache-status", "").rpartition("detail=")[2]
        found = len({item["itemId"] for item in answer["items"]})
        wrong = "" if found == self.items else f"{found} different items instead of {self.items}: {body[:200]!r}"
        return tier, (answer["model"] or {}).get("version", 0), wrong


class Connection:
    """One kept-alive connection. A closed one is an error: the gateway has no reason to close it."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def get(self, target):
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.rest:
            self.more()
        text, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = text.decode().split("\r\n")
        head = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(head["content-length"])
        while len(self.rest) < length:
            self.more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(first.split()[1]), head, body

    def more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.rest += piece


def summary(samples):
    """Figures of some samples, times in µs."""
    latencies = [sample.latency * 1e6 for sample in samples]
    tiers = collections.Counter(sample.tier or "none" for sample in samples)
    return {
        "answers": len(samples), "wrong": sum(1 for sample in samples if sample.wrong),
        "p50": round(percentile(latencies, 0.5)), "p99": round(percentile(latencies, 0.99)),
        "p999": round(percentile(latencies, 0.999)), "max": round(max(latencies, default=0)),
        "lateP99": round(percentile([sample.late * 1e6 for sample in samples], 0.99)), "tiers": dict(tiers),
        "versions": dict(collections.Counter(str(sample.version) for sample in samples)),
    }
