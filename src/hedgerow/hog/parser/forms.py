"""Forms that come from SQL: each is either rewritten as a call that Hog has, or refused with the way to write it."""

from __future__ import annotations

import re

from hedgerow.hog import ast
from hedgerow.hog.ast import Expr, Span
from hedgerow.hog.hints import similar
from hedgerow.hog.parser.expressions import (
    AS,
    INFIX,
    IS,
    POSTFIX,
    PREFIX,
    TERNARY,
    ExpressionParser,
)

INTERVALS = {
    "minute": "toIntervalMinute",
    "hour": "toIntervalHour",
    "day": "toIntervalDay",
    "month": "toIntervalMonth",
}
_OTHER_UNITS = frozenset({"second", "week", "quarter", "year"})
TRIMS = {"both": "trim", "leading": "trimLeft", "trailing": "trimRight"}
_CASTS = {
    "toInt": "int integer bigint smallint tinyint int8 int16 int32 int64 uint8 uint16 uint32 uint64",
    "toFloat": "float double real float32 float64",
    "toString": "string text varchar char",
    "toDate": "date",
    "toDateTime": "datetime timestamp",
    "toUUID": "uuid",
}
CASTS = {name: function for function, names in _CASTS.items() for name in names.split()}
_QUOTED_INTERVAL = re.compile(r"\s*([0-9]{1,18})\s+([A-Za-z]+)\s*")


