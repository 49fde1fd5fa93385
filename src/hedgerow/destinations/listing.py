"""Finding destinations of a project: PostHog's filters of its list, and a search that forgives slips of the pen.

What SQL can decide it decides, and it sorts ids alone: only the configurations of the page are read. A search and the two
filters that look into a destination's own filter read name, description or filter of each destination of the project, and
decide in Python.
"""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hedgerow.destinations.model import Destination
from hedgerow.destinations.repository import CURRENT, from_row
from hedgerow.store.database import Connection

LONGEST_SEARCH: Final = 200
SIMILAR: Final = 0.5
"""Share of the searched word's letter triples from which another word counts as the same one misspelt."""

_COUNT = "SELECT count(*) FROM destinations d "
_IDS = "SELECT d.id FROM destinations d "
_DESCRIPTION, _FILTERS = "json_extract(r.config, '$.description')", "json_extract(r.config, '$.filters')"
_FROM = (
    " FROM destinations d JOIN destination_revisions r ON r.destination_id = d.id AND r.number = d.revision "
)
_ORDER = " ORDER BY d.execution_order IS NULL, d.execution_order, d.updated_at DESC, d.id "
_CHOSEN = CURRENT + " JOIN json_each(?) chosen ON d.id = unhex(chosen.value) ORDER BY chosen.key"
_DRAFTED = "EXISTS (SELECT 1 FROM destination_drafts t WHERE t.destination_id = d.id)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which destinations are looked for; None means that it does not matter.

    Attributes:
        types: only these types.
        enabled: only those in this state.
        ids: only these.
        created_by: only those that this user made.
        created_at: only those made at this millisecond.
        updated_at: only those last changed at this millisecond.
        has_draft: only those with (or without) a draft.
        search: in name or description, in any case, the odd letter wrong.
        filters: objects of which the destination's filter must contain one, as jsonb's ``@>`` understands it.
    """

    types: Sequence[str] | None = None
    enabled: bool | None = None
    ids: Sequence[bytes] | None = None
    created_by: int | None = None
    created_at: int | None = None
    updated_at: int | None = None
    has_draft: bool | None = None
    search: str | None = None
    filters: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the destinations that were found.

    Attributes:
        items: those on the page.
        count: how many there are in all.
        matches: of a search, how each was found: ``exact`` or ``similar``.
    """

    items: list[Destination]
    count: int
    matches: Mapping[str, str]


def list_destinations(
    conn: Connection, project_id: int, wanted: Wanted | None = None, *, limit: int = 100, offset: int = 0
) -> Page:
    """A page of a project's destinations, by execution order, then the latest changed first; deleted ones are hidden.

    Args:
        conn: a connection inside a transaction.
        project_id: whose.
        wanted: which; all when absent.
        limit: rows of the page.
        offset: rows before it.
    """
    wanted = wanted or Wanted()
    where, values = _conditions(project_id, wanted)
    if wanted.search or wanted.filters:
        found = dict(_looked_into(conn.execute(_texts(wanted) + where + _ORDER, values), wanted))
        matches = {str(uuid.UUID(bytes=one)): how for one, how in found.items() if how}
        return Page(_read(conn, list(found)[offset : offset + limit]), len(found), matches)
    ids = [
        one for (one,) in conn.execute(_IDS + where + _ORDER + "LIMIT ? OFFSET ?", (*values, limit, offset))
    ]
    ((count,),) = conn.execute(_COUNT + where, values)
    return Page(_read(conn, ids), int(count), {})


def _read(conn: Connection, ids: Sequence[bytes]) -> list[Destination]:
    """Some destinations, in this order."""
    chosen = orjson.dumps([one.hex() for one in ids]).decode()
    return [from_row(row) for row in conn.execute(_CHOSEN, (chosen,))]


def _texts(wanted: Wanted) -> str:
    """The statement that reads what is looked into, and nothing else: most of a configuration is not."""
    description = _DESCRIPTION if wanted.search else "NULL"
    filters = _FILTERS if wanted.filters else "NULL"
    return f"SELECT d.id, d.name, {description}, {filters}" + _FROM


def _conditions(project_id: int, wanted: Wanted) -> tuple[str, list[Any]]:
    clauses: list[tuple[str, list[Any]]] = [("d.project_id = ?", [project_id]), ("d.deleted = 0", [])]
    if wanted.types is not None:
        clauses.append(_among("d.type", wanted.types))
    if wanted.ids is not None:
        clauses.append(_among("d.id", wanted.ids))
    if wanted.has_draft is not None:
        clauses.append((_DRAFTED if wanted.has_draft else f"NOT {_DRAFTED}", []))
    same = {name: getattr(wanted, name) for name in ("enabled", "created_by", "created_at", "updated_at")}
    clauses += [(f"d.{name} = ?", [value]) for name, value in same.items() if value is not None]
    return " WHERE " + " AND ".join(text for text, _ in clauses), [one for _, some in clauses for one in some]


def _among(column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    return f"{column} IN ({', '.join('?' * len(values))})", list(values)


def _looked_into(rows: Any, wanted: Wanted) -> Iterator[tuple[bytes, str | None]]:
    """Those whose texts and filters fit, with how the search found them; exact matches come first."""
    similar: list[tuple[bytes, str | None]] = []
    search = Search(wanted.search) if wanted.search else None
    for identity, name, description, filters in rows:
        if wanted.filters:
            stored = orjson.loads(filters or "{}")
            if not any(contains(stored, one) for one in wanted.filters):
                continue
        how = search.found_in(f"{name}\n{description or ''}") if search else None
        if how == "similar":
            similar.append((identity, how))
        elif how or not search:
            yield identity, how
    yield from similar


def contains(whole: Any, part: Any) -> bool:
    """Whether a JSON value contains another one: objects by their entries, lists by their items in any order."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            key in whole and contains(whole[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(contains(one, item) for one in whole) for item in part)
    return type(whole) is type(part) and bool(whole == part)


class Search:
    """What somebody looks for among texts, the odd letter wrong."""

    def __init__(self, text: str) -> None:
        self._text = text.casefold().strip()
        self._words = [triples(word) for word in self._text.split()]

    def found_in(self, text: str) -> str | None:
        """How a text answers: ``exact`` when it has it, ``similar`` when each word has a near relation in it."""
        read = text.casefold()
        if self._text in read:
            return "exact"
        # Most texts have too few of a word's triples even in all of their words together, which is quick to see.
        padded = f"  {'   '.join(read.split())} "
        if not self._words or not all(_enough(sought, padded) for sought in self._words):
            return None
        words = [triples(word) for word in read.split()]
        near = all(any(_enough(sought, other) for other in words) for sought in self._words)
        return "similar" if near else None


def triples(word: str) -> frozenset[str]:
    """A word's runs of three letters, its ends padded: what two spellings of it have most of in common."""
    padded = f"  {word} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


def _enough(sought: frozenset[str], other: Container[str]) -> bool:
    return sum(triple in other for triple in sought) >= SIMILAR * len(sought)
