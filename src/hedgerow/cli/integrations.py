"""``hedgerow integrations``: accounts at vendors that destinations use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import click
import orjson

from hedgerow.cli.client import Client
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.options import ListByDefault, connected
from hedgerow.cli.output import local_time, safe, show_json, table

HEADERS = ("ID", "KIND", "ACCOUNT", "STATE", "TOKEN ENDS", "CONNECTED")
KIND_HEADERS = ("KIND", "NAME", "HOW")
WAYS = {"oauth": "at the vendor's page", "token": "--token", "service_account": "--key-file"}


@click.group("integrations", cls=ListByDefault)
def command() -> None:
    """Connect accounts at vendors, for destinations that need one.

    \b
    hedgerow integrations kinds                              what can be connected here
    hedgerow integrations connect slack --token -            with a token, read from standard input
    hedgerow integrations connect google-cloud-storage --key-file key.json
    hedgerow integrations connect hubspot                    at the vendor's page
    """  # noqa: D301 - the mark tells click to keep the lines as they are


@command.command("list")
@connected
def listed(client: Client, *, as_json: bool) -> None:
    """List the accounts that are connected."""
    found = list(client.pages("integrations/"))
    if as_json:
        show_json(found)
        return
    rows = [
        (
            one["id"],
            one["kind"],
            one["display_name"],
            "connect again" if one["errors"] else "connected",
            local_time(one["expires_at"]) if one["expires_at"] else "",
            local_time(one["created_at"]),
        )
        for one in found
    ]
    table(HEADERS, rows, empty="Nothing is connected yet. See: hedgerow integrations kinds")


@command.command("kinds")
@connected
def kinds(client: Client, *, as_json: bool) -> None:
    """List what can be connected here, and how."""
    found = client.get("integrations/kinds/")
    if as_json:
        show_json(found)
        return
    rows = [(one["kind"], one["label"], ", ".join(WAYS[w] for w in one["connect"])) for one in found]
    table(KIND_HEADERS, rows, empty="Nothing can be connected here.")


@command.command("connect")
@click.argument("kind")
@click.option(
    "--token", metavar="TOKEN", help="A token that you made at the vendor; - reads it from standard input."
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The key of a service account.",
)
@click.option("--back", metavar="ADDRESS", help="The address at which the vendor left your browser.")
@connected
def connect(
    client: Client, *, kind: str, token: str | None, key_file: Path | None, back: str | None, as_json: bool
) -> None:
    """Connect an account of a KIND, with a token, a key file, or at the vendor's page."""
    if token is not None:
        text = sys.stdin.readline().strip() if token == "-" else token  # noqa: S105
        _create(client, kind, {"access_token": text}, as_json=as_json)
    elif key_file is not None:
        _create(client, kind, {"key": _key(key_file)}, as_json=as_json)
    elif back is not None:
        _create(client, kind, _brought(back), as_json=as_json)
    else:
        _begin(client, kind, as_json=as_json)


def _begin(client: Client, kind: str, *, as_json: bool) -> None:
    answer = client.get(f"integrations/authorize/?{urlencode({'kind': kind})}")
    if as_json:
        show_json(answer)
        return
    click.echo(answer["url"])
    click.echo(
        "Open this address in a browser and agree. Then, within ten minutes, give the address that the browser ends at to:\n"
        f"  hedgerow integrations connect {safe(kind)} --back 'ADDRESS'",
        err=True,
    )


def _key(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise CommandFailed(f"{path} is not the JSON key of a service account: {error}.", status=2) from error


def _brought(address: str) -> dict[str, str]:
    found = parse_qs(urlsplit(address).query)
    if not {"code", "state"} <= set(found):
        raise CommandFailed("The address has no code and no state: copy all of it.", status=2)
    return {name: found[name][0] for name in ("code", "state")}


def _create(client: Client, kind: str, config: dict[str, Any], *, as_json: bool) -> None:
    made = client.post("integrations/", {"kind": kind, "config": config})
    if as_json:
        show_json(made)
        return
    click.echo(f"Connected {safe(made['display_name'])} as integration {made['id']}.")


@command.command("disconnect")
@click.argument("number", type=int, metavar="ID")
@connected
def disconnect(client: Client, *, number: int, as_json: bool) -> None:
    """Forget the account ID and its tokens. Destinations that use it fail from now on."""
    answer = client.delete(f"integrations/{number}/")
    show_json(answer) if as_json else click.echo("Disconnected; its tokens are gone.")


@command.command("channels")
@click.argument("number", type=int, metavar="ID")
@click.option("--search", default="", help="Part of the name.")
@connected
def channels(client: Client, *, number: int, search: str, as_json: bool) -> None:
    """List the channels of the Slack workspace ID."""
    found = client.get(f"integrations/{number}/channels/?{urlencode({'search': search, 'limit': 1000})}")[
        "channels"
    ]
    if as_json:
        show_json(found)
        return
    rows = [
        (
            one["id"],
            "#" + one["name"],
            "private" if one["is_private"] else "",
            "yes" if one["is_member"] else "",
        )
        for one in found
    ]
    table(("ID", "NAME", "", "BOT IS IN IT"), rows, empty="There is no such channel that the bot can see.")
