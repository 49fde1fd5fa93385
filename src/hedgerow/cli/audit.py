"""``hedgerow audit``: who changed what."""

from __future__ import annotations

import itertools
import json
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected
from hedgerow.cli.output import clip, local_time, show_json, table

HEADERS = ("TIME", "WHO", "FROM", "WHAT", "NAME", "CHANGES")
CHANGES_WIDTH = 80


@click.command("audit")
@click.option("--since", metavar="TIME", help="Only later changes: -2h, -7d or 2026-01-31T12:00:00Z.")
@click.option("--user", metavar="EMAIL", help="Only what they did; for a key of the operator its label.")
@click.option("--scope", metavar="KIND", help="Only changes of this kind of thing, such as HogFunction.")
@click.option("--item", metavar="ID", help="Only changes of this one.")
@click.option(
    "--activity", metavar="WORD", help="Only this activity: created, updated, deleted, logged_in..."
)
@click.option(
    "-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most."
)
@click.option("--all", "everything", is_flag=True, help="Of the whole instance, not of the project alone.")
@connected
def command(
    client: Client, *, since: str | None, user: str | None, scope: str | None, item: str | None, activity: str | None,
    limit: int, everything: bool, as_json: bool,
) -> None:  # fmt: skip
    """List who changed what, the latest first."""
    path = "/api/activity_log/" if everything else "activity_log/"
    pages = client.pages(
        path, after=since, user=user, scope=scope, item_id=item, activity=activity, limit=min(limit, 1000)
    )
    found = list(itertools.islice(pages, limit))
    if as_json:
        show_json(found)
        return
    table(HEADERS, [_row(entry) for entry in found], empty="Nobody changed anything.")


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    return (
        local_time(entry["created_at"]),
        entry["actor"],
        entry["ip"],
        f"{entry['scope']} {entry['activity']}",
        entry["detail"]["name"] or entry["item_id"],
        clip(", ".join(map(_change, entry["detail"]["changes"])), CHANGES_WIDTH),
    )


def _change(change: dict[str, Any]) -> str:
    before, after = (json.dumps(change[side], ensure_ascii=False) for side in ("before", "after"))
    return (
        f"{change['field']}: {after}"
        if change["before"] is None
        else f"{change['field']}: {before} -> {after}"
    )
