"""One condition of a filter beside what an event had to say to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hedgerow.hog import HogError
from hedgerow.hog.jsontext import to_json

NOTHING: Final = object()
"""Stands where a clause looks at no single value."""
LONGEST: Final = 1_000
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition, or several that count together.

    Attributes:
        text: what it asks for, in words.
        matched: whether the event meets it; None when that could not be decided.
        place: where it stands in the filter, such as ``properties__0``; empty for what nobody wrote down.
        actual: the value it looked at; null when there is none.
        error: why it could not be decided.
        join: how its parts count: ``all``, ``any`` or ``not``; empty without parts.
        clauses: its parts. Every one is judged, also those that no longer matter for the whole.
    """

    text: str
    matched: bool | None
    place: str = ""
    actual: Any = NOTHING
    error: str | None = None
    join: str = ""
    clauses: Sequence[Clause] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON; long values are cut."""
        found: dict[str, Any] = {"text": self.text, "matched": self.matched}
        if self.place:
            found["place"] = self.place
        if self.actual is not NOTHING:
            found["actual"] = shown(self.actual)
        if self.error is not None:
            found["error"] = self.error
        if self.join:
            found |= {"join": self.join, "clauses": [clause.plain() for clause in self.clauses]}
        return found


def every(text: str, clauses: Sequence[Clause], place: str = "") -> Clause:
    """All of the clauses must hold. As when it runs, the first that does not hold decides, or the first that cannot be decided."""
    verdict = next((clause.matched for clause in clauses if clause.matched is not True), True)
    return Clause(text, verdict, place, join="all", clauses=clauses)


def some(text: str, clauses: Sequence[Clause], place: str = "") -> Clause:
    """One of the clauses must hold; of several in doubt the first decides."""
    verdict = next((clause.matched for clause in clauses if clause.matched is not False), False)
    return Clause(text, verdict, place, join="any", clauses=clauses)


def no(text: str, clause: Clause, place: str = "") -> Clause:
    """The clause must not hold."""
    return Clause(
        text, None if clause.matched is None else not clause.matched, place, join="not", clauses=[clause]
    )


def shown(value: Any) -> Any:
    """A value as JSON has it; the text of a long one, cut."""
    if isinstance(value, str):
        return _cut(value.encode("utf-8", "backslashreplace").decode())
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = _written(value)
    return orjson.loads(text) if len(text) <= LONGEST else _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _written(value: Any) -> str:
    """Dates and what else only Hog knows, as its own JSON shows them."""
    try:
        text = to_json(value)
        orjson.loads(text)
    except (HogError, ValueError, RecursionError):
        return orjson.dumps(f"({type(value).__name__})").decode()
    return text
