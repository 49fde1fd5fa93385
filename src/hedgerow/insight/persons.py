"""Persons, searched by conditions that the store cannot judge by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import TypeAlias

from hedgerow.people.queries import FoundPerson, PersonSearch, find_persons
from hedgerow.store import Database

Keep: TypeAlias = Callable[[Sequence[FoundPerson]], Sequence[bool]]

# A search that finds little must not look at everybody at once: it ends here, and says where to go on.
SCANNED = 10_000
STEP = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Persons, and the number behind which the next page begins; None: there are no more."""

    persons: list[FoundPerson]
    cursor: int | None


async def search(state: Database, project_id: int, wanted: PersonSearch, keep: Keep) -> Page:
    """Persons of a project, the newest first.

    Args:
        state: has them.
        project_id: whose.
        wanted: what the store is asked for, and how many persons a page has.
        keep: told some persons, it says of each whether they are wanted.

    Returns:
        A page. With a condition that few meet it may hold less than was asked for, even nobody, and not be the last.
    """
    found: list[FoundPerson] = []
    before = wanted.before
    for _ in range(SCANNED // STEP):
        step = replace(wanted, before=before, limit=STEP, offset=0)
        some = await state.read(partial(find_persons, project_id=project_id, wanted=step))
        kept = list(compress(some, await asyncio.to_thread(keep, some)))
        for person in kept[: wanted.limit - len(found)]:
            found.append(person)
            before = person.number
        if len(found) >= wanted.limit:
            return Page(found, before)
        if len(some) < STEP:
            return Page(found, None)
        before = some[-1].number
    return Page(found, before)
