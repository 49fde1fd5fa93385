"""``hedgerow hog run`` and ``hedgerow hog trace``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from hedgerow import hog
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.hog.answers import Answers
from hedgerow.cli.hog.source import complaint, kind_option, one_source, read_object, the_source
from hedgerow.cli.output import clip, safe_lines

LIMITS = hog.Limits(cpu_ms=2_000, fetches=100, log_lines=10_000)
"""Locally nothing is sent and nobody else waits, so that a program may ask, print and take its time as it likes."""
SOURCE_WIDTH = 60
VALUE_WIDTH = 100
Command = TypeVar("Command", bound=Callable[..., Any])


def world(command: Command) -> Command:
    """Give a command the options that say what its program finds outside."""
    variables = click.option(
        "-g", "--globals", "variables", metavar="FILE", help="JSON object with event, person, inputs, ..."
    )
    answers = click.option(
        "-f",
        "--fetch",
        "answers",
        metavar="FILE",
        help="JSON answers to fetch: a list in turn, or an object by URL.",
    )
    return variables(answers(command))


@click.command("run")
@one_source
@kind_option
@world
@click.option("--json", "as_json", is_flag=True, help="Show the value as JSON.")
def run(
    *,
    name: str | None,
    source: str | None,
    kind: str,
    variables: str | None,
    answers: str | None,
    as_json: bool,
) -> None:
    """Run a program, evaluate a filter, or render a template.

    Nothing is sent: each fetch is shown, and answered from --fetch, or else with status 200. What the program prints comes
    first, then its value.
    """
    shown, text = the_source(name, source)
    known, answer = read_object(variables), Answers(answers)
    try:
        value = evaluate(kind, text, known, answer)
        if value is not None or as_json:
            click.echo(safe_lines(hog.to_json(value) if as_json else as_text(value)))
    except hog.HogError as error:
        raise CommandFailed(complaint(shown, error)) from error


def as_text(value: Any) -> str:
    """A value as ``print`` shows it: a text as it is, anything else in its print form."""
    return value if isinstance(value, str) else hog.print_form(value)


def evaluate(
    kind: str, source: str, variables: Mapping[str, Any], answer: Callable[[hog.AsyncCall], Any]
) -> Any:
    """The value of a program, filter or template.

    Raises:
        HogError: it does not compile, or it failed.
    """
    host = hog.Host(emit=lambda line: click.echo(safe_lines(line)), limits=LIMITS)
    if kind == "filter":
        return hog.compile_filter(source)(variables, host)
    if kind == "template":
        return hog.compile_template(source).render(variables, host)
    execution = hog.compile_program(source).start(variables, host)
    while isinstance(step := execution.advance(), hog.AsyncCall):
        execution.answer(answer(step))
    return step.value


@click.command("trace")
@one_source
@world
def trace(*, name: str | None, source: str | None, variables: str | None, answers: str | None) -> None:
    """Run a program and show each line that ran, with what it changed."""
    shown, text = the_source(name, source)
    known, answer = read_object(variables), Answers(answers)
    lines = text.split("\n")
    host = hog.Host(emit=lambda line: click.echo(f"{'':>6}   {safe_lines(line)}"), limits=LIMITS)
    try:
        found = hog.trace_program(text, known, host, answer, on_step=lambda step: show_step(step, lines))
    except hog.HogError as error:
        raise CommandFailed(complaint(shown, error)) from error
    if not found.complete:
        click.echo(f"Only the first {len(found.steps)} steps are shown.", err=True)
    if found.error is not None:
        raise CommandFailed(complaint(shown, found.error)) from found.error
    click.echo(f"{'value':>6}   {safe_lines(as_text(found.value))}")


def show_step(step: hog.Step, lines: list[str]) -> None:
    """One line of the trace: its number, the text of the source, and the variable it changed."""
    number, text = click.style(f"{step.line:>6}", dim=True), clip(lines[step.line - 1].strip(), SOURCE_WIDTH)
    changed = ", ".join(f"{name} = {clip(value, VALUE_WIDTH)}" for name, value in step.changed.items())
    if not changed:
        click.echo(f"{number}   {text}")
        return
    click.echo(f"{number}   {text.ljust(SOURCE_WIDTH)}   {click.style(changed, fg='green')}")
