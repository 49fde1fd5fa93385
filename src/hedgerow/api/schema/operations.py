"""What the OpenAPI document says of an operation beyond what its endpoint says itself, and where that is found.

Each noun of the API has a module in this package with its ``TAG`` and its ``OPERATIONS``; they are found by looking. Summary and
description come from the endpoint's docstring, so that they stand in one place.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hedgerow.api.schema.shapes import limited, maybe, optional

PROJECT = "/api/projects/{project_id}"


@dataclass(frozen=True, slots=True)
class Tag:
    """A group of operations in the document."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query.

    Attributes:
        name: as it is sent.
        example: a value; its schema follows from it (see ``shapes``).
        text: what it does.
        required: whether nothing works without it.
    """

    name: str
    example: Any
    text: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One way an operation answers.

    Attributes:
        example: the body (see ``shapes``); None: there is none.
        text: when it is given.
        media: the content type.
        headers: an example for each header worth telling of.
    """

    example: Any = None
    text: str = "As asked."
    media: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        route: method and path; a path that does not begin with ``/api`` is below the project.
        id: the operationId, which generated clients are named after: never changes.
        answer: what it answers when it did as asked: an example, or an ``Answer``.
        body: example of what is sent; None when nothing is.
        query: its parameters.
        status: the status of ``answer``.
        others: answers with other statuses, besides the errors that any operation may answer with.
        media: the content type of ``body``.
        anonymous: whether it can be called without a key.
        headers: parameters in headers.
    """

    route: str
    id: str
    answer: Any = None
    body: Any = None
    query: Sequence[Query] = ()
    status: int = 200
    others: Mapping[int, Answer] = field(default_factory=dict)
    media: str = "application/json"
    anonymous: bool = False
    headers: Sequence[Query] = ()

    @property
    def method(self) -> str:
        """The method, upper case."""
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        """The whole path, as it is routed."""
        path = self.route.partition(" ")[2]
        return path if path.startswith("/api") else PROJECT + path

    def answers(self) -> dict[int, Answer]:
        """Every answer that is the operation's own."""
        main = self.answer if isinstance(self.answer, Answer) else Answer(self.answer)
        return {self.status: main, **self.others}


@dataclass(frozen=True, slots=True)
class Noun:
    """A module of this package: a tag and its operations."""

    tag: Tag
    operations: tuple[Operation, ...]


def nouns() -> list[Noun]:
    """All of them, by the name of their tag."""
    package = importlib.import_module("hedgerow.api.schema")
    names = [item.name for item in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    found = [
        Noun(module.TAG, tuple(module.OPERATIONS)) for module in modules if hasattr(module, "OPERATIONS")
    ]
    return sorted(found, key=lambda noun: noun.tag.name)


# ------------------------------------------------------- what many of them take and give

LIMIT = Query("limit", limited(100, minimum=1, maximum=1000), "How many at most.")
OFFSET = Query("offset", limited(0, minimum=0, maximum=10**9), "How many to skip.")
AFTER = Query("after", "-7d", "Later than this: ISO-8601, or relative to now as in `-7d` or `-12h`.")
BEFORE = Query("before", "2026-06-01T00:00:00Z", "Earlier than this, in the same forms.")
SEARCH = Query("search", "order", "Part of the text, in any case.")
CURSOR = Query(
    "cursor", "0191f3c0-1d2e-8a00-8000-5f0c6a3b9d10", "Where to go on: take the address in `next` as it is."
)
NEXT = maybe("http://localhost:8000/api/projects/1/…/?limit=100&offset=100")
KEPT = Answer(
    {
        "type": "invalid_request",
        "code": "method_not_allowed",
        "detail": 'This is kept for its history. PATCH it with {"deleted": true}.',
        "attr": maybe("name"),
    },
    "Always: nothing is deleted for good.",
)


def page(item: Any, **more: Any) -> dict[str, Any]:
    """A page of a list by limit and offset."""
    return {"count": 1, "next": NEXT, "previous": NEXT, "results": [item], **more}


def cursored(item: Any) -> dict[str, Any]:
    """A page of a list that goes on at a cursor."""
    return {"next": NEXT, "results": [item]}


def stretch(item: Any) -> dict[str, Any]:
    """A page of a list that nobody counts."""
    return {"next": NEXT, "previous": optional(NEXT), "results": [item]}
