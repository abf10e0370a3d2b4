"""`LoadTests/run`: finds the scenarios of training and search, runs them one after the other, keeps what they found.

Serving is measured by `needletail-load`.

A scenario is a file of `Scenarios/` with

    SUMMARY     one line for the list
    options(parser)           its own flags
    run(lab, options)         does it, prints its table, returns a `Report`
"""

import argparse
import importlib.util
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machine
import results
from lab import Lab, Missing, Trouble

SCENARIOS = machine.LOADTESTS / "Scenarios"


def scenarios():
    found = {}
    for path in sorted(SCENARIOS.glob("*.py")):
        spec = importlib.util.spec_from_file_location("scenario_" + path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[path.stem.replace("_", "-")] = module
    return found


def listing(found):
    width = max(map(len, found))
    lines = [f"  {name:<{width}}  {module.SUMMARY}" for name, module in found.items()]
    return "scenarios:\n" + "\n".join(lines)


def parse(found):
    """The scenarios to run, each with its options. A flag is given to every named scenario that knows it."""
    ask = argparse.ArgumentParser(
        prog="LoadTests/run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Training and search, by name. Serving is measured by needletail-load.",
        epilog=listing(found) + "\n\nLoadTests/run gowalla --data FOLDER\nLoadTests/run retrieval --help")
    ask.add_argument("scenario", nargs="*", help="what to run")
    ask.add_argument("--list", action="store_true", help="name the scenarios and end")
    named = [word for word in sys.argv[1:] if word in found]
    if named and {"-h", "--help"} & set(sys.argv):
        for name in named:
            own_parser(name, found[name]).print_help()
        sys.exit(0)
    # Words are names until the first flag: what follows belongs to the scenarios.
    words = sys.argv[1:]
    first = next((i for i, word in enumerate(words) if word.startswith("-") and word not in ("--list", "-h", "--help")), len(words))
    asked, rest = ask.parse_args(words[:first]), words[first:]
    if asked.list:
        print(listing(found))
        sys.exit(0)
    unknown = [name for name in asked.scenario if name not in found]
    if unknown:
        ask.error(f"there is no scenario {unknown[0]}\n{listing(found)}")
    if not asked.scenario:
        ask.error(f"name a scenario\n{listing(found)}")
    plans, left = [], None
    for name in asked.scenario:
        options, unused = own_parser(name, found[name]).parse_known_args(rest)
        left = set(unused) if left is None else left & set(unused)
        plans.append((name, found[name], options))
    if left:
        ask.error(f"no scenario here knows {' '.join(sorted(left))}")
    return plans


def own_parser(name, module):
    parser = argparse.ArgumentParser(prog=f"LoadTests/run {name}", description=module.SUMMARY, allow_abbrev=False)
    parser.add_argument("--needletail", help="the program; default $NEEDLETAIL_BIN, else .build/release/needletail")
    module.options(parser)
    return parser


def main():
    # What scenarios print and what they note on stderr stay in order.
    sys.stdout.reconfigure(line_buffering=True)
    plans = parse(scenarios())
    failed = []
    lab = Lab()
    print(machine.describe())
    for name, module, options in plans:
        print(f"\n== {name}: {module.SUMMARY}", flush=True)
        begun = time.monotonic()
        try:
            lab.use(options.needletail)
            report = module.run(lab, options)
        except Missing as missing:
            failed.append(name)
            print(f"{name} cannot run: {missing}", file=sys.stderr)
            continue
        except Trouble as trouble:
            report = results.Report()
            report.fail(str(trouble))
        kept = results.keep(name, options, report, lab, time.monotonic() - begun)
        for failure in report.failures:
            print(f"FAILED  {failure}", file=sys.stderr)
        failed += [name] if report.failures else []
        print(f"{name}: {'FAILED' if report.failures else 'passed'} in {time.monotonic() - begun:.0f} s; line added to {kept}", flush=True)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
