"""From source text to the syntax tree.

The syntax is PostHog's, measured against the parser it publishes. What Hog shares with SQL but no Hog runtime evaluates
(queries, tags, aliases, slices) is refused here, with a hint what to write instead.
"""

from __future__ import annotations

from hedgerow.hog import ast
from hedgerow.hog.lexer import tokenize
from hedgerow.hog.parser.statements import Parser

__all__ = ["parse_expression", "parse_program", "parse_template"]


def parse_program(source: str) -> ast.Program:
    """Parse a program.

    Args:
        source: the text of a ``.hog`` file.

    Returns:
        Its tree, with the comments beside it.

    Raises:
        HogSyntaxError: it does not parse.
        HogCompileError: it has a construct that Hog does not support.
    """
    return Parser(tokenize(source)).program()


def parse_expression(source: str) -> ast.Expr:
    """Parse one expression, such as a filter. All of the source must belong to it.

    Raises:
        HogSyntaxError: it does not parse, or goes on behind the expression.
        HogCompileError: it has a construct that Hog does not support.
    """
    parser = Parser(tokenize(source))
    expr = parser.expression()
    if parser.kinds[parser.pos] != "eof":
        message = f"unexpected {parser.describe(parser.pos)} after the expression"
        raise parser.syntax_error(message, parser.token_span(parser.pos), parser.after(parser.pos))
    return expr


def parse_template(text: str) -> ast.Template:
    """Parse the text of an input: all literal but for the ``{expressions}`` in it.

    Raises:
        HogSyntaxError: an expression in it does not parse, or a brace is never closed.
        HogCompileError: an expression has a construct that Hog does not support.
    """
    return Parser(tokenize(text, template=True)).template()
