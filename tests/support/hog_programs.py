"""Random Hog programs: every one terminates, most of them do something, and the same seed gives the same program."""

from __future__ import annotations

import random
from collections.abc import Callable


class Programs:
    """Writes one program.

    Args:
        seed: which one.
        waits: let it make asynchronous calls.
    """

    def __init__(self, seed: int, *, waits: bool = False) -> None:
        self._random = random.Random(seed)
        self._waits = waits
        self._names = ["a", "b", "c", "d"]
        self._functions: list[tuple[str, int]] = []
        self._count = 0

    def program(self) -> str:
        """Its source."""
        lines = [f"let {name} := {self._expr(2, initial=True)}" for name in self._names]
        lines += [self._function() for _ in range(self._random.randint(0, 3))]
        lines += [self._statement(3) for _ in range(self._random.randint(3, 8))]
        lines.append(f"return [{', '.join(self._names)}, {self._expr(2)}]")
        return "\n".join(lines)

    def _fresh(self) -> str:
        self._count += 1
        return f"x{self._count}"

    def _pick(self, *options: Callable[[], str]) -> str:
        return self._random.choice(options)()

    def _name(self) -> str:
        return self._random.choice(self._names)

    def _function(self) -> str:
        name = self._fresh()
        outer, self._names = self._names, [*self._names, "p", "q"]
        body = "\n".join(self._statement(2) for _ in range(self._random.randint(1, 3)))
        result = self._expr(2)
        self._names = outer
        self._functions.append((name, 2))
        return f"fun {name}(p, q) {{\n{body}\nreturn {result}\n}}"

    # ------------------------------------------------------------- statements

    def _statement(self, depth: int) -> str:
        if depth <= 0:
            return self._assignment()
        options = [
            *[self._assignment] * 4,
            self._print,
            lambda: self._if(depth),
            lambda: self._for(depth),
            lambda: self._for_in(depth),
            lambda: self._try(depth),
            self._write,
            lambda: self._closures(depth),
        ]
        if self._waits:
            options += [self._wait] * 3
        return self._pick(*options)

    def _assignment(self) -> str:
        return f"{self._name()} := {self._expr(3)}"

    def _print(self) -> str:
        return f"print({self._expr(2)}, {self._name()})"

    def _write(self) -> str:
        key = self._random.choice(["'k'", "'key'", self._expr(1)])
        made = self._random.choice(["{}", "{'k': 1, 'o': {'k': 2}}", "event", "event.properties"])
        name = self._fresh()
        return f"let {name} := {made}\n{name}[toString({key})] := {self._expr(2)}\n{self._name()} := {name}"

    def _block(self, depth: int) -> str:
        return (
            "{\n" + "\n".join(self._statement(depth - 1) for _ in range(self._random.randint(1, 3))) + "\n}"
        )

    def _if(self, depth: int) -> str:
        otherwise = f" else {self._block(depth)}" if self._random.random() < 0.5 else ""
        return f"if ({self._expr(2)}) {self._block(depth)}{otherwise}"

    def _for(self, depth: int) -> str:
        name = self._fresh()
        head = f"for (let {name} := 0; {name} < {self._random.randint(1, 4)}; {name} := {name} + 1)"
        outer, self._names = self._names, [*self._names]
        readable = self._names
        body = self._block(depth)
        self._names = outer
        return f"{head} {{\n{readable[0]} := {name}\n{body}\n}}"

    def _for_in(self, depth: int) -> str:
        key, value = self._fresh(), self._fresh()
        source = self._random.choice(["[1, 'two', 3.5]", "{'k': 1, 'l': [2]}", "event", self._name()])
        names = f"{key}, {value}" if self._random.random() < 0.5 else value
        outer, self._names = self._names, [*self._names, value]
        body = self._block(depth)
        self._names = outer
        limited = f"if (typeof({source}) in ['array', 'object', 'tuple'] and length(keys({source})) < 12)"
        return f"{limited} {{ for (let {names} in {source}) {body} }}"

    def _try(self, depth: int) -> str:
        error = self._random.choice(["Error", "RetryError"])
        catch = self._random.choice(
            [
                f"catch (e) {{ {self._names[0]} := e.message }}",
                f"catch (e: {error}) {{ {self._names[1]} := e.type }} catch {{ }}",
            ]
        )
        throw = (
            f"throw {error}(toString({self._expr(1)}), {self._name()})" if self._random.random() < 0.7 else ""
        )
        return f"try {{ {self._statement(depth - 1)}\n{throw} }} {catch}"

    def _closures(self, depth: int) -> str:
        name, made = self._fresh(), self._fresh()
        kept = self._fresh()
        return (
            f"let {made} := []\nfor (let {name} := 0; {name} < 3; {name} := {name} + 1) {{ let {kept} := {name}\n"
            f"{made} := arrayPushBack({made}, q -> {{ {kept} := {kept} + 1; return [{kept}, {name}, q] }}) }}\n"
            f"{self._name()} := arrayMap(f -> f({self._expr(1)}), {made})"
        )

    def _wait(self) -> str:
        name = self._name()
        return self._pick(
            lambda: f"{name} := fetch('https://example.com/', {{'body': {self._expr(1)}}}).body",
            lambda: "sleep(1)",
            lambda: f"{name} := arrayMap(u -> fetch(toString(u), {{}}).status, [1, 2])",
            lambda: (
                f"{name} := arrayMap(u -> {{ let r := fetch(toString(u)); return r.status }}, ['x', 'y'])"
            ),
            lambda: f"{name} := [now(), generateUUIDv4(), randomFloat()]",
            lambda: "try { let r := fetch('u'); throw Error('after', r) } catch (e) { a := e.payload }",
        )

    # ------------------------------------------------------------ expressions

    def _expr(self, depth: int, *, initial: bool = False) -> str:
        if depth <= 0:
            return self._leaf(initial=initial)
        nested = lambda: self._expr(depth - 1, initial=initial)  # noqa: E731
        orders = ["<", "<=", ">", ">="]
        operator = self._random.choice(["+", "-", "*", "/", "%", "=", "!=", "||", "??", "and", "or", *orders])
        options = [
            lambda: self._leaf(initial=initial),
            lambda: f"({nested()} {operator} {nested()})",
            lambda: f"({nested()} ? {nested()} : {nested()})",
            lambda: f"[{nested()}, {nested()}]",
            lambda: f"{{'k': {nested()}, 'l': {nested()}}}",
            lambda: f"({nested()})?.k",
            lambda: f"f'{{{nested()}}}-{{{nested()}}}'",
            lambda: f"toString({nested()})",
            lambda: f"typeof({nested()})",
            lambda: f"(not {nested()})",
            lambda: f"jsonStringify({nested()})",
            lambda: f"arrayMap(m -> {nested()}, [1, 2])",
            lambda: f"arrayFilter(m -> m > {nested()}, [1, 2, 3])",
            lambda: f"arrayReduce((s, m) -> s + m, [1, 2, 3], {nested()})",
            lambda: f"substring(toString({nested()}), 1, 20)",
        ]
        if self._functions and not initial:
            name = self._random.choice(self._functions)[0]
            options += [
                lambda: f"{name}({nested()}, {nested()})",
                lambda: f"arrayMap({name}, [1, {nested()}])",
            ]
        return self._pick(*options)

    def _leaf(self, *, initial: bool) -> str:
        constants = [
            "0",
            "1",
            "2.5",
            "-3",
            "'text'",
            "''",
            "'12'",
            "true",
            "false",
            "null",
            "[]",
            "event.name",
            "event.properties.n",
        ]
        if initial or self._random.random() < 0.5:
            return self._random.choice(constants)
        return self._name()


GLOBALS = {"event": {"name": "signup", "properties": {"n": 5, "o": {"deep": [1, {"k": 1}]}}, "k": None}}
"""The globals these programs read."""
