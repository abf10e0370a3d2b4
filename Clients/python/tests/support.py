"""What the tests share: factors, and a gateway that serves."""

import json
import os
import re
import subprocess
import sys
import time
import unittest
import urllib.request

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(HERE)
sys.path.insert(0, PACKAGE)

import needletail as nt  # noqa: E402
from needletail import tool  # noqa: E402


def some_factors(rows, dimension=8, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)


def some_snapshot(items=60, users=20, **further):
    arguments = dict(
        item_ids=[f"i{row}" for row in range(items)], item_factors=some_factors(items),
        user_ids=[f"u{row}" for row in range(users)], user_factors=some_factors(users, seed=2))
    arguments.update(further)
    return nt.Snapshot.from_factors(**arguments)


def needs_tool(case):
    try:
        tool.executable()
        return case
    except nt.ToolNotFound as error:
        return unittest.skip(str(error))(case)


class Gateway:
    """`needletail serve` on a repository, on free ports."""

    def __init__(self, repository, folder, *flags):
        self.log_path = os.path.join(folder, "gateway.log")
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [tool.executable(), "serve", "--repository", repository, "--data-dir", os.path.join(folder, "data"),
             "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--workers", "1", "--memcached", "none", *flags],
            stdout=subprocess.DEVNULL, stderr=self.log)
        self.url = self.admin = None
        try:
            self._learn_addresses()
        except BaseException:
            self.close()
            raise

    def _learn_addresses(self):
        listening = self.await_log(r'"message":"listening".*')
        fields = json.loads("{" + listening + "}") if not listening.startswith("{") else json.loads(listening)
        self.url = f"http://{fields['address']}"
        self.admin = f"http://{fields['admin']}"

    def await_log(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with open(self.log_path, encoding="utf-8") as file:
                for line in file:
                    if re.search(pattern, line):
                        return line.strip()
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        with open(self.log_path, encoding="utf-8") as file:
            raise AssertionError(f"the gateway did not log {pattern}:\n{file.read()}")

    def get(self, path, seconds=60):
        """Waits until there is an answer of a model."""
        end = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                    body = json.load(answer)
                    if body.get("model"):
                        return body
            except OSError:
                pass
            if time.monotonic() > end:
                raise AssertionError(f"{path} was not answered by a model")
            time.sleep(0.05)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
