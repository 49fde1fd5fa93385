"""``hedgerow version``."""

from __future__ import annotations

import platform

import apsw
import click

import hedgerow


@click.command("version")
def command() -> None:
    """Print the versions of Hedgerow, Python and SQLite."""
    click.echo(
        f"hedgerow {hedgerow.__version__} (Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()})"
    )
