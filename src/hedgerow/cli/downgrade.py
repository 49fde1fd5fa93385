"""``hedgerow downgrade``: the way back to an earlier release."""

from __future__ import annotations

import time
from pathlib import Path

import click

from hedgerow.cli.errors import CommandFailed
from hedgerow.settings import SettingsError, load
from hedgerow.upkeep import UpkeepError
from hedgerow.upkeep.downgrade import RELEASES, Losses, plan, step_back


@click.command("downgrade")
@click.option(
    "--to", "release", required=True, type=click.Choice(list(RELEASES)), help="The earlier release."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The data folder [HEDGEROW_DATA_DIR].",
)
@click.option("--dry-run", is_flag=True, help="Say what would be lost, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(*, release: str, data_dir: Path | None, dry_run: bool, yes: bool) -> None:
    """Bring a data folder to the schema of an earlier release, to run that one again.

    Stop the server first, and make a backup. Upgrading needs no command: 'hedgerow serve' does it when it starts.
    """
    try:
        folder = load(data_dir=data_dir).data_dir
    except SettingsError as error:
        raise CommandFailed(str(error), status=2) from error
    try:
        losses = plan(folder, release)
        _tell(losses, release)
        if dry_run:
            return
        if not yes:
            click.confirm(f"Bring {folder} to the schema of release {release}?", abort=True, err=True)
        step_back(folder, release, time.time_ns() // 1_000_000)
    except UpkeepError as error:
        raise CommandFailed(str(error)) from error
    click.echo(f"{folder} has the schema of release {release}. Install that release and start it.")


def _tell(losses: Losses, release: str) -> None:
    """What the earlier release cannot have."""
    lines = [
        f"{name!r} is switched off: {release} does not know all of its configuration."
        for name in losses.destinations
    ]
    if losses.discarded:
        lines.append(
            f"{losses.discarded:,} deliveries that wait for a digest or by a schedule are discarded."
        )
    if losses.renamed:
        lines.append(f"{losses.renamed:,} deliveries have verdicts that came later; they become 'masked'.")
    if losses.runs:
        lines.append(f"{losses.runs:,} runs of schedules are forgotten.")
    lines += [
        f"{count:,} rows of {table} go: {release} has no such table." for table, count in losses.rows.items()
    ]
    for line in lines or [f"Nothing is lost: {release} knows everything that is in the folder."]:
        click.echo(line)
