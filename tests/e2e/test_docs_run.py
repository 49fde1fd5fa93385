"""The pages are true: their commands, typed in their order at a real server, print what stands below them.

How a page is written so that it can be run stands in ``support.transcript``.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TypeAlias

import pytest

from hedgerow.cli.app import main
from support.server import eventually
from support.transcript import PAGES, ROOT, Command, blocks, commands, fits

Answer: TypeAlias = subprocess.CompletedProcess[str]
README = ROOT / "README.md"
# Played with more around them, by tests of their own.
ELSEWHERE = {"quick-start.md": "test_quick_start.py", "second-chances.md": "test_story.py"}
# Commands that look at what becomes of events: they may have to look twice.
LOOKING = ("deliveries", "destinations", "logs", "persons", "runs", "tail", "warnings")
PATIENCE_S = 30
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WAREHOUSE = """
destinations:
  - name: Orders to the warehouse
    type: destination
    hog: "return 'newer'"
    inputs_schema: [{key: url, type: string}]
    inputs: {url: "https://newer.example.com"}
"""


def shown(page: Path):
    """The transcripts of a page that can be run."""
    return [block for block in blocks(page) if block.language == "console" and not block.reason]


RUN = [page for page in (README, *PAGES) if page.name not in ELSEWHERE and shown(page)]


class Reader:
    """Somebody who follows a page: has its files, types its commands, and knows which ids are their own."""

    def __init__(self, page: Path, folder: Path, server, sink) -> None:
        self.page, self.folder, self.server = page, folder, server
        self.known = {
            "127.0.0.1:8000": server.url.removeprefix("http://"),
            "127.0.0.1:9000": sink.url.removeprefix("http://"),
            "phc_…": server.token,
            ".venv/bin/hedgerow": "hedgerow",
            "ada@example.com  ": "HEDGEROW_API_KEY  ",
        }
        (folder / ".curlrc").write_text("silent\nshow-error\n")
        self.environment = {
            **server.environment,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CURL_HOME": str(folder),
        }

    def own(self, text: str) -> str:
        """The page's words with the reader's own addresses, token and ids."""
        for theirs, ours in self.known.items():
            text = text.replace(theirs, ours)
        return text

    def save(self, name: str, text: str) -> None:
        """Make a file of the page."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.own(text), encoding="utf-8")

    def type(self, text: str) -> Answer:
        """Give a command to the shell; one that needs no shell, and is ours, runs here, which is much quicker."""
        words = shlex.split(text)
        if words[0] == "hedgerow" and not set("|<>;&$`\\") & set(text):
            return self._ours(words)
        return subprocess.run(
            ["bash", "-c", text], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def _ours(self, words: list[str]) -> Answer:
        """Run the command line in this process, as if it were one of its own."""
        said, complained, status = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patched, redirect_stdout(said), redirect_stderr(complained):
            patched.chdir(self.folder)
            patched.setattr(os, "environ", dict(self.environment))
            patched.setattr(sys, "argv", words)
            patched.setattr(sys, "stdin", io.StringIO())
            try:
                main()
            except SystemExit as end:
                status = int(end.code or 0)
        return subprocess.CompletedProcess(words, status, said.getvalue(), complained.getvalue())

    def follow(self, command: Command) -> None:
        """Type it and compare; ids that were printed are known from then on."""
        typed, expected = self.own(command.text), self.own("\n".join(command.shown)).splitlines()
        deadline = time.monotonic() + (
            PATIENCE_S if typed.removeprefix("hedgerow ").startswith(LOOKING) else 0
        )
        while not as_shown(answer := self.type(typed), expected) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert as_shown(answer, expected), self._difference(typed, expected, answer)
        changes = typed.startswith("hedgerow plan")  # it ends with 2 when something would change
        assert answer.returncode < 2 + changes, (typed, answer.stderr)
        self.known |= dict(
            zip(UUID.findall("\n".join(command.shown)), UUID.findall(answer.stdout), strict=False)
        )

    def _difference(self, typed: str, expected: list[str], answer: Answer) -> str:
        said = "\n".join(expected)
        return f"{self.page.name}: $ {typed}\n{answer.stdout}{answer.stderr}\n--- the page says\n{said}"


def as_shown(answer: Answer, expected: list[str]) -> bool:
    """Whether the page shows what was printed; a page may leave out what goes to standard error."""
    said = (answer.stdout, answer.stderr + answer.stdout, answer.stdout + answer.stderr)
    return any(fits(each, expected) for each in said)


def orders(reader: Reader) -> None:
    """A destination with three revisions, and a file with a fourth."""
    form = {"inputs_schema": [{"key": "url", "type": "string"}], "hog": "return 'old'"}
    first = {"name": "Orders to the warehouse", "type": "destination", "enabled": False, **form}
    made = reader.server.api(
        "POST", "hog_functions/", {**first, "inputs": {"url": {"value": "https://old.example.com"}}}
    )
    reader.server.api("PATCH", f"hog_functions/{made['id']}/", {"enabled": True})
    moved = {"hog": "return 'new'", "inputs": {"url": {"value": "https://new.example.com"}}}
    reader.server.api("PATCH", f"hog_functions/{made['id']}/", {**moved, "message": "the warehouse moved"})
    reader.save("destinations.yaml", WAREHOUSE)


def contacts(reader: Reader) -> None:
    """Two persons of a plan."""
    for name in ("ada", "grace"):
        reader.server.send("signed up", name, **{"$set": {"plan": "team", "email": f"{name}@example.com"}})
    eventually(
        lambda: all(
            reader.server.api("GET", f"persons/?distinct_id={one}")["results"] for one in ("ada", "grace")
        )
    )


def tidy_up(server) -> None:
    """Take away the destinations of the pages before."""
    for item in server.api("GET", "hog_functions/?limit=100")["results"]:
        server.api("PATCH", f"hog_functions/{item['id']}/", {"deleted": True})


# What must be there before a page begins.
BEFORE = {"changing-destinations.md": orders, "schedules.md": contacts}


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_a_page_is_true(page, server, sink, tmp_path):
    """Each command prints what the page says it prints."""
    tidy_up(server)
    reader = Reader(page, tmp_path, server, sink)
    BEFORE.get(page.name, lambda _: None)(reader)
    for block in blocks(page):
        if re.fullmatch(r"(?:[\w-]+/)*[\w-]+\.(yaml|yml|json|hog|py)", block.title) and not block.reason:
            reader.save(block.title, block.text)
        elif block in shown(page):
            for command in commands(block.text):
                reader.follow(command)
