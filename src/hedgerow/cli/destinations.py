"""``hedgerow destinations``: which there are, what they are set to, how they do."""

from __future__ import annotations

from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import fields, heading, local_time, pretty, show_json, table

PERIOD = "-24h"
HEADERS = ("NAME", "STATE", "EVENTS", "DELIVERED", "FAILED", "CHANGED", "ID")


@click.command("destinations")
@click.argument("name", required=False)
@connected
def command(client: Client, *, name: str | None, as_json: bool) -> None:
    """List the destinations with their counts of the last 24 hours, or show the one with this NAME or id."""
    if name:
        _show(client, one_named(client, name)["id"], as_json=as_json)
        return
    items = list(client.pages("hog_functions/"))
    if as_json:
        show_json(items)
        return
    rows = [_row(item, totals(client, item["id"])) for item in items]
    table(HEADERS, rows, empty="No destinations yet. Make some: hedgerow apply -f destinations.yaml")


def totals(client: Client, identity: str, breakdown_by: str = "kind") -> dict[str, int]:
    """Counts of the last 24 hours, by kind or by name."""
    path = f"hog_functions/{identity}/metrics/totals/"
    found: dict[str, int] = client.get(path, after=PERIOD, breakdown_by=breakdown_by)["totals"]
    return found


def _row(item: dict[str, Any], counts: dict[str, int]) -> tuple[object, ...]:
    return (
        item["name"],
        state_of(item),
        _events(item),
        counts.get("success", 0),
        counts.get("failure", 0),
        local_time(item["updated_at"]),
        item["id"],
    )


def state_of(item: dict[str, Any]) -> str:
    """What it does now: what a person decided comes first, then what the watcher did."""
    if not item["enabled"]:
        return "off"
    health = item["health"]
    if health["paused_at"]:
        return "paused"
    return "enabled" if health["state"] == "healthy" else str(health["state"])


def fires(schedule: dict[str, Any]) -> str:
    """When a schedule fires, in few words."""
    if schedule.get("cron"):
        return f"{schedule['cron']} {schedule['timezone']}"
    return f"every {schedule['every']}"


def _held(held: dict[str, Any]) -> str | None:
    return f"{held['count']} since {local_time(held['oldest'])}" if held["count"] else None


def _events(item: dict[str, Any]) -> str:
    """Which events a destination wants, in few words; or when it fires by itself."""
    if item["schedule"]:
        return f"on a schedule, {fires(item['schedule'])}"
    filters = item["filters"] or {}
    entries = [*(filters.get("events") or ()), *(filters.get("actions") or ())]
    names = [str(entry.get("name") or entry.get("id") or "any") for entry in entries]
    if not names:
        return "all"
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _show(client: Client, identity: str, *, as_json: bool) -> None:
    item = client.get(f"hog_functions/{identity}/")
    if as_json:
        show_json(item)
        return
    counts = totals(client, identity, "name")
    fields(
        {
            "Name": item["name"],
            "State": state_of(item),
            "Health": item["health"]["reason"],
            "Holds": _held(item["held"]),
            "Description": item["description"],
            "Template": item["template"]["name"] if item["template"] else None,
            "Events": _events(item),
            "Last 24 hours": ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing",
            "Changed": f"{local_time(item['updated_at'])} (revision {item['revision']})",
            "Draft": _draft(item["draft"]),
            "Id": item["id"],
        }
    )
    heading("Inputs")
    fields({key: _input(value) for key, value in item["inputs"].items()})
    if not item["template"]:
        heading("Program")
        click.echo(item["hog"])


def _draft(note: dict[str, Any] | None) -> str | None:
    return f"{note['author']}, {local_time(note['updated_at'])}" if note else None


def _input(item: dict[str, Any]) -> str:
    if item.get("secret"):
        return "(secret)"
    if item.get("missing"):
        return "(still to be filled in)"
    if place := item.get("from_env") or item.get("from_file"):
        return f"(from {'variable' if 'from_env' in item else 'file'} {place})"
    value = item.get("value")
    return value if isinstance(value, str) else pretty(value).replace("\n", "")
