"""``hedgerow warnings``: what ingestion refused, dropped or changed."""

from __future__ import annotations

import json
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected
from hedgerow.cli.output import clip, local_time, show_json, table

HEADERS = ("LAST", "WARNING", "COUNT", "LAST SAMPLE")
SAMPLE_WIDTH = 100


@click.command("warnings")
@click.option("-t", "--type", "kind", metavar="KIND", help="Only this kind; shows its samples of each hour.")
@click.option("--since", metavar="TIME", help="Only later ones: -2h, -7d or 2026-01-31T12:00:00Z. [a month]")
@connected
def command(client: Client, *, kind: str | None, since: str | None, as_json: bool) -> None:
    """List what happened to events before they could be matched: refused, dropped or changed."""
    found = client.get("ingestion_warnings/", type=kind, after=since, samples=100 if kind else 1)["results"]
    if as_json:
        show_json(found)
        return
    rows = [row for item in found for row in (_samples(item) if kind else [_summary(item)])]
    table(HEADERS, rows, empty="No warnings: every event that came in was taken as it was.")


def _summary(item: dict[str, Any]) -> tuple[object, ...]:
    (last, *_) = item["warnings"] or [{"details": {}}]
    return (local_time(item["lastSeen"]), item["type"], item["count"], _text(last["details"]))


def _samples(item: dict[str, Any]) -> list[tuple[object, ...]]:
    counts = [count for count, _ in reversed(item["sparkline"])]
    return [
        (local_time(each["timestamp"]), each["type"], count, _text(each["details"]))
        for each, count in zip(item["warnings"], counts, strict=False)
    ]


def _text(details: dict[str, Any]) -> str:
    return clip(
        "  ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in details.items()),
        SAMPLE_WIDTH,
    )
