"""``hedgerow logs``: what the destinations' programs print, and what happened to them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import islice
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import COLOURS, local_time, safe, safe_lines, show_json

LEVELS = ("debug", "info", "warn", "error")
POLL_S = 1.0
MOST = 500


@click.command("logs")
@click.argument("destination", required=False)
@click.option(
    "-l", "--level", type=click.Choice(LEVELS), multiple=True, help="Only these levels; may be repeated."
)
@click.option("--since", metavar="TIME", help="Only later lines: -2h, -7d or 2026-01-31T12:00:00Z.")
@click.option("--until", metavar="TIME", help="Only earlier lines.")
@click.option("-s", "--search", metavar="TEXT", help="Only lines with this text.")
@click.option(
    "-n", "--limit", type=click.IntRange(1, MOST), default=50, show_default=True, help="At most so many."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines as they come, until Ctrl-C.")
@connected
def command(
    client: Client,
    *,
    destination: str | None,
    level: tuple[str, ...],
    since: str | None,
    until: str | None,
    search: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Print log lines of one DESTINATION or of all, oldest first."""
    owners = [one_named(client, destination)] if destination else list(client.pages("hog_functions/"))
    names = {owner["id"]: owner["name"] for owner in owners}
    query = {"level": level, "search": search, "limit": limit}
    lines = _read(client, names, query | {"after": since, "before": until})[-limit:]
    if as_json:
        show_json(lines)
    else:
        _print(lines, names)
    if not lines and not follow and not as_json:
        click.echo("No log lines yet." if not (search or level or since) else "No log line fits.", err=True)
    if follow:
        _follow(client, names, query, lines)


def _read(client: Client, names: Iterable[str], query: dict[str, Any]) -> list[dict[str, Any]]:
    lines = [
        line
        for owner in names
        for line in islice(client.pages(f"hog_functions/{owner}/logs/", **query), query["limit"])
    ]
    return sorted(lines, key=lambda line: str(line["timestamp"]))


def _follow(client: Client, names: dict[str, str], query: dict[str, Any], seen: list[dict[str, Any]]) -> None:
    """Print what is new, once a second. Lines of one millisecond may come apart, so it is asked for again and sifted."""
    while True:
        last = seen[-1]["timestamp"] if seen else None
        time.sleep(POLL_S)
        lines = _read(client, names, query | {"after": _before(last) if last else "-1h", "limit": MOST})
        _print([line for line in lines if line not in seen], names)
        seen = lines or seen


def _before(timestamp: str) -> str:
    from datetime import datetime, timedelta

    return (datetime.fromisoformat(timestamp) - timedelta(seconds=2)).isoformat()


def _print(lines: Iterable[dict[str, Any]], names: dict[str, str]) -> None:
    width = max((len(safe(name)) for name in names.values()), default=0) if len(names) > 1 else 0
    for line in lines:
        level = click.style(f"{line['level']:<5}", fg=COLOURS.get(line["level"]))
        owner = f"{safe(names[line['log_source_id']]):<{width}}  " if width else ""
        click.echo(f"{local_time(line['timestamp'])}  {level}  {owner}{safe_lines(line['message'])}")
