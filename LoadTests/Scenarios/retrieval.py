"""Needletail's index beside ScaNN, faiss, hnswlib and usearch, at equal recall: `LoadTests/Retrieval` in its own environment."""

import datetime
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import machine
import results
from lab import Missing, Trouble, environment, note
from results import Report

SUMMARY = "search beside ScaNN, faiss, hnswlib and usearch on the same vectors at equal recall; --quick for a look, needs pip"

HERE = machine.LOADTESTS / "Retrieval"
REQUIREMENTS = HERE / "requirements.txt"
# Not below .build, which SwiftPM owns. `make clean` removes it.
ENVIRONMENT = machine.ROOT / ".build-peers"
# Seconds: some of the peers are compiled where they have no wheel.
INSTALLING_MAX = 1800
QUICK = {"items": 100_000, "rounds": 2, "cases": ["norms25", "cosine"]}


def options(parser):
    parser.add_argument("--cases", nargs="+", help="norms25 cosine norms25-thrashed cosine-thrashed 10k 50k gowalla (these by default), "
                        "flat-norms25 flat-cosine duplicates norms50 norms80")
    parser.add_argument("--all", action="store_true", help="every case")
    parser.add_argument("--quick", action="store_true", help="a look: norms25 and cosine with 100,000 items, two rounds")
    parser.add_argument("--peers", nargs="+", help="some of them, by their names in the table")
    parser.add_argument("--rounds", type=int, help="in how many turns everybody is measured (default 5)")
    parser.add_argument("--items", type=int, help="of the large cases (default 1,000,000)")
    parser.add_argument("--thorough", action="store_true", help="more builds of the peers: kinds that were never the best here")
    parser.add_argument("--rebuild", nargs="*", metavar="NAME", help="build the indexes of those anew (scann needletail …), without "
                        "names everybody's; otherwise those of earlier runs are used")
    parser.add_argument("--prepare", action="store_true", help="make vectors, answers and indexes, and measure nothing: an hour "
                        "the first time, for the graphs above all")
    parser.add_argument("--core", type=int, help="the processor that is measured on (default the last)")
    parser.add_argument("--data", type=pathlib.Path, default=machine.ROOT / "var/retrieval",
                        help="folder for vectors, exact answers and indexes, some 15 GB (default var/retrieval)")
    parser.add_argument("--gowalla", type=pathlib.Path, default=machine.ROOT / "../shared/data/gowalla",
                        help="folder with Gowalla's train.txt (default ../shared/data/gowalla); without it that case is left out")
    parser.add_argument("--self-test", action="store_true", help="test the arithmetic of this comparison, measure nothing")


def run(lab, options):
    python = prepare()
    if options.self_test:
        return self_test(python)
    for name, value in QUICK.items() if options.quick else ():
        setattr(options, name, getattr(options, name) or value)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "found.json"
        status = attend([python, "-B", HERE / "run.py", "--out", out, *arguments(lab, options)])
        report = understand(out, status)
    if status == 130:
        results.keep("retrieval", options, report, lab, 0)
        raise KeyboardInterrupt
    return report


def arguments(lab, options):
    words = ["--needletail", lab.needletail, "--data", options.data, "--gowalla", options.gowalla.resolve()]
    for name in ("cases", "peers", "rounds", "items", "core", "rebuild"):
        if (value := getattr(options, name)) is not None:
            words += ["--" + name, *(value if isinstance(value, list) else [value])]
    return words + ["--" + name for name in ("all", "thorough", "prepare") if getattr(options, name)]


def prepare():
    """The environment's python; installs what is missing."""
    python, stamp = ENVIRONMENT / "bin/python", ENVIRONMENT / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted and python.exists():
        return python
    note(f"installing the peers into {ENVIRONMENT.relative_to(machine.ROOT)}: a minute or two")
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    install([sys.executable, "-m", "venv", ENVIRONMENT], "python3 cannot make virtual environments: apt-get install python3-venv")
    install([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS],
            "pip could not install the peers. It needs a package index (the network, or PIP_INDEX_URL) and, for hnswlib, a compiler "
            "(apt-get install g++ python3-dev); ScaNN has wheels for Linux on x86-64 and for Python 3.9 to 3.13 only")
    stamp.write_text(wanted)
    return python


def install(command, trouble):
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=INSTALLING_MAX)
    except subprocess.TimeoutExpired:
        raise Missing(f"{trouble}\n(not done after {INSTALLING_MAX} s)") from None
    if done.returncode != 0:
        raise Missing(f"{trouble}\n{(done.stdout + done.stderr).strip()[-800:]}")


def attend(command):
    """Runs it to its end; on Ctrl-C too, which it gets itself: it then writes what it has."""
    process = subprocess.Popen(list(map(str, command)), env=environment())
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def understand(out, status):
    report = Report()
    if not out.is_file():
        raise (KeyboardInterrupt if status == 130 else Trouble(f"the comparison ended with {status} and wrote nothing"))
    found = json.loads(out.read_text())
    report.figures = found["figures"] | {"curves": found["curves"]}
    report.failures = found["failures"]
    date = datetime.datetime.now().strftime("%Y-%m-%dT%H%M%S")
    folder = machine.LOADTESTS / "Results"
    folder.mkdir(exist_ok=True)
    for kind in ("md", "svg"):
        if (made := out.with_suffix("." + kind)).is_file():
            kept = folder / f"retrieval-{date}.{kind}"
            shutil.copyfile(made, kept)
            note(f"{'tables' if kind == 'md' else 'plot'}: {os.path.relpath(kept, machine.ROOT)}")
    return report


def self_test(python):
    done = subprocess.run([str(python), "-B", str(HERE / "selftest.py")], cwd=HERE)
    report = Report()
    report.check(done.returncode == 0, "the comparison's own tests failed")
    return report
