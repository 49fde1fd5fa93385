"""``hedgerow enable`` and ``hedgerow disable``: switch destinations on and off."""

from __future__ import annotations

import click

from hedgerow.cli.client import Client, Refused
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import safe, show_json


@click.command("enable")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@connected
def enable(client: Client, *, names: tuple[str, ...], as_json: bool) -> None:
    """Switch destinations on, by NAME or id. From now on events are delivered to them."""
    _switch(client, names, on=True, as_json=as_json)


@click.command("disable")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@connected
def disable(client: Client, *, names: tuple[str, ...], as_json: bool) -> None:
    """Switch destinations off, by NAME or id: they want nothing from now on. To keep what they want for later, pause them."""
    _switch(client, names, on=False, as_json=as_json)


def _switch(client: Client, names: tuple[str, ...], *, on: bool, as_json: bool) -> None:
    """Switch all of them that can be; what stands in the way of the others is told at the end."""
    found = [one_named(client, name) for name in names]
    saved, faults = [], list[str]()
    for item in found:
        try:
            saved.append(client.patch(f"hog_functions/{item['id']}/", {"enabled": on}))
        except Refused as error:
            faults.append(f"{safe(item['name'])}: {error}")
    if as_json:
        show_json(saved)
    for item in () if as_json else saved:
        click.echo(f"{safe(item['name'])} is {'on' if on else 'off'}.")
    if faults:
        raise CommandFailed("\n".join(faults))
