"""``hedgerow replay`` and ``replays``: bring events of the log to a destination, and see how far that has come."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import show_json
from hedgerow.cli.runs import agreed, begin, carry_out, counts, listed, ordering, wishing

PATIENCE_S = 600.0
BEAT_S = 1.0


@click.command("replay")
@click.argument("name")
@click.option(
    "--since", metavar="TIME", required=True, help="Events captured later: -2h, -7d or 2026-01-31T12:00:00Z."
)
@click.option("--until", metavar="TIME", help="Events captured earlier; now if you do not say.")
@click.option("--filters", metavar="JSON", help="What they must match besides the destination's own filter.")
@click.option("--again", is_flag=True, help="Also what the destination has got.")
@ordering("replay")
@connected
def replay(
    client: Client,
    *,
    name: str,
    since: str,
    until: str | None,
    filters: str | None,
    again: bool,
    rate: float | None,
    key: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Bring events of the log to the destination NAME that it wants and has not got, behind live traffic."""
    found = one_named(client, name)
    path = f"hog_functions/{found['id']}/replay/"
    given = {"after": since, "before": until, "filters": _read(filters), "rate": rate, "idempotency_key": key}
    body = {field: value for field, value in given.items() if value is not None} | {
        "skip_delivered": not again
    }
    if dry_run or not yes:
        count = counted(client, client.post(path, {**body, "dry_run": True}))
        if not agreed(count, told(count), "Replay them?", dry_run=dry_run, as_json=as_json):
            return
    begin(client, path, body, f"replays {json.dumps(name)}", as_json=as_json)


def _read(filters: str | None) -> Any:
    try:
        return None if filters is None else json.loads(filters)
    except ValueError as error:
        raise click.BadParameter(f"This is not JSON: {error}.", param_hint="--filters") from None


def counted(client: Client, count: dict[str, Any]) -> dict[str, Any]:
    """A count when it is complete; a long one is asked for again and again."""
    deadline = time.monotonic() + PATIENCE_S
    while not count["complete"] and time.monotonic() < deadline:
        time.sleep(BEAT_S)
        run = client.get(f"runs/{count['id']}/")
        progress = run["progress"]
        more = {field: progress[field] for field in ("looked_at", "total", "left_out", "persons")}
        count = {**count, **more, "count": progress["selected"], "complete": run["finished_at"] is not None}
    return count


def told(count: dict[str, Any], what: str = "events") -> str:
    """A count in one line; ``what`` was looked at."""
    found = f"{count['count']} deliveries for {count['looked_at']} {what}"
    left_out = f"; left out: {counts(count['left_out'])}" if count["left_out"] else ""
    return f"{found}{left_out}." + ("" if count["complete"] else " There is more that was not looked at yet.")


@click.command("replays")
@click.argument("name")
@click.argument("run_id", required=False, metavar="[ID]")
@wishing
@connected
def replays(client: Client, *, name: str, run_id: str | None, wish: str | None, as_json: bool) -> None:
    """List replays of the destination NAME, newest first, or show how far the one with this ID has come."""
    path = f"hog_functions/{one_named(client, name)['id']}/replays/"
    if run_id is not None:
        carry_out(client, f"{path}{run_id}/", wish, as_json=as_json)
        return
    if wish:
        raise click.UsageError(f"Say which replay to {wish}.")
    found = client.get(path)["results"]
    if as_json:
        show_json(found)
        return
    listed(found, "Nothing was replayed yet. See: hedgerow replay --help")
