"""What an import says: what came, what people still have to do, what stays behind and why."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final

import click

from hedgerow.cli.moving.importing import Report, Row
from hedgerow.cli.output import heading, safe, table

HEADERS: Final = ("WHAT", "NAME", "CAME", "HERE", "THERE")
PLURALS: Final = {
    "cohort": "cohorts",
    "action": "actions",
    "option": "options",
    "destination": "destinations",
}


def show(report: Report, *, dry: bool, kinds: Mapping[str, str]) -> None:
    """Print a report.

    Args:
        report: what became of everything.
        dry: nothing was changed.
        kinds: the accounts that can be connected here: kind -> name.
    """
    click.echo(f"From {safe(report.source)}:\n")
    came = [row for row in report.rows if row.change != "left"]
    table(HEADERS, [_line(row) for row in came], empty="Nothing came.")
    _to_do(report, kinds)
    _points("Good to know", [(row, note) for row in came for note in row.notes], report.notes)
    behind = [(row, row.reason) for row in report.rows if row.change == "left"]
    _points("What stays behind", behind)
    click.echo(f"\n{summary(report)}")
    if dry:
        click.echo("Nothing was changed (--dry-run).", err=True)


def _line(row: Row) -> tuple[object, ...]:
    return (row.what, row.name, row.change, _state(row.on), _state(row.was_on))


def _state(on: bool | None) -> str:
    return "" if on is None else "on" if on else "off"


def _to_do(report: Report, kinds: Mapping[str, str]) -> None:
    """What has to be connected, filled in, mended and switched on."""
    waiting = [row for row in report.rows if row.change != "left" and row.waits]
    ready = [row for row in report.rows if row.was_on and row.on is False and not row.waits]
    if not (waiting or ready):
        return
    heading("Still to do")
    _connecting(report, kinds)
    secrets = [row for row in waiting if row.secrets]
    for row in secrets:
        click.echo(f"  fill in  {safe(row.name)}: {safe(', '.join(row.secrets))}")
    if secrets:
        click.echo(f"           with: hedgerow fill {shlex.quote(safe(secrets[0].name))}, and so on")
    for row in waiting:
        for fault in row.faults:
            click.echo(f"  mend     {safe(row.name)}: {safe(fault)}")
    if ready:
        click.echo(f"  enable   {safe(', '.join(row.name for row in ready))}: on there, off here")
        click.echo("           with: hedgerow enable NAME..., once off there, or everything arrives twice")


def _connecting(report: Report, kinds: Mapping[str, str]) -> None:
    """Which accounts are needed, and by what."""
    users: dict[str, list[str]] = {}
    for row in report.rows:
        for kind in dict.fromkeys(kind for _, kind in row.accounts):
            users.setdefault(kind, []).append(row.name)
    for kind, names in users.items():
        known = sorted({name for wanted, name in report.needed if wanted == kind and name})
        which = f" ({', '.join(known)})" if known else ""
        way = (
            f": hedgerow integrations connect {kind}"
            if kind in kinds
            else ", which Hedgerow cannot connect yet"
        )
        click.echo(f"  connect  {safe(kinds.get(kind, kind) + which + way)}")
        click.echo(f"           for: {safe(', '.join(names))}")
    if any(kind in kinds for kind in users):
        click.echo("           then import again: accounts are found by kind and name (or say --account)")


def _points(title: str, points: Iterable[tuple[Row, str]], whole: Iterable[str] = ()) -> None:
    """A list under a title; nothing when it is empty."""
    lines = [*whole, *(f"{row.what} {row.name}: {text}" for row, text in points)]
    if not lines:
        return
    heading(title)
    for line in lines:
        click.echo(f"  {safe(line)}")


def summary(report: Report) -> str:
    """All of it in one line."""
    counts: dict[str, dict[str, int]] = {}
    for row in report.rows:
        of_kind = counts.setdefault(row.what, {})
        of_kind[row.change] = of_kind.get(row.change, 0) + 1
    parts = [
        f"{PLURALS[what]}: {', '.join(f'{number} {_word(change)}' for change, number in found.items())}"
        for what, found in counts.items()
    ]
    return (
        "; ".join(parts)[:1].upper() + "; ".join(parts)[1:] + "." if parts else "There is nothing to bring."
    )


def _word(change: str) -> str:
    return "left behind" if change == "left" else change


def as_json(report: Report, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The same for programs."""
    found = report.as_dict()
    found["needed"] = [
        {"kind": kind, "name": name, "can_be_connected": kind in kinds} for kind, name in report.needed
    ]
    for row in found["rows"]:
        row["accounts"] = [{"input": place, "kind": kind} for place, kind in row["accounts"]]
    return found
