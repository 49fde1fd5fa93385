"""The quick start works by its words alone: from a clone to a message as Slack would get it, well within five minutes.

Everything is as on the page but for three things: the ports are free ones; the environment is the one that is here, because a test installs
nothing from the network (``HEDGEROW_FRESH=1`` lets ``make serve`` do that, too); and the repository is cloned from this folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.server import eventually, free_port
from support.transcript import ROOT, blocks, commands, fits

PAGE = blocks(ROOT / "docs" / "quick-start.md")
FIVE_MINUTES_S = 300
FRESH = os.environ.get("HEDGEROW_FRESH") == "1"

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this folder is no clone")


class Terminals:
    """Three of them. What the first two run goes on until the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clone = folder, folder / "hedgerow"
        self.ports = {"8000": str(free_port()), "9000": str(free_port())}
        self.token = "phc_…"
        self.running: list[subprocess.Popen[bytes]] = []
        (folder / ".curlrc").write_text("silent\nshow-error\n")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("HEDGEROW_")}
        self.environment = {**clean, "CURL_HOME": str(folder), "HEDGEROW_PORT": self.ports["8000"]}
        if not FRESH:
            self.environment["PYTHONPATH"] = str(self.clone / "src")

    def own(self, text: str) -> str:
        """The page's words with what is different here."""
        for port, ours in self.ports.items():
            text = re.sub(rf"(127\.0\.0\.1(?::|\", )){port}", rf"\g<1>{ours}", text)
        return text.replace("phc_…", self.token).replace("ADDRESS", f"file://{ROOT}")

    def start(self, command: str, name: str) -> None:
        """Run what does not end; what it prints is in a file."""
        with (self.folder / name).open("wb") as printed:
            self.running.append(
                subprocess.Popen(
                    ["bash", "-c", f"exec env {command}"], cwd=self.clone, env=self.environment,
                    stdout=printed, stderr=subprocess.STDOUT, start_new_session=True,
                )
            )  # fmt: skip

    def said(self, name: str) -> str:
        """What it has printed so far."""
        return (self.folder / name).read_text(encoding="utf-8", errors="replace")

    def run(self, command: str, folder: Path | None = None) -> str:
        """Run what ends, and return what it printed."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder or self.clone, env=self.environment,
            capture_output=True, text=True, timeout=FIVE_MINUTES_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stderr + done.stdout

    def close(self) -> None:
        """End what runs."""
        for process in reversed(self.running):
            os.killpg(process.pid, 15)
            process.wait(30)


@pytest.fixture
def terminals(tmp_path):
    """Closed at the end, whatever happens."""
    opened = Terminals(tmp_path)
    yield opened
    opened.close()


@pytest.mark.timeout(2 * FIVE_MINUTES_S)
def test_a_stranger_gets_a_message_in_five_minutes(terminals):
    """By doing what the page says, in its order; each command prints what the page says it prints."""
    began = time.monotonic()
    for block in PAGE:
        if re.fullmatch(r"[\w-]+\.(py|yaml)", block.title):
            (terminals.clone / block.title).write_text(terminals.own(block.text), encoding="utf-8")
        elif block.title == "First terminal":
            first_terminal(terminals, block)
        elif block.title.startswith("Second terminal"):
            second_terminal(terminals, block)
        elif block.title.startswith("Third terminal"):
            third_terminal(terminals, block)
    assert time.monotonic() - began < FIVE_MINUTES_S


def first_terminal(terminals, block):
    """Clone, and serve until the server says that it runs; its token is copied from there."""
    clone, cd, serve = commands(block.text)
    terminals.run(terminals.own(clone.text), terminals.folder)
    assert cd.text == f"cd {terminals.clone.name}"
    if not FRESH:
        installed(terminals.clone)
    terminals.start(serve.text, "first")
    expected = terminals.own("\n".join(serve.shown)).splitlines()
    eventually(lambda: fits(terminals.said("first"), expected), FIVE_MINUTES_S, 0.2)
    terminals.token = re.search(r"Project token  (phc_\S+)", terminals.said("first"))[1]


def installed(clone):
    """The environment that is here, as if ``make serve`` had made it just now."""
    (clone / ".venv").mkdir()
    (clone / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (clone / ".venv" / ".ready").touch()


def second_terminal(terminals, block):
    """Start what stands in for Slack, and later see what it was sent."""
    if block.language == "console":
        (command,) = commands(block.text)
        terminals.start(command.text, "second")
    else:
        eventually(lambda: terminals.said("second") == block.text, 60, 0.1)


def third_terminal(terminals, block):
    """Type the commands; the ledger may need a second look."""
    for command in commands(block.text):
        typed, expected = terminals.own(command.text), terminals.own("\n".join(command.shown)).splitlines()
        deadline = time.monotonic() + (60 if "deliveries" in typed else 0)
        while not fits(said := terminals.run(typed), expected) and time.monotonic() < deadline:
            time.sleep(0.3)
        assert fits(said, expected), f"$ {typed}\n{said}\n--- the page says\n" + "\n".join(expected)
