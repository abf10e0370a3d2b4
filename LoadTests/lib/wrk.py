"""wrk as a measuring instrument: one thread on a processor of its own, figures as numbers."""

import json
import signal
import subprocess

import machine
from lab import Trouble, need


class Load:
    """wrk in the background until `stop`, or for its seconds."""

    def __init__(self, lab, origin, targets, seconds, connections=32, delay=None, check=False):
        need("wrk")
        file = lab.subfolder("targets") / "targets.txt"
        file.write_text("".join(target + "\n" for target in targets))
        words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", machine.LOADTESTS / "lib/load.lua", origin, "--", file]
        words += ["delay", delay] if delay is not None else []
        words += ["check"] if check else []
        self.process = lab.start("wrk", words, lab.load_cpu)
        self.seconds = seconds

    def wait(self):
        try:
            self.process.child.wait(self.seconds + 15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Trouble(f"wrk did not end:\n{self.process.said()}") from None
        return self.figures()

    def stop(self):
        """Ends the load now; wrk prints what it has on SIGINT."""
        self.process.send(signal.SIGINT)
        self.seconds = 0
        return self.wait()

    def figures(self):
        for line in self.process.log.read_text(errors="replace").splitlines():
            if line.startswith("JSON "):
                return json.loads(line[5:])
        raise Trouble(f"wrk printed no figures:\n{self.process.said()}")


def measure(lab, origin, targets, pids, seconds, connections=32):
    """One round: requests a second, latencies in µs, and processor time of `pids` per request in µs."""
    load = Load(lab, origin, targets, seconds, connections)
    before = machine.cpu_seconds(pids)
    figures = load.wait()
    spent = machine.cpu_seconds(pids) - before
    return {
        "rps": figures["requests"] / (figures["microseconds"] / 1e6), "p50": figures["p50"], "p99": figures["p99"],
        "cpu": spent / max(1, figures["requests"]) * 1e6, "requests": figures["requests"],
        "errors": sum(figures["errors"].values()),
    }
