"""The command ``hedgerow`` and how its parts are found."""

from __future__ import annotations

import importlib
import os
import sys

import click

import hedgerow
from hedgerow.cli.errors import CommandFailed

# Each command lives in a module, loaded when it is used: ``hedgerow version`` must not wait for a web framework. Where several
# share a module, the name behind the colon says which.
COMMANDS = {
    "alerts": "alerts",
    "apply": "apply",
    "audit": "audit",
    "backtest": "backtest",
    "backup": "backup:backup",
    "deliveries": "deliveries",
    "destinations": "destinations",
    "disable": "switching:disable",
    "discard": "holds:discard",
    "doctor": "doctor",
    "downgrade": "downgrade",
    "draft": "drafts",
    "enable": "switching:enable",
    "explain": "explain",
    "export": "configuration.export",
    "fill": "filling",
    "hog": "hog",
    "import": "moving.command",
    "integrations": "integrations",
    "keys": "keys",
    "logs": "logs",
    "new": "configuration.new",
    "pause": "holds:pause",
    "persons": "persons",
    "plan": "configuration.plan",
    "projects": "projects",
    "replay": "replays:replay",
    "replays": "replays:replays",
    "rerun": "reruns:rerun",
    "restore": "backup:restore",
    "resume": "holds:resume",
    "revisions": "revisions",
    "rollback": "revisions:rollback",
    "runs": "reruns:runs",
    "schedules": "schedules",
    "schema": "configuration.schema",
    "serve": "serve",
    "settings": "settings",
    "standby": "standby",
    "tail": "tail",
    "test": "configuration.testing",
    "try": "trial",
    "users": "users",
    "verify": "backup:verify",
    "version": "version",
    "warnings": "warnings",
}


class Commands(click.Group):
    """The group that loads commands when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the library's interface
        """All names, in order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"hedgerow.cli.{module}"), name or "command")
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings come from the environment: see 'hedgerow settings'.",
)
@click.version_option(hedgerow.__version__, "--version", message="hedgerow %(version)s")
def hedgerow_command() -> None:
    """Hedgerow sends events on to other tools the moment they arrive."""


def main() -> None:
    """Run the command line.

    Ends the process with 0 when all went well, 1 when something failed, 2 when the command was used wrongly.
    """
    try:
        hedgerow_command.main(prog_name="hedgerow", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except CommandFailed as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.status)
    except BrokenPipeError:
        # Whoever read our output has seen enough (head, less).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
