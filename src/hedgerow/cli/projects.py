"""``hedgerow projects``: the projects of an instance, and their tokens."""

from __future__ import annotations

from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import ListByDefault, connected
from hedgerow.cli.output import local_time, safe, show_json, table

HEADERS = ("ID", "NAME", "TOKEN", "MADE")


@click.group("projects", cls=ListByDefault)
def command() -> None:
    """See the projects, make them, rename and delete them, and change their tokens.

    \b
    hedgerow projects                          which there are
    hedgerow projects create "My app"
    hedgerow projects rotate-token --grace 48  another token; the former one works for two more days
    """  # noqa: D301 - the mark tells click to keep the lines as they are


@command.command("list")
@connected
def listed(client: Client, *, as_json: bool) -> None:
    """List the projects."""
    found = list(client.pages("/api/projects/"))
    if as_json:
        show_json(found)
        return
    table(HEADERS, [_row(project) for project in found], empty="No project is yours.")


def _row(project: dict[str, Any]) -> tuple[object, ...]:
    return (project["id"], project["name"], project["api_token"], local_time(project["created_at"]))


@command.command("create")
@click.argument("name")
@connected
def create(client: Client, *, name: str, as_json: bool) -> None:
    """Make a project called NAME."""
    _show(client.post("/api/projects/", {"name": name}), as_json=as_json)


@command.command("rename")
@click.argument("name")
@connected
def rename(client: Client, *, name: str, as_json: bool) -> None:
    """Call the project NAME (--project says which)."""
    _show(client.patch("", {"name": name}), as_json=as_json)


def _show(project: dict[str, Any], *, as_json: bool) -> None:
    show_json(project) if as_json else table(HEADERS, [_row(project)], empty="")


@command.command("rotate-token")
@click.option(
    "--grace", type=click.FloatRange(0), default=24.0, show_default=True, metavar="HOURS",
    help="How long events with the present token are still taken.",
)  # fmt: skip
@connected
def rotate_token(client: Client, *, grace: float, as_json: bool) -> None:
    """Give the project another token (--project says which)."""
    answer = client.patch("reset_token/", {"grace_hours": grace})
    if as_json:
        show_json(answer)
        return
    click.echo(answer["api_token"])
    for former in answer["former_tokens"]:
        click.echo(f"{former['api_token']} works until {local_time(former['works_until'])}.", err=True)


@command.command("delete")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def delete(client: Client, *, yes: bool, as_json: bool) -> None:
    """Delete the project with everything in it (--project says which). There is no way back."""
    found = client.get("")
    if not yes:
        click.confirm(
            f"Delete {safe(found['name'])} ({found['id']}) and everything in it?", abort=True, err=True
        )
    answer = client.delete("")
    show_json(answer) if as_json else click.echo(f"{safe(found['name'])} is deleted.")
