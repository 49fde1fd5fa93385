"""The story in ``docs/second-chances.md`` is true: its commands print what it says."""

from __future__ import annotations

import re
import shlex
from collections import Counter

import pytest

from support.server import eventually
from support.sink import Step
from support.transcript import ROOT, blocks, commands, fits

STORY = ROOT / "docs" / "second-chances.md"
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
    for command in (each for block in blocks(STORY) for each in commands(block.text)):
        if command.text.startswith("hedgerow rerun") and "--yes" in command.text:
            sink.script("/orders", Step(200), forever=True)
        words = [known.get(word, word) for word in shlex.split(command.text)][1:]
        if words[0] == "runs":
            eventually(lambda words=words: "done" in server.cli(*words).stdout, 60, 0.5)
        answer = server.cli(*words)
        if "It runs" in answer.stdout:
            known["RUN"] = answer.stdout.split()[-1]
        wanted = [
            re.sub(r"\b(EVENT|RUN)\b", lambda found: known.get(found[0], found[0]), line)
            for line in command.shown
        ]
        assert answer.returncode == 0, (command.text, answer.stderr)
        assert fits(answer.stdout, wanted), (
            f"{command.text}\n{answer.stdout}\n--- the story says\n" + "\n".join(wanted)
        )
    arrived = Counter(one.json["event"]["uuid"] for one in sink.at("/orders")[before:])
    assert (len(arrived), max(arrived.values())) == (MANY, 1)
    assert {one.headers["x-api-key"] for one in sink.at("/orders")[before:]} == {"quince"}
