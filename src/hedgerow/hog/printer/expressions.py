"""Text of expressions: on one line where that fits, else broken at the brackets and operators that bind least.

Parentheses stand where the tree needs them, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hedgerow.hog import ast
from hedgerow.hog.ast import Expr, Span
from hedgerow.hog.parser.expressions import (
    ADD,
    AND,
    BETWEEN,
    COALESCE,
    COMPARE,
    IS,
    MULTIPLY,
    NOT,
    OR,
    POSTFIX,
    TERNARY,
    UNARY,
)
from hedgerow.hog.parser.forms import CASTS, INTERVALS, TRIMS
from hedgerow.hog.printer.layout import (
    INDENT,
    WIDTH,
    Layout,
    plain_name,
    quote_name,
    quote_string,
    quote_text,
)

ATOM = 14
_ARITHMETIC = {"+": ADD, "-": ADD, "*": MULTIPLY, "/": MULTIPLY, "%": MULTIPLY}
_TYPE_OF = {
    "toInt": "Int",
    "toFloat": "Float",
    "toString": "String",
    "toDate": "Date",
    "toDateTime": "DateTime",
    "toUUID": "UUID",
}
_UNIT_OF = {function: unit for unit, function in INTERVALS.items()}
_SIDE_OF = {function: side for side, function in TRIMS.items()}
assert set(_TYPE_OF) == set(CASTS.values())


class MustBreak(Exception):
    """Something in an expression does not go on one line."""


def level(node: Expr) -> int:
    """How tightly the outermost operator of an expression binds."""
    match node:
        case ast.Lambda():
            return 0
        case ast.Conditional():
            return TERNARY
        case ast.Logical(op=op):
            return OR if op == "or" else AND
        case ast.Unary(op=op):
            return NOT if op == "not" else UNARY
        case ast.Between():
            return BETWEEN
        case ast.Coalesce():
            return COALESCE
        case ast.IsNull():
            return IS
        case ast.Binary(op=op):
            return _ARITHMETIC.get(op, COMPARE)
        case ast.Cohort():
            return COMPARE
        case ast.Concat():
            return ADD
        case ast.Call() | ast.Property() | ast.Index():
            return POSTFIX
    return ATOM


class ExpressionPrinter:
    """Prints expressions. Blocks in lambdas come from the subclass."""

    __slots__ = ("layout",)

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def block(self, node: ast.Block, indent: int) -> str:
        """The text of a block; given by the statement printer."""
        raise NotImplementedError

    def expression(self, node: Expr, indent: int | None, column: int) -> str:
        """The text of an expression.

        Args:
            node: the expression.
            indent: the indent of the line it begins on; None to have it on one line.
            column: where on the line it begins.

        Raises:
            MustBreak: it was to be on one line, and cannot.
        """
        if indent is None:
            return PRINTERS[type(node)](self, node, None, column)
        try:
            text = PRINTERS[type(node)](self, node, None, column)
            if column + len(text.partition("\n")[0]) <= WIDTH:
                return text
        except MustBreak:
            pass
        return PRINTERS[type(node)](self, node, indent, column)

    def part(self, node: Expr, least: int, indent: int | None, column: int) -> str:
        """The text of an operand, in parentheses unless it binds at least as tightly as ``least``."""
        if level(node) >= least:
            return self.expression(node, indent, column)
        return f"({self.expression(node, indent, column + 1)})"

    # ------------------------------------------------------------ leaves

    def literal(self, node: ast.Literal, indent: int | None, column: int) -> str:
        """A constant."""
        del indent, column
        value = node.value
        if isinstance(value, str):
            return self.layout.written(node.span, "'") or quote_string(value)
        if node.raw is not None:
            return node.raw
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        return repr(value)

    def name(self, node: ast.Name, indent: int | None, column: int) -> str:
        """A variable."""
        del indent, column
        return quote_name(node.name) if node.quoted else plain_name(node.name)

    def template(self, node: ast.Template, indent: int | None, column: int) -> str:
        """An f-string, as it was written."""
        del indent
        written = self.layout.written(node.span, "f'")
        if written is not None:
            return written
        parts = [
            quote_text(part) if isinstance(part, str) else f"{{{self.expression(part, None, column)}}}"
            for part in node.parts
        ]
        return f"f'{''.join(parts)}'"

    # ------------------------------------------------------------ operators

    def unary(self, node: ast.Unary, indent: int | None, column: int) -> str:
        """``-x`` or ``not x``; a parenthesis behind ``not`` holds all of its operand, as in a call."""
        operand = node.operand
        if node.op == "not":
            text = self.expression(operand, indent, column + 5)
            bare = level(operand) >= POSTFIX and not text.startswith("(")
            return f"not {text}" if bare else f"not ({text})"
        text = self.part(operand, UNARY, indent, column + 1)
        # A sign before a number would become part of it, and two signs a comment.
        joins = text[0] in "-.0123456789" or text.lower().startswith(("inf", "nan"))
        return f"-({text})" if joins else f"-{text}"

    def chain(
        self, first: str, rest: Sequence[tuple[str, Expr, int]], indent: int | None, column: int
    ) -> str:
        """Operands with operators between them; broken, each operator begins a line."""
        lines = [first]
        if indent is None:
            lines += [f"{op} {self.part(node, least, None, column)}" for op, node, least in rest]
            return " ".join(lines)
        inner = indent + INDENT
        lines += [f"{op} {self.part(node, least, inner, inner + len(op) + 1)}" for op, node, least in rest]
        return ("\n" + " " * inner).join(lines)

    def binary(self, node: ast.Binary, indent: int | None, column: int) -> str:
        """A row of operators that bind alike, such as ``a + b - c``."""
        power = level(node)
        rest: list[tuple[str, Expr, int]] = []
        left: Expr = node
        while isinstance(left, ast.Binary) and level(left) == power:
            rest.append((left.written or left.op, left.right, power + 1))
            left = left.left
        return self.chain(self.part(left, power, indent, column), rest[::-1], indent, column)

    def concat(self, node: ast.Concat, indent: int | None, column: int) -> str:
        """``a || b``."""
        first, *others = node.parts
        rest = [("||", part, ADD + 1) for part in others]
        return self.chain(self.part(first, ADD, indent, column), rest, indent, column)

    def logical(self, node: ast.Logical, indent: int | None, column: int) -> str:
        """``a and b``."""
        least = (AND if node.op == "and" else OR) + 1
        first, *others = node.operands
        rest = [(node.op, operand, least) for operand in others]
        return self.chain(self.part(first, least, indent, column), rest, indent, column)

    def coalesce(self, node: ast.Coalesce, indent: int | None, column: int) -> str:
        """``a ?? b ?? c``."""
        rest: list[tuple[str, Expr, int]] = []
        left: Expr = node
        while isinstance(left, ast.Coalesce):
            rest.append(("??", left.right, COALESCE + 1))
            left = left.left
        return self.chain(self.part(left, COALESCE, indent, column), rest[::-1], indent, column)

    def conditional(self, node: ast.Conditional, indent: int | None, column: int) -> str:
        """``a ? b : c``."""
        rest: list[tuple[str, Expr, int]] = [("?", node.then, TERNARY), (":", node.otherwise, TERNARY)]
        return self.chain(self.part(node.test, OR, indent, column), rest, indent, column)

    def between(self, node: ast.Between, indent: int | None, column: int) -> str:
        """``a between b and c``."""
        operand = self.part(node.operand, BETWEEN, indent, column)
        low = self.part(node.low, BETWEEN + 1, indent, column)
        high = self.part(node.high, BETWEEN + 1, indent, column)
        return f"{operand} {'not ' if node.negated else ''}between {low} and {high}"

    def is_null(self, node: ast.IsNull, indent: int | None, column: int) -> str:
        """``a is null``."""
        return f"{self.part(node.operand, IS, indent, column)} is {'not ' if node.negated else ''}null"

    def cohort(self, node: ast.Cohort, indent: int | None, column: int) -> str:
        """``a in cohort 1``."""
        operand = self.part(node.operand, COMPARE, indent, column)
        cohort = self.part(node.cohort, COMPARE + 1, indent, column)
        return f"{operand} {'not ' if node.negated else ''}in cohort {cohort}"

    # ------------------------------------------------------------ behind an operand

    def target(self, node: Expr, indent: int | None, column: int) -> str:
        """What a dot, an index or a call stands behind; a number gets parentheses, lest the dot be its own."""
        if isinstance(node, ast.Literal) and not isinstance(node.value, str):
            return f"({self.expression(node, None, column)})"
        return self.part(node, POSTFIX, indent, column)

    def suffixed(self, node: ast.Property | ast.Index | ast.Call, indent: int | None, column: int) -> str:
        """A chain like ``a.b[1](c)``, of any length."""
        links: list[ast.Property | ast.Index | ast.Call] = []
        base: Expr = node
        while isinstance(base, ast.Property | ast.Index | ast.Call) and not (
            isinstance(base, ast.Call) and base.sugar
        ):
            links.append(base)
            base = base.callee if isinstance(base, ast.Call) else base.object
        texts = [self.target(base, indent, column) if links else self.sugared(node, indent, column)]
        column += len(texts[0])
        for link in reversed(links):
            texts.append(self.suffix(link, indent, column))
            column += len(texts[-1])
        return "".join(texts)

    def suffix(self, node: ast.Property | ast.Index | ast.Call, indent: int | None, column: int) -> str:
        """What one link adds to a chain."""
        match node:
            case ast.Property(name=name, nullish=nullish, quoted=quoted):
                return ("?." if nullish else ".") + (quote_name(name) if quoted else name)
            case ast.Index(key=key, nullish=nullish, dotted=True):
                return ("?." if nullish else ".") + self.expression(key, None, column)
            case ast.Index(key=key, nullish=nullish):
                return f"{'?.' if nullish else ''}[{self.expression(key, indent, column + 1)}]"
        return self.arguments(node, indent, column)

    def sugared(self, node: Any, indent: int | None, column: int) -> str:
        """A call that was written in another form."""
        name, args, form = node.callee.name, node.args, node.sugar
        if form == "case":
            return self.case(args, indent, column)
        texts = [self.part(arg, TERNARY, indent, column) for arg in args]
        if form == "interval":
            bare = isinstance(args[0], ast.Literal) and not texts[0].startswith("-")
            return f"interval {texts[0] if bare else f'({texts[0]})'} {_UNIT_OF[name]}"
        if form == "trim":
            return f"trim({_SIDE_OF[name]} {texts[1]} from {texts[0]})"
        if form == "cast":
            return f"cast({texts[0]} as {_TYPE_OF[name]})"
        return f"{self.target(args[0], indent, column)}::{_TYPE_OF[name]}"

    def case(self, args: list[Expr], indent: int | None, column: int) -> str:
        """``case when a then b else c end``."""
        texts = [self.part(arg, TERNARY, indent, column) for arg in args]
        whens = [f"when {test} then {value}" for test, value in zip(texts[:-1:2], texts[1::2], strict=True)]
        last = args[-1]
        otherwise = [] if isinstance(last, ast.Literal) and last.value is None else [f"else {texts[-1]}"]
        return " ".join(["case", *whens, *otherwise, "end"])

    # ------------------------------------------------------------ brackets

    def array(self, node: ast.Array, indent: int | None, column: int) -> str:
        """``[1, 2]``."""
        return self.bracketed("[", "]", node.items, node.span, indent, column)

    def tuple(self, node: ast.Tuple, indent: int | None, column: int) -> str:
        """``(1, 2)``, ``(1,)``."""
        closing = ",)" if len(node.items) == 1 else ")"
        return self.bracketed("(", closing, node.items, node.span, indent, column)

    def arguments(self, node: ast.Call, indent: int | None, column: int) -> str:
        """The arguments of a call; one of them alone may go on over the following lines."""
        start = node.callee.span.end if self.layout.source else 0
        span = Span(start, node.span.end)
        if indent is not None and (text := self.hugged(node.args, span, indent, column)):
            return text
        return self.bracketed("(", ")", node.args, span, indent, column)

    def hugged(self, args: list[Expr], span: Span, indent: int, column: int) -> str | None:
        """Arguments on one line but for one object, array or function that opens there and closes further down."""
        large = [arg for arg in args if isinstance(arg, ast.Dict | ast.Array | ast.Lambda)]
        open_ones = [arg for arg in large if self.breaks(arg)] or large[-1:]
        if len(open_ones) != 1 or self.comment_outside(open_ones[0], span):
            return None
        texts: list[str] = []
        width = column + 1
        for arg in args:
            if arg is open_ones[0]:
                texts.append("")
                continue
            try:
                texts.append(self.expression(arg, None, width))
            except MustBreak:
                return None
            width += len(texts[-1]) + 2
        if width > WIDTH or "\n" in "".join(texts):
            return None
        index = args.index(open_ones[0]) if open_ones[0] in args else 0
        before = sum(len(text) + 2 for text in texts[:index])
        texts[index] = self.expression(open_ones[0], indent, column + 1 + before)
        return f"({', '.join(texts)})"

    def breaks(self, node: Expr) -> bool:
        """Whether an expression cannot be on one line."""
        try:
            self.expression(node, None, 0)
        except MustBreak:
            return True
        return False

    def comment_outside(self, node: Expr, span: Span) -> bool:
        """Whether a comment stands in a span, but not inside a node in it."""
        has = self.layout.has_comment
        return has(span.start, node.span.start) or has(node.span.end, span.end)

    def bracketed(
        self, opening: str, closing: str, items: list[Expr], span: Span, indent: int | None, column: int
    ) -> str:
        """Items between brackets, on one line or one on each."""
        if indent is None:
            self.check_comments(span)
            return opening + ", ".join(self.expression(item, None, column) for item in items) + closing
        spans = [item.span for item in items]
        inner = indent + INDENT

        def show(index: int) -> str:
            return self.expression(items[index], inner, inner)

        return self.rows(opening, closing, spans, show, span, indent)

    def dict(self, node: ast.Dict, indent: int | None, column: int) -> str:
        """``{'a': 1}``."""
        items = node.items
        if indent is None:
            self.check_comments(node.span)
            if items and self.layout.opens_on_new_line(node.span, items[0][0].span.start):
                raise MustBreak
            pairs = (
                f"{self.part(k, OR, None, column)}: {self.expression(v, None, column)}" for k, v in items
            )
            return "{" + ", ".join(pairs) + "}"
        spans = [Span(key.span.start, value.span.end) for key, value in items]
        inner = indent + INDENT

        def show(index: int) -> str:
            key = self.part(items[index][0], OR, inner, inner)
            return f"{key}: {self.expression(items[index][1], inner, inner + len(key) + 2)}"

        return self.rows("{", "}", spans, show, node.span, indent)

    def check_comments(self, span: Span) -> None:
        """A comment needs a line of its own."""
        if self.layout.has_comment(span.start, span.end):
            raise MustBreak

    def rows(
        self,
        opening: str,
        closing: str,
        spans: list[Span],
        show: Callable[[int], str],
        span: Span,
        indent: int,
    ) -> str:
        """Items between brackets, one a line, each with the comments above and beside it."""
        take = self.layout.take
        lines: list[str] = []
        for index, item in enumerate(spans):
            above = take(span.start, item.start)
            text = show(index)
            # What stood inside the item and found no place there goes above it.
            above += take(item.start, item.end)
            lines += [comment.text for comment in above]
            following = spans[index + 1].start if index + 1 < len(spans) else span.end
            beside = self.layout.take_beside(item.end, following)
            comma = "," if index + 1 < len(spans) or closing == ",)" else ""
            lines.append("  ".join([text + comma, *(comment.text for comment in beside)]))
        lines += [comment.text for comment in take(span.start, span.end)]
        if not lines:
            return opening + closing
        margin = "\n" + " " * (indent + INDENT)
        return opening + "".join(margin + line for line in lines) + "\n" + " " * indent + closing[-1]

    # ------------------------------------------------------------ lambdas

    def lambda_(self, node: ast.Lambda, indent: int | None, column: int) -> str:
        """``(a, b) -> body``."""
        names = [plain_name(name) for name in node.params]
        head = names[0] if len(names) == 1 else f"({', '.join(names)})"
        if not isinstance(node.body, ast.Block):
            return f"{head} -> {self.expression(node.body, indent, column + len(head) + 4)}"
        if not node.body.body and not self.layout.has_comment(*node.body.span):
            return f"{head} -> {{;}}"
        if indent is None:
            raise MustBreak
        text = self.block(node.body, indent)
        if not node.body.body:
            # Without a statement in them, the braces would be those of an object.
            text = f"{text[:-1]}{' ' * INDENT};\n{' ' * indent}}}"
        return f"{head} -> {text}"


P = ExpressionPrinter
PRINTERS: dict[type, Callable[..., str]] = {
    ast.Literal: P.literal,
    ast.Name: P.name,
    ast.Template: P.template,
    ast.Unary: P.unary,
    ast.Binary: P.binary,
    ast.Concat: P.concat,
    ast.Logical: P.logical,
    ast.Coalesce: P.coalesce,
    ast.Conditional: P.conditional,
    ast.Between: P.between,
    ast.IsNull: P.is_null,
    ast.Cohort: P.cohort,
    ast.Property: P.suffixed,
    ast.Index: P.suffixed,
    ast.Call: P.suffixed,
    ast.Array: P.array,
    ast.Tuple: P.tuple,
    ast.Dict: P.dict,
    ast.Lambda: P.lambda_,
}
