"""A temporary folder and the processes that run in it. Everything ends with the lab, by its own process id."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import machine


class Missing(Exception):
    """A program or a file that a scenario needs is not there; the sentence says how to get it."""


class Trouble(Exception):
    """Something that was started did not do what it should."""


class Lab:
    """Use as a context. SIGTERM ends it like Ctrl-C does."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="needletail-load-"))
        self.processes, self.clients = [], []
        self.needletail = None
        self.server_cpu, self.load_cpu = machine.cpus()

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not leave processes behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def use(self, needletail):
        """Settles which program is measured."""
        path = needletail or os.environ.get("NEEDLETAIL_BIN") or str(machine.ROOT / ".build/release/needletail")
        if not os.access(path, os.X_OK):
            raise Missing(f"{path} is not there: build it with `swift build -c release --product needletail`, or name one with --needletail")
        self.needletail = str(pathlib.Path(path).resolve())

    def start(self, name, command, cpu=None):
        """Starts a process whose output goes to a file of its name. The kernel ends it should this one be killed."""
        need(command[0])
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        path = self.folder / f"{name}-{len(self.processes)}.log"
        with open(path, "wb") as log:
            child = subprocess.Popen(
                [*machine.pinned(cpu), *guard, *map(str, command)], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, cwd=self.folder, env=environment(), start_new_session=True)
        process = Process(name, child, path)
        self.processes.append(process)
        return process

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

    def end_all(self):
        """Ends what a scenario started: the clients first, so that they see no server go."""
        for client in self.clients:
            client.stop()
        self.clients.clear()
        for process in reversed(self.processes):
            process.end()
        self.processes.clear()

    def subfolder(self, name):
        path = self.folder / name
        number = 1
        while path.exists():
            number += 1
            path = self.folder / f"{name}-{number}"
        path.mkdir(parents=True)
        return path


class Process:
    def __init__(self, name, child, log):
        self.name, self.child, self.log = name, child, log

    @property
    def pid(self):
        return self.child.pid

    def is_alive(self):
        return self.child.poll() is None

    def send(self, number):
        self.child.send_signal(number)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def end(self, seconds=5):
        """SIGTERM, and SIGKILL for one that does not go. A stopped process is let go on first."""
        if not self.is_alive():
            return
        self.child.terminate()
        self.child.send_signal(signal.SIGCONT)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def said(self, lines=15):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def fate(self):
        """How it stands with the process, and what it said last."""
        state = "runs" if self.is_alive() else f"ended with {self.child.returncode}"
        return f"{self.name} {state}; its last lines:\n{self.said()}"

    def wait_until(self, ready, what, seconds=15):
        """Calls `ready` until it is true; the process must live meanwhile."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.is_alive():
                raise Trouble(f"{self.name} ended with {self.child.returncode} before {what}:\n{self.said()}")
            if time.monotonic() > deadline:
                raise Trouble(f"{self.name}: no {what} within {seconds} s:\n{self.said()}")
            time.sleep(0.01)


def environment():
    """Ours without NEEDLETAIL_*: settings of the caller's must not change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEEDLETAIL_")}


PACKAGES = {"taskset": "util-linux", "nginx": "nginx-light", "swift": None, "cc": "gcc"}


def need(program):
    if shutil.which(str(program)) or os.access(program, os.X_OK):
        return
    package = PACKAGES.get(program, program)
    how = f"apt-get install {package}" if package else "see https://www.swift.org/install/linux/"
    raise Missing(f"{program} is not installed: {how}")


def has(program):
    return shutil.which(program) is not None


def free_port():
    """A port of loopback that is free now. Another program may take it first; then the start fails with a sentence."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def note(text):
    print(f"  {text}", file=sys.stderr, flush=True)
