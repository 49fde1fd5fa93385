"""Putting a folder of configuration in place: ``hedgerow apply DIR``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hedgerow.cli.client import Client
from hedgerow.cli.configuration.folder import read
from hedgerow.cli.configuration.plan import ask, pending, show, show_done
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.output import show_json


def put(
    client: Client, path: Path, *, prune: bool, yes: bool, message: str | None, dry_run: bool, as_json: bool
) -> None:
    """Make the configuration of a folder, or of one of its files, so.

    Args:
        client: of the server.
        path: the folder.
        prune: remove what is in no file.
        yes: without asking.
        message: why, for the history.
        dry_run: show what would change, and change nothing.
        as_json: print for a program.

    Raises:
        CommandFailed: something is wrong; nothing was changed.
    """
    files = read(path)
    if prune and not files.whole:
        raise CommandFailed("--prune needs the whole folder: what is in no file of it is removed.", status=2)
    if dry_run or (prune and not yes):
        answer = ask(client, "plan", files, prune=prune)
        if not as_json:
            show(answer, whole=files.whole)
        if dry_run:
            if as_json:
                show_json(answer)
            click.echo("Nothing was changed (--dry-run).", err=True)
            return
        _agree([change["name"] for change in pending(answer) if change["change"] == "remove"])
    done = ask(client, "apply", files, prune=prune, **({"message": message} if message else {}))
    if as_json:
        show_json(done)
    else:
        show_done(done, whole=files.whole)


def _agree(names: list[str]) -> None:
    """Ask somebody who is there before things are removed; a script has said it already."""
    if names and sys.stdin.isatty():
        click.confirm(f"Remove {len(names)}: {', '.join(names)}?", abort=True, err=True)
