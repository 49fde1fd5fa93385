"""Which thing of the store a file means."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hedgerow.configuration.snapshot import Snapshot, Thing


@dataclass(frozen=True, slots=True)
class Match:
    """What files mean, of one kind.

    Attributes:
        found: by key, what is there already.
        others: id -> key of what no file means.
        keys: id -> key of everything that there will be, what is new included.
    """

    found: Mapping[str, Thing]
    others: Mapping[str, str]
    keys: Mapping[str, str]

    def number_of(self, key: str) -> str:
        """The id of what a file means."""
        return next(identity for identity, name in self.keys.items() if name == key)


def match(snapshot: Snapshot, kind: str, wanted: Mapping[str, Mapping[str, Any]], *, prune: bool) -> Match:
    """Find what the files mean: what came from a file of this name; else what has its name, or would be given its key.

    Args:
        snapshot: what there is.
        kind: of the files.
        wanted: the documents.
        prune: what no file means will be gone.
    """
    keys, stored = snapshot.keys[kind], snapshot.stored.get(kind, {})
    applied = {key: identity for identity, key in keys.items() if stored.get(identity) == key}
    means = {key: applied[key] for key in wanted if key in applied}
    for key, one in wanted.items():
        if key not in means:
            free = set(keys) - set(applied.values()) - set(means.values())
            if (identity := _meant(snapshot, kind, key, one, free)) is not None:
                means[key] = identity
    others = {identity: key for identity, key in keys.items() if identity not in means.values()}
    ours = {identity: key for key, identity in means.items()} | _numbered(snapshot, kind, wanted, means)
    kept = {} if prune else {identity: key for identity, key in others.items() if key not in wanted}
    found = {key: snapshot.things[kind][identity] for key, identity in means.items()}
    return Match(found, others, {**kept, **ours})


def _meant(
    snapshot: Snapshot, kind: str, key: str, one: Mapping[str, Any], free: Collection[str]
) -> str | None:
    """Of what never came from a file: the only one of this name, else the one that an export would call so."""
    named = [identity for identity in free if snapshot.things[kind][identity].name == one.get("name")]
    if len(named) == 1:
        return named[0]
    return next((identity for identity in free if snapshot.keys[kind][identity] == key), None)


def _numbered(
    snapshot: Snapshot, kind: str, wanted: Collection[str], means: Collection[str]
) -> dict[str, str]:
    """The numbers that new actions and cohorts will get. Destinations have ids that nothing refers to."""
    first = snapshot.next_ids.get(kind)
    if first is None:
        return {}
    fresh = [key for key in wanted if key not in means]
    return {str(first + place): key for place, key in enumerate(fresh)}
