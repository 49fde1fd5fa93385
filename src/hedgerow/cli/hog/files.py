"""``hedgerow hog check``, ``fmt`` and ``compile``: what is done to the text of files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hedgerow import hog
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.hog.source import STDIN, complaint, files, kind_option, one_source, parse, read, the_source


@click.command("check")
@files
@kind_option
def check(*, names: tuple[str, ...], kind: str) -> None:
    """Say whether programs compile; each fault with its line and column."""
    faults = 0
    for name in names:
        try:
            _compile(kind, read(name))
        except hog.HogError as error:
            faults += 1
            click.echo(complaint(name, error), err=True)
        else:
            click.echo(f"ok  {name}")
    if faults:
        raise CommandFailed(f"{faults} of {len(names)} {'file' if len(names) == 1 else 'files'} with errors.")


def _compile(kind: str, source: str) -> None:
    if kind == "program":
        hog.compile_program(source)
    elif kind == "filter":
        hog.compile_filter(source)
    else:
        hog.compile_template(source)


@click.command("fmt")
@files
@click.option(
    "--check", "only_check", is_flag=True, help="Change nothing; fail if something would be changed."
)
def fmt(*, names: tuple[str, ...], only_check: bool) -> None:
    """Rewrite programs in the house format. Standard input is written to standard output."""
    changed, broken = [], 0
    for name in names:
        text = read(name)
        try:
            formatted = hog.format_source(text)
        except hog.HogError as error:
            broken += 1
            click.echo(complaint(name, error), err=True)
            continue
        if name == STDIN and not only_check:
            click.echo(formatted, nl=False)
        elif formatted != text:
            changed.append(name)
            if not only_check:
                _write(name, formatted)
            click.echo(f"{'would change' if only_check else 'changed'}  {name}")
    if broken:
        raise CommandFailed(f"{broken} of {_files(names)} cannot be formatted.")
    if only_check and changed:
        raise CommandFailed(f"{len(changed)} of {_files(names)} not in the house format.")


def _files(names: tuple[str, ...]) -> str:
    return f"{len(names)} file{'' if len(names) == 1 else 's'}"


@click.command("compile")
@one_source
@kind_option
@click.option(
    "--to",
    "target",
    type=click.Choice(["bytecode"]),
    default="bytecode",
    show_default=True,
    help="What to make.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
def compile_(*, name: str | None, source: str | None, kind: str, target: str, output: str | None) -> None:  # noqa: ARG001 (there is one target so far)
    """Make the bytecode that PostHog's own Hog VMs run, as JSON."""
    shown, text = the_source(name, source)
    try:
        _compile(kind, text)
        code = hog.emit_bytecode(parse(kind, text), source=text)
    except hog.HogError as error:
        raise CommandFailed(complaint(shown, error)) from error
    made = json.dumps(code, ensure_ascii=False)
    if output is None:
        click.echo(made)
    else:
        _write(output, made + "\n")


def _write(name: str, text: str) -> None:
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{name} cannot be written: {error.strerror}.", status=2) from None
