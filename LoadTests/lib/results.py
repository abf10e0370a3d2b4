"""What a scenario found: a table for people, one JSON line for later."""

import datetime
import json

import machine


class Report:
    """Figures by name, and sentences about what should not have been."""

    def __init__(self):
        self.figures, self.failures = {}, []

    def fail(self, sentence):
        self.failures.append(sentence)

    def check(self, holds, sentence):
        if not holds:
            self.fail(sentence)


def keep(scenario, options, report, lab, seconds):
    """Appends the run to `Results/<scenario>.jsonl`; returns the file's path from the root."""
    line = {
        "scenario": scenario, "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": machine.commit(), "machine": machine.facts(),
        "versions": {name: said for name, said in versions(lab).items() if said},
        "options": {name: value for name, value in vars(options).items() if value is not None},
        "seconds": round(seconds, 1), "passed": not report.failures, "failures": report.failures,
        "figures": report.figures,
    }
    path = machine.LOADTESTS / "Results" / f"{scenario}.jsonl"
    path.parent.mkdir(exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
    return path.relative_to(machine.ROOT)


def versions(lab):
    return {"needletail": machine.version(lab.needletail, "version")}


def table(header, rows):
    """Prints rows under their header: the first column to the left, numbers to the right."""
    texts = [list(header)] + [[cell if isinstance(cell, str) else f"{cell:,}" for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    for row in texts:
        cells = [cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip())
    print(flush=True)
