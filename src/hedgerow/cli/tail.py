"""``hedgerow tail``: events as they come in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.options import connected
from hedgerow.cli.output import clip, local_time, safe

AGAIN_S = 1.0
PROPERTIES_WIDTH = 200
# What every SDK adds to each event tells little to somebody who watches.
NOISE = (
    "$lib",
    "$insert_id",
    "$geoip",
    "$process_person_profile",
    "$is_server",
    "$python",
    "$os",
    "token",
    "distinct_id",
)


@click.command("tail")
@click.option("-e", "--event", metavar="NAME", help="Only events of this name.")
@click.option("-p", "--person", metavar="ID", help="Only this person's: distinct id or person id.")
@click.option("-n", "--limit", type=click.IntRange(1), help="End after so many events.")
@connected
def command(
    client: Client, *, event: str | None, person: str | None, limit: int | None, as_json: bool
) -> None:
    """Print events as they come in, until Ctrl-C."""
    shown = 0
    for kind, body in _lasting(client, event, person):
        if kind == "lost":
            click.echo(f"({body['lost']} events came too fast to be shown)", err=True)
            continue
        click.echo(json.dumps(body, ensure_ascii=False) if as_json else _line(body))
        shown += 1
        if shown == limit:
            return


def _lasting(client: Client, event: str | None, person: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Messages of one connection after the other: a server that restarts ends them. The first one must succeed."""
    while True:
        yield from client.stream("events/tail/", event=event, person=person)
        click.echo("(the connection ended; trying again)", err=True)
        while True:
            time.sleep(AGAIN_S)
            try:
                client.get("events/values/")
                break
            except CommandFailed:
                continue


def _line(body: dict[str, Any]) -> str:
    shown = {name: value for name, value in body["properties"].items() if not name.startswith(NOISE)}
    properties = clip(json.dumps(shown, ensure_ascii=False), PROPERTIES_WIDTH) if shown else ""
    name = click.style(safe(body["event"]), bold=True)
    return f"{local_time(body['captured_at'])}  {name}  {safe(body['distinct_id'])}  {properties}".rstrip()
