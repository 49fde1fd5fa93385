"""``hedgerow doctor``: a check-up of an instance, whether its server runs or not."""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from hedgerow.cli.output import safe, show_json, use_colours
from hedgerow.settings import SettingsError, load
from hedgerow.upkeep.doctor import LEVELS, Finding, examine, worst

COLOURS = {"ok": "green", "warning": "yellow", "trouble": "red"}
SUMMARY = {
    "ok": "All is well.",
    "warning": "It works; {count} to look after.",
    "trouble": "{count} to be mended.",
}
LEVEL, CHECK, WIDTH = 9, 13, 76
INDENT = " " * (LEVEL + CHECK)
ARROW = "-> "


@click.command("doctor")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The data folder [HEDGEROW_DATA_DIR].",
)
@click.option("--port", type=int, metavar="PORT", help="The server's port [HEDGEROW_PORT, 8000].")
@click.option(
    "--quick", is_flag=True, help="Do not look through the databases, which takes as long as reading them."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, data_dir: Path | None, port: int | None, quick: bool, as_json: bool) -> None:
    """Check an instance, and say what to do about what is found.

    Looks at the settings, the port, what deliveries may reach, the mail server, the data folder and who may read it, the disk and its
    speed, the clock, the databases, the keys, the workers and how far they are behind. Run it as the user that the
    server runs as, with the same settings. Ends with 0 when all is well, 1 when there are warnings, 2 when something is
    wrong.
    """
    click.get_current_context().color = use_colours()
    findings = []
    for finding in _findings(data_dir, port, quick=quick):
        findings.append(finding)
        if not as_json:
            _show(finding)
    level = worst(findings)
    if as_json:
        show_json({"status": level, "findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        count = sum(finding.level == level for finding in findings)
        things = f"{count} thing{'s' * (count != 1)}"
        click.echo("\n" + click.style(SUMMARY[level].format(count=things), fg=COLOURS[level], bold=True))
    sys.exit(LEVELS.index(level))


def _findings(data_dir: Path | None, port: int | None, *, quick: bool) -> Iterator[Finding]:
    try:
        settings = load(data_dir=data_dir, port=port)
    except SettingsError as error:
        yield Finding(
            "settings", "trouble", str(error), "The server does not start with it. Change it and look again."
        )
        return
    yield from examine(settings, thorough=not quick)


def _show(finding: Finding) -> None:
    """Level and subject in columns of their own, what was seen beside them, what to do below."""
    level = click.style(finding.level.ljust(LEVEL), fg=COLOURS[finding.level])
    text = textwrap.wrap(safe(finding.text), WIDTH)
    advice = textwrap.wrap(safe(finding.advice), WIDTH - len(ARROW))
    click.echo(f"{level}{finding.check.ljust(CHECK)}{text[0]}")
    for line in text[1:]:
        click.echo(INDENT + line)
    for number, line in enumerate(advice):
        click.echo(INDENT + (" " * len(ARROW) if number else ARROW) + line)
