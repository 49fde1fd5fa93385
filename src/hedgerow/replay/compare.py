"""Comparing what two revisions would send for the same event, so that people can read the difference.

JSON bodies are compared by what they say, not by how they are written. Values are shown without secrets; where only a secret
differs, the difference says so without telling it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

import orjson

CONTEXT: Final = 2
LONGEST_DIFF: Final = 200
"""Lines of a difference that are shown."""
LONGEST_LINE: Final = 500
# Where they differ, the difference says nothing about the program: it comes from the bodies that are compared anyway.
DERIVED: Final = frozenset({"content-length", "webhook-signature"})


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that would be sent.

    Attributes:
        method: upper case.
        url: in full.
        headers: as they are sent.
        body: likewise.
        shown: the same without secrets: ``url``, ``headers`` and ``body``.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    shown: Mapping[str, Any]

    def lines(self) -> list[str]:
        """For people: one header a line, JSON spread out."""
        headers = sorted(self.shown["headers"].items())
        body = _spread(self.shown["body"])
        return [
            f"{self.method} {self.shown['url']}",
            *(f"{name}: {value}" for name, value in headers),
            "",
            *body,
        ]


@dataclass(slots=True)
class Difference:
    """How the requests of one event differ: as a unified diff, and by place (``header Authorization``, ``body.plan``)."""

    lines: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.places)


def compare(old: Sequence[Sent], new: Sequence[Sent]) -> Difference:
    """The difference between what was sent and what would be."""
    difference = Difference()
    for number, (before, after) in enumerate(zip_longest(old, new), 1):
        places = list(_places(before, after))
        if not places:
            continue
        name = f"request {number} " if max(len(old), len(new)) > 1 else ""
        difference.places += [f"{name}{place}" for place in places]
        difference.lines += _diff(before, after, name, places)
    del difference.lines[LONGEST_DIFF:]
    return difference


def _places(before: Sent | None, after: Sent | None) -> Iterator[str]:
    if before is None or after is None:
        yield "added" if before is None else "dropped"
        return
    if before.method != after.method:
        yield "method"
    if before.url != after.url:
        yield "url"
    old, new = _headers(before), _headers(after)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"header {name}"
    yield from _body_places(before, after)


def _headers(sent: Sent) -> dict[str, str]:
    return {name.lower(): value for name, value in sent.headers.items() if name.lower() not in DERIVED}


def _body_places(before: Sent, after: Sent) -> Iterator[str]:
    if before.body == after.body:
        return
    try:
        yield from _value_places(orjson.loads(before.body), orjson.loads(after.body), "body")
    except orjson.JSONDecodeError:
        yield "body"


def _value_places(old: Any, new: Any, place: str) -> Iterator[str]:
    """Where two JSON values differ; lists of different lengths differ as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key in old and key in new:
                yield from _value_places(old[key], new[key], f"{place}.{key}")
            else:
                yield f"{place}.{key}"
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _value_places(one, other, f"{place}[{number}]")
    elif old != new or isinstance(old, bool) is not isinstance(new, bool):
        yield place


def _diff(before: Sent | None, after: Sent | None, name: str, places: Sequence[str]) -> list[str]:
    old, new = before.lines() if before else [], after.lines() if after else []
    lines = list(
        difflib.unified_diff(old, new, f"{name}now".strip(), f"{name}then".strip(), n=CONTEXT, lineterm="")
    )
    lines = [line[:LONGEST_LINE] for line in lines if not line.startswith("@@")]
    if not lines:
        return [f"! a secret differs: {', '.join(places)}"]
    return lines + [f"! a secret differs: {place}" for place in places if _is_hidden(before, after, place)]


def _is_hidden(before: Sent | None, after: Sent | None, place: str) -> bool:
    """Whether a header differs that is shown the same."""
    kind, _, name = place.partition(" ")
    if kind != "header" or before is None or after is None:
        return False
    old, new = (
        {key.lower(): value for key, value in one.shown["headers"].items()} for one in (before, after)
    )
    return bool(old.get(name) == new.get(name))


def _spread(body: str) -> list[str]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.splitlines()
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode().splitlines()
