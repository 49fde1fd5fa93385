"""From the tree back to text: the formatter of Hog.

One layout for each tree: four blanks an indent, a ``;`` behind each simple statement (which rules out that a line goes on
where nobody wanted it), lines up to 100 characters, an object stays open once its first key stands on a line of its own.
Comments stay: beside or above the statement or item they belong to, and above the statement where they stood inside an
expression that has no place for one. Formatting twice changes nothing.
"""

from __future__ import annotations

from hedgerow.hog import ast
from hedgerow.hog.errors import HogCompileError
from hedgerow.hog.lexer import Tokens, tokenize
from hedgerow.hog.parser.statements import Parser
from hedgerow.hog.printer.layout import Layout
from hedgerow.hog.printer.statements import StatementPrinter

__all__ = ["format_source", "print_expression", "print_program"]


def format_source(source: str) -> str:
    """Format a program.

    Args:
        source: the text of a ``.hog`` file.

    Returns:
        The same program in the house layout, comments included.

    Raises:
        HogSyntaxError: it does not parse.
        HogCompileError: it has a construct that Hog does not support.
    """
    tokens = tokenize(source)
    program = Parser(tokens).program()
    try:
        return StatementPrinter(Layout(source, outside_texts(tokens))).program(program)
    except RecursionError:
        # Only a chain of mixed operators can get here: the parser reads those in a loop, at any length.
        raise HogCompileError(
            "an expression has too many operators", source=source, span=program.span
        ) from None


def print_program(program: ast.Program) -> str:
    """The text of a program that was made rather than parsed; it has no comments."""
    return StatementPrinter(Layout()).program(program)


def print_expression(expr: ast.Expr) -> str:
    """The text of an expression that was made rather than parsed."""
    return StatementPrinter(Layout()).expression(expr, 0, 0)


def outside_texts(tokens: Tokens) -> list[ast.Comment]:
    """The comments that do not stand inside an f-string, whose text is kept as it is."""
    inside: list[tuple[int, int]] = []
    depth = start = 0
    for kind, begin, end in zip(tokens.kinds, tokens.starts, tokens.ends, strict=True):
        if kind == "f'":
            start = begin if depth == 0 else start
            depth += 1
        elif kind == "end'":
            depth -= 1
            if depth == 0:
                inside.append((start, end))
    return [c for c in tokens.comments if not any(a <= c.span.start < b for a, b in inside)]
