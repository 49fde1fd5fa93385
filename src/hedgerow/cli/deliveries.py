"""``hedgerow deliveries``: what became of the events."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import (
    clip,
    duration,
    fields,
    heading,
    local_time,
    pretty,
    safe,
    safe_lines,
    show_json,
    table,
)

HEADERS = ("TIME", "VERDICT", "DESTINATION", "EVENT", "PERSON", "TRIES", "STATUS", "TOOK", "PROBLEM", "ID")
PROBLEM_WIDTH = 60
BODY_WIDTH = 2000


@click.command("deliveries")
@click.argument("delivery_id", required=False, metavar="[ID]")
@click.option("-d", "--destination", metavar="NAME", help="Only those of this destination.")
@click.option(
    "-v",
    "--verdict",
    metavar="VERDICT",
    help="delivered, failed, retrying, held, ...; also: open, final. Several: a,b.",
)
@click.option("-e", "--event", metavar="NAME", help="Only events of this name.")
@click.option("-p", "--person", metavar="ID", help="Only this person's: distinct id or person id.")
@click.option("--status", type=int, metavar="CODE", help="Only with this HTTP status.")
@click.option("--since", metavar="TIME", help="Only later events: -2h, -7d or 2026-01-31T12:00:00Z.")
@click.option("--until", metavar="TIME", help="Only earlier events.")
@click.option(
    "-s", "--search", metavar="TEXT", help="Part of the problem, the event's name or the distinct id."
)
@click.option(
    "-n", "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many."
)
@connected
def command(
    client: Client,
    *,
    delivery_id: str | None,
    destination: str | None,
    limit: int,
    as_json: bool,
    **given: Any,
) -> None:
    """List deliveries, newest first, or show everything about the one with this ID."""
    if delivery_id:
        _show(client.get(f"deliveries/{delivery_id}/"), as_json=as_json)
        return
    query = {**given, "after": given.pop("since"), "before": given.pop("until")}
    if destination:
        query["destination"] = one_named(client, destination)["id"]
    pages = client.pages("deliveries/", **_plain(query), limit=min(limit, 1000))
    items = list(islice(pages, limit))
    if as_json:
        show_json(items)
        return
    table(HEADERS, [_row(item) for item in items], empty=_nothing(query))


def _plain(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if name not in {"since", "until"}}


def _nothing(query: dict[str, Any]) -> str:
    if any(query.values()):
        return "No delivery fits. Look at all of them: hedgerow deliveries"
    return "No deliveries yet. They appear when an event comes in that an enabled destination wants."


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    return (
        local_time(item["captured_at"]),
        item["verdict"],
        item["destination"]["name"] or item["destination"]["id"],
        item["event"]["name"],
        clip(item["event"]["distinct_id"], 24),
        item["attempts"],
        item["status"],
        duration(item["duration_ms"]),
        clip(item["error"] or "", PROBLEM_WIDTH),
        item["id"],
    )


def _show(item: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(item)
        return
    fields(
        {
            "Delivery": item["id"],
            "Verdict": item["verdict"],
            "Kind": item["kind"],
            "Destination": f"{item['destination']['name']} (revision {item['destination']['revision']})",
            "Event": f"{item['event']['name']} of {item['event']['distinct_id']} ({item['event']['uuid']})",
            "Captured": local_time(item["captured_at"]),
            "Settled": local_time(item["updated_at"]),
            "Tries again": local_time(item["next_at"]),
            "Took": duration(item["duration_ms"]),
        }
    )
    if item["error"]:
        heading("Problem")
        click.echo(safe_lines(item["error"]))
    for request in item["requests"]:
        _show_request(request)
    if item["logs"]:
        heading("Log")
        for line in item["logs"]:
            click.echo(f"{local_time(line['timestamp'])}  {line['level']:<5}  {safe_lines(line['message'])}")
    if item["globals"]:
        heading("Variables")
        click.echo(pretty(item["globals"]))


def _show_request(request: dict[str, Any]) -> None:
    heading(f"Request {request['number']}, {local_time(request['at'])}, {duration(request['duration_ms'])}")
    result = request["status"] if request["status"] is not None else request["error"]
    click.echo(f"{request['method']} {safe_lines(request['url'])} -> {result}")
    for sign, message in (("  >", request["request"]), ("  <", request["response"])):
        if message:
            for name, value in message.get("headers", {}).items():
                click.echo(f"{sign} {safe(name)}: {clip(value, BODY_WIDTH)}")
            click.echo(f"{sign} {clip(message.get('body') or '(no body)', BODY_WIDTH)}")
