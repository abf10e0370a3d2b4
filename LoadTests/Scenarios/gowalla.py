"""Quality of the trained factors on Gowalla, by `needletail evaluate` and beside `implicit`."""

import importlib.util
import json
import pathlib
import statistics
import sys

import machine
from lab import Missing, Trouble, note
from results import Report, table

SUMMARY = "Recall@20 and NDCG@20 on Gowalla, beside MostPop and implicit; needs --data FOLDER"

FILES = ["train.txt", "test.txt", "tune_train.txt", "tune_valid.txt"]
# Found on tune_train/tune_valid by a plain exact solver; the second is what more dimensions give.
REFERENCE = {"dimensions": 64, "alpha0": 0.01, "lambda": 0.003, "epochs": 12}
WIDE = {"dimensions": 192, "alpha0": 0.01, "lambda": 0.01, "epochs": 6}
# MostPop is the same for every right evaluator: it checks ours. The others are the least that iALS must reach.
MOSTPOP = {"recall@20": 0.0416, "ndcg@20": 0.0317}
LEAST = {"recall@20": 0.148, "ndcg@20": 0.122}


def options(parser):
    parser.add_argument("--data", type=pathlib.Path, help="folder with " + ", ".join(FILES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--wide", action="store_true", help="192 dimensions too (minutes more)")
    parser.add_argument("--limit", type=int, default=3600, help="seconds that one evaluation may take (default 3600)")


def run(lab, options):
    if not options.data:
        raise Missing("name the folder: LoadTests/run gowalla --data ../shared/data/gowalla")
    absent = [name for name in FILES if not (options.data / name).is_file()]
    if absent:
        raise Missing(f"{options.data} has no {' and no '.join(absent)}")
    report, rows = Report(), []

    chosen = evaluate(lab, options, "chosen on the validation part", "tune_train.txt", valid="tune_valid.txt")
    fixed = evaluate(lab, options, "reference settings", "train.txt", settings=REFERENCE)
    rows += [("MostPop", chosen["mostpop"]), ("iALS, settings chosen on the validation part", chosen["ials"]),
             ("iALS, reference settings", fixed["ials"])]
    if options.wide:
        rows.append(("iALS, 192 dimensions", evaluate(lab, options, "192 dimensions", "train.txt", settings=WIDE)["ials"]))
    for name, row in rows:
        report.figures[name] = row
        for metric, least in LEAST.items():
            if row["model"] == "ials":
                report.check(row[metric] >= least, f"{name}: {metric} {row[metric]:.4f} is below {least}")
    for metric, value in MOSTPOP.items():
        found = chosen["mostpop"][metric]
        report.check(abs(found - value) < 0.00006, f"MostPop's {metric} is {found:.4f}, not {value}: the evaluator is wrong")
    table(["64 dimensions unless said", "Recall@20", "NDCG@20", "settings", "train", "search"], [line(*row) for row in rows])
    compare(lab, options, report)
    return report


def evaluate(lab, options, what, train, valid=None, settings=None):
    """Rows by model."""
    note(f"evaluating: {what}, seeds {' '.join(map(str, options.seeds))}")
    command = [lab.needletail, "evaluate", "--train", options.data / train, "--test", options.data / "test.txt",
               "--format", "adjacency", "--json"]
    command += ["--valid", options.data / valid] if valid else []
    for name, value in (settings or {}).items():
        command += ["--" + name, value]
    output = lab.run([*command, "--seeds", *options.seeds], options.limit)
    return {row["model"]: row for row in (json.loads(text) for text in output.splitlines() if text.startswith("{"))}


def line(name, row):
    if "alpha0" not in row:
        return [name, f"{row['recall@20']:.4f}", f"{row['ndcg@20']:.4f}", "", "", ""]
    spread = [f"{row[metric]:.4f}" + (f" ±{row[metric + '_sd']:.4f}" if metric + "_sd" in row else "") for metric in ("recall@20", "ndcg@20")]
    settings = f"α₀ {row['alpha0']:.4g}, λ {row['lambda']:.4g}, {row['epochs']} epochs"
    search = f"{row['tuneSeconds']:.0f} s" if row["tuneSeconds"] else ""
    return [name, *spread, settings, f"{row['trainSeconds']:.1f} s", search]


def compare(lab, options, report):
    """implicit on the same data and cores, if it is installed."""
    if not all(importlib.util.find_spec(name) for name in ("numpy", "scipy", "implicit")):
        note("implicit is not installed (pip install implicit==0.7.2): the comparison with it is left out")
        return
    note("comparing with implicit, in turn")
    script = machine.LOADTESTS / "Training/compare_implicit.py"
    output = lab.run([sys.executable, script, "--data", options.data, "--needletail", lab.needletail, "--json"], options.limit)
    found = [json.loads(text) for text in output.splitlines() if text.startswith("{")]
    theirs = [row for row in found if row["trainer"] == "implicit"]
    ours = [row for row in found if row["trainer"] == "needletail"]
    reached = [row for row in found if row["trainer"] == "to reach it"]
    if not (theirs and ours and reached):
        raise Trouble(f"compare_implicit.py printed no comparison:\n{output[-1000:]}")
    rows = []
    for name, runs in (("implicit", theirs), ("needletail", ours), ("needletail, to reach implicit's quality", reached)):
        middle = {key: statistics.median(row[key] for row in runs) for key in ("epochs", "seconds", "cpuSeconds", "recall@20", "ndcg@20")}
        report.figures[name] = middle
        rows.append([name, f"{middle['epochs']:.0f}", f"{middle['seconds']:.2f} s", f"{middle['cpuSeconds']:.2f} s",
                     f"{middle['recall@20']:.4f}", f"{middle['ndcg@20']:.4f}"])
    table(["training alone", "epochs", "wall", "CPU", "Recall@20", "NDCG@20"], rows)
    report.check(rows and reached[0]["seconds"] <= statistics.median(row["seconds"] for row in theirs),
                 "needletail took longer than implicit to reach implicit's quality")
