"""The page of commands, from the command line itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from hedgerow.cli.app import hedgerow_command
from site_pages.markup import code, fenced, page, prose, table

PATH = "reference/commands.md"
ABOUT = (
    "All but `serve`, `hog` and those that say so speak HTTP to a server: `HEDGEROW_URL` and `HEDGEROW_API_KEY` choose which; on the "
    "machine of the server nothing needs to be said. Each command explains itself with `--help`, and ends with 0 when all went well, "
    "1 when something failed and 2 when it was used wrongly."
)
# Said once here, and not again below each command.
SHARED = {
    "--url": "where the server is, in place of `HEDGEROW_URL`",
    "--data-dir": "the data folder, whose `api.key` is the key where `HEDGEROW_API_KEY` is not set",
    "--project": "number of the project; the first one if not given",
    "--json": "print the server's answer as JSON, for programs",
}


def pages() -> Iterator[tuple[str, str]]:
    """The one page: path and text."""
    shared = table(("Option of many commands", ""), ((code(name), text) for name, text in SHARED.items()))
    yield PATH, page("# Commands", ABOUT, shared, *(_entry(ctx) for ctx in contexts()))


def contexts() -> Iterator[click.Context]:
    """Every command that can be given, in the order of its name, each within those that it belongs to."""
    yield from _below(click.Context(hedgerow_command, info_name="hedgerow"))


def _below(context: click.Context) -> Iterator[click.Context]:
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        own = click.Context(command, info_name=name, parent=context)
        yield own
        if isinstance(command, click.Group):
            yield from _below(own)


def _entry(context: click.Context) -> str:
    command = context.command
    level = "##" if context.command_path.count(" ") == 1 else "###"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = [_option(found, context) for each in command.get_params(context) if (found := _own(each))]
    return page(
        f"{level} {context.command_path}",
        fenced(usage.replace("[OPTIONS] ", "").removesuffix(" [OPTIONS]"), "text"),
        *_help(command),
        table(("Option", "What it does"), options),
        _also(command, context),
    ).rstrip("\n")


def _own(parameter: click.Parameter) -> click.Option | None:
    known = {"-h", "--help", *SHARED}
    return parameter if isinstance(parameter, click.Option) and known.isdisjoint(parameter.opts) else None


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    names, text = option.get_help_record(context) or (", ".join(option.opts), "")
    return code(re.sub(r"\b(INTEGER|FLOAT)( RANGE)?\b", "N", names)), prose(text)


def _help(command: click.Command) -> Iterator[str]:
    r"""The paragraphs of a help text; those that click is told to leave alone (``\b``) stay as they are laid out."""
    for paragraph in inspect.cleandoc(command.help or "").partition("\f")[0].split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield fenced(paragraph.removeprefix("\b\n"), "text")
        else:
            yield prose(paragraph)


def _also(command: click.Command, context: click.Context) -> str:
    shared = [name for each in command.get_params(context) for name in each.opts if name in SHARED]
    return f"Also {', '.join(map(code, shared))}." if shared else ""
