"""How many fetches one run of a program may make, counted from its source."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, Final

from hedgerow import hog
from hedgerow.hog import ast

USUAL: Final = 2
"""What every destination may here without a word."""
POSTHOG: Final = 5
"""What PostHog lets a run do before it ends it."""


def wanted(source: str) -> int | None:
    """The allowance that a program needs; None when the usual one does, or the program does not parse.

    A loop, or a function that calls itself, may fetch any number of times: it gets as many as PostHog lets it have.
    """
    try:
        most = _Counter().of(hog.parse_program(source))
    except (hog.HogError, RecursionError):
        return None
    return None if most <= USUAL else int(min(most, POSTHOG))


class _Counter:
    """Adds up fetches; of two branches the longer one counts."""

    def __init__(self) -> None:
        self._functions: dict[str, float] = {}

    def of(self, node: Any) -> float:
        """The most fetches that running a node may make."""
        if isinstance(node, list | tuple):
            return sum(self.of(item) for item in node)
        if not isinstance(node, ast.Node):
            return 0
        match node:
            case ast.Function():
                self._functions[node.name] = math.inf  # what it calls by its own name is itself
                self._functions[node.name] = self.of(node.body)
                return 0
            case ast.Lambda():
                return self._repeated(node.body)
            case ast.If():
                return self.of(node.test) + max(self.of(node.then), self.of(node.otherwise))
            case ast.While() | ast.For() | ast.ForIn():
                return self._repeated(*self._children(node))
            case ast.Call(callee=ast.Name(name=name)):
                own = 1 if name == "fetch" else self._functions.get(name, 0)
                return own + self.of(node.args)
        return self._below(node)

    def _repeated(self, *nodes: Any) -> float:
        return math.inf if self.of(nodes) else 0

    def _below(self, node: ast.Node) -> float:
        return self.of(self._children(node))

    @staticmethod
    def _children(node: ast.Node) -> list[Any]:
        return [getattr(node, item.name) for item in fields(node)]
