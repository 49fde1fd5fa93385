"""Groups, and what events say about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from hedgerow.people import Change, Folded, GroupState, fold
from hedgerow.people.size import LARGEST
from hedgerow.store import Connection
from support.people import NOON, event, people, store


@pytest.fixture
def conn() -> Iterator[Connection]:
    with store() as connection:
        yield connection


def identify(conn: Connection, properties: dict[str, Any], project_id: int = 1) -> Folded:
    return fold(conn, [Change(project_id, event("$groupidentify", "u", properties))])[0]


def with_groups(conn: Connection, groups: Any, name: str = "x", project_id: int = 1) -> Folded:
    return fold(conn, [Change(project_id, event(name, "u", {"$groups": groups}))])[0]


def kinds(folded: Folded) -> list[str]:
    return [warning.kind for warning in folded.warnings]


def rows(conn: Connection) -> list[tuple[Any, ...]]:
    found = conn.execute("SELECT project_id, type_index, key, properties, created_at, version FROM groups")
    return [(p, i, key, orjson.loads(text), at, version) for p, i, key, text, at, version in found]


ACME = {"$group_type": "company", "$group_key": "acme"}


def test_identifying_a_group_keeps_its_properties(conn):
    """Properties are merged one level deep, and the first event dates the group."""
    identify(conn, {**ACME, "$group_set": {"plan": "free", "size": 1}})
    identify(conn, {**ACME, "$group_set": {"plan": "paid"}})
    assert rows(conn) == [(1, 0, "acme", {"plan": "paid", "size": 1}, NOON, 1)]


def test_saying_the_same_again_writes_nothing(conn):
    """A group that did not change keeps its version."""
    for _ in range(2):
        identify(conn, {**ACME, "$group_set": {"plan": "free"}})
    assert rows(conn) == [(1, 0, "acme", {"plan": "free"}, NOON, 0)]


def test_the_first_event_of_a_batch_dates_the_group(conn):
    """Later events of the same batch change a new group, not its age."""
    first = event("$groupidentify", "u", {**ACME, "$group_set": {"n": 1}})
    second = event("$groupidentify", "u", {**ACME, "$group_set": {"n": 2}}, at="2026-01-01T13:00:00.000Z")
    fold(conn, [Change(1, first), Change(1, second)])
    assert rows(conn) == [(1, 0, "acme", {"n": 2}, NOON, 1)]


def test_an_event_sees_its_groups(conn):
    """An event has its groups with their properties, and their keys under their index."""
    identify(conn, {**ACME, "$group_set": {"plan": "paid"}})
    folded = with_groups(conn, {"company": "acme", "team": "t"})
    assert folded.groups == {
        "company": GroupState("acme", "company", 0, {"plan": "paid"}),
        "team": GroupState("t", "team", 1, {}),
    }
    assert (folded.properties["$group_0"], folded.properties["$group_1"]) == ("acme", "t")


def test_naming_a_group_does_not_make_it(conn):
    """Only identifying keeps a group; naming one merely takes a place for its type."""
    with_groups(conn, {"company": "acme"})
    assert rows(conn) == []
    assert conn.execute("SELECT name, idx FROM group_types").fetchall() == [("company", 0)]


def test_the_identifying_event_sees_its_own_change(conn):
    """An event that changes its own group sees it changed; later events of the batch do as well."""
    made = event("$groupidentify", "u", {**ACME, "$group_set": {"n": 1}, "$groups": {"company": "acme"}})
    later = event("x", "u", {"$groups": {"company": "acme"}})
    first, second = fold(conn, [Change(1, made), Change(1, later)])
    assert first.groups["company"].properties == second.groups["company"].properties == {"n": 1}


def test_five_types_and_no_more(conn):
    """The sixth type of a project is refused and told; another project has its own five."""
    folded = with_groups(conn, {f"type{n}": "k" for n in range(6)})
    assert list(folded.groups) == [f"type{n}" for n in range(5)]
    assert ("$group_5" in folded.properties, kinds(folded)) == (False, ["group_type_refused"])
    assert len(with_groups(conn, {"type5": "k"}, project_id=2).groups) == 1


def test_types_keep_their_place(conn):
    """The index of a type never changes."""
    with_groups(conn, {"b": "1"})
    with_groups(conn, {"a": "1"})
    assert with_groups(conn, {"a": "1", "b": "1"}).groups["b"].index == 0


def test_a_number_is_a_key(conn):
    """A numeric key names the group that identifying with that number keeps."""
    identify(conn, {**ACME, "$group_key": 7, "$group_set": {"n": 1}})
    folded = with_groups(conn, {"company": 7})
    assert folded.groups["company"] == GroupState("7", "company", 0, {"n": 1})
    assert folded.properties["$group_0"] == 7


@pytest.mark.parametrize("key", [None, True, ["a"], {"a": 1}])
def test_what_is_no_key_names_no_group(conn, key):
    """The property stays as it was sent, but there is no such group."""
    folded = with_groups(conn, {"company": key})
    assert (folded.groups, folded.properties["$group_0"], kinds(folded)) == ({}, key, ["invalid_group_key"])


@pytest.mark.parametrize(("groups", "told"), [(None, []), ({}, []), ([], []), ("acme", ["invalid_groups"])])
def test_malformed_groups_are_left_out(conn, groups, told):
    """An event whose groups make no sense has none."""
    folded = with_groups(conn, groups)
    assert (folded.groups, kinds(folded)) == ({}, told)


@pytest.mark.parametrize("missing", ["$group_type", "$group_key"])
def test_a_group_needs_type_and_key(conn, missing):
    """Without either, nothing is identified; that is told."""
    folded = identify(conn, {**ACME, missing: ""})
    assert (rows(conn), kinds(folded)) == ([], ["invalid_group_key"])


def test_a_group_event_never_changes_the_person(conn):
    """What a group event asks of a person is taken out, and told."""
    fold(conn, [Change(1, event("x", "u"))])
    before = people(conn)
    folded = identify(conn, {**ACME, "$set": {"k": 1}, "$browser": "B"})
    assert ("$set" in folded.properties, people(conn)) == (False, before)
    assert kinds(folded) == ["person_properties_ignored"]


def test_a_key_that_is_too_long_drops_the_event(conn):
    """PostHog drops such an event as a whole."""
    assert identify(conn, {**ACME, "$group_key": "k" * 401}).dropped == "group_key_too_long"
    assert identify(conn, {**ACME, "$group_key": "k" * 400}).dropped is None


def test_group_properties_have_a_limit(conn):
    """A change past the limit is refused as a whole."""
    identify(conn, {**ACME, "$group_set": {"plan": "free"}})
    folded = identify(conn, {**ACME, "$group_set": {"plan": "paid", "big": "x" * LARGEST}})
    assert kinds(folded) == ["group_properties_size_violation"]
    assert rows(conn)[0][3] == {"plan": "free"}


def test_malformed_group_properties_change_nothing(conn):
    """The group is there, without the nonsense."""
    assert kinds(identify(conn, {**ACME, "$group_set": "plan"})) == ["invalid_group_properties"]
    assert rows(conn)[0][3] == {}
