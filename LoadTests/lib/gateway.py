"""A gateway of one's own on free ports, and the snapshots it serves."""

import http.client
import json
import pathlib
import re
import shutil
import time

from lab import Trouble, answers, free_port

MODEL = "catalogue"


class Gateway:
    """One running `needletail serve`.

    `settings` are keys of Config/needletail.yaml as nested dictionaries, over the defaults.
    """

    def __init__(self, lab, repository, memcached=(), settings=None, workers=1, cpu=None, data=None, name="gateway"):
        self.lab = lab
        self.port, self.admin_port = free_port(), free_port()
        self.data = data or lab.subfolder(name + "-data")
        config = pathlib.Path(lab.subfolder(name + "-config")) / "needletail.yaml"
        config.write_text(yaml({
            "listen": f"127.0.0.1:{self.port}", "admin": {"listen": f"127.0.0.1:{self.admin_port}"}, "workers": workers,
            "repository": str(repository), "dataDir": str(self.data), "model": MODEL, **(settings or {}),
        }))
        command = [lab.needletail, "serve", "--config", config]
        for node in memcached or ["none"]:
            command += ["--memcached", node]
        self.started = time.perf_counter()
        self.process = lab.start(name, command, cpu)

    @property
    def pid(self):
        return self.process.pid

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self, seconds=30):
        self.process.wait_until(self.is_ready, "readyz 200", seconds)
        return self

    def is_ready(self):
        try:
            return ask("GET", self.port, "/readyz").status == 200
        except OSError:
            return False

    def get(self, path):
        return self.ask("GET", self.port, path)

    def admin(self, method, path):
        return json.loads(self.ask(method, self.admin_port, path).body)

    def ask(self, method, port, path):
        """The answer, which has to be a 200."""
        try:
            answer = ask(method, port, path)
        except (OSError, http.client.HTTPException) as error:
            raise Trouble(f"{method} {path} had no answer: {error}\n{self.process.fate()}") from None
        if answer.status != 200:
            raise Trouble(f"{method} {path} was answered {answer.status}: {answer.body[:300]}")
        return answer

    def serving(self):
        """The version that serves, as the admin listener says."""
        return self.admin("GET", f"/admin/v1/models/{MODEL}")["serving"]

    def tiers(self):
        """Answers so far by tier: the gateway's own count."""
        counts = {}
        page = self.ask("GET", self.admin_port, "/metrics").body
        for tier, count in re.findall(r'^needletail_http_requests_total\{.*tier="(\w+)"\} (\d+)', page, re.M):
            counts[tier] = counts.get(tier, 0) + int(count)
        return counts

    def end(self):
        self.process.end()


class Answer:
    def __init__(self, status, headers, body, bytes_in_all):
        self.status, self.headers, self.body, self.bytes_in_all = status, headers, body, bytes_in_all


def ask(method, port, path, seconds=5):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        content = answer.read()
        head = len(f"HTTP/1.1 {answer.status} {answer.reason}\r\n\r\n")
        head += sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
        return Answer(answer.status, answer.headers, content.decode(), head + len(content))
    finally:
        connection.close()


def yaml(value, indent=""):
    lines = ""
    for key, inner in value.items():
        if isinstance(inner, dict):
            lines += f"{indent}{key}:\n{yaml(inner, indent + '  ')}"
        else:
            lines += f"{indent}{key}: {json.dumps(inner)}\n"
    return lines


def catalogue(lab):
    """A repository of one's own with version 1 of the generated catalogue: 2,000 books, 3,000 readers.

    The first call of a lab has `quickstart` make and train it; later ones copy. Returns the repository and the folder
    with the data it was trained on.
    """
    source = lab.folder / "catalogue"
    if not source.exists():
        source.mkdir()
        (source / "data").mkdir()
        port, admin = free_port(), free_port()
        process = lab.start("quickstart", [
            lab.needletail, "quickstart", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}",
            "--repository", source / "repository", "--data-dir", source / "data", "--memcached", "none"])
        process.wait_until(lambda: answers(port) and ask("GET", port, "/readyz").status == 200, "a trained catalogue", 120)
        process.end()
    copy = lab.subfolder("repository")
    shutil.copytree(source / "repository", copy, dirs_exist_ok=True)
    return copy, source / "data" / "catalogue"


def train_command(lab, repository, data, seed):
    return [lab.needletail, "train", "--interactions", data / "interactions.csv", "--items", data / "items.csv",
            "--out", repository, "--model", MODEL, "--seed", seed, "--json"]


def item_targets(count):
    return [f"/v1/placements/detail/recommendations?itemId=b{number:04}&numResults=9" for number in range(1, count + 1)]


def user_targets(count):
    return [f"/v1/placements/home/recommendations?userId=u{number:04}&numResults=9" for number in range(1, count + 1)]


SEGMENT_TARGET = "/v1/placements/home/recommendations?segment=0&numResults=9"
TRENDING_TARGET = "/v1/placements/trending/recommendations?numResults=9"
