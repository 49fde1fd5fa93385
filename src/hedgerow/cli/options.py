"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hedgerow.cli.client import Client, connect
from hedgerow.cli.output import use_colours


class ListByDefault(click.Group):
    """A group that lists when it is not told what else to do."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in that was left out."""
        words = args and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if words else ["list", *args])


def connected(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command a client as its first argument, and the options that choose the server, and ``--json``."""

    @click.option("--url", metavar="URL", help="Where the server is [HEDGEROW_URL].")
    @click.option(
        "--data-dir",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Folder with api.key [HEDGEROW_DATA_DIR].",
    )
    @click.option("--project", default="@current", metavar="ID", help="Project, the first one if not given.")
    @click.option("--json", "as_json", is_flag=True, help="Print the server's answer as JSON.")
    @functools.wraps(function)
    def wrapped(*, url: str | None, data_dir: Path | None, project: str, **rest: Any) -> None:
        click.get_current_context().color = use_colours()
        function(connect(url, data_dir, project), **rest)

    return wrapped


def one_named(client: Client, name: str) -> dict[str, Any]:
    """The destination with this name or id.

    Raises:
        click.BadParameter: there is none, or several.
    """
    everything = list(client.pages("hog_functions/"))
    found = [item for item in everything if item["id"] == name] or [
        item for item in everything if item["name"].casefold() == name.casefold()
    ]
    if len(found) == 1:
        return dict(found[0])
    if found:
        ids = ", ".join(item["id"] for item in found)
        raise click.BadParameter(f"{len(found)} destinations are called {name!r}. Use an id: {ids}.")
    known = ", ".join(sorted(item["name"] for item in everything)) or "none yet"
    raise click.BadParameter(f"There is no destination {name!r}. Known ones: {known}.")
