"""Markdown pages whose blocks of code are held to: what they are, which commands they show, and whether the output is as shown.

The conventions, for whoever writes a page: commands stand in blocks of the language ``console``, behind ``$``, with what they print below
them. ``…`` stands for any text of a line, a line that is nothing but ``…`` for any lines. Times, ids and durations may differ, and so may the
width of columns. A block with a title that is a file name is that file. A block that cannot be run has a comment directly before
it: ``<!-- not run: the reason -->``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("**/*.md"))
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?^(?P<fence>`{3,})(?P<language>[\w-]*)(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\d"), "DAY"),
    (re.compile(r"\d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"[\d.]+ m?s\b"), "SOON"),
    (re.compile(r" {2,}"), "  "),
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it stands, what it is, and why it is not run where that is so."""

    page: Path
    line: int
    language: str
    title: str
    text: str
    reason: str

    @property
    def place(self) -> str:
        """File and line, for people and for the names of tests."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed, and the lines that follow."""

    text: str
    shown: list[str]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, found.start("fence")) + 1,
            found["language"],
            _title(found["info"]),
            found["text"],
            found["reason"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]


def _title(info: str) -> str:
    found = re.search(r'title="([^"]*)"', info)
    return found[1] if found else ""


def commands(text: str) -> Iterator[Command]:
    """Each command of a transcript, with the lines that should follow it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        typed, *shown = part.splitlines()
        while shown and not _complete(typed):
            typed = f"{typed}\n{shown.pop(0)}"
        yield Command(typed, shown)


def _complete(typed: str) -> bool:
    """Whether a shell would run it as it is: all quotes are closed."""
    try:
        shlex.split(typed)
    except ValueError:
        return False
    return not typed.endswith("\\")


def fits(shown: str, expected: list[str]) -> bool:
    """Whether what was printed is as the page has it."""
    parts = [_pattern(line) for line in expected if line.strip()]
    lines = [line for line in _steady(shown).splitlines() if line.strip()]
    return re.fullmatch("".join(parts), "".join(f"{line.rstrip()}\n" for line in lines)) is not None


def _pattern(line: str) -> str:
    """One line of the page as a pattern."""
    if line.strip() == "…":
        return r"(?:.*\n)*?"
    return ".*".join(re.escape(part) for part in _steady(line).rstrip().split("…")) + r" *\n"


def _steady(text: str) -> str:
    """Without what is different each time."""
    for changing, word in _CHANGING:
        text = changing.sub(word, text)
    return text
