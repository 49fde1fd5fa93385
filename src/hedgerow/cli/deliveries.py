"""``hedgerow deliveries``: what became of the events."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.curl import curl
from hedgerow.cli.errors import CommandFailed
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
SOURCE_WIDTH = 60
VALUE_WIDTH = 80
SHOW = "show"
# What is as its owner wanted it.
NO_PROBLEM = {"masked", "counted", "digested", "scheduled"}


@click.command("deliveries")
@click.argument("words", nargs=-1, metavar="[[show] ID]")
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
@click.option("--run", metavar="ID", help="Only those of this re-run or replay.")
@click.option("--carrier", metavar="ID", help="Only those in the summary that this delivery carries.")
@click.option("--curl", "as_curl", is_flag=True, help="Print its requests as curl commands, without secrets.")
@click.option(
    "--trace", is_flag=True, help="Run its program again on what it got, and print each line. Sends nothing."
)
@connected
def command(
    client: Client,
    *,
    words: tuple[str, ...],
    destination: str | None,
    limit: int,
    as_json: bool,
    as_curl: bool,
    trace: bool,
    **given: Any,
) -> None:
    """List deliveries, newest first, or show everything about the one with this ID."""
    delivery_id = _one_of(words)
    if delivery_id:
        item = client.get(f"deliveries/{delivery_id}/")
        if trace:
            item["trace"] = client.get(f"deliveries/{delivery_id}/trace/")
        if as_curl:
            _show_commands(item)
            return
        _show(item, as_json=as_json)
        return
    if as_curl or trace:
        raise click.UsageError("Say which delivery: hedgerow deliveries show ID.")
    query = {**given, "after": given.pop("since"), "before": given.pop("until")}
    if destination:
        query["destination"] = one_named(client, destination)["id"]
    pages = client.pages("deliveries/", **_plain(query), limit=min(limit, 1000))
    items = list(islice(pages, limit))
    if as_json:
        show_json(items)
        return
    table(HEADERS, [_row(item) for item in items], empty=_nothing(query))


def _one_of(words: tuple[str, ...]) -> str | None:
    """The id in ``show ID`` or ``ID``."""
    ids = words[1:] if words[:1] == (SHOW,) else words
    if len(ids) > 1 or words == (SHOW,):
        raise click.UsageError("Show one delivery: hedgerow deliveries show ID.")
    return ids[0] if ids else None


def _show_commands(item: dict[str, Any]) -> None:
    if not item["requests"]:
        raise CommandFailed("The ledger has kept no request of this delivery.")
    for request in item["requests"]:
        click.echo(safe_lines(curl(request)))


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
            "In the summary": None if item["carrier"] == item["id"] else item["carrier"],
            "Took": duration(item["duration_ms"]),
        }
    )
    if item["error"]:
        heading("Why" if item["verdict"] in NO_PROBLEM else "Problem")
        click.echo(safe_lines(item["error"]))
    for request in item["requests"]:
        _show_request(request)
    if item["logs"]:
        heading("Log")
        for line in item["logs"]:
            click.echo(f"{local_time(line['timestamp'])}  {line['level']:<5}  {safe_lines(line['message'])}")
    if item.get("trace"):
        _show_trace(item["trace"])
    if item["globals"]:
        heading("Variables")
        click.echo(pretty(item["globals"]))


def _show_trace(trace: dict[str, Any]) -> None:
    heading(f"Trace of revision {trace['revision']}, run again now; nothing was sent")
    for step in trace["steps"]:
        changed = ", ".join(f"{name} = {clip(value, VALUE_WIDTH)}" for name, value in step["changed"].items())
        number, source = click.style(f"{step['line']:>6}", dim=True), clip(step["source"], SOURCE_WIDTH)
        click.echo(f"{number}   {source.ljust(SOURCE_WIDTH)}   {click.style(changed, fg='green')}".rstrip())
    for line in trace["printed"]:
        click.echo(f"printed: {safe_lines(line)}")
    if trace["error"]:
        click.echo(f"ends with: {safe_lines(trace['error'])}")
    if trace["answers"]["made_up"]:
        click.echo(
            f"{trace['answers']['made_up']} of its calls had no answer on record: they got 200 and an empty object."
        )


def _show_request(request: dict[str, Any]) -> None:
    heading(f"Request {request['number']}, {local_time(request['at'])}, {duration(request['duration_ms'])}")
    result = request["status"] if request["status"] is not None else request["error"]
    click.echo(f"{request['method']} {safe_lines(request['url'])} -> {result}")
    for sign, message in (("  >", request["request"]), ("  <", request["response"])):
        if message:
            for name, value in message.get("headers", {}).items():
                click.echo(f"{sign} {safe(name)}: {clip(value, BODY_WIDTH)}")
            click.echo(f"{sign} {clip(message.get('body') or '(no body)', BODY_WIDTH)}")
