"""Several workers at once, some of which die in the middle: people and groups come out as if one worker had done it all in some order.

Each worker folds its own partition in order, a batch in a transaction; what a death undoes is read and folded again. So the order of
the commits is the serial order that everything must equal.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from test_people_properties_hold import HISTORIES, _numbered

from hedgerow.events import Event
from hedgerow.people import Change, fold, list_warnings, load
from hedgerow.store import Connection, open_connection
from hedgerow.store.database import transact
from support.people import event, people, store
from support.people_model import PeopleModel

WRITTEN = (
    "persons",
    "person_distinct_ids",
    "personless_distinct_ids",
    "groups",
    "group_types",
    "ingestion_warnings",
)


class Death(Exception):
    """A worker dies before its commit."""


def changes(events: Sequence[Event]) -> list[Change]:
    return [Change(1, made) for made in events]


def fold_and_die(conn: Connection, batch: Sequence[Event]) -> None:
    def work(c: Connection) -> None:
        fold(c, changes(batch))
        raise Death

    try:
        transact(conn, work)
    except Death:
        return
    raise AssertionError


def everything(conn: Connection) -> list[list[Any]]:
    """Every row that folding can write, in order."""
    return [sorted(conn.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in WRITTEN]


@settings(max_examples=40, deadline=None)
@given(st.lists(HISTORIES, min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_deaths_between_and_within_batches_change_nothing(histories, chance):
    """A transaction that never commits leaves no trace, and reading again what was folded before leaves none either."""
    model, queues = PeopleModel(), [(list(history), []) for history in histories]
    with store() as conn:
        while any(waiting for waiting, _ in queues):
            waiting, done = chance.choice([queue for queue in queues if queue[0]])
            batch = waiting[: chance.randint(1, 6)]
            before = everything(conn)
            if chance.random() < 0.3:
                fold_and_die(conn, waiting[: chance.randint(1, 9)])
                assert everything(conn) == before
                continue
            if done and chance.random() < 0.4:
                again = done[
                    chance.randint(0, len(done) - 1) :
                ]  # as after a crash: from anywhere, free to write
                transact(conn, lambda c, again=again: load(c, changes(again)))
                assert everything(conn) == before
            transact(conn, lambda c, batch=batch: fold(c, changes(batch)))
            for made in batch:
                model.feed(made)
            done += batch
            del waiting[: len(batch)]
        assert people(conn) == model.people()
        assert {item.kind: item.count for item in list_warnings(conn, 1)} == dict(model.warnings)
        ids = [name for names in people(conn) for name in names]
        assert len(ids) == len(set(ids)), "each distinct id has exactly one person"


# ------------------------------------------------------------------------------------------- groups

TYPES = st.sampled_from(["company", "team", "channel", "plan", "city", "one too many", "and another"])
KEYS = st.sampled_from(["a", "b", "7"])
BAGS = st.dictionaries(
    st.sampled_from(["name", "size", "tags"]), st.sampled_from([1, 2, "x", [1]]), max_size=2
)
IDENTIFIED = st.tuples(TYPES, KEYS, BAGS).map(
    lambda drawn: ("$groupidentify", "server", {"$group_type": drawn[0], "$group_key": drawn[1], "$group_set": drawn[2]},
                   "2026-01-01T12:00:00.000Z")
)  # fmt: skip
MENTIONED = st.dictionaries(TYPES, KEYS, min_size=1, max_size=3).map(
    lambda groups: ("seen", "ada", {"$groups": groups}, "2026-01-01T12:00:00.000Z")
)
GROUPED = st.lists(st.one_of(IDENTIFIED, MENTIONED), max_size=20).map(_numbered)


class GroupModel:
    """A project's groups, one event at a time."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.groups: dict[tuple[str, str], dict[str, Any]] = {}
        self.refused = Counter[str]()

    def known(self, name: str) -> bool:
        if name not in self.types and len(self.types) < 5:
            self.types.append(name)
        self.refused["group_type_refused"] += name not in self.types
        return name in self.types

    def feed(self, made: Event) -> None:
        told = made.properties
        if made.event == "$groupidentify":
            name, key = told["$group_type"], told["$group_key"]
            if self.known(name):
                self.groups[name, key] = {**self.groups.get((name, key), {}), **told["$group_set"]}
        for name in told.get("$groups", {}):
            self.known(name)


