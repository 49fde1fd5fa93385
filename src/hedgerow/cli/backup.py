"""``hedgerow backup``, ``restore`` and ``verify``: a copy of an instance, made while it runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.output import show_json
from hedgerow.settings import Settings, SettingsError, load
from hedgerow.upkeep import UpkeepError
from hedgerow.upkeep.manifest import Entry, Manifest
from hedgerow.upkeep.words import many, size

FOLDER = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The data folder [HEDGEROW_DATA_DIR].",
)
BACKUP = click.argument("source", type=click.Path(path_type=Path), metavar="BACKUP")


@click.command("backup")
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE|FOLDER")
@FOLDER
@click.option("--without-keys", is_flag=True, help="Leave secrets.key and api.key out.")
@click.option("--json", "as_json", is_flag=True, help="Print what the backup says of itself as JSON.")
def backup(*, target: Path, data_dir: Path | None, without_keys: bool, as_json: bool) -> None:
    """Copy an instance into FILE (.tar, .tar.gz, .tar.zst) or a new FOLDER, while it runs.

    The copy shows one moment: state, telemetry, and the event log as far as the state has read it or further. It has the
    key that opens the secrets in it, unless --without-keys is given: keep it as safe as the instance itself.
    """
    from hedgerow.upkeep.backup import make

    def told(name: str, entry: Entry) -> None:
        if not as_json:
            click.echo(f"{name:<24} {size(entry.size):>10}", err=True)

    settings = _settings(data_dir)
    with _explained():
        made = make(settings.data_dir, target, keys=not without_keys, told=told)
    if as_json:
        show_json(_shown(made))
        return
    click.echo(
        f"{target} has everything as of {made.made_at}: {len(made.files)} files, {size(made.size)} unpacked."
    )
    _about_keys(made)


def _about_keys(made: Manifest) -> None:
    if made.keys == "included":
        click.echo("The keys are in it: who has this backup can read its secrets.")
    elif made.keys == "left out":
        click.echo(
            "The keys are not in it: without secrets.key its secrets cannot be opened. Keep that elsewhere."
        )
    elif made.sealed_under:
        click.echo("Its secrets need the keys in HEDGEROW_SECRET_KEYS, which no backup has.")


@click.command("verify")
@BACKUP
@click.option("--json", "as_json", is_flag=True, help="Print what the backup says of itself as JSON.")
def verify(*, source: Path, as_json: bool) -> None:
    """Check that BACKUP is whole: checksums, sound databases, and a log that reaches as far as the state has read it."""
    from hedgerow.upkeep.restore import inspect

    with _explained():
        found = inspect(source)
    if as_json:
        show_json(_shown(found))
        return
    click.echo(
        f"{source} is whole: {len(found.files)} files, {size(found.size)}, made by Hedgerow {found.release} "
        f"at {found.made_at}; keys {found.keys}."
    )


@click.command("restore")
@BACKUP
@FOLDER
@click.option("--send", is_flag=True, help="Let it send at once: only when the original never will again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def restore(*, source: Path, data_dir: Path | None, send: bool, as_json: bool) -> None:
    """Bring BACKUP back into an empty data folder.

    The restored instance stands by: it takes events in and holds what they lead to, and what was in flight, but sends
    nothing, since the original may do so. When the original is gone, 'hedgerow standby off' lets it send, or --send from
    the beginning. What the original sent after the backup is sent again then, under the same webhook-id.
    """
    from hedgerow.upkeep.restore import restore as bring_back

    settings = _settings(data_dir)
    keys = [key.strip() for key in settings.secret_keys.get_secret_value().split(",") if key.strip()]
    with _explained():
        done = bring_back(source, settings.data_dir, send=send, keys=keys)
    if as_json:
        show_json(
            {
                "backup": _shown(done.manifest),
                "waiting": done.waiting,
                "standby": done.standby,
                "keys_missing": list(done.keys_missing),
            }
        )
        return
    click.echo(f"{settings.data_dir} is as the original was at {done.manifest.made_at}.")
    _about_waiting(done.waiting, standby=done.standby)
    if done.keys_missing:
        click.echo(
            f"Its secrets need the key {', '.join(done.keys_missing)}: put it into {settings.data_dir}/secrets.key or "
            "HEDGEROW_SECRET_KEYS before it is started.",
            err=True,
        )


def _about_waiting(waiting: dict[str, int], *, standby: bool) -> None:
    total = sum(waiting.values())
    flight = f" {many(total, 'delivery', 'deliveries')} had no final verdict." if total else ""
    if standby:
        click.echo(
            f"It stands by: events are taken in, and what they lead to is held.{flight} "
            "Once the original is gone, 'hedgerow standby off' lets it send."
        )
    else:
        click.echo(f"It sends as soon as it is started.{flight}")


def _shown(made: Manifest) -> dict[str, Any]:
    return {
        "release": made.release,
        "made_at": made.made_at,
        "schema": made.schema,
        "keys": made.keys,
        "sealed_under": list(made.sealed_under),
        "size": made.size,
        "files": {name: {"size": entry.size, "sha256": entry.sha256} for name, entry in made.files.items()},
    }


def _settings(data_dir: Path | None) -> Settings:
    try:
        return load(data_dir=data_dir)
    except SettingsError as error:
        raise CommandFailed(str(error), status=2) from error


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except UpkeepError as error:
        raise CommandFailed(str(error)) from error
