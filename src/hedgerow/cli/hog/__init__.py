"""``hedgerow hog``: run, trace, check, format, compile and look up Hog on this machine, without a server."""

from __future__ import annotations

import click

from hedgerow.cli.hog.docs import docs
from hedgerow.cli.hog.files import check, compile_, fmt
from hedgerow.cli.hog.repl import repl
from hedgerow.cli.hog.run import run, trace
from hedgerow.cli.output import use_colours


@click.group("hog")
def command() -> None:
    """Run, trace, check, format, compile and look up Hog. FILE may be - for standard input."""
    click.get_current_context().color = use_colours()


for _each in (run, trace, repl, check, fmt, compile_, docs):
    command.add_command(_each)
