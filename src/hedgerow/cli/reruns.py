"""``hedgerow rerun`` and ``runs``: run deliveries again, and see how far that has come."""

from __future__ import annotations

from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import fields, local_time, show_json, table

HEADERS = ("BEGAN", "STATE", "SELECTED", "DELIVERED", "FAILED", "OPEN", "ID")


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
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="Deliveries sent per second."
)
@click.option("--key", metavar="KEY", help="The same key is the same run, however often it is ordered.")
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@click.option("--yes", is_flag=True, help="Do not ask.")
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
        if dry_run and as_json:
            show_json(count)
            return
        click.echo(_counted(count), err=not dry_run)
        if dry_run or not count["count"]:
            return
        click.confirm("Run them again?", abort=True, err=True)
    body |= {
        name: value for name, value in {"rate": rate, "idempotency_key": key}.items() if value is not None
    }
    run = client.post("deliveries/rerun/", body)
    if as_json:
        show_json(run)
        return
    click.echo(f"It runs. See how far it has come: hedgerow runs {run['id']}")


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
@click.option("--pause", "wish", flag_value="pause", help="Send no more of it for now.")
@click.option("--resume", "wish", flag_value="resume", help="Go on.")
@click.option("--cancel", "wish", flag_value="cancel", help="Send nothing more of it.")
@connected
def runs(client: Client, *, run_id: str | None, wish: str | None, as_json: bool) -> None:
    """List re-runs, newest first, or show how far the one with this ID has come."""
    if run_id is None:
        if wish:
            raise click.UsageError(f"Say which run to {wish}.")
        found = client.get("reruns/")["results"]
        if as_json:
            show_json(found)
            return
        listed(found, "Nothing was run again yet. See: hedgerow rerun --help")
        return
    carry_out(client, f"reruns/{run_id}/", wish, as_json=as_json)


def carry_out(client: Client, path: str, wish: str | None, *, as_json: bool) -> None:
    """Do what is wished with a run, and show it."""
    if wish == "cancel":
        item = client.delete(path)
    else:
        item = client.post(f"{path}{wish}/", {}) if wish else client.get(path)
    if as_json:
        show_json(item)
        return
    show_run(item)


def listed(items: list[dict[str, Any]], empty: str) -> None:
    """Print runs as a table."""
    table(HEADERS, [_row(item) for item in items], empty=empty)


def counts(given: dict[str, int]) -> str:
    """Numbers with their names in one line."""
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(given.items()) if number)


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    progress = item["progress"]
    verdicts = progress["verdicts"]
    return (
        local_time(item["created_at"]), item["state"], progress["selected"], verdicts.get("delivered", 0),
        verdicts.get("failed", 0), progress["open"], item["id"],
    )  # fmt: skip


def show_run(item: dict[str, Any]) -> None:
    """Print one run."""
    progress = item["progress"]
    fields(
        {
            "Run": item["id"],
            "State": item["state"],
            "Began": local_time(item["created_at"]),
            "Ended": local_time(item["finished_at"]),
            "By": item["created_by"],
            "Looked at": _of(progress["looked_at"], progress["total"]),
            "Selected": f"{progress['selected']}{' so far' if progress['selecting'] else ''}",
            "Left out": counts(progress["left_out"]),
            "Persons": counts(progress["persons"]),
            "Verdicts": counts(progress["verdicts"]),
        }
    )
    for wait in item["waits_for"]:
        click.echo(f"Waits for {wait['destination']}: {wait['reason']}")


def _of(number: int, total: int | None) -> str:
    return str(number) if total is None else f"{number} of {total}"
