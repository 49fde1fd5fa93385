"""Expressions, by precedence climbing.

A token either begins an expression (``PREFIX``) or goes on with one (``INFIX``, with its binding power). One loop
reads all levels, so that a nested parenthesis costs two Python frames, and a chain of any length costs none.

Binding powers, loosest first, measured against PostHog's parser: ``as``, ``?:``, ``or``, ``and``, ``not``, ``between``, ``??``,
``is null``, comparisons, ``+ - ||``, ``* / %``, unary minus, and calls, indexes and properties.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hedgerow.hog import ast
from hedgerow.hog.ast import Expr, Span
from hedgerow.hog.lexer import NAMES
from hedgerow.hog.parser.cursor import MAX_DEPTH, Cursor
from hedgerow.hog.parser.texts import fstring_text, integer, number, template_text, unquote

AS: Final = 1
TERNARY: Final = 2
OR: Final = 3
AND: Final = 4
NOT: Final = 5
BETWEEN: Final = 6
COALESCE: Final = 7
IS: Final = 8
COMPARE: Final = 9
ADD: Final = 10
MULTIPLY: Final = 11
UNARY: Final = 12
POSTFIX: Final = 13

_ARITHMETIC = {"+": ADD, "-": ADD, "*": MULTIPLY, "/": MULTIPLY, "%": MULTIPLY}
COMPARISONS = {
    "=": "==",
    "==": "==",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "=~": "=~",
    "~": "=~",
    "!~": "!~",
    "=~*": "=~*",
    "~*": "=~*",
    "!~*": "!~*",
    "in": "in",
    "like": "like",
    "ilike": "ilike",
}
_OPERAND_STARTS = NAMES | {"int", "number", "string", "(", "[", "{", "f'", "-", ".", "null", "inf", "nan"}

_BETWEEN_OPERANDS = frozenset({"and", "or", "in", "like", "ilike", "between"})

PREFIX: dict[str, Callable[[Any], Expr]] = {}
INFIX: dict[str, tuple[int, Callable[[Any, Expr], Expr]]] = {}
NEGATED: dict[str, tuple[int, Callable[[Any, Expr], Expr]]] = {}
"""What may follow a ``not`` that stands behind an operand."""


class ExpressionParser(Cursor):
    """Reads expressions. Statements inside lambdas come from the subclass."""

    __slots__ = ()

    def block(self) -> ast.Block:
        """Read ``{ ... }``; given by the statement parser."""
        raise NotImplementedError

    def expression(self, power: int = 0) -> Expr:
        """Read an expression whose operators all bind at least as tightly as ``power``."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.too_deep()
        kinds = self.kinds
        prefix = PREFIX.get(kinds[self.pos])
        if prefix is None:
            raise self.unexpected()
        left = prefix(self)
        while True:
            kind = kinds[self.pos]
            infix = INFIX.get(kind)
            if infix is None:
                if kind != "not":
                    break
                infix = NEGATED.get(kinds[self.pos + 1])
                if infix is None:
                    break
            if infix[0] < power:
                break
            left = infix[1](self, left)
        self.depth -= 1
        return left

    # ------------------------------------------------------------ literals and names

    def name(self) -> Expr:
        """A variable, or the parameter of a lambda."""
        index = self.pos
        self.pos = index + 1
        if self.kinds[self.pos] == "->":
            return self.lambda_of([self.identifier_at(index)], self.starts[index])
        quoted = self.kinds[index] == "quoted"
        return ast.Name(name=self.identifier_at(index), quoted=quoted, span=self.token_span(index))

    def identifier_at(self, index: int) -> str:
        """The text of a name token, without quotes."""
        if self.kinds[index] == "quoted":
            return unquote(self.source, self.starts[index], self.ends[index])
        return self.texts[index]

    def identifier(self, purpose: str) -> str:
        """Read a name."""
        index = self.pos
        if self.kinds[index] not in NAMES:
            message = f"expected a name {purpose}, found {self.describe(index)}"
            raise self.syntax_error(
                message,
                self.token_span(index),
                self.open_bracket_hint() if self.kinds[index] == "eof" else None,
            )
        self.pos = index + 1
        return self.identifier_at(index)

    def boolean(self) -> Expr:
        """``true`` or ``false``."""
        index = self.pos
        if self.kinds[index + 1] == "->":
            return self.name()
        self.pos = index + 1
        return ast.Literal(value=self.kinds[index] == "true", span=self.token_span(index))

    def null(self) -> Expr:
        """``null``."""
        self.pos += 1
        return ast.Literal(value=None, span=self.token_span(self.pos - 1))

    def string(self) -> Expr:
        """A string."""
        index = self.pos
        self.pos = index + 1
        start, end = self.starts[index], self.ends[index]
        return ast.Literal(value=unquote(self.source, start, end), span=Span(start, end))

    def number(self) -> Expr:
        """A number without a sign."""
        return self.signed_number(self.pos, "")

    def signed_number(self, start: int, sign: str) -> Expr:
        """A number; ``start`` is the index of its sign or of its first token."""
        index = self.pos
        kinds, texts = self.kinds, self.texts
        kind, raw = kinds[index], texts[index]
        self.pos = index + 1
        if kind == ".":
            raw = "." + self.digits()
        elif kind == "int" and kinds[self.pos] == "." and not self.is_property(self.pos + 1):
            self.pos += 1
            raw += "." + (self.digits() if kinds[self.pos] == "int" else "")
        elif kind == "int":
            raw = sign + raw if sign == "-" else raw
            return ast.Literal(value=integer(raw), raw=raw, span=self.span_from(self.starts[start]))
        value = number(raw, sign)
        return ast.Literal(
            value=value, raw="-" + raw if sign == "-" else raw, span=self.span_from(self.starts[start])
        )

    def is_property(self, index: int) -> bool:
        """Whether a token behind a number and its dot is the name of a property; in ``2. and x`` it is an operator."""
        word, following = self.kinds[index], self.kinds[index + 1]
        if word == "is":
            return following not in {"null", "not"} and self.word(index + 1) != "distinct"
        if word == "not":
            return following not in _BETWEEN_OPERANDS
        if word not in _BETWEEN_OPERANDS:
            return word in NAMES
        if following in {"+", "."}:
            return not self.starts_number(index + 2 if following == "+" else index + 1)
        return following in _BETWEEN_OPERANDS or following not in _OPERAND_STARTS

    def digits(self) -> str:
        """Read the digits behind the dot of a number."""
        if self.kinds[self.pos] != "int":
            raise self.unexpected()
        self.pos += 1
        return self.texts[self.pos - 1]

    # ------------------------------------------------------------ operators in front

    def minus(self) -> Expr:
        """``-x``; a number takes the sign into itself."""
        start = self.pos
        self.pos = start + 1
        if self.starts_number(self.pos):
            return self.signed_number(start, "-")
        operand = self.expression(UNARY)
        return ast.Unary(op="-", operand=operand, span=self.span_from(self.starts[start]))

    def plus(self) -> Expr:
        """``+1``: a sign in front of a number, and of nothing else."""
        start = self.pos
        if not self.starts_number(start + 1):
            raise self.unexpected()
        self.pos = start + 1
        return self.signed_number(start, "+")

    def starts_number(self, index: int) -> bool:
        """Whether a number begins at a token."""
        kind = self.kinds[index]
        return kind in {"int", "number", "inf", "nan"} or (kind == "." and self.kinds[index + 1] == "int")

    def negation(self) -> Expr:
        """``not x``; alone it is a name.

        Before a parenthesis it binds as a call does: ``not (a) = b`` is ``(not a) = b``, while ``not a = b`` is ``not (a = b)``.
        """
        start = self.pos
        following = self.kinds[start + 1]
        if following == "(" and not self.is_parameters(start + 1):
            return self.not_called(start)
        if following not in _OPERAND_STARTS and following not in PREFIX:
            return self.name()
        self.pos = start + 1
        operand = self.expression(NOT)
        return ast.Unary(op="not", operand=operand, span=self.span_from(self.starts[start]))

    def not_called(self, start: int) -> Expr:
        """``not (x)``; with another number of arguments it is an ordinary call."""
        name = self.name()
        self.pos = start + 2
        args = self.arguments(")", "after the expression in parentheses")
        span = self.span_from(self.starts[start])
        if len(args) == 1:
            return ast.Unary(op="not", operand=args[0], span=span)
        return ast.Call(callee=name, args=args, span=span)

    def is_parameters(self, index: int) -> bool:
        """Whether the parenthesis at an index holds the parameters of a lambda."""
        end = self.closing.get(index)
        return end is not None and self.kinds[end + 1] == "->"

    # ------------------------------------------------------------ operators between

    def arithmetic(self, left: Expr) -> Expr:
        """``a + b`` and the like, left to right."""
        op = self.kinds[self.pos]
        self.pos += 1
        right = self.expression(_ARITHMETIC[op] + 1)
        return ast.Binary(op=op, left=left, right=right, span=Span(left.span[0], self.ends[self.pos - 1]))

    def comparison(self, left: Expr) -> Expr:
        """``a = b``, ``a like b`` and the like, left to right."""
        written = self.kinds[self.pos]
        op = COMPARISONS[written]
        self.pos += 1
        if op == "in" and self.is_cohort():
            return self.cohort(left, negated=False)
        right = self.expression(COMPARE + 1)
        span = Span(left.span[0], self.ends[self.pos - 1])
        return ast.Binary(
            op=op, left=left, right=right, written=None if written == op else written, span=span
        )

    def negated_comparison(self, left: Expr) -> Expr:
        """``a not in b``, ``a not like b``."""
        op = "not " + self.kinds[self.pos + 1]
        self.pos += 2
        if op == "not in" and self.is_cohort():
            return self.cohort(left, negated=True)
        right = self.expression(COMPARE + 1)
        return ast.Binary(op=op, left=left, right=right, span=Span(left.span[0], self.ends[self.pos - 1]))

    def is_cohort(self) -> bool:
        """Whether ``cohort X`` follows, rather than a variable of that name."""
        return self.word(self.pos) == "cohort" and self.kinds[self.pos + 1] in {
            "int",
            "string",
            "name",
            "quoted",
        }

    def cohort(self, left: Expr, *, negated: bool) -> Expr:
        """``a in cohort 1``."""
        self.pos += 1
        cohort = self.expression(COMPARE + 1)
        return ast.Cohort(operand=left, cohort=cohort, negated=negated, span=self.span_from(left.span.start))

    def concat(self, left: Expr) -> Expr:
        """``a || b``, chains flattened."""
        self.pos += 1
        right = self.expression(ADD + 1)
        span = Span(left.span[0], self.ends[self.pos - 1])
        if isinstance(left, ast.Concat):
            left.parts.append(right)
            left.span = span
            return left
        return ast.Concat(parts=[left, right], span=span)

    def logical(self, left: Expr) -> Expr:
        """``a and b``, ``a or b``, chains flattened."""
        op = self.kinds[self.pos]
        self.pos += 1
        right = self.expression((AND if op == "and" else OR) + 1)
        span = Span(left.span[0], self.ends[self.pos - 1])
        if isinstance(left, ast.Logical) and left.op == op:
            left.operands.append(right)
            left.span = span
            return left
        return ast.Logical(op=op, operands=[left, right], span=span)

    def coalesce(self, left: Expr) -> Expr:
        """``a ?? b``, left to right."""
        self.pos += 1
        right = self.expression(COALESCE + 1)
        return ast.Coalesce(left=left, right=right, span=self.span_from(left.span.start))

    def conditional(self, left: Expr) -> Expr:
        """``a ? b : c``, right to left."""
        self.pos += 1
        then = self.expression()
        self.expect(":", "between the two values of a conditional `test ? a : b`")
        otherwise = self.expression(TERNARY)
        return ast.Conditional(
            test=left, then=then, otherwise=otherwise, span=self.span_from(left.span.start)
        )

    def between(self, left: Expr) -> Expr:
        """``a [not] between b and c``."""
        negated = self.kinds[self.pos] == "not"
        self.pos += 2 if negated else 1
        low = self.expression(BETWEEN + 1)
        self.expect("and", "between the two bounds of `between`")
        high = self.expression(BETWEEN + 1)
        return ast.Between(
            operand=left, low=low, high=high, negated=negated, span=self.span_from(left.span.start)
        )

    def is_null(self, left: Expr) -> Expr:
        """``a is [not] null``."""
        start = self.pos
        self.pos += 1
        negated = self.accept("not")
        if self.accept("null"):
            return ast.IsNull(operand=left, negated=negated, span=self.span_from(left.span.start))
        if self.word(self.pos) == "distinct":
            sign = "=" if negated else "!="
            raise self.unsupported(
                "`is distinct from` is not supported",
                self.token_span(start),
                f"write `{sign}`; null only equals null",
            )
        sign = "!=" if negated else "="
        raise self.syntax_error(
            "`is` only stands before `null` or `not null`", self.token_span(start), f"compare with `{sign}`"
        )

    # ------------------------------------------------------------ behind an operand

    def property(self, left: Expr) -> Expr:
        """``a.b``, ``a?.b``, ``a.1``, ``a?.1``, ``a?.[b]``."""
        nullish = self.kinds[self.pos] == "?."
        index = self.pos + 1
        kind = self.kinds[index]
        if kind in NAMES:
            self.pos = index + 1
            return ast.Property(
                object=left,
                name=self.identifier_at(index),
                nullish=nullish,
                quoted=kind == "quoted",
                span=Span(left.span[0], self.ends[index]),
            )
        self.pos = index
        if kind == "int":
            return self.dotted_index(left, nullish=nullish)
        if nullish and kind == "[":
            return self.index(left, nullish=True)
        if kind == "*":
            raise self.unsupported("`*` only has a meaning in SQL", self.token_span(index))
        hint = f"write ['{self.texts[index]}'] for a property of that name" if self.word(index) else None
        raise self.syntax_error(
            f"expected a property name, found {self.describe(index)}", self.token_span(index), hint
        )

    def dotted_index(self, left: Expr, *, nullish: bool) -> Expr:
        """The ``1`` of ``a.1``."""
        span = self.token_span(self.pos)
        raw = self.texts[self.pos]
        self.pos += 1
        key = ast.Literal(value=integer(raw), raw=raw, span=span)
        self.check_index(key)
        return ast.Index(object=left, key=key, nullish=nullish, dotted=True, span=Span(left.span[0], span[1]))

    def index(self, left: Expr, *, nullish: bool = False) -> Expr:
        """``a[b]``."""
        self.pos += 1
        if self.kinds[self.pos] == "]":
            raise self.syntax_error(
                "expected an index, found `]`", self.token_span(self.pos), "the last item is [-1]"
            )
        if self.kinds[self.pos] == ":":
            self.slice()
        key = self.expression()
        if self.kinds[self.pos] == ":":
            self.slice()
        self.expect("]", "after an index")
        self.check_index(key)
        return ast.Index(
            object=left, key=key, nullish=nullish, span=Span(left.span[0], self.ends[self.pos - 1])
        )

    def slice(self) -> None:
        """Refuse ``a[1:2]``."""
        raise self.unsupported(
            "slices are not supported", self.token_span(self.pos), "use arrayFilter() or substring()"
        )

    def check_index(self, key: ast.Literal | Expr) -> None:
        """Arrays begin at 1; a literal 0 can only be a slip."""
        if isinstance(key, ast.Literal) and type(key.value) is int and key.value == 0:
            raise self.unsupported(
                "Array access starts from 1", key.span, "the first item is [1], the last one [-1]"
            )

    def call(self, left: Expr) -> Expr:
        """``f(a, b,)``."""
        self.pos += 1
        args = self.arguments(")", "to close the arguments of a call")
        return ast.Call(callee=left, args=args, span=Span(left.span[0], self.ends[self.pos - 1]))

    def arguments(self, closing: str, purpose: str) -> list[Expr]:
        """Read expressions with commas between them up to a bracket; a comma before the bracket is welcome."""
        items: list[Expr] = []
        kinds = self.kinds
        while kinds[self.pos] != closing:
            if self.word(self.pos) == "distinct" and kinds[self.pos + 1] in _OPERAND_STARTS:
                raise self.unsupported("`distinct` only has a meaning in SQL", self.token_span(self.pos))
            items.append(self.expression())
            if kinds[self.pos] != ",":
                break
            self.pos += 1
        self.expect(closing, purpose)
        return items

    # ------------------------------------------------------------ brackets

    def parenthesis(self) -> Expr:
        """``(a)``, a tuple ``(a, b)``, or the parameters of a lambda ``(a, b) -> ...``."""
        start = self.pos
        if self.is_parameters(start):
            self.pos = start + 1
            params = self.parameters("of a lambda")
            return self.lambda_of(params, self.starts[start])
        self.pos = start + 1
        if self.kinds[self.pos] in {"select", "with"} and self.kinds[self.pos + 1] in _OPERAND_STARTS | {"*"}:
            raise self.unsupported("SQL queries are not supported in Hog", self.token_span(self.pos))
        if self.kinds[self.pos] == ")":
            raise self.syntax_error(
                "there is no empty pair of parentheses", self.span_between(start), "an empty tuple is tuple()"
            )
        first = self.expression()
        if self.kinds[self.pos] != ",":
            self.expect(")", "after the expression in parentheses")
            return first
        self.pos += 1
        items = [first, *self.arguments(")", "to close the tuple")]
        return ast.Tuple(items=items, span=self.span_from(self.starts[start]))

    def span_between(self, start: int) -> Span:
        """The span from the token at an index to the next one."""
        return Span(self.starts[start], self.ends[self.pos])

    def parameters(self, purpose: str) -> list[str]:
        """Read names up to ``)``, the opening one being read already."""
        names: list[str] = []
        while self.kinds[self.pos] != ")":
            names.append(self.identifier(f"for a parameter {purpose}"))
            if not self.accept(","):
                break
        if self.kinds[self.pos] == ":=":
            raise self.syntax_error(
                "parameters have no default values",
                self.token_span(self.pos),
                "a missing argument is null; write `let a := a ?? 1` in the body",
            )
        self.expect(")", f"after the parameters {purpose}")
        return names

    def array(self) -> Expr:
        """``[1, 2]``."""
        start = self.pos
        self.pos = start + 1
        items = self.arguments("]", "to close the array")
        return ast.Array(items=items, span=self.span_from(self.starts[start]))

    def dict(self) -> Expr:
        """``{'a': 1}``."""
        start = self.pos
        self.pos = start + 1
        items: list[tuple[Expr, Expr]] = []
        while self.kinds[self.pos] != "}":
            key = self.expression()
            if not items and self.kinds[self.pos] == "}":
                self.placeholder(start)
            self.expect(":", "after a key of an object")
            items.append((key, self.expression()))
            if not self.accept(","):
                break
        self.expect("}", "to close the object")
        return ast.Dict(items=items, span=self.span_from(self.starts[start]))

    def placeholder(self, start: int) -> None:
        """Refuse ``{x}``: a placeholder of SQL, or doubled braces in a template."""
        span = self.span_between(start)
        if start > 0 and self.kinds[start - 1] == "${":
            raise self.unsupported(
                "Placeholders are not allowed in this context",
                span,
                "templates use single braces, like {person.properties.email}",
            )
        hint = "an object needs keys, like {'key': value}"
        raise self.unsupported("Placeholders are not allowed in this context", span, hint)

    def tag(self) -> Expr:
        """Refuse ``<tag>``."""
        if self.kinds[self.pos + 1] in NAMES and (self.pos == 0 or self.after(self.pos)):
            raise self.unsupported("HogQLX tags are not supported", self.token_span(self.pos))
        raise self.unexpected()

    def star(self) -> Expr:
        """Refuse ``count(*)`` and the like."""
        if self.kinds[self.pos - 1] == "(" or self.pos == 0:
            raise self.unsupported("`*` only has a meaning in SQL", self.token_span(self.pos))
        raise self.unexpected()

    # ------------------------------------------------------------ lambdas

    def lambda_of(self, params: list[str], start: int) -> Expr:
        """Read ``-> body``; the parameters are read."""
        self.expect("->", "before the body of a lambda")
        return ast.Lambda(params=params, body=self.lambda_body(), span=self.span_from(start))

    def lambda_body(self) -> Expr | ast.Block:
        """An expression, or a block unless the braces hold an object."""
        if self.kinds[self.pos] == "{" and self.kinds[self.pos + 1] != "}" and not self.holds_pairs(self.pos):
            return self.block()
        return self.expression()

    def lambda_keyword(self) -> Expr:
        """``lambda a, b: body``; alone it is a name."""
        start = self.pos
        if not self.lambda_begins(start):
            return self.name()
        self.pos = start + 1
        params = [self.identifier("for a parameter of a lambda")]
        while self.accept(","):
            params.append(self.identifier("for a parameter of a lambda"))
        self.expect(":", "before the body of a lambda")
        return ast.Lambda(params=params, body=self.lambda_body(), span=self.span_from(self.starts[start]))

    def lambda_begins(self, index: int) -> bool:
        """Whether ``lambda`` at an index is followed by parameters."""
        kinds = self.kinds
        return kinds[index] == "lambda" and kinds[index + 1] in NAMES and kinds[index + 2] in {":", ","}

    def holds_pairs(self, start: int) -> bool:
        """Whether the ``{`` at an index opens an object: its first expression is followed by a colon.

        Looks at the tokens between the braces only, stepping over inner brackets, so that nested blocks are never read twice.
        """
        kinds = self.kinds
        index, pending = start + 1, 0
        while True:
            kind = kinds[index]
            if kind == ":":
                if not pending:
                    return True
                pending -= 1
            elif kind == "?" or (kind == "lambda" and self.lambda_begins(index)):
                pending += 1
            elif kind in _ENDS_FIRST_EXPRESSION:
                return False
            elif kind in _OPENS:
                end = self.closing.get(index)
                if end is None:
                    return False
                index = end
            index += 1

    # ------------------------------------------------------------ texts

    def fstring(self) -> Expr:
        """``f'a {b} c'``."""
        start = self.pos
        self.pos = start + 1
        parts = self.template_parts("end'", fstring_text)
        self.pos += 1
        return ast.Template(parts=parts, span=self.span_from(self.starts[start]))

    def template(self) -> ast.Template:
        """A whole input template."""
        parts = self.template_parts("eof", template_text)
        return ast.Template(parts=parts, whole=True, span=Span(0, len(self.source)))

    def template_parts(self, end: str, decode: Callable[[str], str]) -> list[str | Expr]:
        """Texts and expressions in turn, up to a kind of token."""
        parts: list[str | Expr] = []
        while (kind := self.kinds[self.pos]) != end:
            if kind == "text":
                parts.append(decode(self.texts[self.pos]))
                self.pos += 1
                continue
            opening = self.pos
            self.pos += 1
            if self.kinds[self.pos] == "}$":
                raise self.syntax_error(
                    "there is no expression between the braces",
                    self.span_between(opening),
                    r"write \{ for a brace",
                )
            parts.append(self.expression())
            self.expect("}$", "behind the expression")
        return [part for part in parts if part != ""]


