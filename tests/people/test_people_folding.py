"""What single events do to people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hedgerow.events import Event
from hedgerow.people import Change, Folded, fold, load
from hedgerow.store import Connection
from support.people import event, people, store


@pytest.fixture
def conn() -> Iterator[Connection]:
    with store() as connection:
        yield connection


def one(conn: Connection, *events: Event, project_id: int = 1) -> Folded:
    return fold(conn, [Change(project_id, made) for made in events])[-1]


def test_smoke(conn):
    """A first event makes a person."""
    folded = one(conn, event("$pageview", "a", {"$set": {"x": 1}}))
    assert folded.person.properties["x"] == 1
    one(conn, event("$identify", "u", {"$anon_distinct_id": "a"}))
    print(people(conn))
    assert load(conn, [Change(1, event("x", "a"))])[0].person.properties["x"] == 1
