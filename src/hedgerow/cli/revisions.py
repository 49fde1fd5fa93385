"""``hedgerow revisions`` and ``rollback``: what was changed, by whom and why, and the way back."""

from __future__ import annotations

from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import clip, fields, local_time, safe, safe_lines, show_json, table

HEADERS = ("REVISION", "WHEN", "BY", "STATE", "CHANGED", "WHY")
WIDEST = 48
COLOURS = {"+": "green", "-": "red", "@": "cyan"}


class WithDefault(click.Group):
    """A group whose first command may be left out: ``revisions NAME`` means ``revisions list NAME``."""

    default = "list"

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the first word, or the default with all words."""
        if args and args[0] not in self.commands:
            args = [self.default, *args]
        return super().resolve_command(ctx, args)


@click.group("revisions", cls=WithDefault, subcommand_metavar="NAME | diff NAME N [M] | show NAME N")
def command() -> None:
    """What was changed of a destination, by whom and why.

    \b
    hedgerow revisions NAME            all changes, the latest first
    hedgerow revisions diff NAME 4     what revision 4 changed
    hedgerow revisions diff NAME 2 4   what differs from revision 2 to revision 4
    hedgerow revisions show NAME 2     revision 2 as a whole
    """  # noqa: D301 - the mark tells click to keep the lines as they are


@command.command("list")
@click.argument("name")
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=20, help="How many at most.")
@connected
def listed(client: Client, *, name: str, limit: int, as_json: bool) -> None:
    """List the changes of the destination NAME, the latest first."""
    found = one_named(client, name)
    answer = client.get(f"hog_functions/{found['id']}/revisions/", limit=limit)
    if as_json:
        show_json(answer["results"])
        return
    table(HEADERS, [_row(item) for item in answer["results"]], empty="No revisions.")
    if answer["count"] > len(answer["results"]):
        click.echo(
            f"{answer['count'] - len(answer['results'])} older ones: ask for more with --limit.", err=True
        )
    if note := found["draft"]:
        click.echo(f"\n{note['author']} works on a draft: see 'hedgerow draft diff'.", err=True)


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    return (
        item["number"],
        local_time(item["created_at"]),
        item["author"] or "",
        ("live" if item["enabled"] else "off") if item["current"] else "",
        clip(", ".join(item["changes"]) or ("created" if item["number"] == 1 else ""), WIDEST),
        clip(item["message"] or "", WIDEST),
    )


@command.command("diff")
@click.argument("name")
@click.argument("first", metavar="N")
@click.argument("second", metavar="[M]", required=False)
@connected
def diff(client: Client, *, name: str, first: str, second: str | None, as_json: bool) -> None:
    """Show what revision N changed, or what differs from N to M; M may be ``current``."""
    found = one_named(client, name)
    looked_at, against = (second, first) if second else (first, None)
    if looked_at == "current":
        looked_at = str(found["revision"])
    answer = client.get(f"hog_functions/{found['id']}/revisions/{looked_at}/diff/", against=against)
    if as_json:
        show_json(answer)
        return
    show_diff(answer["text"], empty="Nothing differs.")


def show_diff(text: str, *, empty: str) -> None:
    """Print a diff as the server wrote it, lines that come green and those that go red."""
    if not text:
        click.echo(empty, err=True)
        return
    for line in safe_lines(text).splitlines():
        inner = line.startswith("  ")
        click.echo(
            click.style(line, fg=COLOURS.get(line.strip()[:1])) if inner else click.style(line, bold=True)
        )


@command.command("show")
@click.argument("name")
@click.argument("number", metavar="N")
@connected
def show(client: Client, *, name: str, number: str, as_json: bool) -> None:
    """Show revision N of the destination NAME as a whole."""
    found = one_named(client, name)
    answer = client.get(f"hog_functions/{found['id']}/revisions/{number}/")
    if as_json:
        show_json(answer)
        return
    fields(
        {
            "Revision": answer["number"],
            "Made": f"{local_time(answer['created_at'])} by {answer['author']}",
            "Why": answer["message"],
            "Changed": ", ".join(answer["changes"]),
        }
    )
    click.echo()
    whole = client.get(f"hog_functions/{found['id']}/revisions/{number}/diff/", against="0")
    show_diff(whole["text"], empty="")


@click.command("rollback")
@click.argument("name")
@click.argument("number", metavar="N")
@click.option("-m", "--message", metavar="TEXT", help="Why, for the history.")
@click.option("--keep-secrets", is_flag=True, help="Leave secrets as they are today.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def rollback(
    client: Client,
    *,
    name: str,
    number: str,
    message: str | None,
    keep_secrets: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Make the destination NAME again what it was at revision N.

    That is a new revision: what is undone stays in the history, and can come back the same way.
    """
    found = one_named(client, name)
    base = f"hog_functions/{found['id']}/revisions/{number}/"
    if not yes:
        show_diff(client.get(base + "diff/", against="current")["text"], empty="Nothing would change.")
        click.confirm(f"\nChange {safe(found['name'])} like this, now?", abort=True, err=True)
    body = {"keep_secrets": keep_secrets} | ({"message": message} if message else {})
    tag = f'"revision-{found["revision"]}"'
    answer = client.post(base + "rollback/", body, if_match=tag)
    if as_json:
        show_json(answer)
        return
    state = "live" if answer["enabled"] else "off"
    click.echo(
        f"{safe(answer['name'])} is at revision {answer['revision']}, the same as revision {number}; it is {state}."
    )