_ENDS_FIRST_EXPRESSION = frozenset(
    {";", ":=", "}", "}$", ")", "]", "eof", "let", "fun", "while", "try", "throw"}
)
_OPENS = frozenset({"(", "[", "{", "${"})

P = ExpressionParser
PREFIX.update(dict.fromkeys(NAMES, P.name))
PREFIX.update(
    {
        "true": P.boolean,
        "false": P.boolean,
        "null": P.null,
        "string": P.string,
        "int": P.number,
        "number": P.number,
        "inf": P.number,
        "nan": P.number,
        ".": P.number,
        "-": P.minus,
        "+": P.plus,
        "not": P.negation,
        "(": P.parenthesis,
        "[": P.array,
        "{": P.dict,
        "f'": P.fstring,
        "lambda": P.lambda_keyword,
        "<": P.tag,
        "*": P.star,
    }
)
INFIX.update({kind: (power, P.arithmetic) for kind, power in _ARITHMETIC.items()})
INFIX.update(dict.fromkeys(COMPARISONS, (COMPARE, P.comparison)))
INFIX.update(
    {
        "||": (ADD, P.concat),
        "and": (AND, P.logical),
        "or": (OR, P.logical),
        "??": (COALESCE, P.coalesce),
        "?": (TERNARY, P.conditional),
        "between": (BETWEEN, P.between),
        "is": (IS, P.is_null),
        ".": (POSTFIX, P.property),
        "?.": (POSTFIX, P.property),
        "[": (POSTFIX, P.index),
        "(": (POSTFIX, P.call),
    }
)
NEGATED.update(dict.fromkeys(("in", "like", "ilike"), (COMPARE, P.negated_comparison)))
NEGATED["between"] = (BETWEEN, P.between)
