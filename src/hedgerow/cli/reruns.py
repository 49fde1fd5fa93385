"""``hedgerow rerun`` and ``runs``: run deliveries again, and see how far that, or any run, has come."""

from __future__ import annotations

from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import show_json
from hedgerow.cli.runs import agreed, begin, carry_out, listed, ordering, wishing


@click.command("rerun")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("-d", "--destination", metavar="NAME", help="Only those of this destination.")
@click.option("-v", "--verdict", metavar="VERDICT", help="failed,expired unless you say otherwise.")
@click.option("-k", "--kind", metavar="KIND", help="Only failures of this kind, such as http_4xx.")
@click.option("-e", "--event", metavar="NAME", help="Only events of this name.")
@click.option("-p", "--person", metavar="ID", help="Only this person's: distinct id or person id.")
@click.option("--status", metavar="CODE", help="Only with this HTTP status, or one of a class: 4xx.")
@click.option("--since", metavar="TIME", help="Only later events: -2h, -7d or 2026-01-31T12:00:00Z.")
@click.option("--until", metavar="TIME", help="Only earlier events.")
@click.option(
    "-s", "--search", metavar="TEXT", help="Part of the problem, the event's name or the distinct id."
)
@click.option("--original", is_flag=True, help="With the destination's revision of then, not that of now.")
@click.option("--again", is_flag=True, help="Also what has arrived since.")
@ordering("run")
@connected
def rerun(
    client: Client,
    *,
    ids: tuple[str, ...],
    original: bool,
    again: bool,
    rate: float | None,
    key: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Run deliveries again: those with these IDs, or those that fit.

    Without an ID or a condition: everything that failed or expired. What has arrived since is left out.
    """
    body: dict[str, Any] = {"revision": "original" if original else "current", "skip_delivered": not again}
    body |= {"ids": list(ids)} if ids else {"filters": _filters(client, given)}
    if dry_run or not yes:
        count = client.post("deliveries/rerun/", {**body, "dry_run": True})
        if not agreed(count, _counted(count), "Run them again?", dry_run=dry_run, as_json=as_json):
            return
    body |= {
        name: value for name, value in {"rate": rate, "idempotency_key": key}.items() if value is not None
    }
    begin(client, "deliveries/rerun/", body, "runs", as_json=as_json)


def _filters(client: Client, given: dict[str, Any]) -> dict[str, str]:
    named = {**given, "after": given.pop("since"), "before": given.pop("until")}
    named = {name: value for name, value in named.items() if value and name not in {"since", "until"}}
    if "destination" in named:
        named["destination"] = one_named(client, named["destination"])["id"]
    return named


def _counted(count: dict[str, Any]) -> str:
    if not count["count"]:
        gone = count["left_out"].get("delivered")
        return (
            "Nothing fits."
            if not gone
            else f"Nothing is left to run: {gone} arrived since, or are on their way."
        )
    parts = ", ".join(f"{one['count']} of {one['name'] or one['id']}" for one in count["destinations"][:5])
    more = len(count["destinations"]) - 5
    return f"{count['count']} deliveries: {parts}" + (f" and {more} more destinations." if more > 0 else ".")


@click.command("runs")
@click.argument("run_id", required=False, metavar="[ID]")
@click.option("--kind", type=click.Choice(["rerun", "replay", "schedule"]), help="Only runs of this kind.")
@wishing
@connected
def runs(client: Client, *, run_id: str | None, kind: str | None, wish: str | None, as_json: bool) -> None:
    """List re-runs, replays and ticks of schedules, newest first, or show how far the one with this ID has come."""
    if run_id is None:
        if wish:
            raise click.UsageError(f"Say which run to {wish}.")
        given = {"kind": kind} if kind else {}
        found = client.get("runs/", **given)["results"]
        if as_json:
            show_json(found)
            return
        listed(found, "There are no runs yet. See: hedgerow rerun --help, and hedgerow schedules --help")
        return
    carry_out(client, f"runs/{run_id}/", wish, as_json=as_json)
