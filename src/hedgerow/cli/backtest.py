"""``hedgerow backtest``: what a change would do with events of the past, beside what is live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.hog.source import read_object
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import heading, local_time, safe, safe_lines, show_json

WORDS = {
    "same": "the same",
    "differs": "sent differently",
    "would_send": "sent now, not before",
    "would_not_send": "no longer sent",
    "would_fail": "would fail",
    "repaired": "failing now, repaired by it",
}
COLOURS = {"-": "red", "+": "green", "!": "yellow"}
SHOWN = 3


@click.command("backtest")
@click.argument("name")
@click.option(
    "-f", "--file", metavar="FILE", help="JSON of what is to change; the saved draft if you name none."
)
@click.option(
    "-n",
    "--events",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="Compare so many events.",
)
@click.option("--since", metavar="TIME", help="Only later events: -2h, -7d or 2026-01-31T12:00:00Z.")
@click.option("--until", metavar="TIME", help="Only earlier events.")
@connected
def command(
    client: Client,
    *,
    name: str,
    file: str | None,
    events: int,
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Try a change of the destination NAME on events of the past, beside what is live. Nothing is sent.

    The change is its saved draft, or a FILE with the fields that change.
    """
    owner = one_named(client, name)
    body: dict[str, Any] = {"events": events, "after": since, "before": until}
    if file:
        body["configuration"] = read_object(file)
    answer = client.post(
        f"hog_functions/{owner['id']}/backtest/", {key: value for key, value in body.items() if value is not None}
    )  # fmt: skip
    if as_json:
        show_json(answer)
        return
    _show(answer)


def _show(answer: Mapping[str, Any]) -> None:
    click.echo(
        f"{answer['compared']} events compared of {answer['scanned']} looked at, with revision {answer['live_revision']}."
    )
    for outcome, number in answer["summary"].items():
        if number:
            click.echo(f"{number:>7}  {WORDS[outcome]}")
    if answer["changes"]:
        heading("What differs")
        for change in answer["changes"]:
            click.echo(f"{change['count']:>7}  {safe(change['place'])}")
    seen: dict[str, int] = {}
    for example in answer["examples"]:
        outcome = example["outcome"]
        seen[outcome] = seen.get(outcome, 0) + 1
        if seen[outcome] <= SHOWN:
            _example(example)
    if answer["cursor"]:
        click.echo(
            "\nThere are more events than these: ask for more with --events, or for a time with --since."
        )


def _example(example: Mapping[str, Any]) -> None:
    event = example["event"]
    heading(
        f"{event['event']} of {event['distinct_id']}, {local_time(event['captured_at'])}: {WORDS[example['outcome']]}"
    )
    click.echo(f"Why: hedgerow explain {event['uuid']}")
    for error in example["errors"] or example["live_errors"]:
        click.echo(safe_lines(error))
    for line in example["diff"]:
        click.echo(click.style(safe(line), fg=COLOURS.get(line[:1])))
