"""``hedgerow keys``: the keys that encrypt secrets at rest. Works on the data folder itself, while the server runs or not."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import click

from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.output import show_json, table, use_colours
from hedgerow.destinations.errors import SecretsError
from hedgerow.destinations.secrets import KEY_FILE, Keyring, names_of, new_key, read_keys, write_keys
from hedgerow.serve.resealing import Outcome, reseal, usage
from hedgerow.settings import Settings, SettingsError, load
from hedgerow.store import Database, StoreError

HEADERS = ("KEY", "FROM", "STATE", "SEALS")
# What a server sealed with the former key just before it saw the new one is on the disk by then.
GRACE_S = 0.5
PASSES = 60

FOLDER = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The data folder [HEDGEROW_DATA_DIR].",
)


@click.group("keys")
def command() -> None:
    """The keys that encrypt secrets at rest.

    The first one encrypts, the others still open what they once encrypted. Keys are told by a short name that gives
    nothing away.
    """
    click.get_current_context().color = use_colours()


@command.command("list")
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def listed(*, data_dir: Path | None, as_json: bool) -> None:
    """List the keys and what each of them has encrypted."""
    with _opened(data_dir) as (settings, database, keyring):
        used = database.read_now(usage)
        from_file = set(names_of(read_keys(settings.data_dir / KEY_FILE)))
    names = [*keyring.names, *(name for name in used if name not in keyring.names)]
    shown = [
        {
            "key": name,
            "from": "secrets.key"
            if name in from_file
            else "HEDGEROW_SECRET_KEYS"
            if name in keyring.names
            else None,
            "state": "present"
            if name == keyring.current
            else "former"
            if name in keyring.names
            else "missing",
            "seals": used.get(name, {}),
        }
        for name in names
    ]
    if as_json:
        show_json(shown)
        return
    rows = [
        (one["key"], one["from"] or "?", one["state"], _told(used.get(str(one["key"]), {}))) for one in shown
    ]
    table(HEADERS, rows, empty="No keys.")


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items()) or "nothing"


@command.command("rotate")
@FOLDER
@click.option("--forget", is_flag=True, help="Take the former keys away in the end.")
def rotate(*, data_dir: Path | None, forget: bool) -> None:
    """Encrypt everything under a new key. The server may run: it takes the new key by itself.

    A new key is put in front of secrets.key. Where HEDGEROW_SECRET_KEYS has the keys, put a new one in front there and
    restart the server first. Former keys stay, for backups, until they are forgotten.
    """
    with _opened(data_dir) as (settings, database, keyring):
        if not settings.secret_keys.get_secret_value():
            file = settings.data_dir / KEY_FILE
            write_keys(file, [new_key(), *read_keys(file)])
        outcome = _until_nothing_is_left(database, keyring)
        click.echo(f"{outcome.sealed} values are sealed anew under key {keyring.current}.")
        if outcome.unreadable:
            raise CommandFailed(
                f"{outcome.unreadable} values could not be opened with any key at hand: see 'hedgerow keys list'."
            )
        if forget:
            _forget(settings, database, keyring)


@command.command("forget")
@FOLDER
def forget_former(*, data_dir: Path | None) -> None:
    """Take former keys that seal nothing any more out of secrets.key. Backups from before cannot be opened then."""
    with _opened(data_dir) as (settings, database, keyring):
        _forget(settings, database, keyring)


def _forget(settings: Settings, database: Database, keyring: Keyring) -> None:
    file = settings.data_dir / KEY_FILE
    keys, used = read_keys(file), database.read_now(usage)
    names = dict(zip(names_of(keys), keys, strict=True))
    kept = [key for name, key in names.items() if name == keyring.current or name in used]
    if still := [name for name in names if name in used and name != keyring.current]:
        click.echo(
            f"Still in use, and kept: {', '.join(still)}. 'hedgerow keys rotate' changes that.", err=True
        )
    if len(kept) == len(keys):
        click.echo("There is nothing to forget.")
        return
    write_keys(file, kept)
    click.echo(
        f"{len(keys) - len(kept)} former key{'s are' if len(keys) - len(kept) > 1 else ' is'} forgotten."
    )


def _until_nothing_is_left(database: Database, keyring: Keyring) -> Outcome:
    """Go over everything until a pass finds nothing to do: others may still write what they sealed before."""
    total = 0
    for _ in range(PASSES):
        found = reseal(database, keyring)
        total += found.sealed
        if not found.sealed and _quiet(database, keyring):
            return Outcome(total, found.unreadable)
    raise CommandFailed(
        "There was always something left that the former key had sealed. Is an old server running?"
    )


def _quiet(database: Database, keyring: Keyring) -> bool:
    """Whether nothing under a former key turns up within the grace time."""
    time.sleep(GRACE_S)
    return not any(name in keyring.names and name != keyring.current for name in database.read_now(usage))


@contextlib.contextmanager
def _opened(data_dir: Path | None) -> Iterator[tuple[Settings, Database, Keyring]]:
    """The data folder of an instance that has run before.

    Raises:
        CommandFailed: there is none, or it cannot be used.
    """
    try:
        settings = load(data_dir=data_dir)
    except SettingsError as error:
        raise CommandFailed(str(error), status=2) from error
    path = settings.data_dir / "state.db"
    if not path.exists():
        raise CommandFailed(
            f"{settings.data_dir} is no data folder of a server that has run. Name it with --data-dir."
        )
    database = Database(path)
    try:
        yield settings, database, Keyring.of(settings)
    except (SecretsError, StoreError, OSError) as error:
        raise CommandFailed(str(error)) from error
    finally:
        database.close()
