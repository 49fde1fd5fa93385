"""``hedgerow standby``: whether an instance sends. Works on the data folder itself, while the server runs or not."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.output import local_time
from hedgerow.delivery import standby
from hedgerow.settings import SettingsError, load
from hedgerow.store import Connection, Database, StoreError


@click.command("standby")
@click.argument("wanted", required=False, type=click.Choice(["on", "off"]))
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The data folder [HEDGEROW_DATA_DIR].",
)
def command(*, wanted: str | None, data_dir: Path | None) -> None:
    """Say whether the instance stands by, or let it do so (on) or send again (off).

    Standing by it takes events in and holds what they lead to, within the bounds of a hold, but sends nothing and renews
    no tokens. That is for the copy of an instance, and for the original while it moves to another machine.
    """
    try:
        folder = load(data_dir=data_dir).data_dir
    except SettingsError as error:
        raise CommandFailed(str(error), status=2) from error
    if not (folder / "state.db").exists():
        raise CommandFailed(f"{folder} is no data folder of a server that has run. Name it with --data-dir.")
    database = Database(folder / "state.db")
    try:
        since = database.write_now(lambda connection: _changed(connection, wanted))
    except StoreError as error:
        raise CommandFailed(str(error)) from error
    finally:
        database.close()
    if since is None:
        click.echo("The instance sends.")
    else:
        moment = datetime.fromtimestamp(since / 1000, UTC).isoformat()
        click.echo(
            f"The instance stands by since {local_time(moment)}: it takes events in and sends nothing."
        )


def _changed(connection: Connection, wanted: str | None) -> int | None:
    if wanted == "on":
        standby.begin(connection, time.time_ns() // 1_000_000)
    elif wanted == "off":
        standby.end(connection)
    return standby.since(connection)
