"""``hedgerow persons``: who the events are about."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import click

from hedgerow.cli.client import Client
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.options import connected
from hedgerow.cli.output import clip, fields, heading, local_time, pretty, safe, show_json, table

HEADERS = ("SINCE", "NAME", "IDENTIFIED", "DISTINCT IDS", "ID")
NAME_WIDTH = 40
IDS_WIDTH = 60


class WithList(click.Group):
    """A group whose options alone list: ``hedgerow persons --search ada``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command that is meant when none is."""
        first = next((arg for arg in args if not arg.startswith("-")), None)
        if first not in self.commands and not {"-h", "--help"} & set(args):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("persons", cls=WithList)
def command() -> None:
    """List persons, look at one, forget one, or export all that is known of one."""


@command.command("list")
@click.option("-s", "--search", metavar="TEXT", help="Text in properties or distinct ids.")
@click.option("--email", metavar="ADDRESS", help="Only with this email address.")
@click.option(
    "-p",
    "--property",
    "properties",
    metavar="KEY=VALUE",
    multiple=True,
    help="Only with this property; repeatable.",
)
@click.option(
    "-n", "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many."
)
@connected
def list_(
    client: Client,
    *,
    search: str | None,
    email: str | None,
    properties: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List persons, the newest first."""
    filters = [_filter(text) for text in properties]
    pages = client.pages(
        "persons/", search=search, email=email, limit=min(limit, 1000),
        properties=json.dumps(filters) if filters else None,
    )  # fmt: skip
    items = list(islice(pages, limit))
    if as_json:
        show_json(items)
        return
    asked = search or email or properties
    table(HEADERS, [_row(item) for item in items], empty="Nobody fits." if asked else "No persons yet.")


def _filter(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint="--property")
    return {"key": key, "value": [value], "operator": "exact", "type": "person"}


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    return (
        local_time(item["created_at"]),
        clip(item["name"], NAME_WIDTH),
        "yes" if item["is_identified"] else "no",
        clip(", ".join(item["distinct_ids"]), IDS_WIDTH),
        item["id"],
    )


@command.command("show")
@click.argument("who", metavar="ID")
@connected
def show(client: Client, *, who: str, as_json: bool) -> None:
    """Show one person, by their id or one of their distinct ids."""
    item = find(client, who)
    if as_json:
        show_json(item)
        return
    fields(
        {
            "Person": item["id"],
            "Name": item["name"],
            "Since": local_time(item["created_at"]),
            "Identified": "yes" if item["is_identified"] else "no",
        }
    )
    heading("Distinct ids")
    for name in item["distinct_ids"]:
        click.echo(safe(name))
    heading("Properties")
    click.echo(pretty(item["properties"]))


@command.command("delete")
@click.argument("who", metavar="ID")
@click.option("--with-events", is_flag=True, help="Everything that came of their events too.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@connected
def delete(client: Client, *, who: str, with_events: bool, yes: bool, as_json: bool) -> None:
    """Forget one person for good."""
    item = find(client, who)
    if not yes:
        what = "and everything that came of their events" if with_events else "but keep their events"
        click.confirm(f"Forget {safe(item['name'])} ({item['id']}) {what}?", abort=True, err=True)
    client.delete(f"persons/{item['id']}/" + ("?delete_events=true" if with_events else ""))
    if as_json:
        show_json({"id": item["id"], "events": with_events})
        return
    rest = " Their events are being removed; this takes a moment." if with_events else ""
    click.echo(f"{safe(item['name'])} is forgotten.{rest}")


@command.command("export")
@click.argument("who", metavar="ID")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Instead of printing it.",
)
@connected
def export(client: Client, *, who: str, output: Path | None, as_json: bool) -> None:  # noqa: ARG001 - it is JSON anyhow
    """Write all that is known of one person as JSON: properties, events, and what was sent on of each."""
    path = f"persons/{find(client, who)['id']}/export/"
    if output is None:
        client.save(path, sys.stdout.buffer)
        click.echo()
        return
    with _opened(output) as file:
        client.save(path, file)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}.") from error


def find(client: Client, who: str) -> dict[str, Any]:
    """The person whom an id names.

    Raises:
        CommandFailed: it names nobody.
    """
    found = client.get("persons/", distinct_id=who, limit=1)["results"]
    if found:
        return dict(found[0])
    try:
        return dict(client.get(f"persons/{who}/"))
    except CommandFailed:
        raise CommandFailed(f"There is nobody with the id {who!r}.") from None
