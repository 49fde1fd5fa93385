"""Examples that say what they are examples of: from one value come the JSON Schema and the example shown beside it.

A plain value stands for its type: every key of a dictionary is always there, every text is a text. What is looser than that
is marked: ``maybe`` (or null), ``optional`` (the key may be missing), ``one_of`` (these values and no others), ``free`` (any
JSON), ``by_key`` (keys that are data), ``either`` (one form or another), ``note`` (a word about it), ``limited`` (bounds). A ``Shape`` is a dictionary with a name of
its own, which others refer to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

REFERENCE = "#/components/schemas/"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
IDENTITY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of object with a name in the document.

    Attributes:
        name: unique among all shapes.
        fields: the example, with markers where it is more than an example.
        text: what it is.
        request: what may be sent: every key is optional but those in ``required``.
        required: of a request.
        like: a shape that this one has all the fields of, besides its own.
    """

    name: str
    fields: Mapping[str, Any]
    text: str = ""
    request: bool = False
    required: tuple[str, ...] = ()
    like: Shape | None = None

    def whole(self) -> dict[str, Any]:
        """All fields, those of the shape it is like first."""
        return {**(self.like.whole() if self.like else {}), **self.fields}


@dataclass(frozen=True, slots=True)
class Marked:
    """A value with more to say about its schema than its type."""

    value: Any
    extra: Schema = field(default_factory=dict)
    nullable: bool = False
    missing: bool = False
    anything: bool = False
    keyed: bool = False
    others: tuple[Any, ...] = ()


def maybe(value: Any) -> Marked:
    """Like ``value``, or null."""
    return Marked(value, nullable=True)


def optional(value: Any) -> Marked:
    """Like ``value``, under a key that is not always there."""
    return Marked(value, missing=True)


def one_of(*choices: Any, text: str = "") -> Marked:
    """One of these; the first is the example."""
    words = {"description": text} if text else {}
    return Marked(choices[0], {"enum": list(choices), **words})


def free(value: Any = None, text: str = "") -> Marked:
    """Any JSON; ``value`` is an example."""
    return Marked(value, {"description": text} if text else {}, anything=True)


def by_key(value: Mapping[str, Any], text: str = "") -> Marked:
    """An object whose keys are data; its values are all like the first."""
    return Marked(value, {"description": text} if text else {}, keyed=True)


def either(*values: Any, text: str = "") -> Marked:
    """Like one of these; the first is the example."""
    return Marked(values[0], {"description": text} if text else {}, others=values[1:])


def note(value: Any, text: str) -> Marked:
    """Like ``value``, with a word about it."""
    return Marked(value, {"description": text})


def limited(value: Any, **bounds: Any) -> Marked:
    """Like ``value``, within bounds in JSON Schema's words (``minimum``, ``maxLength``, ``pattern``...)."""
    return Marked(value, bounds)


def shown(value: Any) -> Any:
    """The plain example in a value with markers."""
    if isinstance(value, Marked):
        return shown(value.value)
    if isinstance(value, Shape):
        return shown(value.whole())
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value


class Shapes:
    """Schemas of values; the shapes met on the way are collected by name."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}
        self._owners: dict[str, Shape] = {}

    def schema(self, value: Any, *, request: bool = False) -> Schema:
        """The JSON Schema of a value.

        Raises:
            ValueError: two different shapes have the same name.
        """
        if isinstance(value, Shape):
            return self._refer(value)
        if isinstance(value, Marked):
            return self._marked(value, request=request)
        if isinstance(value, Mapping):
            return self._object(value, request=request)
        if isinstance(value, list | tuple):
            return {"type": "array", "items": self.schema(value[0], request=request) if value else {}}
        return _plain(value)

    def _marked(self, marked: Marked, *, request: bool) -> Schema:
        if marked.anything:
            return dict(marked.extra)
        inner: Schema
        if marked.keyed:
            first = next(iter(marked.value.values()))
            inner = {"type": "object", "additionalProperties": self.schema(first, request=request)}
        elif marked.others:
            inner = {"anyOf": [self.schema(one, request=request) for one in (marked.value, *marked.others)]}
        else:
            inner = self.schema(marked.value, request=request)
        found = {**inner, **marked.extra}
        return _nullable(found) if marked.nullable else found

    def _object(self, value: Mapping[str, Any], *, request: bool, required: tuple[str, ...] = ()) -> Schema:
        properties = {key: self.schema(item, request=request) for key, item in value.items()}
        always = list(required) if request else [key for key, item in value.items() if not _missing(item)]
        return {"type": "object", "properties": properties, **({"required": always} if always else {})}

    def _refer(self, shape: Shape) -> Schema:
        if self._owners.setdefault(shape.name, shape) is not shape:
            raise ValueError(f"There are two shapes called {shape.name}.")
        if shape.name not in self.found:
            self.found[shape.name] = {}  # holds the place, for shapes that contain themselves
            schema = self._object(shape.whole(), request=shape.request, required=shape.required)
            words = {"description": shape.text} if shape.text else {}
            self.found[shape.name] = {**words, **schema}
        return {"$ref": REFERENCE + shape.name}


def _missing(value: Any) -> bool:
    return isinstance(value, Marked) and (value.missing or _missing(value.value))


def _plain(value: Any) -> Schema:
    """The schema of a text, a number, a truth value or null."""
    if value is None:
        return {"type": "null"}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    if isinstance(value, float):
        return {"type": "number"}
    if TIME.fullmatch(value):
        return {"type": "string", "format": "date-time"}
    return {"type": "string", "format": "uuid"} if IDENTITY.fullmatch(value) else {"type": "string"}


def _nullable(schema: Schema) -> Schema:
    kind = schema.get("type")
    if "$ref" in schema or not isinstance(kind, str):
        return {"anyOf": [schema, {"type": "null"}]}
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [kind, "null"], **enum}
