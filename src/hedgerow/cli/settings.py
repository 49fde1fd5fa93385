"""``hedgerow settings``: every knob, its value, its default and its reason."""

from __future__ import annotations

import dataclasses
import os
import textwrap

import click

from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.output import show_json, use_colours
from hedgerow.settings import Described, SettingsError, describe, load, misspelt

WIDTH = 96


@click.command("settings")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(*, as_json: bool) -> None:
    """Print every setting: name, value, default and why."""
    click.get_current_context().color = use_colours()
    try:
        settings = load()
    except SettingsError as error:
        raise CommandFailed(str(error), status=2) from error
    items = list(describe(settings))
    if as_json:
        show_json([dataclasses.asdict(item) for item in items])
    else:
        click.echo("\n\n".join(map(_paragraph, items)))
    for name, meant in misspelt(os.environ).items():
        advice = f" Did you mean {meant}?" if meant else ""
        click.echo(f"Warning: {name} is set but is no setting.{advice}", err=True)


def _paragraph(item: Described) -> str:
    unit = f" {item.unit}" if item.unit and item.value else ""
    changed = "" if item.value == item.default else f"   (default: {item.default or 'empty'})"
    head = f"{click.style(item.variable, bold=True)} = {item.value or '(empty)'}{unit}{changed}"
    return f"{head}\n{textwrap.indent(textwrap.fill(item.why, WIDTH - 4), '    ')}"
