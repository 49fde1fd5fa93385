"""The story in ``docs/second-chances.md`` is true: its commands print what it says."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from support.server import eventually
from support.sink import Step

STORY = (Path(__file__).parents[2] / "docs" / "second-chances.md").read_text(encoding="utf-8")
MANY = 300
MANIFEST = """
destinations:
  - name: Warehouse
    template: template-webhook
    enabled: true
    filters:
      events: [{{id: order paid, type: events}}]
    inputs:
      url: {url}/orders
      headers: {{{header}: quince}}
"""


def steps():
    """Each command of the story with the lines that should follow it."""
    for block in re.findall(r"```console\n(.*?)```", STORY, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output.splitlines()


def fits(shown: str, expected: list[str]) -> bool:
    """Whether lines are as the story has them; a line that is nothing but dots stands for any number of lines."""
    parts = [
        r"(?:.*\n)*?"
        if line.strip() == "…"
        else ".*".join(map(re.escape, line.rstrip().split("…"))) + r" *\n"
        for line in expected
    ]
    return re.fullmatch("".join(parts) + r"\n*", shown) is not None


@pytest.fixture
def failed(server, sink, tmp_path):
    """A warehouse that refused 300 orders, and one of these."""
    files = {}
    for name, header in (("wrong", "X-ApiKey"), ("mended", "X-Api-Key")):
        files[name] = server.folder / f"{name}.yaml"
        files[name].write_text(MANIFEST.format(url=sink.url, header=header))
    sink.script("/orders", Step(401), forever=True)
    answer = server.cli("apply", "-f", "wrong.yaml")
    assert answer.returncode == 0, answer.stderr
    for number in range(MANY):
        server.send("order paid", f"customer-{number % 40}", order=number)
    rows = eventually(
        lambda: len(found := server.deliveries(verdict="failed", limit="1000")) == MANY and found, 60
    )
    return rows[0]["event"]["uuid"]


def test_the_story_is_true(server, sink, failed):
    """Failed, explained, back-tested, mended, run again: all delivered, none twice."""
    known, before = {"EVENT": failed}, len(sink.at("/orders"))
    for command, expected in steps():
        if command.startswith("hedgerow rerun") and "--yes" in command:
            sink.script("/orders", Step(200), forever=True)
        words = [known.get(word, word) for word in shlex.split(command)][1:]
        if words[0] == "runs":
            eventually(lambda words=words: "done" in server.cli(*words).stdout, 60, 0.5)
        answer = server.cli(*words)
        if "It runs" in answer.stdout:
            known["RUN"] = answer.stdout.split()[-1]
        wanted = [
            re.sub(r"\b(EVENT|RUN)\b", lambda found: known.get(found[0], found[0]), line) for line in expected
        ]
        assert answer.returncode == 0, (command, answer.stderr)
        assert fits(answer.stdout, wanted), f"{command}\n{answer.stdout}\n--- the story says\n" + "\n".join(
            wanted
        )
    arrived = Counter(one.json["event"]["uuid"] for one in sink.at("/orders")[before:])
    assert (len(arrived), max(arrived.values())) == (MANY, 1)
    assert {one.headers["x-api-key"] for one in sink.at("/orders")[before:]} == {"quince"}
