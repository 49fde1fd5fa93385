"""``hedgerow hog repl``: Hog line by line.

A session is one program that grows. Each input is added to it and the whole runs again as a replay: what was printed is not
printed again, calls have the answers they had, and clock and random values are the same. An input that fails is forgotten.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeGuard

import click

from hedgerow import hog
from hedgerow.cli.hog.answers import Answers
from hedgerow.cli.hog.run import world
from hedgerow.cli.hog.source import complaint, read_object
from hedgerow.cli.output import safe_lines

LIMITS = hog.Limits(cpu_ms=5_000, fetches=1_000, log_lines=10_000)
HELP = """\
Type a statement or an expression; variables and functions stay. Indented lines follow a line that is not complete.
  :globals   the global variables        :reset   forget everything
  :source    the program so far          :quit    leave (or Ctrl-D)
Functions are explained by: hedgerow hog docs NAME"""


class Session:
    """A program that grows.

    Args:
        variables: the globals.
        answer: answers calls of the outside.
        show: receives printed lines.
    """

    def __init__(
        self,
        variables: Mapping[str, Any],
        answer: Callable[[hog.AsyncCall], Any],
        show: Callable[[str], None],
    ) -> None:
        self.variables = variables
        self._answer = answer
        self._show = show
        self._declared: set[str] = set()
        self._parts: list[str] = []
        self._journal: list[hog.JournalEntry] = []
        self._printed = 0
        self._clock: list[float] = []

    @property
    def source(self) -> str:
        """The program so far."""
        return "\n".join(self._parts)

    def run(self, text: str) -> Any:
        """Add an input to the program and run it.

        Returns:
            The value of its last expression, or null.

        Raises:
            HogError: it does not parse, or it failed; it is not part of the program then.
        """
        text = self._again(text, hog.parse_program(text))
        before = "".join(f"{part}\n" for part in self._parts)
        readings = itertools.count()
        host = hog.Host(
            now=lambda: self._time(next(readings)),
            seed=b"repl",
            emit=self._show,
            limits=LIMITS,
            journal=self._journal,
            printed=self._printed,
        )
        try:
            execution = hog.Program(before + text).start(self.variables, host)
            while isinstance(step := execution.advance(), hog.AsyncCall):
                execution.answer(self._answer(step))
        except hog.HogError as error:
            raise _placed(error, before, text) from error
        self._parts.append(text)
        self._declared |= {node.name for node in hog.parse_program(text).body if _declares(node)}
        self._journal, self._printed = execution.journal, execution.printed
        return step.value

    def _time(self, reading: int) -> float:
        """What the clock said at the nth look, the same at every replay."""
        if reading == len(self._clock):
            self._clock.append(time.time())
        return self._clock[reading]

    def _again(self, text: str, tree: hog.ast.Program) -> str:
        """The text with assignments in place of declarations of variables that exist already, and a ``;`` at its end."""
        for node in reversed(tree.body):
            if _declares(node) and node.name in self._declared:
                text = text[: node.span.start] + _assignment(text, node) + text[node.span.end :]
        return text + ("\n;" if tree.comments else ";")


def _placed(error: hog.HogError, before: str, text: str) -> hog.HogError:
    """The error with its place in the last input, if it is there, rather than in the whole program."""
    if error.span is not None and error.span.start >= len(before):
        error.span = hog.ast.Span(error.span.start - len(before), error.span.end - len(before))
        error.source = text
        error.trace = ()
    return error


def _declares(node: hog.ast.Statement) -> TypeGuard[hog.ast.Let | hog.ast.Function]:
    return isinstance(node, hog.ast.Let | hog.ast.Function)


def _assignment(text: str, node: hog.ast.Let | hog.ast.Function) -> str:
    """A declaration as an assignment to the same variable."""
    assert node.name_span is not None
    name = text[node.name_span.start : node.name_span.end]
    if isinstance(node, hog.ast.Function):
        params = text[node.name_span.end : node.body.span.start]
        return f"{name} := {params}-> {text[node.body.span.start : node.span.end]}"
    return f"{name} := null" if node.value is None else text[node.name_span.start : node.span.end]


@click.command("repl")
@world
def repl(*, variables: str | None, answers: str | None) -> None:
    """Try Hog line by line. Nothing is sent, as with run."""
    known, answer = read_object(variables), Answers(answers)
    interactive = sys.stdin.isatty()
    if interactive:
        click.echo("Hog. :help explains, Ctrl-D leaves.")
        _with_history()
    converse(lambda: Session(known, answer, lambda line: click.echo(safe_lines(line))), _inputs(interactive))


def _with_history() -> None:
    """Arrow keys and earlier lines, where Python has them."""
    try:
        import readline  # noqa: F401 (loading it is all there is to do)
    except ImportError:
        return


def _inputs(interactive: bool) -> Iterator[str]:
    """What is typed: a line, and those after it while it is not complete."""
    lines: list[str] = []
    while True:
        try:
            line = _line("" if not interactive else ".... " if lines else "hog> ")
        except EOFError:
            if lines:
                yield "\n".join(lines)
            return
        except KeyboardInterrupt:
            click.echo()
            lines = []
            continue
        lines.append(line)
        text = "\n".join(lines)
        if not line.strip() or line.startswith(":") or is_complete(text):
            lines = []
            yield text.rstrip()


def _line(prompt: str) -> str:
    return input(prompt)


def is_complete(text: str) -> bool:
    """Whether a text parses, or fails before its end: more lines would not help."""
    try:
        hog.parse_program(text)
    except hog.HogError as error:
        return error.span is None or error.span.end < len(text.rstrip())
    return True


def converse(begin: Callable[[], Session], inputs: Iterator[str]) -> None:
    """Answer each input, in a session that ``:reset`` begins anew."""
    session = begin()
    for text in inputs:
        word = text.strip()
        if word in {":quit", ":q", ":exit"}:
            return
        if word == ":reset":
            session = begin()
        elif word.startswith(":"):
            click.echo(_told(session, word))
        elif word:
            _answer(session, text)


def _told(session: Session, word: str) -> str:
    if word == ":globals":
        return "\n".join(
            f"{name} = {safe_lines(hog.print_form(value))}" for name, value in session.variables.items()
        )
    return safe_lines(session.source) if word == ":source" else HELP


def _answer(session: Session, text: str) -> None:
    try:
        value = session.run(text)
    except hog.HogError as error:
        click.echo(complaint("repl", error), err=True)
        return
    if value is not None:
        click.echo(safe_lines(hog.print_form(value)))
    if _looks_like_assignment(hog.parse_program(text)):
        click.echo("hint: `=` compares; to assign, write `:=`", err=True)


def _looks_like_assignment(tree: hog.ast.Program) -> bool:
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, hog.ast.ExprStatement) or not isinstance(last.expr, hog.ast.Binary):
        return False
    return last.expr.op == "==" and isinstance(last.expr.left, hog.ast.Name)
