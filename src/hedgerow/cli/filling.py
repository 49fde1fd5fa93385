"""``hedgerow fill``: give a destination the inputs that it still waits for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from hedgerow.cli.client import Client
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import safe, show_json

TEXTS: Final = ("string", "choice", "integration_field")


@dataclass(frozen=True, slots=True)
class Blank:
    """An input without its value.

    Attributes:
        place: what people call it: its key, after the name of its mapping if it is in one.
        form: its field of the form.
        items: the inputs it belongs to, in which its value is put.
    """

    place: str
    form: Mapping[str, Any]
    items: dict[str, Any]

    def put(self, item: dict[str, Any]) -> None:
        """Fill it in."""
        self.items[self.form["key"]] = item


@click.command("fill")
@click.argument("name")
@click.option(
    "--input", "given", multiple=True, metavar="KEY=VALUE", help="A value; - reads a line of standard input. May be repeated."
)  # fmt: skip
@click.option(
    "--from-env",
    "variables",
    multiple=True,
    metavar="KEY=VARIABLE",
    help="The value is in a variable of the server.",
)
@click.option(
    "--from-file", "files", multiple=True, metavar="KEY=FILE", help="The value is in a file of the server."
)
@click.option("--enable", is_flag=True, help="Switch the destination on afterwards.")
@connected
def command(
    client: Client, *, name: str, given: tuple[str, ...], variables: tuple[str, ...], files: tuple[str, ...],
    enable: bool, as_json: bool,
) -> None:  # fmt: skip
    """Fill in what the destination NAME (or id) still waits for, after an import for instance.

    Asks for each value; secret ones are not shown. With --input, --from-env and --from-file nothing is asked. The key of an input
    that belongs to a mapping is written 'MAPPING: KEY'. An account is named by its number, see 'hedgerow integrations'.
    """
    item = client.get(f"hog_functions/{one_named(client, name)['id']}/")
    blanks = {blank.place: blank for blank in _blanks(item)}
    if given or variables or files:
        _take(blanks, given, lambda blank, text: {"value": _value(blank, _line(text))})
        _take(blanks, variables, lambda _blank, text: {"from_env": text})
        _take(blanks, files, lambda _blank, text: {"from_file": text})
    else:
        _ask(client, blanks.values())
    change = {"inputs": item["inputs"], "mappings": item["mappings"], **({"enabled": True} if enable else {})}
    saved = client.patch(f"hog_functions/{item['id']}/", change)
    if as_json:
        show_json(saved)
        return
    left = ", ".join(blank.place for blank in _blanks(saved))
    click.echo(f"{safe(saved['name'])} {'still waits for: ' + safe(left) if left else 'has all it needs'}.")
    click.echo(
        "It is on." if saved["enabled"] else f"It is off; hedgerow enable {safe(saved['id'])} switches it on."
    )


def _blanks(item: Mapping[str, Any]) -> Iterator[Blank]:
    """What a destination waits for, in the order of its forms."""
    parts = [("", item)]
    for number, mapping in enumerate(item["mappings"] or (), 1):
        parts.append((f"{mapping.get('name') or f'mapping {number}'}: ", mapping))
    for place, part in parts:
        for form in part["inputs_schema"]:
            if (part["inputs"].get(form["key"]) or {}).get("missing"):
                yield Blank(place + form["key"], form, part["inputs"])


def _take(
    blanks: Mapping[str, Blank], pairs: tuple[str, ...], made: Callable[[Blank, str], dict[str, Any]]
) -> None:
    for pair in pairs:
        place, sign, text = pair.partition("=")
        if not sign or place not in blanks:
            waits = ", ".join(blanks) or "nothing"
            raise CommandFailed(f"{place!r} is nothing that it waits for. It waits for: {waits}.", status=2)
        blanks[place].put(made(blanks[place], text))


def _line(text: str) -> str:
    return sys.stdin.readline().rstrip("\r\n") if text == "-" else text


def _value(blank: Blank, text: str) -> Any:
    """A text as the input's type wants it: numbers, truth values and the like are written in JSON."""
    kind = blank.form["type"]
    if kind in TEXTS:
        return text
    try:
        return json.loads(text)
    except ValueError:
        if kind in ("json", "boolean"):
            return text  # a template
        raise CommandFailed(f"{blank.place}: {text!r} is no {kind}.", status=2) from None


def _ask(client: Client, blanks: Any) -> None:
    for blank in blanks:
        label = str(blank.form.get("label") or blank.form["key"])
        if not sys.stdin.isatty():
            raise CommandFailed(
                f"{blank.place} is missing: give it with --input, --from-env or --from-file.", status=2
            )
        if hint := _accounts(client, blank.form):
            click.echo(hint, err=True)
        text = click.prompt(
            f"{blank.place} ({safe(label)})", hide_input=bool(blank.form.get("secret")), err=True
        )
        blank.put({"value": _value(blank, text)})


def _accounts(client: Client, form: Mapping[str, Any]) -> str:
    """Which accounts may be chosen."""
    if form["type"] not in ("integration", "integration_multi"):
        return ""
    kind = str(form.get("integration") or "")
    found = [f"{one['id']} ({safe(one['display_name'])})" for one in client.pages("integrations/", kind=kind)]
    if not found:
        raise CommandFailed(f"No account of kind {kind} is connected: hedgerow integrations connect {kind}")
    return f"Accounts of kind {kind}: {', '.join(found)}"
