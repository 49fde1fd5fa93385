"""Globals whose properties a program reads again and again: looked up once, before it begins.

Reading ``inputs.email`` takes three steps, each with a look at what is there: the global, its type, the property. Where many
properties of one global are read, the first two are done in advance. What is no object, or not there at all, is
stood in for by a ``Root``, so that nothing is noticed before the place where the program really reads it.
"""

from __future__ import annotations

from typing import Any, Final

from hedgerow.hog import ast
from hedgerow.hog.compiler.scope import Analysis
from hedgerow.hog.ops import get_property

OFTEN: Final = 3
"""Places in the source that read through a global before it is worth it."""

Path = tuple[str, ...]
_ABSENT: Final = object()


class UnknownGlobal(KeyError):
    """A global that the program reads is not there."""


class Root:
    """Stands in for a global that is no object, or that is not there."""

    __slots__ = ("_name", "_value")

    def __init__(self, value: Any, name: str) -> None:
        self._value = value
        self._name = name

    def get(self, key: str) -> Any:
        """A property, as generated code asks a dict for it."""
        if self._value is _ABSENT:
            raise UnknownGlobal(self._name)
        return get_property(self._value, key)

    def part(self, key: str) -> Any:
        """A property on the way to another one, which is the one that counts."""
        return self if self._value is _ABSENT else get_property(self._value, key)


def root_of(scope: Any, name: str) -> Any:
    """A global as something that has ``get``."""
    try:
        value = scope[name]
    except KeyError:
        value = _ABSENT
    return value if type(value) is dict else Root(value, name)


def part_of(root: Any, key: str) -> Any:
    """A property of a global as something that has ``get``."""
    value = root.get(key) if type(root) is dict else root.part(key)
    return value if type(value) is dict or type(value) is Root else Root(value, key)


def read_often(analysis: Analysis) -> list[Path]:
    """The globals, and properties of globals, through which many properties are read; shorter paths first."""
    if len(analysis.chains) < OFTEN:
        return []
    reads: dict[Path, int] = {}
    for chain in analysis.chains:
        path = path_of(analysis, chain)
        for length in range(1, len(path)):
            reads[path[:length]] = reads.get(path[:length], 0) + 1
    return sorted((path for path, count in reads.items() if count >= OFTEN), key=len)


def path_of(analysis: Analysis, node: ast.Expr) -> Path:
    """The names of a chain of properties that starts at a global; empty for any other."""
    names: list[str] = []
    while isinstance(node, ast.Property):
        names.append(node.name)
        node = node.object
    if not isinstance(node, ast.Name) or analysis.variable(node) is not None:
        return ()
    return (node.name, *reversed(names))
