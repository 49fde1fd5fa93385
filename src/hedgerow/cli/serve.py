"""``hedgerow serve``: run an instance."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from hedgerow.cli.errors import CommandFailed
from hedgerow.settings import SettingsError, load, misspelt


@click.command("serve")
@click.option("--host", metavar="ADDRESS", help="Address to listen on [HEDGEROW_HOST, 127.0.0.1].")
@click.option("--port", type=int, metavar="PORT", help="Port to listen on [HEDGEROW_PORT, 8000].")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), metavar="FOLDER",
    help="Folder that holds everything [HEDGEROW_DATA_DIR, ./hedgerow-data].",
)  # fmt: skip
@click.option(
    "--workers", type=int, metavar="N", help="Processes that deliver [HEDGEROW_WORKERS, one per core]."
)
@click.option("--public-url", metavar="URL", help="What links start with [HEDGEROW_PUBLIC_URL].")
def command(
    *, host: str | None, port: int | None, data_dir: Path | None, workers: int | None, public_url: str | None
) -> None:
    """Run Hedgerow on this machine: everything it needs is made at the first start."""
    from hedgerow.serve.run import CannotServe, serve

    try:
        settings = load(host=host, port=port, data_dir=data_dir, workers=workers, public_url=public_url)
    except SettingsError as error:
        raise CommandFailed(str(error), status=2) from error
    for name, meant in misspelt(os.environ).items():
        click.echo(
            f"Warning: {name} is set but is no setting.{f' Did you mean {meant}?' if meant else ''}", err=True
        )
    try:
        sys.exit(serve(settings))
    except CannotServe as error:
        raise CommandFailed(str(error)) from error
