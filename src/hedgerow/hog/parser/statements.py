"""Statements. None needs a ``;`` behind it, and lines do not end them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hedgerow.hog import ast
from hedgerow.hog.ast import Span, Statement
from hedgerow.hog.hints import foreign_call, foreign_statement
from hedgerow.hog.lexer import NAMES
from hedgerow.hog.parser.cursor import MAX_DEPTH
from hedgerow.hog.parser.forms import FormParser

STATEMENTS: dict[str, Callable[[Any], Statement]] = {}
_NO_VALUE = frozenset({";", "}", "}$", "eof", "let", "fun", "while", "try", "throw"})
_LOOP_WORDS = {
    "break": "Hog has no `break`; give the loop a condition, or put it in a function and `return`",
    "continue": "Hog has no `continue`; put the rest of the body in an `if`",
}


class Parser(FormParser):
    """The whole parser."""

    __slots__ = ()

    def program(self) -> ast.Program:
        """Read all of the source as statements."""
        body: list[Statement] = []
        while self.kinds[self.pos] != "eof":
            if self.kinds[self.pos] == "}":
                raise self.syntax_error("this `}` closes nothing", self.token_span(self.pos))
            self.statement_into(body)
        return ast.Program(body=body, comments=self.tokens.comments, span=Span(0, len(self.source)))

    def statement_into(self, body: list[Statement]) -> None:
        """Read a statement into a list; a lone ``;`` leaves nothing there."""
        if not self.accept(";"):
            body.append(self.statement())

    def statement(self) -> Statement:
        """Read one statement."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.too_deep()
        handler = STATEMENTS.get(self.kinds[self.pos])
        result = handler(self) if handler is not None else self.expression_statement()
        self.depth -= 1
        return result

    def block(self) -> ast.Block:
        """``{ ... }``."""
        start = self.pos
        self.expect("{", "to open a block")
        body: list[Statement] = []
        while self.kinds[self.pos] != "}":
            if self.kinds[self.pos] in {"eof", "}$"}:
                raise self.missing("}", "at the end of the block")
            self.statement_into(body)
        self.pos += 1
        return ast.Block(body=body, span=self.span_from(self.starts[start]))

    # ------------------------------------------------------------ simple ones

    def empty(self) -> Statement:
        """A ``;`` where a statement is needed."""
        self.pos += 1
        return ast.Empty(span=self.token_span(self.pos - 1))

    def let(self) -> Statement:
        """``let name := value``."""
        start = self.starts[self.pos]
        self.pos += 1
        name_span = self.token_span(self.pos)
        name = self.identifier("for the variable")
        value = None
        if self.accept(":="):
            value = self.value()
        else:
            self.check_let(name)
        self.accept(";")
        return ast.Let(name=name, value=value, name_span=name_span, span=self.span_from(start))

    def check_let(self, name: str) -> None:
        """Catch the ways in which other languages go on after ``let name``."""
        kind = self.kinds[self.pos]
        if kind in {"=", "=="}:
            hint = f"write `let {name} := ...`; `=` compares"
            raise self.syntax_error("a variable gets its value with `:=`", self.token_span(self.pos), hint)
        if kind == ":":
            raise self.syntax_error(
                "variables have no types", self.token_span(self.pos), f"write `let {name} := ...`"
            )
        if kind == ",":
            raise self.syntax_error(
                "one `let` declares one variable", self.token_span(self.pos), "write a `let` for each"
            )

    def expression_statement(self) -> Statement:
        """An expression or an assignment."""
        self.check_words()
        start = self.starts[self.pos]
        expr = self.value()
        if self.kinds[self.pos] == ":=":
            return self.assignment(expr, start)
        self.check_after_statement(expr)
        self.accept(";")
        return ast.ExprStatement(expr=expr, span=self.span_from(start))

    def assignment(self, target: ast.Expr, start: int) -> Statement:
        """``target := value``; the target is read."""
        if not isinstance(target, ast.Name | ast.Property | ast.Index):
            raise self.unsupported(
                "Can not assign to this type of expression",
                target.span,
                "a variable, a property or an index may stand left of `:=`",
            )
        self.pos += 1
        value = self.value()
        self.accept(";")
        return ast.Assign(target=target, value=value, span=self.span_from(start))

    def value(self) -> ast.Expr:
        """An expression that ends a statement; catches keywords of other languages, which would be names here."""
        expr = self.expression()
        if self.kinds[self.pos] in {"name", "{"} and not self.on_new_line(self.pos):
            word, hint = "", None
            if isinstance(expr, ast.Name):
                word, hint = expr.name, foreign_statement(expr.name)
            elif (
                isinstance(expr, ast.Call)
                and isinstance(expr.callee, ast.Name)
                and self.kinds[self.pos] == "{"
            ):
                word, hint = expr.callee.name, foreign_call(expr.callee.name)
            if hint:
                raise self.syntax_error(
                    f"unexpected `{word}`", Span(expr.span.start, expr.span.start + len(word)), hint
                )
        return expr

    def check_words(self) -> None:
        """Catch statements of other languages that would parse here as a row of unknown names."""
        index = self.pos
        text = self.texts[index]
        if text in _LOOP_WORDS and (
            self.kinds[index + 1] in {";", "}", "eof"} or self.on_new_line(index + 1)
        ):
            raise self.unsupported(f"there is no `{text}`", self.token_span(index), _LOOP_WORDS[text])
        hint = foreign_statement(text)
        if (
            hint
            and self.kinds[index + 1] in {"name", "quoted", "string", "{"}
            and not self.on_new_line(index + 1)
        ):
            raise self.syntax_error(f"unexpected `{text}`", self.token_span(index), hint)
        if text == "else" and (self.kinds[index + 1] in {"{", "if"}):
            raise self.syntax_error(
                "this `else` belongs to no `if`",
                self.token_span(index),
                "no `;` stands before `else`; a value is chosen with `test ? a : b`",
            )

    def check_after_statement(self, expr: ast.Expr) -> None:
        """An operator that Hog lacks ends the expression early; say so rather than fail on the rest."""
        if self.kinds[self.pos] in {":", ",", ")", "]", "->", "}$"}:
            hint = "a lambda's parameter is a plain name" if self.kinds[self.pos] == "->" else None
            if self.kinds[self.pos] == ":" and isinstance(expr, ast.Name):
                hint = "assignment is written `:=`, without a blank"
            if self.kinds[self.pos] == ")" and isinstance(expr, ast.Binary) and expr.op == "in":
                hint = "a loop declares its variable: `for (let value in list)`"
            raise self.syntax_error(
                f"unexpected {self.describe(self.pos)} after an expression", self.token_span(self.pos), hint
            )

    def return_(self) -> Statement:
        """``return [value]``."""
        index = self.pos
        if self.kinds[index + 1] == ":=":
            return self.expression_statement()
        self.pos = index + 1
        value = None if self.kinds[self.pos] in _NO_VALUE else self.value()
        self.accept(";")
        return ast.Return(value=value, span=self.span_from(self.starts[index]))

    def throw(self) -> Statement:
        """``throw value``."""
        start = self.starts[self.pos]
        self.pos += 1
        value = self.value()
        self.accept(";")
        return ast.Throw(value=value, span=self.span_from(start))

    # ------------------------------------------------------------ branches and loops

    def if_(self) -> Statement:
        """``if (test) then else otherwise``, or a call of the function ``if``."""
        start = self.pos
        if not self.has_condition("if") or self.is_call_of_if():
            return self.expression_statement()
        test = self.condition()
        then = self.body("if")
        otherwise = None
        if self.word(self.pos) == "else" and self.kinds[self.pos + 1] != ":=":
            self.pos += 1
            otherwise = self.body("else")
        return ast.If(test=test, then=then, otherwise=otherwise, span=self.span_from(self.starts[start]))

    def has_condition(self, word: str) -> bool:
        """Whether a parenthesis follows the keyword; false when the keyword is used as a name."""
        following = self.pos + 1
        if self.kinds[following] == "(":
            return True
        if self.kinds[following] in _STARTS_CONDITION and not self.on_new_line(following):
            raise self.syntax_error(
                f"expected `(` after `{word}`, found {self.describe(following)}",
                self.token_span(following),
                f"write `{word} (...) {{ ... }}`",
            )
        return False

    def is_call_of_if(self) -> bool:
        """``if(a, b, c)`` as a statement: a comma stands between the parentheses."""
        end = self.closing.get(self.pos + 1)
        index = self.pos + 2
        while end is not None and index < end:
            if self.kinds[index] == ",":
                return not self.is_lambda_list(index)
            index = self.closing.get(index, index) + 1
        return False

    def is_lambda_list(self, index: int) -> bool:
        """Whether a comma at an index stands between the parameters of ``lambda a, b: ...``."""
        while self.kinds[index] == "," or self.kinds[index] in NAMES:
            if self.kinds[index] == "lambda":
                return True
            index -= 1
        return False

    def condition(self) -> ast.Expr:
        """``(test)`` behind a keyword."""
        self.pos += 2
        test = self.expression()
        if self.kinds[self.pos] == ":=":
            raise self.syntax_error(
                "a condition assigns nothing", self.token_span(self.pos), "compare with `=`"
            )
        self.expect(")", "after the condition")
        return test

    def body(self, word: str) -> Statement:
        """The statement that a keyword governs."""
        if self.kinds[self.pos] in {"eof", "}"}:
            raise self.syntax_error(
                f"expected a statement after `{word}`", self.token_span(self.pos), self.open_bracket_hint()
            )
        return self.statement()

    def while_(self) -> Statement:
        """``while (test) body``."""
        start = self.starts[self.pos]
        if not self.has_condition("while"):
            self.pos += 1
            raise self.missing("(", "after `while`")
        test = self.condition()
        body = self.body("while")
        return ast.While(test=test, body=body, span=self.span_from(start))

    def for_(self) -> Statement:
        """``for (init; test; step) body``, or ``for (let k, v in x) body``."""
        start = self.starts[self.pos]
        if not self.has_condition("for"):
            return self.expression_statement()
        self.pos += 2
        if self.kinds[self.pos] == "let" and self.kinds[self.pos + 2] in {",", "in"}:
            return self.for_in(start)
        init = None if self.kinds[self.pos] == ";" else self.for_init()
        if init is None or self.kinds[self.pos - 1] != ";":
            self.expect_semicolon("after the start of a `for`")
        test = None if self.kinds[self.pos] == ";" else self.expression()
        self.expect_semicolon("after the condition of a `for`")
        step = None if self.kinds[self.pos] == ")" else self.for_step()
        self.expect(")", "after the head of a `for`")
        body = self.body("for")
        return ast.For(init=init, test=test, step=step, body=body, span=self.span_from(start))

    def expect_semicolon(self, purpose: str) -> None:
        """Step over the ``;`` in the head of a ``for``."""
        if self.word(self.pos) in {"of", "in"}:
            hint = "write `for (let value in list)` or `for (let key, value in object)`"
            raise self.syntax_error(
                f"expected `;` {purpose}, found {self.describe(self.pos)}", self.token_span(self.pos), hint
            )
        self.expect(";", purpose)

    def for_init(self) -> Statement:
        """The first part of a ``for``."""
        return self.let() if self.kinds[self.pos] == "let" else self.expression_statement()

    def for_step(self) -> Statement:
        """The last part of a ``for``."""
        start = self.starts[self.pos]
        expr = self.expression()
        if self.kinds[self.pos] == ":=":
            return self.assignment(expr, start)
        return ast.ExprStatement(expr=expr, span=self.span_from(start))

    def for_in(self, start: int) -> Statement:
        """The rest of ``for (let k, v in x) body``."""
        self.pos += 1
        key, value = None, self.identifier("for the variable of a loop")
        if self.accept(","):
            key, value = value, self.identifier("for the value of a loop")
        self.expect("in", "after the variables of a loop")
        iterable = self.expression()
        self.expect(")", "after the head of a `for`")
        body = self.body("for")
        return ast.ForIn(key=key, value=value, iterable=iterable, body=body, span=self.span_from(start))

    # ------------------------------------------------------------ functions and errors

    def function(self) -> Statement:
        """``fun name(a, b) { ... }``."""
        start = self.starts[self.pos]
        self.pos += 1
        name_span = self.token_span(self.pos)
        if self.kinds[self.pos] == "(":
            raise self.syntax_error(
                "a function has a name", name_span, "write `let f := (a, b) -> { ... }` for one without"
            )
        name = self.identifier("for the function")
        self.expect("(", "after the name of a function")
        params = self.parameters("of a function")
        body = self.block()
        return ast.Function(
            name=name, params=params, body=body, name_span=name_span, span=self.span_from(start)
        )

    def try_(self) -> Statement:
        """``try { ... } catch (e: Type) { ... }``."""
        start = self.pos
        self.pos += 1
        body = self.block()
        catches: list[ast.Catch] = []
        while self.kinds[self.pos] == "catch":
            catches.append(self.catch())
        if self.kinds[self.pos] == "finally":
            raise self.unsupported("finally blocks are not yet supported", self.token_span(self.pos))
        if not catches:
            raise self.unsupported("try statement must have at least one catch block", self.token_span(start))
        return ast.Try(body=body, catches=catches, span=self.span_from(self.starts[start]))

    def catch(self) -> ast.Catch:
        """``catch (e: Type) { ... }``."""
        start = self.starts[self.pos]
        self.pos += 1
        name, kind = "e", None
        if self.accept("("):
            name = self.identifier("for the caught error")
            if self.accept(":"):
                kind = self.identifier("for the type of an error")
            if self.kinds[self.pos] == ",":
                raise self.syntax_error(
                    "one `catch` names one type", self.token_span(self.pos), "write a `catch` for each"
                )
            self.expect(")", "after the caught error")
        body = self.block()
        return ast.Catch(name=name, type=kind, body=body, span=self.span_from(start))

    def stray(self) -> Statement:
        """Refuse a ``catch`` or ``finally`` that follows no ``try``."""
        raise self.syntax_error(
            f"this {self.describe(self.pos)} follows no `try` block", self.token_span(self.pos)
        )

    def braces(self) -> Statement:
        """A block, or an object as an expression."""
        return self.expression_statement() if self.holds_pairs(self.pos) else self.block()


_STARTS_CONDITION = NAMES - {"and", "or", "in", "like", "ilike", "between", "is", "as"} | {
    "int", "number", "string", "null", "{", "f'"
}  # fmt: skip

STATEMENTS.update(
    {
        ";": Parser.empty,
        "let": Parser.let,
        "return": Parser.return_,
        "throw": Parser.throw,
        "if": Parser.if_,
        "while": Parser.while_,
        "for": Parser.for_,
        "fun": Parser.function,
        "try": Parser.try_,
        "catch": Parser.stray,
        "finally": Parser.stray,
        "{": Parser.braces,
    }
)
