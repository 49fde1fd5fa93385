"""Distinct ids, display names, and the trace of what was refused."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.people import (
    IngestionWarning,
    PersonState,
    display_name,
    is_illegal,
    list_warnings,
    person_uuid,
    record_warnings,
)
from hedgerow.people.identity import NAMESPACE, as_distinct_id, uuid_text
from hedgerow.people.projects import get_project, list_projects, project_by_token
from support.people import NOON, store


@given(st.integers(1, 10**9), st.text())
def test_person_uuids_are_version_five(project_id, distinct_id):
    """Our quick way to the uuid is the standard library's."""
    raw = person_uuid(project_id, distinct_id)
    assert uuid_text(raw) == str(uuid.uuid5(NAMESPACE, f"{project_id}:{distinct_id}"))


@pytest.mark.parametrize("legal", ["nan", "NULL", "none!", "00", "a", " id ", "'guest", "Null", "NONE"])
def test_ids_that_only_look_illegal(legal):
    """Some words are illegal in one spelling only."""
    assert not is_illegal(legal)


@pytest.mark.parametrize(
    "illegal", ["", "\t", "uNdEfInEd", "Not_Authenticated", "'null'", '"None"', "'[object Object]'"]
)
def test_ids_that_are_illegal(illegal):
    """Blank ids and what programs print for nothing, also in quotes."""
    assert is_illegal(illegal)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"), ("a\0b", "a\ufffdb"), ("x" * 300, "x" * 200), (5, "5"), (5.0, "5"), (1.5, "1.5"), (True, "true"),
        (None, "null"), ({}, "[object Object]"), ([1, None, "b", [True]], "1,,b,true"),
    ],
)  # fmt: skip
def test_values_as_distinct_ids(value, text):
    """An id is written as JavaScript would write it, within the bounds of capture."""
    assert as_distinct_id(value) == text


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"email": "e", "name": "n"}, "e"), ({"name": " n "}, "n"), ({"email": "", "username": "u"}, "u"),
        ({"email": None, "name": 0}, "id"), ({"email": 7}, "7"), ({"email": []}, "[]"), ({}, "id"),
    ],
)  # fmt: skip
def test_display_names(properties, name):
    """The first property that says something names a person, else the distinct id."""
    assert display_name(PersonState("u", properties, 0, is_identified=False), " id ") == name


def test_display_names_by_choice():
    """A project may choose other properties; nobody is called by the distinct id."""
    person = PersonState("u", {"email": "e", "nick": "n"}, 0, is_identified=False)
    assert (display_name(person, "id", ("nick",)), display_name(None, "id")) == ("n", "id")


def test_warnings_are_counted_by_the_hour():
    """Equal warnings of an hour are one row with a count, the latest time and its sample."""
    with store() as conn:
        hour = 3_600_000
        for at, n in ((NOON, 1), (NOON + 5, 2), (NOON + 2, 3), (NOON + hour, 4)):
            record_warnings(conn, [(1, at, IngestionWarning("kind", {"n": n}))] * 2)
        record_warnings(conn, [(2, NOON, IngestionWarning("kind", {}))])
        found = list_warnings(conn, 1)
        assert [(w.hour, w.count, w.last_at, w.sample) for w in found] == [
            (NOON + hour, 2, NOON + hour, {"n": 4}),
            (NOON, 6, NOON + 5, {"n": 2}),
        ]
        assert len(list_warnings(conn, 1, limit=1)) == 1
        assert list_warnings(conn, 1, after=NOON + 2 * hour) == []


def test_projects_are_found():
    """By id, by token, all of them; nobody is found where nobody is."""
    with store() as conn:
        conn.execute(
            """INSERT INTO projects VALUES (1, 'p', 'phc_a', '{"person_display_name_properties": ["nick"]}', 9)"""
        )
        project = get_project(conn, 1)
        assert project is not None
        assert (project_by_token(conn, "phc_a"), list_projects(conn)) == (project, [project])
        assert (project.display_name_properties, project.person_processing_opt_out) == (("nick",), False)
        assert (get_project(conn, 2), project_by_token(conn, "phc_b")) == (None, None)
