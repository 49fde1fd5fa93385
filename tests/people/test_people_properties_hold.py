"""Random histories: whatever happens in whatever batches, people equal a plain model of the rules."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.events import Event
from hedgerow.people import Change, Folded, fold, list_warnings, load
from hedgerow.store import Connection, open_connection
from hedgerow.store.database import transact
from support.people import event, people, store
from support.people_model import PeopleModel

IDS = st.sampled_from(["a", "b", "c", "d", "e", "null"])
KEYS = ["email", "plan", "$current_url", "$browser"]
VALUES = st.one_of(st.integers(0, 3), st.sampled_from(["x", "y", None]), st.just([1]))
BAGS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3)
TIMES = st.integers(0, 5).map(lambda minute: f"2026-01-01T12:0{minute}:00.000Z")


@st.composite
def _events(draw: Any) -> tuple[str, str, dict[str, Any], str]:
    name = draw(
        st.sampled_from(
            ["$pageview", "$set", "bought", "$exception", "$feature_flag_called"]
            + ["$identify", "$create_alias", "$merge_dangerously"] * 2
        )
    )
    properties: dict[str, Any] = {}
    for key, bag in (
        ("$set", BAGS),
        ("$set_once", BAGS),
        ("$unset", st.lists(st.sampled_from(KEYS), max_size=2)),
    ):
        if draw(st.integers(0, 2)) == 0:
            properties[key] = draw(bag)
    if name == "$pageview" and draw(st.booleans()):
        properties["$current_url"] = draw(st.sampled_from(["/", "/b"]))
    if draw(st.integers(0, 3)) == 0:
        properties["$process_person_profile"] = draw(st.sampled_from([True, False, False, "no"]))
    if name == "$identify" and draw(st.booleans()):
        properties["$anon_distinct_id"] = draw(IDS)
    if name in {"$create_alias", "$merge_dangerously"}:
        properties["alias"] = draw(IDS)
    return name, draw(IDS), properties, draw(TIMES)


def _numbered(raw: Sequence[tuple[str, str, dict[str, Any], str]]) -> list[Event]:
    return [
        event(name, distinct_id, properties, at=at, uuid=f"00000000-0000-0000-0000-{number:012}")
        for number, (name, distinct_id, properties, at) in enumerate(raw)
    ]


HISTORIES = st.lists(_events(), max_size=25).map(_numbered)


def _batches(events: list[Event], sizes: list[int]) -> list[list[Event]]:
    found, at, turn = [], 0, 0
    while at < len(events):
        size = sizes[turn % len(sizes)]
        found.append(events[at : at + size])
        at, turn = at + size, turn + 1
    return found


def _fold(conn: Connection, events: Sequence[Event]) -> list[Folded]:
    return transact(conn, lambda c: fold(c, [Change(1, made) for made in events]))


def _seen(folded: Folded) -> dict[str, Any] | None:
    person = folded.person
    return None if person is None else {"uuid": person.uuid, "properties": dict(person.properties)}


def _counts(conn: Connection) -> dict[str, int]:
    return {warning.kind: warning.count for warning in list_warnings(conn, 1)}


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@settings(max_examples=120, deadline=None)
@given(HISTORIES, SIZES)
def test_any_history_in_any_batches_equals_the_model(events, sizes):
    """People, what each event sees of them, and the warnings do not depend on how events were batched."""
    model = PeopleModel()
    expected = [model.feed(made) for made in events]
    with store() as conn:
        seen = [_seen(folded) for batch in _batches(events, sizes) for folded in _fold(conn, batch)]
        assert seen == expected
        assert people(conn) == model.people()
        assert _counts(conn) == dict(model.warnings)


@settings(max_examples=60, deadline=None)
@given(HISTORIES, SIZES)
def test_every_distinct_id_has_exactly_one_person(events, sizes):
    """Each id of the store leads to a person that is there, and nobody is left without an id."""
    with store() as conn:
        for batch in _batches(events, sizes):
            _fold(conn, batch)
            lost = "SELECT count(*) FROM person_distinct_ids WHERE person_id NOT IN (SELECT id FROM persons)"
            nameless = (
                "SELECT count(*) FROM persons WHERE id NOT IN (SELECT person_id FROM person_distinct_ids)"
            )
            assert conn.execute(lost).fetchall() == conn.execute(nameless).fetchall() == [(0,)]


@settings(max_examples=60, deadline=None)
@given(HISTORIES, SIZES, st.integers(0, 25))
def test_reading_any_suffix_again_changes_nothing(events, sizes, start):
    """A second reading works without the right to write, and shows everybody as they are now."""
    with store() as conn:
        for batch in _batches(events, sizes):
            _fold(conn, batch)
        conn.execute("PRAGMA query_only = 1")
        again = transact(conn, lambda c: load(c, [Change(1, made) for made in events[start:]]), write=False)
        now = {distinct_id: person for ids, person in people(conn).items() for distinct_id in ids}
        for made, folded in zip(events[start:], again, strict=True):
            person = now.get(made.distinct_id)
            if person is not None and folded.person is not None:
                assert folded.person.uuid == person["uuid"]
                assert folded.person.properties in ({}, person["properties"])


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
SPECIAL = st.sampled_from(
    [
        "$set",
        "$set_once",
        "$unset",
        "$groups",
        "$group_type",
        "$group_key",
        "$group_set",
        "alias",
        "$anon_distinct_id",
        "$process_person_profile",
        "$os_name",
        "$os",
        "$lib",
        "$current_url",
        "$creator_event_uuid",
    ]
)
NAMES = st.sampled_from(
    ["$identify", "$create_alias", "$groupidentify", "survey shown", "$feature_flag_called", "x"]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(NAMES, st.text(min_size=1), st.dictionaries(SPECIAL, ANYTHING), st.text()), max_size=5)
)
def test_no_event_whatever_stops_folding(raw):
    """Whatever JSON stands where a rule looks, folding and reading again go through: one bad event blocks nobody."""
    events = [event(name, distinct_id, properties, at=at) for name, distinct_id, properties, at in raw]
    with store() as conn:
        assert len(_fold(conn, events)) == len(_fold(conn, events[::-1])) == len(events)
        assert len(load(conn, [Change(1, made) for made in events])) == len(events)


@settings(max_examples=60, deadline=None)
@given(HISTORIES, HISTORIES, SIZES, SIZES, st.randoms(use_true_random=False))
def test_interleaved_partitions_equal_the_serial_order_of_their_transactions(one, two, sizes, others, chance):
    """Two workers that take turns leave what one worker would, fed in the order of their commits."""
    queues = [_batches(one, sizes), _batches(two, others)]
    model = PeopleModel()
    with store() as conn:
        while any(queues):
            queue = chance.choice([q for q in queues if q])
            batch = queue.pop(0)
            for made in batch:
                model.feed(made)
            _fold(conn, batch)
        assert people(conn) == model.people()


@settings(max_examples=5, deadline=None)
@given(st.lists(_events(), min_size=40, max_size=60), st.lists(_events(), min_size=40, max_size=60))
def test_two_workers_at_the_same_time_lose_no_update(tmp_path_factory, one, two):
    """Folding from two connections at once equals some serial order that keeps each worker's own."""
    path = str(tmp_path_factory.mktemp("people") / "state.db")
    order: list[Event] = []

    def work(events: list[Event]) -> None:
        conn = open_connection(path, synchronous="OFF")
        for batch in _batches(events, [3]):

            def body(c: Connection, batch: list[Event] = batch) -> None:
                fold(c, [Change(1, made) for made in batch])
                order.extend(batch)

            transact(conn, body)
        conn.close()

    with store(path) as conn:
        threads = [threading.Thread(target=work, args=(_numbered(raw),)) for raw in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        model = PeopleModel()
        for made in order:
            model.feed(made)
        assert len(order) == len(one) + len(two)
        assert people(conn) == model.people()
