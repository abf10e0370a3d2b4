"""The `needletail` executable: where it is, and how it is asked."""

import json
import os
import re
import shutil
import subprocess

from .errors import NeedletailError, SnapshotRejected, ToolNotFound

# sysexits.h, as the command line uses it.
DATA, UNAVAILABLE, TRY_AGAIN = 65, 69, 75


def executable():
    """NEEDLETAIL_BIN, else the PATH, else the newest build of the checkout that this package or the caller lies in."""
    named = os.environ.get("NEEDLETAIL_BIN")
    if named:
        if not os.access(named, os.X_OK):
            raise ToolNotFound(f"NEEDLETAIL_BIN names {named}, which cannot be run")
        return named
    found = shutil.which("needletail")
    if found:
        return found
    builds = [
        os.path.join(folder, ".build", kind, "needletail")
        for start in (os.path.dirname(os.path.abspath(__file__)), os.getcwd())
        for folder in _ancestors(start) if os.path.exists(os.path.join(folder, "Package.swift"))
        for kind in ("release", "debug")
    ]
    builds = [path for path in builds if os.access(path, os.X_OK)]
    if not builds:
        raise ToolNotFound(
            "there is no needletail executable: put it on the PATH, name it in NEEDLETAIL_BIN, or build it in the "
            "checkout with `swift build -c release`")
    return max(builds, key=os.path.getmtime)


def _ancestors(path):
    while True:
        yield path
        parent = os.path.dirname(path)
        if parent == path:
            return
        path = parent


class Answer:
    """What a command said: its exit code, the JSON object it printed, if any, and its sentences."""

    def __init__(self, code, output, errors):
        self.code = code
        self.errors = errors.strip()
        lines = [line for line in output.splitlines() if line.startswith("{")]
        self.json = json.loads(lines[-1]) if lines else {}

    @property
    def sentence(self):
        lines = [line for line in self.errors.splitlines() if line]
        errors = [line for line in lines if "error: " in line]
        return (errors or lines or [f"needletail ended with {self.code}"])[-1].replace("error: ", "")

    def check(self):
        """Returns the JSON of a command that went well; raises what went wrong in any other."""
        if self.code == 0:
            return self.json
        if "reason" in self.json:
            raise SnapshotRejected(self.json["reason"], self.json.get("detail") or self.sentence)
        # Sentences about repositories end in their code.
        code = re.search(r"\(([a-z]+(?:_[a-z]+)+)\)$", self.sentence)
        if self.code == DATA:
            detail = self.sentence[:code.start()].strip() if code else self.sentence
            raise SnapshotRejected(code.group(1) if code else "tensor_invalid", detail)
        raise NeedletailError(self.sentence)


def run(*arguments):
    """Runs the executable to its end. Nothing secret goes into `arguments`: other processes can read them."""
    done = subprocess.run(
        [executable(), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    return Answer(done.returncode, done.stdout, done.stderr)
