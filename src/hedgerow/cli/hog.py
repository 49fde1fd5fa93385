"""``hedgerow hog``: run, check, format and look up Hog on this machine, without a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from hedgerow import hog
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.output import heading, safe_lines, use_colours
from hedgerow.hog.printer import format_source
from hedgerow.hog.stdlib.registry import REGISTRY, HogFunction
from hedgerow.hog.text import print_form

STDIN = "-"
# What a call is answered with here, where nothing leaves the machine.
ANSWERS: Mapping[str, Any] = {"fetch": {"status": 200, "body": {}, "headers": {}}}

files = click.argument("names", nargs=-1, required=True, metavar="FILE...")


@click.group("hog")
def command() -> None:
    """Run, check, format and look up Hog. FILE may be - for standard input."""
    click.get_current_context().color = use_colours()


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


def complaint(name: str, error: hog.HogError) -> str:
    """An error with its file and place in front, as editors understand it, and the excerpt below."""
    place = f"{name}:{error.line}:{error.column}" if error.line else name
    return f"{place}: {error.message}\n" + "\n".join(error.render().splitlines()[1:])


@command.command("run")
@click.argument("name", required=False, metavar="FILE")
@click.option("-e", "--eval", "source", metavar="SOURCE", help="Run this text instead of a file.")
@click.option(
    "-g", "--globals", "variables", metavar="FILE", help="JSON object with event, person, inputs, ..."
)
def run(*, name: str | None, source: str | None, variables: str | None) -> None:
    """Run a program. Nothing is sent: a fetch is shown and answered with status 200."""
    if (name is None) == (source is None):
        raise click.UsageError("Name a FILE, or give the text with -e.")
    text = source if source is not None else read(str(name))
    try:
        value = execute(text, _variables(variables))
    except hog.HogError as error:
        raise CommandFailed(complaint(name or "-e", error)) from error
    if value is not None:
        click.echo(safe_lines(print_form(value)))


def execute(source: str, variables: Mapping[str, Any]) -> Any:
    """Run a program to its end, printing what it prints and showing what it asks for.

    Raises:
        HogError: it does not compile, or it failed.
    """
    host = hog.Host(emit=lambda line: click.echo(safe_lines(line)))
    execution = hog.compile_program(source).start(variables, host)
    while isinstance(step := execution.advance(), hog.AsyncCall):
        arguments = ", ".join(map(print_form, step.args))
        click.echo(click.style(safe_lines(f"{step.name}({arguments})"), fg="cyan"), err=True)
        execution.answer(ANSWERS.get(step.name))
    return step.value


def _variables(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    try:
        value = json.loads(read(name))
    except ValueError as error:
        raise CommandFailed(f"{name} is not valid JSON: {error}.", status=2) from None
    if not isinstance(value, dict):
        raise CommandFailed(f'{name} should hold a JSON object, such as {{"event": {{...}}}}.', status=2)
    return value


@command.command("check")
@files
def check(*, names: tuple[str, ...]) -> None:
    """Say whether programs compile; each fault with its line and column."""
    faults = 0
    for name in names:
        try:
            hog.compile_program(read(name))
        except hog.HogError as error:
            faults += 1
            click.echo(complaint(name, error), err=True)
    if faults:
        raise CommandFailed(f"{faults} of {len(names)} {'file' if len(names) == 1 else 'files'} with errors.")


@command.command("fmt")
@files
@click.option(
    "--check", "only_check", is_flag=True, help="Change nothing; fail if something would be changed."
)
def fmt(*, names: tuple[str, ...], only_check: bool) -> None:
    """Rewrite programs in the house format."""
    changed = []
    for name in names:
        text = read(name)
        try:
            formatted = format_source(text)
        except hog.HogError as error:
            raise CommandFailed(complaint(name, error)) from error
        if name == STDIN and not only_check:
            click.echo(formatted, nl=False)
        elif formatted != text:
            changed.append(name)
            if not only_check:
                Path(name).write_text(formatted, encoding="utf-8")
    for name in changed:
        click.echo(f"{'would change' if only_check else 'changed'}  {name}")
    if only_check and changed:
        raise CommandFailed(f"{len(changed)} of {len(names)} files are not in the house format.")


@command.command("docs")
@click.argument("name", required=False, metavar="[FUNCTION]")
def docs(*, name: str | None) -> None:
    """List the functions of the language, or explain one."""
    if name is None:
        _list_functions()
        return
    found = REGISTRY.get(name)
    if found is None:
        near = get_close_matches(name, REGISTRY, 3)
        advice = f" Did you mean {' or '.join(near)}?" if near else " See them all: hedgerow hog docs"
        raise CommandFailed(f"Hog has no function {name!r}.{advice}")
    _explain(REGISTRY[found.alias_of] if found.alias_of else found)


def _list_functions() -> None:
    families: dict[str, list[HogFunction]] = {}
    for each in REGISTRY.values():
        if each.alias_of is None:
            families.setdefault(each.family, []).append(each)
    for family in sorted(families):
        heading(family.capitalize())
        for each in sorted(families[family], key=lambda function: function.name):
            click.echo(f"  {signature(each):<34}  {each.doc.splitlines()[0] if each.doc else ''}")


def _explain(function: HogFunction) -> None:
    click.echo(click.style(signature(function), bold=True))
    click.echo(f"\n{function.doc}")
    others = [each.name for each in REGISTRY.values() if each.alias_of == function.name]
    if others:
        click.echo(f"\nAlso called {', '.join(others)}.")
    if function.examples:
        click.echo()
        for source, shown in function.examples:
            click.echo(f"  {source}  {click.style('-- ' + shown, dim=True)}")


def signature(function: HogFunction) -> str:
    """A function's name with how many arguments it takes: ``replaceOne(3)``, ``concat(1 or more)``."""
    if function.max is None:
        count = f"{function.min} or more"
    else:
        count = str(function.min) if function.min == function.max else f"{function.min} to {function.max}"
    return f"{function.name}({count})"
