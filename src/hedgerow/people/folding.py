"""Folding: events become persons and groups.

The rules are PostHog's. Each function runs inside a transaction of the caller, and its result depends on nothing but
the store and the events, so that the same batch after a crash ends the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import orjson

from hedgerow.people.groups import Groups
from hedgerow.people.identity import person_uuid, uuid_text
from hedgerow.people.model import Change, Folded, PersonState
from hedgerow.people.plan import Plan, occurred_at, plan, with_profile, without_profile
from hedgerow.people.projects import opted_out
from hedgerow.people.properties import Wishes, apply, at_creation
from hedgerow.people.size import fits
from hedgerow.people.warnings import record_warnings
from hedgerow.people.working_set import Person, WorkingSet
from hedgerow.store import Connection

TOO_LARGE = "person_properties_size_violation"

# What PostHog says of a person who has no row: an early moment that no real person was created at.
NOBODY_CREATED_AT = 5_000
# An event without a profile that comes this long after its person was made shows that person in full.
SETTLED_AFTER = 60_000


def fold(conn: Connection, changes: Sequence[Change]) -> list[Folded]:
    """Apply events to people and groups, in order.

    Args:
        conn: inside a writing transaction.
        changes: events that were never folded before.

    Returns:
        One result per event, each with the person and groups as they are after that event.
    """
    batch = Batch(conn, changes, learn=True)
    results = batch.run(batch.fold)
    batch.write()
    return results


def load(conn: Connection, changes: Sequence[Change]) -> list[Folded]:
    """Read events that were folded before, changing nothing.

    Args:
        conn: inside a transaction, which may be a reading one.
        changes: events that were folded before.

    Returns:
        One result per event, with the person and groups as they are now.
    """
    batch = Batch(conn, changes, learn=False)
    return batch.run(batch.load)


class Batch:
    """Some events and everything they are about."""

    def __init__(self, conn: Connection, changes: Sequence[Change], *, learn: bool) -> None:
        self._conn = conn
        projects: dict[int, list[Plan]] = {change.project_id: [] for change in changes}
        without = opted_out(conn, projects)
        self._plans = [plan(change, opted_out=change.project_id in without) for change in changes]
        self._people = WorkingSet(conn)
        self._groups = Groups(conn, learn=learn)
        for made in self._plans:
            if made.dropped is None:
                projects[made.project_id].append(made)
        for project_id, plans in projects.items():
            self._people.read(project_id, _named(plans))
            self._groups.read(project_id, plans)

    def run(self, step: Callable[[Plan], Folded]) -> list[Folded]:
        """Take each event through a step, unless it was dropped before."""
        return [
            step(made)
            if made.dropped is None
            else Folded(None, dict(made.event.properties), {}, made.dropped, made.warnings)
            for made in self._plans
        ]

    def write(self) -> None:
        """Write what the events changed."""
        self._people.write()
        self._groups.write()
        record_warnings(
            self._conn,
            (
                (made.project_id, made.event.captured_at, warning)
                for made in self._plans
                for warning in made.warnings
            ),
        )

    # ------------------------------------------------------------------------------------- one event

    def load(self, made: Plan) -> Folded:
        """One event, with its person as they are."""
        person = self._people.find(made.project_id, made.event.distinct_id)
        if not self._has_profile(made, person):
            return Folded(_shown(made, person), without_profile(made), {}, None, made.warnings)
        properties, _ = with_profile(made)
        groups = self._groups.attach(made, properties)
        return Folded(person.snapshot() if person else _nobody(made), properties, groups, None, made.warnings)

    def fold(self, made: Plan) -> Folded:
        """One event, applied to its person."""
        person = self._people.find(made.project_id, made.event.distinct_id)
        if not self._has_profile(made, person):
            if person is None:
                self._people.note_personless(made.project_id, made.event.distinct_id)
            return Folded(_shown(made, person), without_profile(made), {}, None, made.warnings)
        properties, wishes = with_profile(made)
        groups = self._groups.attach(made, properties)
        before = self._people.changes
        state = (
            self._merge(made, person, wishes)
            if made.other is not None
            else self._update(made, person, wishes)
        )
        changed = self._people.changes > before
        return Folded(state, properties, groups, None, made.warnings, changed)

    def _has_profile(self, made: Plan, person: Person | None) -> bool:
        if not made.profile or person is not None or made.event.event != "$feature_flag_called":
            return made.profile
        # A flag was asked for about somebody unknown: no reason to make a person, unless the sender says so.
        properties = made.event.properties
        return properties.get("$process_person_profile") is True or bool(properties.get("$groups"))

    def _update(
        self, made: Plan, person: Person | None, wishes: Wishes, *, changed: bool = False
    ) -> PersonState:
        if person is None:
            return self._create(made, made.event.distinct_id, wishes).snapshot()
        after, write = apply(person.properties, wishes)
        if write:
            text = orjson.dumps(after).decode()
            if fits(text):
                person.properties, person.text, changed = after, text, True
            else:
                made.warn(TOO_LARGE, personId=person.uuid_text)
                after = person.properties
        if changed:
            self._people.change(person)
        return person.snapshot(after)

    def _create(self, made: Plan, distinct_id: str, wishes: Wishes) -> Person:
        text = orjson.dumps(at_creation(wishes, made.event.uuid)).decode()
        if not fits(text):
            made.warn(TOO_LARGE, personId=uuid_text(person_uuid(made.project_id, distinct_id)))
            text = orjson.dumps({"$creator_event_uuid": made.event.uuid}).decode()
        return self._people.create(made.project_id, distinct_id, text, occurred_at(made.event))

    # ------------------------------------------------------------------------------------- merging

    def _merge(self, made: Plan, into: Person | None, wishes: Wishes) -> PersonState:
        assert made.other is not None
        other = self._people.find(made.project_id, made.other)
        if into is None and other is None:
            return self._create_both(made, made.other, wishes)
        changed = False
        if into is None:
            assert other is not None
            into = other
            self._people.point(made.event.distinct_id, into)
        elif other is None:
            self._people.point(made.other, into)
        elif other is not into:
            changed = self._unite(made, other, into)
        changed = changed or not into.is_identified
        into.is_identified = True
        return self._update(made, into, wishes, changed=changed)

    def _create_both(self, made: Plan, other: str, wishes: Wishes) -> PersonState:
        first, second = made.event.distinct_id, other
        was = self._people.was_personless
        if was(made.project_id, second) and not was(made.project_id, first):
            # Earlier events already named the person that the other id makes: keep that uuid.
            first, second = second, first
        person = self._create(made, first, wishes)
        self._people.point(second, person)
        person.is_identified = True
        return person.snapshot()

    def _unite(self, made: Plan, other: Person, into: Person) -> bool:
        if other.is_identified and not made.dangerous:
            made.warn(
                "cannot_merge_already_identified",
                sourcePersonDistinctId=made.other,
                targetPersonDistinctId=made.event.distinct_id,
            )
            return False
        both = {**other.properties, **into.properties}
        text = orjson.dumps(both).decode()
        if fits(text):
            into.properties, into.text = both, text
        else:
            made.warn(TOO_LARGE, personId=into.uuid_text)
        into.created_at = min(into.created_at, other.created_at)
        into.version = max(into.version, other.version)
        self._people.merge(other, into)
        return True


def _named(plans: Iterable[Plan]) -> set[str]:
    ids = {made.event.distinct_id for made in plans}
    return ids.union(made.other for made in plans if made.other is not None)


def _nobody(made: Plan) -> PersonState:
    uuid = uuid_text(person_uuid(made.project_id, made.event.distinct_id))
    return PersonState(uuid, {}, NOBODY_CREATED_AT, is_identified=False)


def _shown(made: Plan, person: Person | None) -> PersonState:
    """Whom an event without a profile shows: in full if made well before, else by name only."""
    if person is None:
        return _nobody(made)
    if not (made.profile or made.opted_out) and occurred_at(made.event) > person.created_at + SETTLED_AFTER:
        return person.snapshot()
    return person.snapshot({})
