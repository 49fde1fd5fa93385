"""``hedgerow integrations``: accounts at vendors that destinations use."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import click
import orjson

from hedgerow.cli.client import Client
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.options import ListByDefault, connected
from hedgerow.cli.output import local_time, safe, show_json, table
from hedgerow.destinations.connections import numbers_of

HEADERS = ("ID", "KIND", "ACCOUNT", "STATE", "TOKEN ENDS", "CONNECTED")
KIND_HEADERS = ("KIND", "NAME", "HOW")
WAYS = {"oauth": "at the vendor's page", "token": "--token", "service_account": "--key-file"}
HOW = {"oauth": "", "token": "--token -", "service_account": "--key-file FILE"}


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
            _state(one),
            local_time(one["expires_at"]) if one["expires_at"] else "",
            local_time(one["created_at"]),
        )
        for one in found
    ]
    table(HEADERS, rows, empty="Nothing is connected yet. See: hedgerow integrations kinds")


def _state(account: dict[str, Any]) -> str:
    """Whether it works, and whether it will go on."""
    if account["errors"]:
        return "connect again"
    return "renewal fails" if account["failures"] else "connected"


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
    "--token",
    metavar="TOKEN",
    help="A token that you made at the vendor; - reads it from standard input. Asked for if needed.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The key of a service account, as a JSON file.",
)
@click.option("--back", metavar="ADDRESS", help="The address at which the vendor left your browser.")
@connected
def connect(
    client: Client, *, kind: str, token: str | None, key_file: Path | None, back: str | None, as_json: bool
) -> None:
    """Connect an account of a KIND, with a token, a key file, or at the vendor's page."""
    about = _about(client, kind)
    if token is not None:
        _only(about, "token")
        _create(client, kind, {"access_token": _token(token)}, as_json=as_json)
    elif key_file is not None:
        _only(about, "service_account")
        _create(client, kind, {"key": _key(key_file)}, as_json=as_json)
    elif back is not None:
        _create(client, kind, _brought(back), as_json=as_json)
    elif "oauth" in about["connect"]:
        _begin(client, kind, as_json=as_json)
    elif "token" in about["connect"] and sys.stdin.isatty():
        text = click.prompt(about["token_label"], hide_input=True, err=True)
        _create(client, kind, {"access_token": text.strip()}, as_json=as_json)
    else:
        _only(about, "oauth")


def _about(client: Client, kind: str) -> dict[str, Any]:
    """What is known of a kind.

    Raises:
        CommandFailed: there is none of that name.
    """
    kinds = {one["kind"]: one for one in client.get("integrations/kinds/")}
    if kind not in kinds:
        near = get_close_matches(kind, kinds, 1)
        meant = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(kinds)}."
        raise CommandFailed(f"No accounts of kind {kind!r} can be connected.{meant}", status=2)
    return dict(kinds[kind])


def _only(about: dict[str, Any], way: str) -> None:
    """See that accounts of a kind can be connected in a way.

    Raises:
        CommandFailed: they cannot; the message says how they can.
    """
    if way in about["connect"]:
        return
    ways = [f"hedgerow integrations connect {about['kind']} {HOW[one]}".strip() for one in about["connect"]]
    name = f"HEDGEROW_{about['kind'].upper().replace('-', '_')}_CLIENT_ID"
    page = f"\nAt the vendor's page: set {name} and ..._SECRET on the server first (docs/integrations.md)."
    raise CommandFailed(
        f"{about['label']} is connected here with: {' or '.join(ways)}{page if way == 'oauth' and about['token_label'] else ''}",
        status=2,
    )


def _token(given: str) -> str:
    text = (sys.stdin.readline() if given == "-" else given).strip()
    if not text:
        raise CommandFailed(
            "There is no token on standard input." if given == "-" else "The token is empty.", status=2
        )
    return text


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
    if "error" in found:
        why = (found.get("error_description") or found["error"])[0]
        raise CommandFailed(f"The vendor did not agree: {safe(why)}. Begin again when that is settled.")
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
    users = [item["name"] for item in client.pages("hog_functions/", full="true") if number in _named(item)]
    answer = client.delete(f"integrations/{number}/")
    if as_json:
        show_json(answer)
        return
    click.echo("Disconnected; its tokens are gone.")
    if users:
        click.echo(f"These used it, and fail until they are given another one: {safe(', '.join(users))}.")


def _named(destination: dict[str, Any]) -> set[int]:
    """The accounts that a destination uses."""
    found: set[int] = set()
    for part in (destination, *(destination["mappings"] or ())):
        kinds = {form["key"]: form["type"] for form in part["inputs_schema"] or ()}
        for key, item in (part["inputs"] or {}).items():
            numbers = numbers_of(kinds.get(key), item.get("value"))
            found.update(numbers if isinstance(numbers, list) else () if numbers is None else (numbers,))
    return found


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
