"""Programs that a scenario runs to their end."""

import os
import pathlib
import shutil
import subprocess
import sys

import machine


class Missing(Exception):
    """A program or a file that a scenario needs is not there; the sentence says how to get it."""


class Trouble(Exception):
    """Something that was started did not do what it should."""


class Lab:
    needletail = None

    def use(self, needletail):
        """Settles which program is measured."""
        path = needletail or os.environ.get("NEEDLETAIL_BIN") or str(machine.ROOT / ".build/release/needletail")
        if not os.access(path, os.X_OK):
            raise Missing(f"{path} is not there: build it with `swift build -c release --product needletail`, or name one with --needletail")
        self.needletail = str(pathlib.Path(path).resolve())

    def run(self, command, seconds, **more):
        """Runs a command to its end, with its output kept. A refusal is trouble, with what the command said."""
        need(command[0])
        try:
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds, env=environment(), **more)
        except subprocess.TimeoutExpired:
            raise Trouble(f"{' '.join(map(str, command))} took longer than {seconds} s") from None
        if done.returncode != 0:
            raise Trouble(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{(done.stdout + done.stderr).strip()[-2000:]}")
        return done.stdout


def environment():
    """Ours without NEEDLETAIL_*: settings of the caller's must not change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEEDLETAIL_")}


def need(program):
    if shutil.which(str(program)) or os.access(program, os.X_OK):
        return
    how = "see https://www.swift.org/install/linux/" if program == "swift" else f"apt-get install {program}"
    raise Missing(f"{program} is not installed: {how}")


def note(text):
    print(f"  {text}", file=sys.stderr, flush=True)
