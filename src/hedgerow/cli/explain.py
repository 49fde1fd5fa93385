"""``hedgerow explain``: why an event went where it went, and why it did not go elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import clip, fields, heading, local_time, safe, safe_lines, show_json, table

HEADERS = ("DESTINATION", "VERDICT", "WHY")
WHY_WIDTH = 90
VALUE_WIDTH = 60
BODY_WIDTH = 2000
MARKS = {
    True: click.style("✓", fg="green"),
    False: click.style("✗", fg="red"),
    None: click.style("?", fg="yellow"),
}
JOINS = {"all": "all of", "any": "any of", "not": "not"}


@click.command("explain")
@click.argument("event", metavar="EVENT")
@click.argument("destination", required=False)
@click.option("--draft", is_flag=True, help="As the destination's draft has it, not as it is live.")
@connected
def command(client: Client, *, event: str, destination: str | None, draft: bool, as_json: bool) -> None:
    """Say what became of the EVENT with this UUID at a DESTINATION, and why: filter, sample, request, attempts.

    Without a destination: all of them in brief. Nothing is sent; what would be sent is made up anew and shown without secrets.
    """
    if draft and not destination:
        raise click.UsageError("Say whose draft.")
    owner = one_named(client, destination)["id"] if destination else None
    answer = client.get(f"events/{event}/explain/", destination=owner, draft="true" if draft else None)
    if as_json:
        show_json(answer)
        return
    _event(answer["event"])
    if destination:
        for one in answer["destinations"]:
            _destination(one)
        return
    click.echo()
    rows = [
        (one["destination"]["name"], one["verdict"], clip(one["because"], WHY_WIDTH))
        for one in answer["destinations"]
    ]
    table(HEADERS, rows, empty="There are no destinations yet.")


def _event(event: Mapping[str, Any]) -> None:
    person = event["person"]
    fields(
        {
            "Event": f"{event['event']} of {event['distinct_id']}",
            "Accepted": local_time(event["captured_at"]),
            "Person": f"{person['name']} ({event['person_data']})" if person else "none",
        }
    )


def _destination(one: Mapping[str, Any]) -> None:
    told = one["destination"]
    revision = "draft" if told["draft"] else f"revision {told['revision']}"
    heading(f"{told['name']} ({revision}): {one['verdict']}")
    click.echo(safe_lines(one["because"]))
    if one["filters"]:
        heading("Filter")
        for line in _clauses(one["filters"]["filter"], 0):
            click.echo(line)
        for mapping in one["filters"]["mappings"] or ():
            state = " (off)" if mapping["disabled"] else ""
            click.echo(f"{MARKS[mapping['matched']]} mapping {safe(mapping['name'] or mapping['id'])}{state}")
            for line in _clauses(mapping["filter"], 1):
                click.echo(line)
    _restraints(one)
    for run in one["invocations"] or ():
        _run(run)
    for delivery in one["deliveries"]:
        _delivery(delivery)
    if one["schedule"]:
        heading("Ahead")
        for attempt in one["schedule"]:
            click.echo(f"attempt {attempt['attempt']}  {local_time(attempt['at'])}")


def _clauses(clause: Mapping[str, Any], depth: int) -> Iterator[str]:
    """A condition and its parts, one a line: whether it holds, what it asks for, what it saw."""
    saw = f"   it is {clip(_shown(clause['actual']), VALUE_WIDTH)}" if "actual" in clause else ""
    error = f"   {clip(clause['error'], VALUE_WIDTH)}" if clause.get("error") else ""
    words = clause["text"] or JOINS.get(clause.get("join", ""), "")
    yield f"{'  ' * depth}{MARKS[clause['matched']]} {safe(words)}{click.style(saw, dim=True)}{error}"
    for part in clause.get("clauses", ()):
        yield from _clauses(part, depth + 1)


def _shown(value: Any) -> str:
    return "missing" if value is None else json.dumps(value, ensure_ascii=False)


def _restraints(one: Mapping[str, Any]) -> None:
    """What else decides: the sample, repetitions, and whether anything goes out now."""
    if one["sampling"]:
        chosen = "in" if one["sampling"]["included"] else "not in"
        click.echo(
            f"Sample: {one['sampling']['percentage']:g} % by {one['sampling']['by']}; the event is {chosen} it."
        )
    for name in ("threshold", "masking", "digest"):
        told = one[name]
        if told and told["error"]:
            click.echo(f"{name.capitalize()}: its key cannot be worked out: {safe(told['error'])}")
        elif told:
            click.echo(f"{name.capitalize()}, if it came now: {told['says'] or 'It would be sent.'}")
    standing = one["standing"]
    if standing and standing["closed"]:
        click.echo(f"Now: {standing['closed']} It holds {standing['held']}.")


def _run(run: Mapping[str, Any]) -> None:
    name = f" for the mapping {run['mapping']['name'] or run['mapping']['id']}" if run["mapping"] else ""
    heading(f"It would send{name}, as it is now (nothing was sent)")
    for key, value in run["inputs"].items():
        click.echo(f"  {safe(key)} = {clip(_shown(value), BODY_WIDTH)}")
    for request in run["requests"]:
        click.echo(f"{request['method']} {safe_lines(request['url'])}")
        for name, value in request["request"]["headers"].items():
            click.echo(f"  > {safe(name)}: {clip(value, BODY_WIDTH)}")
        click.echo(f"  > {clip(request['request']['body'] or '(no body)', BODY_WIDTH)}")
    for line in run["printed"]:
        click.echo(f"  printed: {safe_lines(line)}")
    if run["error"]:
        click.echo(f"  fails: {safe_lines(run['error'])}")


def _delivery(delivery: Mapping[str, Any]) -> None:
    run = f", run {delivery['run']}" if delivery["run"] else ""
    heading(
        f"Delivery {delivery['id']}: {delivery['verdict']} (revision {delivery['destination']['revision']}{run})"
    )
    if delivery["error"]:
        click.echo(safe_lines(delivery["error"]))
    for request in delivery["requests"]:
        result = request["status"] if request["status"] is not None else request["error"]
        click.echo(
            f"{local_time(request['at'])}  {request['method']} {safe_lines(request['url'])} -> {result}"
        )
