"""What the commands that run things again, or bring them a second time, have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import click

from hedgerow.cli.client import Client
from hedgerow.cli.output import fields, local_time, show_json, table

HEADERS = ("BEGAN", "KIND", "STATE", "SELECTED", "DELIVERED", "FAILED", "OPEN", "ID")
Command: TypeAlias = Callable[..., Any]


def ordering(what: str) -> Callable[[Command], Command]:
    """Give a command the options of whatever sends much: how fast, under which key, and whether it is meant."""
    options = (
        click.option(
            "--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="Deliveries sent per second."
        ),
        click.option(
            "--key", metavar="KEY", help=f"The same key is the same {what}, however often it is ordered."
        ),
        click.option("--dry-run", is_flag=True, help="Only say how many there are."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    )
    return _with(options)


def wishing(command: Command) -> Command:
    """Give a command the options by which a run is steered."""
    options = (
        click.option("--pause", "wish", flag_value="pause", help="Send no more of it for now."),
        click.option("--resume", "wish", flag_value="resume", help="Go on."),
        click.option("--cancel", "wish", flag_value="cancel", help="Send nothing more of it."),
    )
    return _with(options)(command)


def _with(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    def decorated(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


def agreed(count: dict[str, Any], told: str, question: str, *, dry_run: bool, as_json: bool) -> bool:
    """Show what a dry run counted, and ask whether it is meant.

    Returns:
        Whether to go on. Nothing to send, and a dry run, is no.
    """
    if dry_run and as_json:
        show_json(count)
        return False
    click.echo(told, err=not dry_run)
    if dry_run or not count["count"]:
        return False
    return click.confirm(question, abort=True, err=True)


def begin(client: Client, path: str, body: dict[str, Any], shown_by: str, *, as_json: bool) -> None:
    """Begin a run, and say which command shows how far it has come."""
    run = client.post(path, body)
    if as_json:
        show_json(run)
        return
    click.echo(f"It runs. See how far it has come: hedgerow {shown_by} {run['id']}")


def carry_out(client: Client, path: str, wish: str | None, *, as_json: bool) -> None:
    """Do what is wished with a run, and show it."""
    if wish == "cancel":
        item = client.delete(path)
    else:
        item = client.post(f"{path}{wish}/", {}) if wish else client.get(path)
    if as_json:
        show_json(item)
        return
    show_run(item)


def listed(items: list[dict[str, Any]], empty: str) -> None:
    """Print runs as a table."""
    table(HEADERS, [_row(item) for item in items], empty=empty)


def counts(given: dict[str, int]) -> str:
    """Numbers with their names in one line."""
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(given.items()) if number)


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    progress = item["progress"]
    verdicts = progress["verdicts"]
    return (
        local_time(item["created_at"]), item["kind"], item["state"], progress["selected"], verdicts.get("delivered", 0),
        verdicts.get("failed", 0), progress["open"], item["id"],
    )  # fmt: skip


def show_run(item: dict[str, Any]) -> None:
    """Print one run."""
    progress = item["progress"]
    fields(
        {
            "Run": item["id"],
            "Kind": item["kind"],
            "Tick": local_time(item["tick"]),
            "State": item["state"],
            "Began": local_time(item["created_at"]),
            "Ended": local_time(item["finished_at"]),
            "By": item["created_by"],
            "Looked at": _of(progress["looked_at"], progress["total"]),
            "Selected": f"{progress['selected']}{' so far' if progress['selecting'] else ''}",
            "Left out": counts(progress["left_out"]),
            "Persons": counts(progress["persons"]),
            "Verdicts": counts(progress["verdicts"]),
        }
    )
    for wait in item["waits_for"]:
        click.echo(f"Waits for {wait['destination']}: {wait['reason']}")


def _of(number: int, total: int | None) -> str:
    return str(number) if total is None else f"{number} of {total}"
