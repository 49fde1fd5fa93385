"""Text of statements, with their comments and the blank lines between them."""

from __future__ import annotations

import re

from hedgerow.hog import ast
from hedgerow.hog.ast import Statement
from hedgerow.hog.printer.expressions import ExpressionPrinter
from hedgerow.hog.printer.layout import INDENT, plain_name

# An expression statement that begins like this would be read as something else.
_MISREAD = re.compile(
    r"\{\}|(?:return|if|for|else|break|continue|const|var|function|func|def|elif|elsif|elseif|import|class|switch|await|async|new)\b",
    re.IGNORECASE,
)


class StatementPrinter(ExpressionPrinter):
    """The whole printer."""

    __slots__ = ()

    def program(self, node: ast.Program) -> str:
        """The text of a program, ending with a newline unless it is empty."""
        lines = self.lines(node.body, 0, len(self.layout.source), 0)
        return "\n".join(lines) + "\n" if lines else ""

    def lines(self, body: list[Statement], start: int, end: int, indent: int) -> list[str]:
        """The lines of statements in a range of the source, each entry indented at its begin."""
        margin = " " * indent
        lines: list[str] = []
        last: int | None = None
        for node in body:
            above = self.layout.take(start, node.span.start)
            text = self.statement(node, indent)
            inside = self.layout.take(node.span.start, node.span.end)
            last = self.comments(above, lines, last, margin)
            self.gap(lines, last, node.span.start)
            lines += [margin + comment.text for comment in inside]
            beside = self.layout.take_beside(node.span.end, self.next_start(body, node, end))
            lines.append("  ".join([margin + text, *(comment.text for comment in beside)]))
            last = beside[-1].span.end if beside else node.span.end
        self.comments(self.layout.take(start, end), lines, last, margin)
        return lines

    def next_start(self, body: list[Statement], node: Statement, end: int) -> int:
        """Where the statement after a node begins."""
        following = (other.span.start for other in body if other.span.start >= node.span.end)
        return next(following, end)

    def comments(
        self, comments: list[ast.Comment], lines: list[str], last: int | None, margin: str
    ) -> int | None:
        """Append comments on lines of their own; returns where the last one ends."""
        for comment in comments:
            self.gap(lines, last, comment.span.start)
            lines.append(margin + comment.text)
            last = comment.span.end
        return last

    def gap(self, lines: list[str], last: int | None, start: int) -> None:
        """Append a blank line where the source had one or more."""
        if last is not None and self.layout.blank_line_between(last, start):
            lines.append("")

    def block(self, node: ast.Block, indent: int) -> str:
        """``{ ... }``."""
        lines = self.lines(node.body, node.span.start, node.span.end, indent + INDENT)
        return "{\n" + "\n".join(lines) + "\n" + " " * indent + "}" if lines else "{}"

    # ------------------------------------------------------------ one statement

    def statement(self, node: Statement, indent: int) -> str:
        """The text of one statement; its first line is not indented."""
        match node:
            case ast.Block():
                return self.block(node, indent)
            case ast.If():
                return self.if_(node, indent)
            case ast.While():
                return f"while ({self.expression(node.test, indent, indent + 7)}){self.governed(node.body, indent)}"
            case ast.For():
                return f"for ({self.for_head(node, indent)}){self.governed(node.body, indent)}"
            case ast.ForIn():
                names = ", ".join(plain_name(name) for name in (node.key, node.value) if name is not None)
                head = f"for (let {names} in "
                iterable = self.expression(node.iterable, indent, indent + len(head))
                return f"{head}{iterable}){self.governed(node.body, indent)}"
            case ast.Function():
                params = ", ".join(plain_name(name) for name in node.params)
                return f"fun {plain_name(node.name)}({params}) {self.block(node.body, indent)}"
            case ast.Try():
                catches = "".join(self.catch(catch, indent) for catch in node.catches)
                return f"try {self.block(node.body, indent)}{catches}"
        return self.simple(node, indent) + ";"

    def simple(self, node: Statement, indent: int) -> str:
        """The text of a statement without blocks, without its ``;``."""
        match node:
            case ast.Let():
                head = f"let {plain_name(node.name)}"
                if node.value is None:
                    return head
                return f"{head} := {self.expression(node.value, indent, indent + len(head) + 4)}"
            case ast.Assign():
                target = self.leading(node.target, indent)
                return f"{target} := {self.expression(node.value, indent, indent + len(target) + 4)}"
            case ast.ExprStatement():
                return self.leading(node.expr, indent)
            case ast.Return():
                return (
                    "return"
                    if node.value is None
                    else f"return {self.expression(node.value, indent, indent + 7)}"
                )
            case ast.Throw():
                return f"throw {self.expression(node.value, indent, indent + 6)}"
        return ""

    def leading(self, node: ast.Expr, indent: int) -> str:
        """An expression at the begin of a statement."""
        text = self.expression(node, indent, indent)
        if _MISREAD.match(text) and not (isinstance(node, ast.Name) and self.is_assignable(text)):
            return f"({text})"
        return text

    def is_assignable(self, text: str) -> bool:
        """Whether a lone name is no keyword of a statement."""
        return text.lower() not in {"break", "continue", "return", "else"}

    def if_(self, node: ast.If, indent: int) -> str:
        """``if (test) then else otherwise``."""
        text = f"if ({self.expression(node.test, indent, indent + 4)}){self.governed(node.then, indent)}"
        if node.otherwise is None:
            return text
        joint = " " if isinstance(node.then, ast.Block) else "\n" + " " * indent
        return f"{text}{joint}else{self.governed(node.otherwise, indent)}"

    def governed(self, node: Statement, indent: int) -> str:
        """The text of a statement behind the head that governs it."""
        return ";" if isinstance(node, ast.Empty) else f" {self.statement(node, indent)}"

    def for_head(self, node: ast.For, indent: int) -> str:
        """The three parts of a ``for``."""
        init = "" if node.init is None else self.simple(node.init, indent)
        test = "" if node.test is None else " " + self.expression(node.test, indent, indent)
        step = "" if node.step is None else " " + self.simple(node.step, indent)
        return f"{init};{test};{step}"

    def catch(self, node: ast.Catch, indent: int) -> str:
        """``catch (e: Type) { ... }``."""
        kind = "" if node.type is None else f": {plain_name(node.type)}"
        return f" catch ({plain_name(node.name)}{kind}) {self.block(node.body, indent)}"