def groups(conn: Connection) -> tuple[list[str], dict[tuple[str, str], dict[str, Any]]]:
    types = [
        name for (name,) in conn.execute("SELECT name FROM group_types WHERE project_id = 1 ORDER BY idx")
    ]
    rows = conn.execute("SELECT type_index, key, properties FROM groups WHERE project_id = 1").fetchall()
    return types, {(types[index], key): orjson.loads(text) for index, key, text in rows}


@settings(max_examples=40, deadline=None)
@given(st.lists(GROUPED, min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_groups_of_interleaved_partitions_equal_a_serial_order(histories, chance):
    """Types get their numbers in the order in which they come, five of them; no change of a group is lost; deaths change nothing."""
    model, queues = GroupModel(), [list(history) for history in histories]
    with store() as conn:
        while any(queues):
            waiting = chance.choice([queue for queue in queues if queue])
            if chance.random() < 0.3:
                fold_and_die(conn, waiting[: chance.randint(1, 9)])
                continue
            batch = [waiting.pop(0) for _ in range(min(len(waiting), chance.randint(1, 6)))]
            transact(conn, lambda c, batch=batch: fold(c, changes(batch)))
            for made in batch:
                model.feed(made)
        assert groups(conn) == (model.types, model.groups)
        told = {item.kind: item.count for item in list_warnings(conn, 1)}
        assert told.get("group_type_refused", 0) == model.refused["group_type_refused"]


# ------------------------------------------------------------------------------------- at the same time


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(HISTORIES, GROUPED), min_size=3, max_size=3), st.integers(0, 2**16))
def test_workers_that_die_at_the_same_time_as_others_work(tmp_path_factory, histories, seed):
    """Three connections fold at once, and every third transaction is undone at its end: the rest equals the order of the commits."""
    path = str(tmp_path_factory.mktemp("people") / "state.db")
    order: list[Event] = []

    def work(number: int, events: list[Event]) -> None:
        conn = open_connection(path, synchronous="OFF")
        turn = seed + number
        while events:
            turn += 1
            batch = events[: 1 + turn % 4]

            def body(c: Connection, batch: list[Event] = batch, turn: int = turn) -> None:
                fold(c, changes(batch))
                if turn % 3 == 0:
                    raise Death
                order.extend(batch)

            try:
                transact(conn, body)
                del events[: len(batch)]
            except Death:
                continue
        conn.close()

    mixed = [_mixed(people_, groups_) for people_, groups_ in histories]
    total = sum(map(len, mixed))
    with store(path) as conn:
        threads = [
            threading.Thread(target=work, args=(number, events)) for number, events in enumerate(mixed)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(order) == total
        persons, grouped = PeopleModel(), GroupModel()
        for made in order:
            persons.feed(made)
            grouped.feed(made)
        shown = {ids: known for ids, known in people(conn).items() if ids != ("server",)}
        assert shown == {ids: known for ids, known in persons.people().items() if ids != ("server",)}
        assert groups(conn) == (grouped.types, grouped.groups)


def _mixed(one: list[Event], two: list[Event]) -> list[Event]:
    """Both, by turns."""
    longest = max(len(one), len(two))
    return [made for at in range(longest) for made in (*one[at : at + 1], *two[at : at + 1])]


def test_an_event_is_folded_as_it_came(tmp_path):
    """The models above see the same events as the store: folding writes into none of them."""
    made = event("$identify", "a", {"$anon_distinct_id": "b", "$set": {"x": 1}})
    before = orjson.dumps(made.properties)
    with store() as conn:
        transact(conn, lambda c: fold(c, changes([made])))
    assert orjson.dumps(made.properties) == before
