"""Matching at scale: which of a project's destinations may want an event, at a cost that follows those that may.

Destinations are indexed by the event names they allow and by one equality that every event they want must meet. What the index
rules out is never looked at, not even to count it: the account of an event names the roster it was offered to and the few
that took it, and ``filtered`` is what remains (see telemetry/offers.py).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hedgerow.delivery.identity import raw
from hedgerow.destinations import CompiledDestination, FilterError, Project
from hedgerow.destinations.filters import Condition
from hedgerow.hog import Host, OverBudget

Buckets: TypeAlias = dict[str, dict[str, list[CompiledDestination]]]
"""Property -> text -> the destinations that want no event without it."""

Wanted: TypeAlias = "list[tuple[CompiledDestination, list[str] | FilterError]]"

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is offered a stream of a project's events, named by its content.

    Attributes:
        id: 16 bytes; the same members have the same one.
        project_id: whose events.
        members: ids of the destinations, 16 bytes each, in order.
    """

    id: bytes
    project_id: int
    members: bytes

    @classmethod
    def of(cls, project_id: int, destinations: Iterable[CompiledDestination]) -> Roster:
        """The roster of some destinations."""
        members = b"".join(sorted(raw(compiled.destination.id) for compiled in destinations))
        return cls(hashlib.sha256(b"%d:" % project_id + members).digest()[:16], project_id, members)


class Index:
    """Destinations by the most telling of their conditions.

    A destination is left out of the answer only if one of its conditions fails, and then no filter of it can match: conditions
    are ANDed with all the rest.
    """

    __slots__ = ("_always", "_event", "_person")

    def __init__(self, destinations: Sequence[CompiledDestination]) -> None:
        crowd = Counter(
            (condition.scope, condition.key, value)
            for compiled in destinations
            for condition in compiled.conditions
            for value in condition.values
        )
        self._always: list[CompiledDestination] = []
        self._event: Buckets = {}
        self._person: Buckets = {}
        for compiled in destinations:
            if not compiled.conditions:
                self._always.append(compiled)
                continue
            telling = min(compiled.conditions, key=lambda condition: _company(condition, crowd))
            buckets = self._event if telling.scope == "event" else self._person
            texts = buckets.setdefault(telling.key, {})
            for value in telling.values:
                texts.setdefault(value, []).append(compiled)

    def find(self, properties: Mapping[str, Any], person: Mapping[str, Any]) -> list[CompiledDestination]:
        """The destinations that may want an event.

        Args:
            properties: of the event.
            person: its person's properties.
        """
        found = self._always
        for buckets, given in ((self._event, properties), (self._person, person)):
            if buckets and (more := _hits(buckets, given)):
                found = found + more
        return found


def _company(condition: Condition, crowd: Counter[tuple[str, str, str]]) -> int:
    """How many destinations share the places that this condition would be found at."""
    return sum(crowd[condition.scope, condition.key, value] for value in condition.values)


def _hits(buckets: Buckets, given: Mapping[str, Any]) -> list[CompiledDestination]:
    found: list[CompiledDestination] = []
    for key in buckets if len(buckets) <= len(given) else given:
        texts = buckets.get(key)
        if texts is not None and isinstance(value := given.get(key), str):
            found += texts.get(value, ())
    return found


class Offer:
    """The destinations that a stream of a project's events is offered to."""

    __slots__ = ("_any", "_named", "roster")

    def __init__(self, project_id: int, destinations: Sequence[CompiledDestination]) -> None:
        self.roster = Roster.of(project_id, destinations)
        self._any = Index([compiled for compiled in destinations if compiled.event_names is None])
        named: dict[str, list[CompiledDestination]] = {}
        for compiled in destinations:
            for name in compiled.event_names or ():
                named.setdefault(name, []).append(compiled)
        self._named = {name: Index(some) for name, some in named.items()}

    def candidates(self, found: Mapping[str, Any]) -> list[CompiledDestination]:
        """The destinations that may want an event; their filters decide. The list is not to be changed.

        Args:
            found: filter globals of the event.
        """
        properties = found["properties"]
        owner = found["person"]
        person = NOTHING if owner is None else owner["properties"]
        anyhow = self._any.find(properties, person)
        index = self._named.get(found["event"])
        return anyhow if index is None else anyhow + index.find(properties, person)


def wanted_by(
    candidates: Iterable[CompiledDestination],
    found: Mapping[str, Any],
    stream: str,
    host: Host,
    later: list[CompiledDestination],
) -> Wanted:
    """The candidates that do not filter an event out, each with its mappings or with what kept it from deciding.

    Args:
        candidates: whom the event is offered to.
        found: filter globals.
        stream: where the event comes from.
        host: clock, limits and patience of the filters.
        later: gets those whose filters were over the host's patience.
    """
    wanted: Wanted = []
    for compiled in candidates:
        try:
            mappings = compiled.match(found, host, stream=stream)
        except FilterError as error:
            wanted.append((compiled, error))
        except OverBudget:
            later.append(compiled)
        else:
            if mappings:
                wanted.append((compiled, mappings))
    return wanted


@dataclass(slots=True)
class Plan:
    """The live destinations of one project, by the stream of events that they are offered.

    Attributes:
        project: whose they are.
        destinations: all of them, in order of execution.
    """

    project: Project
    destinations: list[CompiledDestination]
    _offers: dict[str, Offer] = field(init=False)

    def __post_init__(self) -> None:
        streams: dict[str, list[CompiledDestination]] = {}
        for compiled in self.destinations:
            streams.setdefault(compiled.stream, []).append(compiled)
        self._offers = {stream: Offer(self.project.id, some) for stream, some in streams.items()}

    def offer(self, stream: str) -> Offer | None:
        """Who is offered the events of a stream; None when nobody is."""
        return self._offers.get(stream)
