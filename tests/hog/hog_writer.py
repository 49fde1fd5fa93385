"""Writes random Hog programs, filters and templates over odd values. The same seed writes the same text.

Every program ends, most of what it does shows (in its value or in printed lines), and most of it makes sense: an expression is
written for the kind of value its place wants. What PostHog's VM cannot do as Hog means it is left out: operands of binary
operators, which run from right to left there, never print, assign, throw or wait; and programs that wait have no tuples and no
keys but texts, since its VM turns them into arrays and texts while it waits; nor do they write into objects what they wait for.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

NUMBERS = [
    *("0", "1", "2", "3", "-1", "-7", "10", "255", "0x1F", "0b101", "0777", "4294967296", "9007199254740991"),
    *(
        "0.5",
        "-1.5",
        "2.0",
        ".25",
        "1e3",
        "1.5E-2",
        "1e21",
        "0.1",
        "-0.0",
        "inf",
        "-inf",
        "nan",
        "1e-7",
        "123456.789",
    ),
]
TEXTS = [
    *("''", "'a'", "'b'", "'abc'", "'ABC'", "'12'", "'-1.5'", "' 7 '", "'0x1F'", "'1e3'", "'true'", "'false'", "'null'"),
    *("'it''s'", r"'it\'s'", r"'tab\tnew\nline'", r"'back\\slash'", "'é'", "'😀 smile'", "'two\nlines'", r"'\0zero'"),
    *("'2024-02-29'", "'2024-02-29T18:39:06Z'", "'a,b,,c'", "'Hello World'", "'100%'", "'a_c'", "'{\"k\": [1, 2.5]}'", "'x{y}z'"),
]  # fmt: skip
DATES = [
    *(
        "toDate('2024-02-29')",
        "toDate('1999-12-31')",
        "toDateTime('2024-02-29T18:39:06.123Z')",
        "toDateTime(1709231946)",
    ),
    *("toDateTime('2024-01-31 23:59:59', 'Europe/Berlin')", "fromUnixTimestamp(0)"),
]
PATHS = {
    "number": ["event.n", "event.properties.amount", "person.age", "event['n']", "event?.n", "event.list[2]", "event.list[-1]"],
    "text": ["event.event", "event.properties.plan", "person.name", "event.properties['$url']", "person?.['name']"],
    "flag": ["event.properties.paid", "person.admin"],
    "list": ["event.list", "event.tags", "event.properties.rows", "event.empty"],
    "object": ["event", "person", "event.properties", "event.properties.nested", "event?.properties"],
    "any": ["event.missing", "event.nothing.at.all", "person?.gone?.away", "event.list[99]", "event.properties.nested.deep", "event.list"],
}  # fmt: skip
GLOBALS = {
    "event": {
        "event": "signed up",
        "n": 5,
        "list": [3, 1, 2],
        "tags": ["b", "a", "é"],
        "empty": [],
        "properties": {
            "amount": 12.5,
            "plan": "Pro",
            "paid": True,
            "$url": "https://example.com/a?b=c d",
            "rows": [{"k": 1, "v": "x"}, {"k": 2, "v": None}],
            "nested": {"deep": {"list": [1, [2, {"k": "v"}]], "nil": None}, "k": "v"},
        },
    },
    "person": {"name": "Ada Lovelace", "age": 36, "admin": False, "email": "ada@example.com"},
}
"""What the programs read."""
ANSWERS = [{"status": 200 + number, "body": {"n": number, "rows": [1, {"k": "v"}]}} for number in range(100)]
"""What their calls of fetch are answered with, in turn."""

KINDS = ["number", "number", "text", "text", "flag", "list", "list", "object", "date", "any"]
COMPARISONS = ["=", "==", "!=", "<", "<=", ">", ">=", "<>"]
ERRORS = ["Error", "RetryError", "NotImplementedError"]


@dataclass(frozen=True)
class Variable:
    """A name in scope: what it holds, and whether the program may assign to it."""

    name: str
    kind: str
    free: bool = True


@dataclass(frozen=True)
class Function:
    """A function in scope. A quiet one only computes."""

    name: str
    params: tuple[str, ...]
    gives: str
    quiet: bool


class Writer:
    """Writes one text.

    Args:
        seed: which one.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.scope: list[Variable] = []
        self.functions: list[Function] = []
        self.count = 0
        self.quiet = 0
        self.in_function = False
        self.waits = False
        self.loops = 0

    # ------------------------------------------------------------ texts

    def program(self) -> str:
        """A whole program."""
        self.waits = self.chance(0.2)
        lines = [self.let(self.pick(KINDS)) for _ in range(self.random.randint(2, 4))]
        lines += [self.function() for _ in range(self.random.randint(0, 2))]
        lines += [self.statement(2) for _ in range(self.random.randint(2, 5))]
        values = ", ".join(variable.name for variable in self.scope)
        lines.append(f"return [{values}, {self.expr('any', 3)}]")
        return "\n".join(lines)

    def filter(self) -> str:
        """A filter expression."""
        return self.calm("flag", 4)

    def template(self) -> str:
        """A template of an input."""
        if self.chance(0.3):
            return f"{{{self.calm('any', 3)}}}"
        texts = ["", "a ", "it's ", "\\{ ", "é ", "} ", "\\n", "100% ", "'' ", "\\' "]
        return "".join(
            f"{self.pick(texts)}{{{self.calm('any', 2)}}}" for _ in range(self.random.randint(1, 3))
        ) + self.pick(texts)

    # ------------------------------------------------------------ choices

    def pick(self, options: list):
        return self.random.choice(options)

    def tuple(self, items: str) -> str:
        """A tuple, or an array where tuples do not last."""
        return f"[{items}]" if self.waits else f"({items})"

    def key(self, number: str) -> str:
        """A number as a key, or as a text where such keys do not last."""
        return f"'k{number}'" if self.waits else number

    def text_key(self, text: str) -> str:
        """An expression as a key, surely a text that is no number where no other keys last."""
        return f"concat('k', {text})" if self.waits else text

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def fresh(self, prefix: str = "v") -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def calm(self, kind: str, depth: int) -> str:
        """An expression that only computes."""
        self.quiet += 1
        text = self.expr(kind, depth)
        self.quiet -= 1
        return text

    def within(self, write: Callable[[], str], *extra: Variable) -> str:
        """Write with more variables in scope; what is declared inside ends there."""
        scope, functions = self.scope, self.functions
        self.scope, self.functions = [*scope, *extra], [*functions]
        text = write()
        self.scope, self.functions = scope, functions
        return text

    # ------------------------------------------------------------ statements

    def statement(self, depth: int) -> str:
        simple = [
            self.assign,
            self.assign,
            self.print,
            self.write,
            lambda: self.let(self.pick(KINDS)),
            self.closure,
        ]
        if depth > 0:
            simple += [
                lambda: self.if_(depth),
                lambda: self.if_(depth),
                lambda: self.for_(depth),
                lambda: self.for_in(depth),
                lambda: self.for_in(depth),
                lambda: self.while_(depth),
                lambda: self.try_(depth),
                lambda: self.try_(depth),
                lambda: self.block(depth),
                self.function,
                self.maker,
            ]
        if self.waits:
            simple += [self.wait, self.wait]
        if self.in_function and self.chance(0.1):
            return f"if ({self.expr('flag', 1)}) return {self.expr('any', 1)};"
        if self.chance(0.01):
            return self.pick(
                [
                    "nowhere.to.be.found;",
                    "jsonParse('{bad');",
                    "assumeNotNull(null);",
                    "throw 'text';",
                    "event.list[event.n - 5];",
                ]
            )
        return self.pick(simple)()

    def statements(self, depth: int) -> str:
        return self.within(lambda: "\n".join(self.statement(depth) for _ in range(self.pick([1, 1, 2]))))

    def block(self, depth: int) -> str:
        return f"{{\n{self.statements(depth - 1)}\n}}"

    def let(self, kind: str) -> str:
        shadowed = [
            variable.name for variable in self.scope if variable.free and variable.name not in self.own
        ]
        name = self.pick(shadowed) if shadowed and self.chance(0.1) else self.fresh()
        text = f"let {name} := {self.expr(kind, 2)}"
        self.scope.append(Variable(name, kind))
        return text

    @property
    def own(self) -> set[str]:
        """Names that may not be declared again: all of this scope, to be safe."""
        return {variable.name for variable in self.scope}

    def assign(self) -> str:
        free = [variable for variable in self.scope if variable.free]
        if not free:
            return self.print()
        variable = self.pick(free)
        return f"{variable.name} := {self.expr(variable.kind, 3)}"

    def print(self) -> str:
        return f"print('{self.fresh('p')}', {self.expr('any', 2)}, {self.expr('any', 1)})"

    def write(self) -> str:
        """Change a part of something the program made, or of a copy of a global."""
        name = self.fresh()
        made = self.pick(
            [
                "{'k': 1, 'o': {'k': 2, 'l': [1, 2]}}",
                "event",
                "event.properties",
                "{}",
                "jsonParse('{\"k\": {}}')",
            ]
        )
        places = [
            *(
                f"{name}.k",
                f"{name}['k']",
                f"{name}.o2",
                f"{name}[{self.text_key(self.calm('text', 1))}]",
                f"{name}['k' || 'x']",
            ),
            *(
                [f"{name}.o.k", f"{name}.o['l'][1]", f"{name}.o.l[3]", f"{name}?.o.k"]
                if "'o'" in made
                else []
            ),
        ]
        value = self.calm if self.waits else self.expr
        lines = [f"let {name} := {made}"]
        if self.chance(0.2):
            lines = [f"let {name} := [1, [2, 3], {self.calm('any', 1)}]"]
            places = [f"{name}[1]", f"{name}[2][1]", f"{name}.1", f"{name}[{self.random.randint(1, 5)}]"]
        lines += [f"{self.pick(places)} := {value('any', 2)}" for _ in range(self.random.randint(1, 3))]
        self.scope.append(Variable(name, "list" if "[2, 3]" in lines[0] else "object", free=False))
        return "\n".join(lines)

    def if_(self, depth: int) -> str:
        text = f"if ({self.expr('flag', 2)}) {self.block(depth)}"
        while self.chance(0.3):
            text += f" else if ({self.expr('flag', 2)}) {self.block(depth)}"
        return text + (f" else {self.block(depth)}" if self.chance(0.5) else "")

    def for_(self, depth: int) -> str:
        if self.loops > 1:
            return self.print()
        name = self.fresh("i")
        self.loops += 1
        body = self.within(lambda: self.block(depth), Variable(name, "number", free=False))
        self.loops -= 1
        return f"for (let {name} := 0; {name} < {self.random.randint(1, 4)}; {name} := {name} + 1) {body}"

    def while_(self, depth: int) -> str:
        if self.loops > 1:
            return self.print()
        name = self.fresh("w")
        self.loops += 1
        body = self.within(lambda: self.statements(depth - 1), Variable(name, "number", free=False))
        self.loops -= 1
        return f"let {name} := {self.random.randint(1, 3)}\nwhile ({name} > 0) {{\n{name} := {name} - 1\n{body}\n}}"

    def for_in(self, depth: int) -> str:
        if self.loops > 1:
            return self.print()
        key, value = self.fresh("k"), self.fresh("e")
        source = self.pick(
            [
                lambda: self.expr("list", 1),
                lambda: self.expr("object", 1),
                lambda: self.pick(["null", "5", "'abc'", self.tuple("1, 'b'")]),
            ]
        )()
        both = self.chance(0.5)
        extra = [Variable(value, "any", free=self.chance(0.3))]
        if both:
            extra.append(Variable(key, "any", free=False))
        self.loops += 1
        body = self.within(lambda: self.block(depth), *extra)
        self.loops -= 1
        return f"for (let {f'{key}, {value}' if both else value} in {source}) {body}"

    def try_(self, depth: int) -> str:
        body = self.statements(depth - 1)
        if self.chance(0.7):
            body += "\n" + self.throw()
        name = self.fresh("e")
        catches = []
        kinds = [": " + self.pick([*ERRORS, "Odd"]) for _ in range(self.random.randint(0, 2))] + [
            ""
        ] * self.chance(0.8) or [""]
        for kind in kinds:
            caught = self.within(lambda: self.statements(depth - 1))
            shown = f"print('{self.fresh('c')}', {name}.type, {name}.message, {name}.payload, {name})"
            catches.append(f"catch ({name}{kind}) {{\n{shown}\n{caught}\n}}")
        return f"try {{\n{body}\n}} {' '.join(catches)}"

    def throw(self) -> str:
        made = [
            f"{self.pick(ERRORS)}({self.calm('text', 1)}, {self.calm('any', 1)})",
            f"HogError('Odd', {self.calm('text', 1)})",
            "Error()",
        ]
        text = f"throw {self.pick(made)}"
        return f"if ({self.calm('flag', 1)}) {{ {text} }}" if self.chance(0.4) else text

    def function(self) -> str:
        """A function; half of them are quiet, some call themselves."""
        quiet, name = self.chance(0.5), self.fresh("f")
        params = tuple(self.fresh("a") for _ in range(self.random.randint(0, 3)))
        gives = self.pick(KINDS)
        outer, self.in_function = self.in_function, True
        loops, self.loops = self.loops, max(self.loops, 1)
        inside = [Variable(param, self.pick(KINDS)) for param in params]
        body = self.within(lambda: self.body(gives, quiet=quiet), *inside)
        self.in_function, self.loops = outer, loops
        if params and self.chance(0.2):
            step = f"if (typeof({params[0]}) = 'integer' and {params[0]} > 0 and {params[0]} < 6) return {name}({params[0]} - 1)"
            body = f"{step}\n{body}"
        head = self.pick([f"fun {name}", f"fn {name}", f"let {name} :="])
        self.functions.append(Function(name, params, gives, quiet))
        if head.startswith("let"):
            return f"{head} ({', '.join(params)}) -> {{\n{body}\n}}"
        return f"{head}({', '.join(params)}) {{\n{body}\n}}"

    def body(self, gives: str, *, quiet: bool) -> str:
        if quiet:
            return f"return {self.calm(gives, 2)}"
        # A function that waits or calls on forever is left to the caller's loops.
        lines = [self.statement(1) for _ in range(self.random.randint(1, 3))]
        return "\n".join([*lines, f"return {self.expr(gives, 2)}"])

    def closure(self) -> str:
        """A lambda that keeps what it reads, and perhaps changes it."""
        name, free = self.fresh("g"), [variable for variable in self.scope if variable.free]
        change = ""
        count = next((variable for variable in free if variable.kind == "number"), None)
        if count is not None and self.chance(0.6):
            change = f"{count.name} := {count.name} + q; "
        text = f"let {name} := q -> {{ {change}return {self.calm('any', 2)} }}\nprint({name}(1))"
        return f"{text}\nprint({name}(2), {name})"

    def maker(self) -> str:
        """Closures with a variable of their own, one for each call of their maker; or for each round of a loop."""
        name, own, made = self.fresh("m"), self.fresh(), self.fresh("h")
        if self.chance(0.5):
            lines = [
                f"fun {name}({own}) {{ return q -> {{ {own} := {own} + q; return {own} }} }}",
                f"let {made} := {name}({self.pick(NUMBERS)})",
                f"print({made}(1), {made}(2), {name}(5)(3), {made}(1))",
            ]
        else:
            lines = [
                f"let {made} := []",
                f"for (let {name} in {self.expr('list', 1)}) {{ let {own} := {name}; {made} := arrayPushBack({made}, q -> [{own}, {name}, q]) }}",
                f"print(arrayMap(z -> z({self.calm('number', 1)}), {made}))",
            ]
        return "\n".join(lines)

    def wait(self) -> str:
        name = self.fresh()
        kind, text = self.pick(
            [
                (
                    "object",
                    f"fetch({self.calm('text', 1)}, {{'method': 'POST', 'body': {self.calm('any', 1)}}})",
                ),
                ("list", "arrayMap(u -> fetch(u).status, ['a', 'b'])"),
                ("list", "arrayMap(u -> { let r := fetch(u); return r.body.n }, ['a', 'b'])"),
                ("list", "arrayFilter(u -> fetch(u).status > 201, ['a', 'b', 'c'])"),
                ("any", "sleep(1)"),
                ("any", "postHogCapture({'event': 'x'})"),
            ]
        )
        self.scope.append(Variable(name, kind))
        return f"let {name} := {text}"

    # ------------------------------------------------------------ expressions

    def expr(self, kind: str, depth: int) -> str:
        """An expression that mostly gives this kind of value."""
        if kind == "any" or self.chance(0.02):
            if self.chance(0.15):
                return self.pick(["null", *PATHS["any"]])
            kind = self.pick(KINDS[:-1])
        if depth <= 0 or self.chance(0.15):
            return self.leaf(kind)
        if self.chance(0.2):
            return self.choice(kind, depth - 1)
        return getattr(self, f"{kind}_expr")(depth - 1)

    def leaf(self, kind: str) -> str:
        named = [variable.name for variable in self.scope if variable.kind == kind]
        if named and self.chance(0.5):
            return self.pick(named)
        constants = {"number": NUMBERS, "text": TEXTS, "flag": ["true", "false", "TRUE"], "date": DATES}
        constants |= {
            "list": [
                "[]",
                "[1, 2, 3]",
                "['b', 'a']",
                "[[1], null, 'x', true]",
                self.tuple("1, 'two', [3]"),
                "[1.5, 10, 9]",
                "[null]",
            ]
        }
        constants |= {
            "object": [
                "{}",
                "{'k': 1}",
                "{'k': {'k': [1, 2]}, 'l': null}",
                f"{{{self.key('1')}: 'one', 'two': 2}}",
                "{'n': 7, 'a-b': 'c'}",
            ]
        }
        return self.pick(constants[kind] + PATHS.get(kind, []) * 2 if self.chance(0.6) else constants[kind])

    def choice(self, kind: str, depth: int) -> str:
        """Any kind of value through a choice, a call or a parenthesis."""
        same = lambda: self.expr(kind, depth)  # noqa: E731
        flag = lambda: self.expr("flag", depth)  # noqa: E731
        options = [
            lambda: f"({flag()} ? {same()} : {same()})",
            lambda: f"({same()} ?? {same()})",
            lambda: f"(null ?? {same()})",
            lambda: f"if({flag()}, {same()}, {same()})",
            lambda: f"multiIf({flag()}, {same()}, {flag()}, {same()}, {same()})",
            lambda: f"ifNull({same()}, {same()})",
            lambda: f"coalesce(null, {same()})",
            lambda: f"(case when {flag()} then {same()} when {flag()} then {same()} else {same()} end)",
            lambda: f"[{same()}, {same()}][{self.pick(['1', '2', '-1', '-2', '3'])}]",
            lambda: f"({self.tuple(f'{same()}, 1')}.1)",
            lambda: f"{{'k': {same()}}}.k",
            lambda: f"{{'k': {same()}}}?.['k']",
            lambda: f"f'{{{same()}}}'",
            lambda: f"(x -> x)({same()})",
            lambda: f"jsonParse(jsonStringify({same()}))",
        ]
        callable_ = [each for each in self.functions if each.quiet or not self.quiet]
        if callable_ and not self.loops:
            each = self.pick(callable_)
            given = each.params if self.chance(0.8) else each.params[:-1]
            options += [lambda: f"{each.name}({', '.join(self.expr('any', depth - 1) for _ in given)})"] * 4
        return self.pick(options)()

    def number_expr(self, depth: int) -> str:
        number, text, items = (
            lambda kind=kind: self.expr(kind, depth) for kind in ("number", "text", "list")
        )
        calm = lambda: self.calm("number", depth)  # noqa: E731
        return self.pick(
            [
                *[lambda: f"({calm()} {self.pick(list('+-*/%'))} {calm()})"] * 4,
                lambda: (
                    f"({calm()} {self.pick(list('+-*'))} {self.calm(self.pick(['text', 'flag', 'any']), 0)})"
                ),
                lambda: f"-({number()})",
                lambda: f"length({self.pick([text, items])()})",
                lambda: f"{self.pick(['toInt', 'toFloat'])}({self.pick([number, text])()})",
                lambda: f"{self.pick(['round', 'floor'])}({number()})",
                lambda: f"indexOf({items()}, {self.expr('any', 0)})",
                lambda: f"position({text()}, {text()})",
                lambda: f"arrayCount(x -> {self.lambda_body('flag', depth)}, {items()})",
                lambda: f"arrayReduce((s, x) -> s + {self.calm('number', depth - 1)}, {items()}, {number()})",
                lambda: f"JSONExtractInt({self.pick(TEXTS)}, 'k', {self.pick(['1', '2', '-1'])})",
                lambda: (
                    f"{self.pick(['toYear', 'toMonth', 'toYYYYMM', 'toUnixTimestamp'])}({self.expr('date', depth)})"
                ),
                lambda: f"dateDiff({self.unit()}, {self.expr('date', depth)}, {self.expr('date', depth)})",
                lambda: f"{items()}[{self.pick(['1', '2', '-1'])}]",
            ]
        )()

    def text_expr(self, depth: int) -> str:
        text, any_ = (lambda kind=kind: self.expr(kind, depth) for kind in ("text", "any"))
        return self.pick(
            [
                *[lambda: f"({text()} || {any_()} || {text()})"] * 2,
                *[lambda: f"f'{self.pick(['', 'a ', 'its ', '%'])}{{{any_()}}} {{{any_()}}}'"] * 2,
                lambda: f"concat({text()}, {any_()})",
                lambda: (
                    f"{self.pick(['lower', 'upper', 'reverse', 'trim', 'trimLeft', 'trimRight'])}({text()})"
                ),
                lambda: (
                    f"{self.pick(['replaceAll', 'replaceOne'])}({text()}, {self.pick(TEXTS)}, {self.pick(TEXTS)})"
                ),
                lambda: (
                    f"substring({text()}, {self.pick(['1', '2', '3', '0'])}, {self.pick(['0', '1', '2', '9'])})"
                ),
                *[lambda: f"toString({any_()})"] * 2,
                lambda: f"typeof({any_()})",
                lambda: f"jsonStringify({any_()})",
                lambda: f"arrayStringConcat({self.expr('list', depth)}, {self.pick(TEXTS)})",
                lambda: (
                    f"{self.pick(['base64Encode', 'encodeURLComponent', 'md5Hex', 'sha256Hex'])}({text()})"
                ),
                lambda: f"extractRegex({text()}, {self.pattern()})",
                lambda: f"splitByString({self.pick(TEXTS[1:4])}, {text()})[1]",
                lambda: f"formatDateTime({self.expr('date', depth)}, '%Y-%m-%d %H:%i:%s %a')",
                lambda: f"JSONExtractString({self.pick(TEXTS)}, 'k')",
                lambda: f"{self.calm('object', 0)}.{self.pick(['name', 'k', 'plan'])}",
            ]
        )()

    def flag_expr(self, depth: int) -> str:
        calm = lambda kind: self.calm(kind, depth)  # noqa: E731
        flag = lambda: self.expr("flag", depth)  # noqa: E731
        kind = self.pick(["number", "number", "text", "text", "date", "any"])
        return self.pick(
            [
                *[lambda: f"({calm(kind)} {self.pick(COMPARISONS)} {calm(kind)})"] * 3,
                lambda: f"({calm('any')} {self.pick(COMPARISONS[:3])} {calm('any')})",
                *[lambda: f"({flag()} {self.pick(['and', 'or'])} {flag()})"] * 3,
                lambda: f"({flag()} and {flag()} or not ({flag()}) and {flag()})",
                lambda: f"(not ({flag()}))",
                lambda: f"({calm('any')} {self.pick(['in', 'not in'])} {self.calm('list', depth)})",
                lambda: f"({calm('text')} {self.pick(['in', 'not in'])} {self.calm('text', depth)})",
                lambda: (
                    f"({calm('text')} {self.pick(['like', 'ilike', 'not like', 'not ilike'])} {self.like()})"
                ),
                lambda: (
                    f"({calm('text')} {self.pick(['=~', '!~', '=~*', '!~*', '~', '~*'])} {self.pattern()})"
                ),
                lambda: (
                    f"({calm('number')} {self.pick(['between', 'not between'])} {calm('number')} and {calm('number')})"
                ),
                lambda: f"({calm('any')} is {self.pick(['null', 'not null'])})",
                lambda: (
                    f"{self.pick(['empty', 'notEmpty', 'isNull', 'isNotNull', 'not'])}({self.expr('any', depth)})"
                ),
                lambda: f"has({self.expr('list', depth)}, {self.expr('any', 0)})",
                lambda: f"startsWith({self.expr('text', depth)}, {self.pick(TEXTS)})",
                lambda: f"match({self.expr('text', depth)}, {self.pattern()})",
                lambda: (
                    f"{self.pick(['equals', 'notEquals', 'less', 'greaterOrEquals'])}({calm(kind)}, {calm(kind)})"
                ),
                lambda: f"arrayExists(x -> {self.lambda_body('flag', depth)}, {self.expr('list', depth)})",
                lambda: f"JSONHas({self.pick(TEXTS)}, 'k', 1)",
                lambda: f"isValidJSON({self.expr('text', depth)})",
            ]
        )()

    def list_expr(self, depth: int) -> str:
        any_, items = (lambda kind=kind: self.expr(kind, depth) for kind in ("any", "list"))
        return self.pick(
            [
                *[lambda: f"[{any_()}, {any_()}]"] * 2,
                lambda: self.tuple(f"{any_()}, {any_()}"),
                lambda: self.tuple(f"{any_()},"),
                *[lambda: f"arrayMap(x -> {self.lambda_body('any', depth)}, {items()})"] * 3,
                *[lambda: f"arrayFilter(x -> {self.lambda_body('flag', depth)}, {items()})"] * 2,
                lambda: f"arrayMap(x -> (y -> [x, y])({self.calm('any', 0)}), {items()})",
                lambda: f"arrayMap(g -> g(2), arrayMap(x -> (y -> [x, y]), {items()}))",
                lambda: (
                    f"{self.pick(['arraySort', 'arrayReverseSort'])}({self.pick(['[3, 1, 2]', 'event.tags', 'event.list'])})"
                ),
                lambda: f"{self.pick(['arrayPushBack', 'arrayPushFront'])}({items()}, {any_()})",
                lambda: f"{self.pick(['arrayPopBack', 'arrayPopFront', 'arrayReverse'])}({items()})",
                lambda: f"range({self.random.randint(0, 5)})",
                lambda: f"splitByString({self.pick(TEXTS[:4])}, {self.expr('text', depth)})",
                lambda: (
                    f"{self.pick(['keys', 'values'])}({self.pick([items, lambda: self.expr('object', depth)])()})"
                ),
                lambda: f"sortableSemver({self.expr('text', depth)})",
                lambda: f"arrayReduce((s, x) -> arrayPushBack(s, x), {items()}, {items()})",
            ]
        )()

    def object_expr(self, depth: int) -> str:
        any_ = lambda: self.expr("any", depth)  # noqa: E731
        return self.pick(
            [
                *[lambda: f"{{'k': {any_()}, 'l': {any_()}}}"] * 3,
                lambda: f"{{'k': {any_()}, 'k': {any_()}, 'z': 1}}",
                lambda: (
                    f"{{{self.text_key(self.expr('text', depth))}: {any_()}, 'name': {self.expr('text', depth)}}}"
                ),
                lambda: f"{{{self.key(self.pick(NUMBERS[:8]))}: {any_()}}}",
                lambda: f"jsonParse({self.pick(TEXTS[-2:-1])})",
                lambda: f"{self.calm('object', 0)}",
            ]
        )()

    def date_expr(self, depth: int) -> str:
        date = lambda: self.expr("date", depth)  # noqa: E731
        return self.pick(
            [
                lambda: f"dateAdd({self.unit()}, {self.pick(['1', '-1', '13', '0'])}, {date()})",
                lambda: (
                    f"{self.pick(['toStartOfDay', 'toStartOfHour', 'toStartOfMonth', 'toStartOfWeek'])}({date()})"
                ),
                lambda: f"{self.pick(['toDate', 'toDateTime'])}({self.pick(TEXTS[-8:-6])})",
                lambda: f"addDays({date()}, {self.pick(['1', '-30', '366'])})",
                lambda: f"toTimeZone({self.pick(DATES[2:])}, {self.pick(['UTC', 'America/New_York'])!r})",
            ]
        )()

    def lambda_body(self, gives: str, depth: int) -> str:
        """The body of a lambda over elements, which is called ``x`` there."""
        write = self.calm if self.chance(0.7) else self.expr
        return self.within(lambda: write(gives, depth - 1), Variable("x", self.pick(KINDS), free=False))

    def unit(self) -> str:
        return f"'{self.pick(['day', 'hour', 'minute', 'second', 'week', 'month', 'year'])}'"

    def like(self) -> str:
        return self.pick(
            ["'%a%'", "'a%'", "'%c'", "'_b_'", "'%'", "'A%C'", "'%é%'", "'100\\\\%'", self.calm("text", 0)]
        )

    def pattern(self) -> str:
        return self.pick(
            ["'a'", "'^a'", "'[0-9]+'", "'(b+)c?'", r"'\\d+'", r"'\\bhello'", "'.*'", "'é|o$'", "''"]
        )
