"""``hedgerow apply``: make a folder of configuration so on the server, or the destinations of a single file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hedgerow.cli.client import Client, Refused
from hedgerow.cli.configuration.folder import root_of
from hedgerow.cli.configuration.putting import put
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.manifest import Entry, read
from hedgerow.cli.options import connected
from hedgerow.cli.output import safe, show_json

CHECK_ONLY = "?validate_only=true"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done for one destination: ``existing`` is None when it is new."""

    entry: Entry
    existing: dict[str, Any] | None

    @property
    def path(self) -> str:
        """Where the API takes it."""
        return f"hog_functions/{self.existing['id']}/" if self.existing else "hog_functions/"

    def send(self, client: Client, suffix: str = "", message: str | None = None) -> dict[str, Any]:
        """Ask the server to check or to save it.

        Raises:
            ManifestError: the server refuses it; the message names the line.
        """
        call = client.patch if self.existing else client.post
        try:
            why = {"message": message} if message else {}
            answer: dict[str, Any] = call(self.path + suffix, {**self.entry.payload, **why})
        except Refused as error:
            raise refused_here(self.entry, error) from None
        return answer


def refused_here(entry: Entry, error: Refused) -> CommandFailed:
    """What the server refuses, with the line of the file that is at fault; anything else as it came."""
    if error.code != 400:
        return error
    attr, detail = error.body.get("attr"), error.body.get("detail", str(error))
    where = f"{attr}: " if attr else ""
    return entry.error(f"{safe(entry.name)}: {where}{detail}", attr, error.body.get("line"))


def _one_kind(function: Callable[..., None]) -> Callable[..., None]:
    """See that a command is given a folder or files, before it looks for a server."""

    @functools.wraps(function)
    def wrapped(*, folder: Path | None, files: tuple[Path, ...], prune: bool, **rest: Any) -> None:
        if (folder is None) is not bool(files) or (prune and folder is None):
            raise click.UsageError("Give either a folder (with --prune or not), or files with -f.")
        function(folder=folder, files=files, prune=prune, **rest)

    return wrapped


@click.command("apply")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, exists=True))
@click.option(
    "-f", "--file", "files", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE", help="A single file with a list of destinations; may be repeated.",
)  # fmt: skip
@click.option(
    "-m", "--message", metavar="TEXT", help="Why, for the history of each destination that changes."
)
@click.option("--prune", is_flag=True, help="Remove what is in no file of DIR.")
@click.option("-y", "--yes", is_flag=True, help="Remove without asking.")
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@_one_kind
@connected
def command(
    client: Client,
    *,
    folder: Path | None,
    files: tuple[Path, ...],
    prune: bool,
    yes: bool,
    **how: Any,
) -> None:
    """Make the configuration in DIR so: all of it, or nothing when something is wrong.

    DIR has destinations/, actions/ and cohorts/, as 'hedgerow export' writes them; 'hedgerow plan DIR' shows what would change.
    With -f, create or update the destinations of a single file by name; all are checked before the first is saved.
    """
    if folder is None:
        _apply_files(client, files, **how)
    elif folder.is_file() and root_of(folder) is None:
        _apply_files(client, (folder,), **how)
    else:
        put(client, folder, prune=prune, yes=yes, **how)


def _apply_files(
    client: Client, files: tuple[Path, ...], *, message: str | None, dry_run: bool, as_json: bool
) -> None:
    """Create or update destinations by name. All of them are checked before the first is saved."""
    steps = _plan(client, [entry for file in files for entry in read(file)])
    checked = [step.send(client, CHECK_ONLY) for step in steps]
    done = [_done(step, answer) for step, answer in zip(steps, checked, strict=True)]
    if not dry_run:
        for step, outcome in zip(steps, done, strict=True):
            if outcome["change"] != "unchanged":
                outcome["id"] = step.send(client, message=message)["id"]
    if as_json:
        show_json(done)
        return
    for outcome in done:
        click.echo(f"{outcome['change']:<9}  {safe(outcome['name'])}")
    if dry_run:
        click.echo("Nothing was changed (--dry-run).", err=True)


def _plan(client: Client, entries: list[Entry]) -> list[Step]:
    """Find out what is there already.

    Raises:
        CommandFailed: a name is taken twice on the server, or stands in two files.
    """
    names = [entry.name for entry in entries]
    for entry in entries:
        if names.count(entry.name) > 1:
            raise CommandFailed(f"{entry.name!r} stands in more than one file.")
    existing: dict[str, list[dict[str, Any]]] = {}
    for item in client.pages("hog_functions/", full="true"):
        existing.setdefault(item["name"], []).append(item)
    steps = []
    for entry in entries:
        found = existing.get(entry.name, [])
        if len(found) > 1:
            raise entry.error(
                f"The server has {len(found)} destinations called {entry.name!r}. Rename all but one."
            )
        steps.append(Step(entry, found[0] if found else None))
    return steps


def _done(step: Step, checked: dict[str, Any]) -> dict[str, Any]:
    """What saving will do: the server's answer to the check shows it."""
    if step.existing is None:
        return {"change": "created", "name": step.entry.name, "id": None}
    change = "updated" if checked["changed"] else "unchanged"
    return {"change": change, "name": step.entry.name, "id": step.existing["id"]}
