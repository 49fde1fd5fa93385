"""``hedgerow schema``: the JSON Schemas of configuration files, for editors and other tools."""

from __future__ import annotations

import click

from hedgerow.cli.output import show_json
from hedgerow.configuration.documents import MODELS, json_schema
from hedgerow.configuration.keys import SINGULAR

KINDS = {SINGULAR[kind]: kind for kind in MODELS}


@click.command("schema")
@click.argument("kind", type=click.Choice(list(KINDS)))
def command(kind: str) -> None:
    """Print the JSON Schema of a kind of configuration file. 'hedgerow export' puts all of them beside the files."""
    show_json(json_schema(KINDS[kind]))
