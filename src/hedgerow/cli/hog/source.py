"""What the Hog commands share: reading files, the options that name them, and how errors are shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hedgerow import hog
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.output import safe_lines

STDIN = "-"
INLINE = "-e"
KINDS = ("program", "filter", "template")
Command = TypeVar("Command", bound=Callable[..., Any])

files = click.argument("names", nargs=-1, required=True, metavar="FILE...")


def one_source(command: Command) -> Command:
    """Give a command ``FILE`` or ``-e SOURCE``, one of them; ``the_source`` reads it."""
    inline = click.option(
        "-e", "--eval", "source", metavar="SOURCE", help="Take this text instead of a file."
    )
    return click.argument("name", required=False, metavar="FILE")(inline(command))


kind_option = click.option(
    "--as",
    "kind",
    type=click.Choice(KINDS),
    default="program",
    show_default=True,
    help="What the text is: a program, a filter expression, or the template of an input.",
)


def the_source(name: str | None, source: str | None) -> tuple[str, str]:
    """The name and the text of what a command was given.

    Raises:
        click.UsageError: it was given none, or both.
        CommandFailed: the file cannot be read.
    """
    if (name is None) == (source is None):
        raise click.UsageError("Name a FILE, or give the text with -e.")
    return (INLINE, source) if source is not None else (str(name), read(str(name)))


def read(name: str) -> str:
    """The text of a file.

    Raises:
        CommandFailed: it cannot be read.
    """
    try:
        return sys.stdin.read() if name == STDIN else Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CommandFailed(f"{name} is not UTF-8 text.", status=2) from None
    except OSError as error:
        raise CommandFailed(f"{name} cannot be read: {error.strerror}.", status=2) from None


def read_json(name: str) -> Any:
    """The value in a JSON file.

    Raises:
        CommandFailed: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(read(name))
    except ValueError as error:
        raise CommandFailed(f"{name} is not valid JSON: {error}.", status=2) from None


def read_object(name: str | None) -> dict[str, Any]:
    """The object in a JSON file, or an empty one without a file.

    Raises:
        CommandFailed: it holds something else.
    """
    value = {} if name is None else read_json(name)
    if not isinstance(value, dict):
        raise CommandFailed(f'{name} should hold a JSON object, such as {{"event": {{...}}}}.', status=2)
    return value


def complaint(name: str, error: hog.HogError) -> str:
    """An error with its file and place in front, as editors understand it, and the excerpt below."""
    place = f"{name}:{error.line}:{error.column}" if error.line else name
    return safe_lines("\n".join([f"{place}: {error.message}", *error.render().splitlines()[1:]]))


def parse(kind: str, source: str) -> hog.ast.Program | hog.ast.Expr:
    """The tree of a program, filter or template."""
    if kind == "program":
        return hog.parse_program(source)
    return hog.parse_expression(source) if kind == "filter" else hog.parse_template(source)
