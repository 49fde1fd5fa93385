"""``hedgerow import``: bring in what another tool has."""

from __future__ import annotations

import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import click

from hedgerow.cli.client import connect
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.moving import output
from hedgerow.cli.moving.here import Here, Rehearsal
from hedgerow.cli.moving.importing import Import, Wishes
from hedgerow.cli.moving.source import Instance, Place
from hedgerow.cli.output import show_json, use_colours

KEY: Final = "HEDGEROW_POSTHOG_KEY"


@click.group("import")
def command() -> None:
    """Bring in what another tool has: see 'hedgerow import posthog --help'."""


@command.command("posthog")
@click.option("--host", required=True, metavar="URL", help="The instance, such as https://eu.posthog.com.")
@click.option(
    "--key",
    metavar="KEY",
    help=f"A personal API key of it; - reads it from standard input [{KEY}; asked for otherwise].",
)
@click.option("--project", metavar="ID", help="Project of PostHog; not needed when the key sees only one.")
@click.option(
    "--into", default="@current", metavar="ID", help="Project of Hedgerow, the first one if not given."
)
@click.option(
    "--account", "pairs", multiple=True, metavar="THERE=HERE",
    help="Take account HERE ('hedgerow integrations') for PostHog's integration THERE; may be repeated.",
)  # fmt: skip
@click.option(
    "--enable", is_flag=True, help="Switch on what is on there and needs nothing more. Off without it."
)
@click.option("--dry-run", is_flag=True, help="Show what would come, change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--url", metavar="URL", help="Where the Hedgerow server is [HEDGEROW_URL].")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder with api.key [HEDGEROW_DATA_DIR]."
)  # fmt: skip
def posthog(
    *, host: str, key: str | None, project: str | None, into: str, pairs: tuple[str, ...], enable: bool, dry_run: bool,
    as_json: bool, url: str | None, data_dir: Path | None,
) -> None:  # fmt: skip
    """Bring in cohorts, actions and destinations of a PostHog project.

    Nothing in PostHog is changed. What comes is off until you switch it on (or say --enable), so that nothing is delivered
    twice. Secret values cannot be read from PostHog: what has to be entered again is listed at the end. Doing it a second
    time brings changes and makes nothing twice.

    The key needs the scopes hog_function:read, action:read, cohort:read, project:read, and integration:read, group:read and
    person:read where those are used.
    """
    click.get_current_context().color = use_colours()
    place, wishes = Place.of(host), Wishes(project, enable=enable, accounts=_accounts(pairs))
    _warn_in_the_open(place)
    client = connect(url, data_dir, into)
    here = (Rehearsal if dry_run else Here)(client)
    report = Import(Instance(place, _key(key)), here, wishes).run()
    kinds = {one["kind"]: one["label"] for one in client.get("integrations/kinds/") if one["connect"]}
    if as_json:
        show_json(output.as_json(report, kinds))
    else:
        output.show(report, dry=dry_run, kinds=kinds)


def _key(given: str | None) -> str:
    """The key from wherever it is; it is never shown.

    Raises:
        CommandFailed: there is none, or it cannot be one.
    """
    text = given or os.environ.get(KEY) or ""
    if given == "-":
        text = sys.stdin.readline()
    elif not text and sys.stdin.isatty():
        text = click.prompt("Personal API key of PostHog", hide_input=True, err=True)
    text = text.strip()
    if not text:
        raise CommandFailed(f"A personal API key of PostHog is needed: --key, or {KEY}.", status=2)
    if not text.isascii() or not text.isprintable() or " " in text:
        raise CommandFailed(
            "The key has characters in it that no key has. Was all of it copied, and nothing else?", status=2
        )
    if text.startswith("phc_"):
        raise CommandFailed(
            "This is a project token (phc_...). Importing takes a personal API key (phx_...).", status=2
        )
    return text


def _accounts(pairs: tuple[str, ...]) -> dict[int, int]:
    try:
        return {int(there): int(here) for there, here in (pair.split("=") for pair in pairs)}
    except ValueError:
        raise CommandFailed(
            "--account is written THERE=HERE, with two numbers, such as 12=3.", status=2
        ) from None


def _warn_in_the_open(place: Place) -> None:
    """A key over plain HTTP can be read on the way, except on this very machine."""
    host = place.connection().host
    try:
        near = ip_address(host).is_loopback
    except ValueError:
        near = host == "localhost"
    if place.scheme == "http" and not near:
        click.echo(f"Warning: {place.url} is not encrypted; the key can be read on the way.", err=True)
