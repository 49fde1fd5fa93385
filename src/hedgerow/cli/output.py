"""What commands print: aligned tables, local times, colours only where a person looks, JSON where a program does."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
GAP = "  "
COLOURS = {
    "delivered": "green", "enabled": "green", "INFO": "blue", "DEBUG": "bright_black",
    "failed": "red", "expired": "red", "ERROR": "red",
    "retrying": "yellow", "held": "yellow", "running": "yellow", "scheduled": "yellow", "WARN": "yellow",
    "degraded": "yellow", "paused": "yellow", "quarantined": "red", "disabled": "red", "off": "bright_black",
}  # fmt: skip


def show_json(value: object) -> None:
    """Print a value for a program."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def safe(value: object) -> str:
    """Text on one line, without anything that could steer the terminal: event names come from outside."""
    text = "" if value is None else str(value)
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\n", " ").replace("\t", " "))


def safe_lines(text: str) -> str:
    """The same for text that may have several lines."""
    return "\n".join(safe(line) for line in text.splitlines())


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print rows under their headers; numbers stand to the right.

    Args:
        headers: one for each column.
        rows: cells; None is shown as nothing.
        empty: what to say when there are no rows.
    """
    if not rows:
        click.echo(empty, err=True)
        return
    cells = [[safe(cell) for cell in row] for row in rows]
    right = [all(isinstance(row[column], int | None) for row in rows) for column in range(len(headers))]
    widths = [max(_width(row[column]) for row in [list(headers), *cells]) for column in range(len(headers))]
    click.echo(click.style(_line(list(headers), widths, right), bold=True))
    for row in cells:
        click.echo(_line(row, widths, right, coloured=True))


def _line(cells: list[str], widths: list[int], right: list[bool], *, coloured: bool = False) -> str:
    parts = []
    for cell, width, aligned in zip(cells, widths, right, strict=True):
        padding = " " * (width - _width(cell))
        shown = click.style(cell, fg=COLOURS[cell]) if coloured and cell in COLOURS else cell
        parts.append(padding + shown if aligned else shown + padding)
    return GAP.join(parts).rstrip()


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def fields(pairs: Mapping[str, object]) -> None:
    """Print names and values, one pair a line; those without a value are left out."""
    shown = {name: value for name, value in pairs.items() if value not in (None, "")}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        text = safe(value)
        click.echo(
            f"{click.style(name.ljust(width), bold=True)}{GAP}{click.style(text, fg=COLOURS.get(text))}"
        )


def heading(text: str) -> None:
    """Print the title of a part."""
    click.echo("\n" + click.style(text, bold=True))


def local_time(text: str | None, *, now: datetime | None = None) -> str:
    """An API time in this machine's zone: without the date when it is today's."""
    if not text:
        return ""
    moment = datetime.fromisoformat(text).astimezone()
    today = (now or datetime.now(UTC)).astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%Y-%m-%d %H:%M:%S")


def duration(ms: int | None) -> str:
    """Milliseconds in a readable unit."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{ms} ms"
    return f"{ms / 1000:.1f} s" if ms < 60_000 else str(timedelta(milliseconds=ms)).split(".", 1)[0]


def clip(text: object, width: int) -> str:
    """Text cut to a width, with a sign that it was."""
    plain = safe(text)
    return plain if len(plain) <= width else plain[: width - 1] + "…"


def pretty(value: Any) -> str:
    """A value as indented JSON."""
    return safe_lines(json.dumps(value, indent=2, ensure_ascii=False))


def use_colours() -> bool | None:
    """None leaves it to the terminal; ``NO_COLOR`` and a pipe switch colours off."""
    return False if os.environ.get("NO_COLOR") or not sys.stdout.isatty() else None
