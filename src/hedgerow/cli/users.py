"""``hedgerow users``: who has an account, who is in a project, and the links that let people in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import ListByDefault, connected
from hedgerow.cli.output import local_time, safe, show_json, table

HEADERS = ("EMAIL", "NAME", "INSTANCE", "SECOND FACTOR", "STATE", "LAST LOGIN")
MEMBER_HEADERS = ("EMAIL", "NAME", "ROLE", "SECOND FACTOR", "JOINED")
INVITE_HEADERS = ("EMAIL", "ROLE", "BY", "EXPIRES", "ID")
ROLES = click.Choice(["viewer", "editor", "owner"])


@click.group("users", cls=ListByDefault)
def command() -> None:
    """See who has an account, and let people in.

    \b
    hedgerow users                                   everybody with an account
    hedgerow users invite grace@example.com          prints a link that works once
    hedgerow users reset-link grace@example.com      the same for a new password
    """  # noqa: D301 - the mark tells click to keep the lines as they are


@command.command("list")
@connected
def listed(client: Client, *, as_json: bool) -> None:
    """List everybody with an account."""
    found = list(client.pages("/api/users/"))
    if as_json:
        show_json(found)
        return
    table(
        HEADERS,
        [_row(user) for user in found],
        empty="Nobody has an account yet. Invite somebody: hedgerow users invite EMAIL",
    )


def _row(user: dict[str, Any]) -> tuple[object, ...]:
    return (
        user["email"],
        user["first_name"],
        "owner" if user["is_owner"] else "",
        "yes" if user["is_2fa_enabled"] else "",
        "" if user["is_active"] else "off",
        local_time(user["last_login"]),
    )


@command.command("members")
@connected
def members(client: Client, *, as_json: bool) -> None:
    """List who is what in the project."""
    found = list(client.pages("members/"))
    if as_json:
        show_json(found)
        return
    rows = [
        (one["user"]["email"], one["user"]["first_name"], one["role"], "yes" if one["is_2fa_enabled"] else "",
         local_time(one["joined_at"]))
        for one in found
    ]  # fmt: skip
    table(MEMBER_HEADERS, rows, empty="Nobody but the owners of the instance.")


@command.command("invite")
@click.argument("email")
@click.option(
    "--role", type=ROLES, default="viewer", show_default=True, help="What they may do in the project."
)
@click.option("--owner", is_flag=True, help="They own the whole instance as well.")
@connected
def invite(client: Client, *, email: str, role: str, owner: bool, as_json: bool) -> None:
    """Print a link by which EMAIL comes into the project. It works once; hand it to them."""
    answer = client.post("invites/", {"target_email": email, "role": role, "is_owner": owner})
    _show_link(answer, as_json=as_json)


@command.command("invites")
@connected
def invites(client: Client, *, as_json: bool) -> None:
    """List the invitations that were not used yet."""
    found = list(client.pages("invites/"))
    if as_json:
        show_json(found)
        return
    rows = [
        (one["target_email"], one["role"], one["created_by"], "over" if one["is_expired"] else local_time(one["expires_at"]),
         one["id"])
        for one in found
    ]  # fmt: skip
    table(INVITE_HEADERS, rows, empty="No invitation is open.")


@command.command("uninvite")
@click.argument("invite_id", type=int, metavar="ID")
@connected
def uninvite(client: Client, *, invite_id: int, as_json: bool) -> None:
    """Make the invitation ID void."""
    answer = client.delete(f"invites/{invite_id}/")
    show_json(answer) if as_json else click.echo("The link opens nothing any more.")


@command.command("reset-link")
@click.argument("email")
@connected
def reset_link(client: Client, *, email: str, as_json: bool) -> None:
    """Print a link by which EMAIL chooses a new password. It works once; hand it to them."""
    _show_link(client.post(f"{_user(email)}reset_link/", {}), as_json=as_json)


def _show_link(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    click.echo(answer["link"])
    click.echo(
        f"For {safe(answer['target_email'])}, once, until {local_time(answer['expires_at'])}.", err=True
    )


@command.command("role")
@click.argument("email")
@click.argument("role", type=ROLES)
@connected
def role_of(client: Client, *, email: str, role: str, as_json: bool) -> None:
    """Make EMAIL, who is in the project, something else in it."""
    answer = client.patch(f"members/{quote(email, safe='@')}/", {"role": role})
    show_json(answer) if as_json else click.echo(f"{safe(answer['user']['email'])} is {answer['role']} now.")


@command.command("remove")
@click.argument("email")
@connected
def remove(client: Client, *, email: str, as_json: bool) -> None:
    """Take EMAIL out of the project. The account stays."""
    answer = client.delete(f"members/{quote(email, safe='@')}/")
    show_json(answer) if as_json else click.echo(f"{safe(email)} is no longer in the project.")


@command.command("change")
@click.argument("email")
@click.option("--on/--off", "active", default=None, help="Whether they may come in at all.")
@click.option("--owner/--no-owner", default=None, help="Whether they own the instance.")
@click.option("--no-second-factor", is_flag=True, help="For whoever lost the phone and the recovery codes.")
@connected
def change(
    client: Client,
    *,
    email: str,
    active: bool | None,
    owner: bool | None,
    no_second_factor: bool,
    as_json: bool,
) -> None:
    """Change the account of EMAIL."""
    given = {"is_active": active, "is_owner": owner, "is_2fa_enabled": False if no_second_factor else None}
    body = {name: value for name, value in given.items() if value is not None}
    if not body:
        raise click.UsageError("Say what to change.")
    answer = client.patch(_user(email), body)
    show_json(answer) if as_json else table(HEADERS, [_row(answer)], empty="")


@command.command("delete")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def delete(client: Client, *, email: str, yes: bool, as_json: bool) -> None:
    """Delete the account of EMAIL with its sessions and keys."""
    if not yes:
        click.confirm(f"Delete the account of {email}, its sessions and keys?", abort=True, err=True)
    answer = client.delete(_user(email))
    show_json(answer) if as_json else click.echo(f"{safe(email)} has no account any more.")


def _user(email: str) -> str:
    return f"/api/users/{quote(email, safe='@')}/"
