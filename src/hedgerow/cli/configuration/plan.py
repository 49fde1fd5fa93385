"""``hedgerow plan``: what would change on the server if it were as the files say; and the wire to it, which ``apply`` shares."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

import click

from hedgerow.cli.client import Client, Refused
from hedgerow.cli.configuration import yamltext
from hedgerow.cli.configuration.folder import FilesFailed, Folder, read
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.options import connected
from hedgerow.cli.output import safe, safe_lines, show_json

CHANGES = 2
SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "remove": ("-", "red")}
CONTEXT = 2


class Exact(click.Command):
    """A command whose status 2 has a meaning of its own, so that every failure is 1."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """See the library."""
        try:
            return super().make_context(*args, **more)
        except click.ClickException as error:
            raise _as_failure(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        """See the library."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise _as_failure(error) from error
        except CommandFailed as error:
            error.status = min(error.status, 1)
            raise


def _as_failure(error: click.ClickException) -> CommandFailed:
    return CommandFailed(f"{error.format_message()} See 'hedgerow plan --help'.")


@click.command("plan", cls=Exact)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--prune", is_flag=True, help="Plan to remove what is in no file.")
@connected
def command(client: Client, *, folder: Path, prune: bool, as_json: bool) -> None:
    """Show what 'hedgerow apply DIR' would change. Changes nothing.

    Ends with 0 when nothing would change, with 2 when something would, and with 1 when that cannot be said.
    """
    files = read(folder)
    answer = ask(client, "plan", files, prune=prune)
    if as_json:
        show_json(answer)
    else:
        show(answer, whole=files.whole)
    if pending(answer):
        sys.exit(CHANGES)


def ask(client: Client, what: str, files: Folder, **more: Any) -> dict[str, Any]:
    """Have the server compare the files with what it has (``plan``), or put them in place (``apply``).

    Raises:
        FilesFailed: the files cannot be read, or the server refuses what they say; the message names file and line of each fault.
    """
    documents = files.documents()
    if not files.files:
        raise CommandFailed("There is no file here. 'hedgerow export DIR' writes those of a server.")
    try:
        answer: dict[str, Any] = client.post(f"configuration/{what}/", {**documents, **more})
    except Refused as error:
        raise _refused(error, files) from None
    return answer


def _refused(error: Refused, files: Folder) -> CommandFailed:
    """What the server does not like, at its places in the files."""
    faults = error.body.get("errors")
    if not faults:
        return error
    return FilesFailed(_placed(fault, files) for fault in faults)


def _placed(fault: Mapping[str, Any], files: Folder) -> str:
    file = files.file(fault["kind"], fault["key"])
    where = (fault["attr"] or "").replace("__", ".")
    words = safe_lines(f"{where}: {fault['detail']}" if where else fault["detail"])
    if file is None:
        return f"{fault['kind']}/{fault['key']}: {words}"
    return file.fault(words, fault["attr"], fault["line"])


def pending(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changes that are some."""
    return [change for change in answer["changes"] if change["change"] != "unchanged"]


# ------------------------------------------------------------------- showing


def show(answer: Mapping[str, Any], *, whole: bool) -> None:
    """Print a plan as people read it: what would change, line by line.

    Args:
        answer: of the server.
        whole: whether all files were asked about; of a single one, what it does not name is no news.
    """
    for change in pending(answer):
        _show(change)
    if pending(answer):
        click.echo(_count(answer, ("to create", "to change", "to remove")))
    else:
        click.echo("Nothing would change: the server is as the files say.")
    if whole:
        _show_others(answer)


def show_done(answer: Mapping[str, Any], *, whole: bool) -> None:
    """Print what was changed, a line each; ``whole`` as of ``show``."""
    words = {"create": "created", "update": "changed", "remove": "removed"}
    for change in pending(answer):
        click.echo(f"{words[change['change']]:<9}  {_title(change)}")
    click.echo(f"{_count(answer, tuple(words.values()))}." if pending(answer) else "Nothing changed.")
    if whole:
        _show_others(answer)


def _show_others(answer: Mapping[str, Any]) -> None:
    names = [f"{one['kind']}/{one['key']}" for one in answer["others"]]
    if names:
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        click.echo(f"In no file, left alone: {safe(shown)}. --prune removes them.", err=True)


def _title(change: Mapping[str, Any]) -> str:
    return f"{change['kind']}/{change['key']}  {safe(change['name'])}"


def _show(change: Mapping[str, Any]) -> None:
    sign, colour = SIGNS[change["change"]]
    click.echo(click.style(f"{sign} {_title(change)}", fg=colour, bold=True))
    for line in _difference(change["before"], change["after"]):
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        click.echo("  " + click.style(safe(line.rstrip("\n").replace("\t", "    ")), fg=style))
    for secret in change["secrets"]:
        click.echo(
            "  " + click.style(f"~ {safe(secret)}: the secret changes; its value is not shown.", fg="yellow")
        )
    click.echo()


def _difference(before: Any, after: Any) -> list[str]:
    """The lines of the file that change, with some around them; each begins with a sign and a space."""
    old, new = (yamltext.dump(one).splitlines() if one is not None else [] for one in (before, after))
    lines = list(unified_diff(old, new, n=CONTEXT, lineterm=""))[2:]
    if lines and lines[0].startswith(("@@ -1,", "@@ -1 ", "@@ -0,")):
        lines = lines[1:]  # nothing is left out before the first line
    return ["..." if line.startswith("@@") else f"{line[:1]} {line[1:]}" for line in lines]


def _count(answer: Mapping[str, Any], words: tuple[str, ...]) -> str:
    """How many of each, but for those that are none."""
    said = dict(zip(("create", "update", "remove"), words, strict=True)) | {"unchanged": "unchanged"}
    kinds = [change["change"] for change in answer["changes"]]
    return ", ".join(f"{kinds.count(kind)} {word}" for kind, word in said.items() if kind in kinds)