class FormParser(ExpressionParser):
    """Adds the forms of SQL to the expressions."""

    __slots__ = ()

    def call_of(self, function: str, args: list[Expr], sugar: str, span: Span) -> Expr:
        """A call to a library function written in another form."""
        return ast.Call(callee=ast.Name(name=function, span=span), args=args, sugar=sugar, span=span)

    # ------------------------------------------------------------ case

    def case(self) -> Expr:
        """``case when a then b else c end``; alone, ``case`` is a name."""
        start = self.pos
        if self.word(start + 1) != "when":
            return self.case_of() if self.has_subject() else self.name()
        self.pos = start + 1
        args: list[Expr] = []
        while self.accept_word("when"):
            args.append(self.expression(TERNARY))
            self.expect_word("then", "after the condition of `when`")
            args.append(self.expression(TERNARY))
        if self.accept_word("else"):
            args.append(self.expression(TERNARY))
        else:
            args.append(ast.Literal(value=None, span=self.token_span(self.pos - 1)))
        self.expect_word("end", "to close the `case`")
        function = "if" if len(args) == 3 else "multiIf"
        return self.call_of(function, args, "case", self.span_from(self.starts[start]))

    def has_subject(self) -> bool:
        """Whether ``case x when`` stands here rather than a name or a call."""
        following = self.kinds[self.pos + 1]
        if following == "(":
            end = self.closing.get(self.pos + 1)
            return end is not None and self.word(end + 1) == "when"
        return following in {"name", "quoted", "string", "int", "number"} and not self.on_new_line(
            self.pos + 1
        )

    def case_of(self) -> Expr:
        """Refuse ``case x when 1 then ...``, which no Hog runtime evaluates."""
        raise self.unsupported(
            "`case` with a value is not supported",
            self.token_span(self.pos),
            "write `case when x = 1 then ... end`",
        )

    # ------------------------------------------------------------ interval

    def interval(self) -> Expr:
        """``interval 1 day``, ``interval '1 day'``; alone, ``interval`` is a name."""
        start = self.pos
        if not self.interval_begins():
            return self.name()
        self.pos = start + 1
        if self.kinds[self.pos] == "string" and not self.is_unit(self.pos + 1):
            return self.quoted_interval(start)
        amount = self.expression(TERNARY)
        function = self.interval_function(self.word(self.pos), self.token_span(self.pos))
        self.pos += 1
        return self.call_of(function, [amount], "interval", self.span_from(self.starts[start]))

    def interval_begins(self) -> bool:
        """Whether an amount follows the word ``interval``."""
        following = self.kinds[self.pos + 1]
        if following == "(":
            end = self.closing.get(self.pos + 1)
            return end is not None and (self.is_unit(end + 1) or self.kinds[end + 1] in {"+", "-", "*", "/"})
        if self.on_new_line(self.pos + 1):
            return False
        return following in {"int", "number", "string", "name", "quoted"}

    def is_unit(self, index: int) -> bool:
        """Whether a token names a unit of time."""
        word = self.word(index).removesuffix("s")
        return word in INTERVALS or word in _OTHER_UNITS

    def interval_function(self, unit: str, span: Span) -> str:
        """The function that makes an interval of a unit."""
        function = INTERVALS.get(unit.removesuffix("s"))
        if function is not None:
            return function
        if unit.removesuffix("s") in _OTHER_UNITS:
            raise self.unsupported(
                f"intervals of one {unit.removesuffix('s')} are not supported",
                span,
                "units are minute, hour, day and month; dateAdd() knows more",
            )
        close = similar(unit, INTERVALS)
        hint = f"did you mean `{close}`?" if close else "units are minute, hour, day and month"
        raise self.syntax_error("expected a unit of time after an interval", span, hint)

    def quoted_interval(self, start: int) -> Expr:
        """``interval '1 day'``."""
        span = self.token_span(self.pos)
        match = _QUOTED_INTERVAL.fullmatch(self.texts[self.pos][1:-1])
        if match is None:
            raise self.syntax_error(
                "this is no interval", span, "write `interval 1 day` or `interval '1 day'`"
            )
        self.pos += 1
        amount = ast.Literal(value=int(match[1]), raw=match[1], span=span)
        function = self.interval_function(match[2].lower(), span)
        return self.call_of(function, [amount], "interval", self.span_from(self.starts[start]))

    # ------------------------------------------------------------ cast

    def cast(self) -> Expr:
        """``cast(x as Int)``; any other call of that name is a call."""
        start = self.pos
        if self.kinds[start] == "try_cast" and self.kinds[start + 1] == "(":
            hint = "toInt(), toFloat() and toDate() give null for a text they cannot read"
            raise self.unsupported("`try_cast` is not supported", self.token_span(start), hint)
        if self.kinds[start + 1] != "(":
            return self.name()
        self.pos = start + 2
        operand = self.expression(AS + 1)
        self.expect("as", "before the type of a cast")
        function = self.cast_function()
        self.expect(")", "after the type of a cast")
        return self.call_of(function, [operand], "cast", self.span_from(self.starts[start]))

    def double_colon(self, left: Expr) -> Expr:
        """``x::Int``."""
        self.pos += 1
        function = self.cast_function()
        return self.call_of(function, [left], "::", self.span_from(left.span.start))

    def cast_function(self) -> str:
        """Read a type; returns the function that converts to it."""
        span = self.token_span(self.pos)
        written = self.identifier("for a type")
        function = CASTS.get(written.lower())
        if function is None:
            hint = "types are Int, Float, String, Date, DateTime and UUID"
            if close := similar(written.lower(), CASTS):
                hint = f"did you mean `{close}`?"
            raise self.unsupported(f"there is no conversion to the type `{written}`", span, hint)
        return function

    # ------------------------------------------------------------ functions with words inside

    def trim(self) -> Expr:
        """``trim(both 'x' from s)``; any other call of that name is a call."""
        start = self.pos
        side = self.word(start + 2)
        if self.kinds[start + 1] != "(" or side not in TRIMS or self.kinds[start + 3] in {")", ",", "."}:
            return self.name()
        self.pos = start + 3
        character = self.expression()
        self.expect_word("from", "before the text to trim")
        text = self.expression()
        self.expect(")", "after the text to trim")
        return self.call_of(TRIMS[side], [text, character], "trim", self.span_from(self.starts[start]))

    def dated(self) -> Expr:
        """Refuse ``date '2024-01-01'``; alone these words are names."""
        index = self.pos
        if self.kinds[index + 1] != "string" or self.on_new_line(index + 1):
            return self.name()
        written = self.texts[index]
        function = "toDate" if self.kinds[index] == "date" else "toDateTime"
        hint = f"write {function}({self.texts[index + 1]})"
        raise self.unsupported(f"`{written} '...'` is not supported", self.span_of_two(index), hint)

    def substring(self) -> Expr:
        """Refuse ``substring(s from 1)``; any other call of that name is a call."""
        name = self.name()
        if self.kinds[self.pos] != "(":
            return name
        return self.substring_call(name)

    def substring_call(self, name: Expr) -> Expr:
        """The call behind the name ``substring``."""
        end = self.closing.get(self.pos)
        inside = range(self.pos + 1, end) if end is not None else range(0)
        if not any(self.kinds[i] == "," for i in inside):
            for index in inside:
                if self.word(index) == "from":
                    raise self.unsupported(
                        "`substring(... from ...)` is not supported",
                        self.token_span(index),
                        "write substring(text, start, length)",
                    )
        return self.call(name)

    def select(self) -> Expr:
        """Refuse a query; alone, ``select`` is a name."""
        following = self.kinds[self.pos + 1]
        if self.pos == 0 and following in {"name", "quoted", "int", "string", "*"}:
            raise self.unsupported("SQL queries are not supported in Hog", self.token_span(self.pos))
        return self.name()

    def span_of_two(self, index: int) -> Span:
        """The span of a token and the next one."""
        return Span(self.starts[index], self.ends[index + 1])

    # ------------------------------------------------------------ operators

    def alias(self, left: Expr) -> Expr:
        """Refuse ``x as y``."""
        del left
        raise self.unsupported(
            "`as` only has a meaning in SQL", self.token_span(self.pos), "use `let name := value`"
        )

    def null_safe_equals(self, left: Expr) -> Expr:
        """Refuse ``a <=> b``."""
        del left
        raise self.unsupported(
            "`<=>` is not supported", self.token_span(self.pos), "write `=`; null only equals null"
        )


P = FormParser
PREFIX.update(
    {
        "case": P.case,
        "interval": P.interval,
        "cast": P.cast,
        "try_cast": P.cast,
        "trim": P.trim,
        "date": P.dated,
        "timestamp": P.dated,
        "substring": P.substring,
        "select": P.select,
    }
)
INFIX.update({"as": (AS, P.alias), "<=>": (IS, P.null_safe_equals), "::": (POSTFIX, P.double_colon)})
