"""Folding says which events made or changed a person."""

from __future__ import annotations

import uuid

import pytest

from hedgerow.events import Event
from hedgerow.people import Change, fold, load
from hedgerow.store import open_connection
from support.store import fresh_store


@pytest.fixture
def connection(tmp_path):
    """A migrated store with one project."""
    fresh_store(tmp_path)
    made = open_connection(tmp_path / "state.db")
    made.execute("INSERT INTO projects (id, name, token, created_at) VALUES (1, 'P', 'phc', 0)")
    yield made
    made.close()


def change(name, who, **properties):
    return Change(
        1, Event(str(uuid.uuid4()), name, who, properties, "2026-05-28T20:26:40.000Z", 1_780_000_000_000)
    )


def test_only_changes_count(connection):
    """Making, setting and merging change a person; looking, repeating and having no profile do not."""
    story = [
        (change("$pageview", "ada"), True),
        (change("$pageview", "ada"), False),
        (change("$set", "ada", **{"$set": {"plan": "pro"}}), True),
        (change("$set", "ada", **{"$set": {"plan": "pro"}}), False),
        (change("$identify", "ada", **{"$anon_distinct_id": "anon"}), True),
        (change("$identify", "ada", **{"$anon_distinct_id": "anon"}), False),
        (change("$pageview", "bob", **{"$process_person_profile": False}), False),
    ]
    told = fold(connection, [one for one, _ in story])
    assert [one.changed for one in told] == [expected for _, expected in story]
    assert not any(one.changed for one in load(connection, [one for one, _ in story]))
