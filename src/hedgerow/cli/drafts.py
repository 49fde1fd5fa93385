"""``hedgerow draft``: prepare a change, look at it, and let it go live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hedgerow.cli.apply import refused_here
from hedgerow.cli.client import Client, Refused
from hedgerow.cli.manifest import Entry, read
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import clip, local_time, safe, show_json, table
from hedgerow.cli.revisions import WIDEST, show_diff

HEADERS = ("NAME", "SAVED", "BY", "BEGAN FROM", "NOW AT", "WHY")


@click.group("draft")
def command() -> None:
    """Prepare a change of a destination, look at it, and let it go live.

    \b
    hedgerow draft save -f destinations.yaml   save what the file says as drafts
    hedgerow draft list                        who prepares what
    hedgerow draft diff NAME                   what publishing would change
    hedgerow draft publish NAME                make it live
    """  # noqa: D301 - the mark tells click to keep the lines as they are


@command.command("save")
@click.option(
    "-f", "--file", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="YAML file with destinations, as for 'hedgerow apply'.",
)  # fmt: skip
@click.option("-m", "--message", metavar="TEXT", help="Why, for the history.")
@connected
def save(client: Client, *, file: Path, message: str | None, as_json: bool) -> None:
    """Save what a file says of destinations as their drafts; nothing of it is live."""
    entries = [(one_named(client, entry.name), entry) for entry in read(file)]
    answers = [_put(client, found, entry, message) for found, entry in entries]
    if as_json:
        show_json(answers)
        return
    for answer in answers:
        changes = ", ".join(answer["draft"]["changes"])
        click.echo(
            f"{safe(answer['name'])}: {f'would change {changes}' if changes else 'would change nothing'}."
        )


def _put(client: Client, found: dict[str, Any], entry: Entry, message: str | None) -> dict[str, Any]:
    body = {**entry.payload, **({"message": message} if message else {})}
    try:
        answer: dict[str, Any] = client.put(f"hog_functions/{found['id']}/draft/", body)
    except Refused as error:
        raise refused_here(entry, error) from None
    return answer


@command.command("list")
@connected
def listed(client: Client, *, as_json: bool) -> None:
    """List the drafts there are."""
    items = list(client.pages("hog_functions/", has_draft="true"))
    if as_json:
        show_json(items)
        return
    table(HEADERS, [_row(item) for item in items], empty="Nobody prepares anything.")


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    note = item["draft"]
    return (
        item["name"],
        local_time(note["updated_at"]),
        note["author"] or "",
        note["base"],
        item["revision"],
        clip(note["message"] or "", WIDEST),
    )


@command.command("diff")
@click.argument("name")
@connected
def diff(client: Client, *, name: str, as_json: bool) -> None:
    """Show what publishing the draft of the destination NAME would change."""
    found = one_named(client, name)
    answer = client.get(f"hog_functions/{found['id']}/draft/diff/")
    if as_json:
        show_json(answer)
        return
    show_diff(answer["text"], empty="Publishing would change nothing.")


@command.command("publish")
@click.argument("name")
@click.option("-m", "--message", metavar="TEXT", help="Why, for the history.")
@click.option("--overwrite", is_flag=True, help="Also where others changed the same since the draft began.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def publish(
    client: Client, *, name: str, message: str | None, overwrite: bool, yes: bool, as_json: bool
) -> None:
    """Make the draft of the destination NAME live."""
    found = one_named(client, name)
    base = f"hog_functions/{found['id']}/draft/"
    seen = client.get(base)["draft"]
    if not yes:
        show_diff(client.get(base + "diff/")["text"], empty="Publishing would change nothing.")
        click.confirm(f"\nChange {safe(found['name'])} like this, now?", abort=True, err=True)
    body = {"overwrite": overwrite} | ({"message": message} if message else {})
    answer = client.post(base + "publish/", body, if_match=seen["etag"])
    if as_json:
        show_json(answer)
        return
    state = "live" if answer["enabled"] else "saved; the destination is off"
    click.echo(f"{safe(answer['name'])}: revision {answer['revision']} is {state}.")


@command.command("discard")
@click.argument("name")
@connected
def discard(client: Client, *, name: str, as_json: bool) -> None:
    """Throw the draft of the destination NAME away."""
    found = one_named(client, name)
    answer = client.post(f"hog_functions/{found['id']}/discard_draft/", {})
    if as_json:
        show_json(answer)
        return
    click.echo(f"{safe(found['name'])}: the draft is gone; revision {answer['revision']} stays as it is.")
