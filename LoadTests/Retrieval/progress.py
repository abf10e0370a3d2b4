"""How far a long run is: one line a step on standard error, with the time that is probably left."""

import contextlib
import sys
import time


class Progress:
    def __init__(self, stream=sys.stderr):
        self.stream, self.begun = stream, time.monotonic()
        self.planned, self.case = [], ""
        self.taken, self.expected = 1.0, 1.0

    def plan(self, seconds):
        """Adds seconds that a case may take."""
        self.planned.append(seconds)

    def begin(self, case):
        self.case = case
        if self.planned:
            self.current = self.planned.pop(0)
            self.case_begun = time.monotonic()

    def left(self):
        """The current case's rest and the cases to come, by how the past ones kept to their estimates."""
        elapsed = time.monotonic() - self.case_begun
        # A case that takes longer than was thought says something of those to come.
        pace = min(max(self.taken / self.expected, elapsed / max(self.current, 1), 0.3), 10)
        rest = max(self.current * pace - elapsed, 0)
        return rest + sum(self.planned) * pace

    def done(self):
        self.taken += time.monotonic() - self.case_begun
        self.expected += self.current

    @contextlib.contextmanager
    def step(self, what):
        at = time.monotonic()
        print(f"  {clock(at - self.begun)}  {self.case}: {what}; about {words(self.left())} left", file=self.stream, flush=True)
        yield

    def count(self, what, done, of):
        if done == of or done % max(of // 5, 1) < of // 20:
            print(f"  {clock(time.monotonic() - self.begun)}  {what}: {done:,} of {of:,}", file=self.stream, flush=True)


def clock(seconds):
    return f"{int(seconds) // 60:3d}:{int(seconds) % 60:02d}"


def words(seconds):
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
