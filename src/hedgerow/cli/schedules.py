"""``hedgerow schedules``: the destinations that fire by the clock, and a tick now."""

from __future__ import annotations

import json
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.destinations import fires, state_of
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import fields, heading, local_time, show_json, table
from hedgerow.cli.replays import counted, told
from hedgerow.cli.runs import agreed, begin, listed

HEADERS = ("NAME", "FIRES", "STATE", "NEXT", "LAST", "ID")


@click.command("schedules")
@click.argument("name", required=False)
@click.option("--now", is_flag=True, help="Run a tick of NAME now, whatever the clock says.")
@click.option("--dry-run", is_flag=True, help="With --now: only say how many persons it would send.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="With --now: persons sent per second.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def command(
    client: Client,
    *,
    name: str | None,
    now: bool,
    dry_run: bool,
    rate: float | None,
    yes: bool,
    as_json: bool,
) -> None:
    """List the destinations that fire on a schedule, or show the schedule of the one with this NAME and its last runs."""
    if now or dry_run:
        if name is None:
            raise click.UsageError("Say which destination: hedgerow schedules NAME --now.")
        _fire(client, one_named(client, name), rate, dry_run=dry_run, yes=yes, as_json=as_json)
        return
    if name is not None:
        _show(client, one_named(client, name), as_json=as_json)
        return
    items = [item for item in client.pages("hog_functions/") if item["schedule"]]
    if as_json:
        show_json(items)
        return
    table(HEADERS, [_row(item) for item in items], empty="No destination fires on a schedule yet.")


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    schedule = item["schedule"]
    ahead, last = schedule["next"], schedule["last"]
    return (
        item["name"], fires(schedule), _state(item), local_time(ahead[0]) if ahead else None,
        local_time(last["tick"]) if last else None, item["id"],
    )  # fmt: skip


def _state(item: dict[str, Any]) -> str:
    """What keeps it from firing comes first; a degraded one fires."""
    state = state_of(item)
    if state not in ("enabled", "degraded"):
        return state
    return "waiting" if item["schedule"]["waits"] else "enabled"


def _show(client: Client, item: dict[str, Any], *, as_json: bool) -> None:
    schedule = _schedule_of(item)
    if as_json:
        show_json(schedule)
        return
    last = schedule["last"]
    fields(
        {
            "Name": item["name"],
            "Fires": fires(schedule),
            "Persons": "those who changed" if schedule["only_changed"] else "all that its filters choose",
            "Rate": f"{schedule['rate']:g} a second" if schedule["rate"] else None,
            "State": _state(item),
            "Waits": schedule["waits"],
            "Next": ", ".join(map(local_time, schedule["next"])),
            "Last": local_time(last["tick"]) if last else "never",
            "Passed over": f"{last['passed_over']} ticks before the last"
            if last and last["passed_over"]
            else None,
            "Id": item["id"],
        }
    )
    heading("Runs")
    found = client.get("runs/", kind="schedule", destination=item["id"], limit=10)["results"]
    listed(found, "None yet.")


def _fire(
    client: Client, item: dict[str, Any], rate: float | None, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    _schedule_of(item)
    path = f"hog_functions/{item['id']}/ticks/"
    body = {} if rate is None else {"rate": rate}
    if dry_run or not yes:
        count = counted(client, client.post(path, {**body, "dry_run": True}))
        if not agreed(count, told(count, "persons"), "Send to them now?", dry_run=dry_run, as_json=as_json):
            return
    begin(client, path, body, "runs", as_json=as_json)


def _schedule_of(item: dict[str, Any]) -> dict[str, Any]:
    if not item["schedule"]:
        raise click.BadParameter(f"{json.dumps(item['name'])} has no schedule: events trigger it.")
    return dict(item["schedule"])
