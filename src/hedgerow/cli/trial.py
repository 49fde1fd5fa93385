"""``hedgerow try``: what a destination would do with an event, or what it really does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from hedgerow.cli import manifest
from hedgerow.cli.client import Client, Refused
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.hog.source import read_json, read_object
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import clip, local_time, show_json, table
from hedgerow.cli.trial_output import show

HEADERS = ("TIME", "EVENT", "PERSON", "PROPERTIES", "UUID")
PROPERTIES_WIDTH = 60
WELL = frozenset({"success"})


@click.command("try")
@click.argument("name", required=False)
@click.option(
    "-f", "--file", type=click.Path(path_type=Path), metavar="FILE", help="Try it as this file of destinations has it."
)  # fmt: skip
@click.option("--draft", is_flag=True, help="Try its saved draft.")
@click.option("-e", "--event", "event_uuid", metavar="UUID", help="On this event.")
@click.option(
    "--event-file", metavar="FILE", help='On an event written by hand: {"event": "paid", "person": {...}}.'
)
@click.option("--sample", is_flag=True, help="On an event made up so that it matches.")
@click.option("--answers", metavar="FILE", help='JSON answers to its requests, in turn: [{"status": 409}].')
@click.option("--real", is_flag=True, help="Really send, once and without retries.")
@click.option("--trace", is_flag=True, help="Show each line of the program that ran.")
@click.option("-l", "--list", "listing", is_flag=True, help="List recent events that match, to choose from.")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="List so many."
)
@connected
def command(
    client: Client,
    *,
    name: str | None,
    file: Path | None,
    draft: bool,
    listing: bool,
    limit: int,
    as_json: bool,
    **given: Any,
) -> None:
    """Try the destination with this NAME on one event. Nothing is sent without --real.

    The event is the latest that matches, unless you choose one. Ends with status 1 when the event does not match, or when it
    would not be delivered.
    """
    entry = None if file is None else _entry(manifest.read(file), name)
    path = _place(client, name, entry)
    body: dict[str, Any] = {"use_draft": True} if draft else {}
    if entry is not None:
        body["configuration"] = entry.payload
    with _pointing(entry):
        if listing:
            _list(client.post(f"{path}matching_events/?limit={limit}", body), as_json=as_json)
            return
        answer = _tried(client, f"{path}invocations/", {**body, **_settings(given)}, _event(given))
    if as_json:
        show_json(answer)
    else:
        show(answer)
    if answer["status"] not in WELL:
        sys.exit(1)


def _place(client: Client, name: str | None, entry: manifest.Entry | None) -> str:
    """The path of the destination; one of a file that is not saved yet is new."""
    if entry is None:
        if name is None:
            raise click.UsageError("Name a destination, or a file of destinations with --file.")
        return f"hog_functions/{one_named(client, name)['id']}/"
    saved = [item["id"] for item in client.pages("hog_functions/") if item["name"] == entry.name]
    return f"hog_functions/{saved[0] if len(saved) == 1 else 'new'}/"


@contextmanager
def _pointing(entry: manifest.Entry | None) -> Iterator[None]:
    """What the server refuses of a file is told with its line."""
    try:
        yield
    except Refused as error:
        attr = error.body.get("attr")
        if entry is None or error.code != HTTPStatus.BAD_REQUEST or attr is None:
            raise
        raise entry.error(str(error), attr, error.body.get("line")) from error


def _entry(entries: list[manifest.Entry], name: str | None) -> manifest.Entry:
    found = [entry for entry in entries if name is None or entry.name.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    known = ", ".join(entry.name for entry in entries)
    raise click.BadParameter(f"Name one destination of the file: {known}.", param_hint="NAME")


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """How it is to be tried."""
    answers = {"mock_answers": read_json(given["answers"])} if given["answers"] else {}
    return {"mock_async_functions": not given["real"], "trace": given["trace"], **answers}


def _event(given: dict[str, Any]) -> dict[str, Any]:
    """The event that the options choose; nothing for the latest that matches."""
    chosen = [option for option in ("event_uuid", "event_file", "sample") if given[option]]
    if len(chosen) > 1:
        raise click.UsageError("Choose one of --event, --event-file and --sample.")
    if given["event_file"]:
        return _written(read_object(given["event_file"]), given["event_file"])
    return {option: given[option] for option in chosen}


def _written(raw: dict[str, Any], file: str) -> dict[str, Any]:
    """An event written by hand: globals, or just an event as an application sends it."""
    if "event" not in raw:
        raise CommandFailed(
            f'{file} should hold {{"event": ..., "person": ..., "groups": ...}}, the last two if you like.', status=2
        )  # fmt: skip
    if isinstance(raw["event"], dict):
        return {"globals": raw}
    person, groups = raw.pop("person", None), raw.pop("groups", None)
    return {"globals": {"event": raw, "person": person, "groups": groups}}


def _tried(client: Client, path: str, body: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """The answer; where no event was chosen and none matches, on one made up."""
    if event:
        return dict(client.post(path, {**body, **event}))
    try:
        return dict(client.post(path, {**body, "latest": True}))
    except Refused as error:
        if error.code != HTTPStatus.NOT_FOUND or body["mock_async_functions"] is False:
            raise
    click.echo("No recent event matches. This is one made up (--sample).\n", err=True)
    return dict(client.post(path, {**body, "sample": True}))


def _list(page: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(page["results"])
        return
    rows = [
        (
            local_time(event["timestamp"]),
            event["event"],
            clip(event["distinct_id"], 24),
            clip(_brief(event["properties"]), PROPERTIES_WIDTH),
            event["uuid"],
        )
        for event in page["results"]
    ]
    empty = f"None of the last {page['scanned']} events matches. Try one made up: --sample"
    table(HEADERS, rows, empty=empty)


def _brief(properties: dict[str, Any]) -> str:
    """What an application said itself, without what SDKs add."""
    own = {name: value for name, value in properties.items() if not name.startswith("$") and name != "token"}
    return ", ".join(f"{name}={value}" for name, value in own.items())
