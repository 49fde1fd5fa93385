"""The audit log: differences without secrets, in the transaction of the change."""

from __future__ import annotations

import orjson
import pytest

from hedgerow.accounts.actors import Actor
from hedgerow.accounts.audit import HIDDEN, Search, differences, record, redacted, search
from support.people import NOON, store

ADA = Actor("ada@example.com", address="203.0.113.7", via="session")


@pytest.fixture
def conn():
    with store() as connection:
        yield connection


def put(conn, **more):
    given = {"activity": "updated", "scope": "HogFunction", "item_id": 1, **more}
    record(conn, ADA, NOON, **given)


def test_only_what_differs_is_told(conn):
    """Field by field; what saving always changes is no change."""
    put(
        conn,
        before={"a": 1, "b": 2, "updated_at": 1, "c": 3},
        after={"a": 1, "b": 5, "updated_at": 2, "d": 4},
    )
    (entry,) = search(conn, Search())
    assert [(c["action"], c["field"], c["before"], c["after"]) for c in entry.changes] == [
        ("changed", "b", 2, 5),
        ("deleted", "c", 3, None),
        ("created", "d", None, 4),
    ]
    assert (entry.actor, entry.via, entry.address, entry.at) == (
        "ada@example.com",
        "session",
        "203.0.113.7",
        NOON,
    )


def test_an_update_that_changes_nothing_leaves_no_entry(conn):
    """Saving the same again is no news; a word such as ``paused`` always is."""
    put(conn, before={"a": 1}, after={"a": 1})
    put(conn, activity="paused")
    assert [entry.activity for entry in search(conn, Search())] == ["paused"]


@pytest.mark.parametrize(
    "value",
    [
        {"password": "canary"},
        {"inputs": {"token": {"value": "canary"}}},
        {"inputs": {"headers": {"value": {"Authorization": "Bearer canary", "X-Api-Key": "canary"}}}},
        {"hash_salt": "canary"},
        {"steps": [{"client_secret": ["canary"]}]},
        {"PRIVATE_KEY": 12345678},
    ],
)
def test_what_its_name_gives_away_as_secret_is_hidden(conn, value):
    """However deep, and of whatever type; the entry still says that it changed."""
    put(conn, before={}, after=value)
    (entry,) = search(conn, Search())
    told = orjson.dumps(entry.changes).decode()
    assert "canary" not in told
    assert "12345678" not in told
    assert HIDDEN in told


def test_a_secret_that_changed_is_told_without_its_value(conn):
    """Two different values look the same, and still there is a change."""
    put(conn, before={"token": "canary1"}, after={"token": "canary2"}, secrets=["inputs.key"])
    (entry,) = search(conn, Search())
    assert [(c["field"], c["before"], c["after"]) for c in entry.changes] == [
        ("token", HIDDEN, HIDDEN),
        ("inputs.key", HIDDEN, HIDDEN),
    ]


def test_that_there_is_a_secret_may_be_told():
    """Whether one is set is no secret."""
    assert redacted({"token": {"secret": True}, "password": None}) == {
        "token": {"secret": True},
        "password": None,
    }


def test_large_values_are_only_told_of():
    """A program of a hundred kilobytes is kept with its destination, not in each entry."""
    (change,) = differences("HogFunction", {"hog": "a" * 10_000}, {"hog": "b"})
    assert (change["before"], change["after"]) == ("(10002 bytes)", "b")


def test_an_entry_is_undone_with_its_change(conn):
    """There is none without the other."""
    conn.execute("BEGIN")
    put(conn, activity="created")
    conn.execute("ROLLBACK")
    assert search(conn, Search()) == []


def test_entries_are_found_by_everything_about_them(conn):
    """Project, kind, thing, activity, person, time; the latest first, page by page."""
    for n in range(6):
        record(
            conn, Actor(f"user{n % 2}"), NOON + n, activity=("created", "updated", "deleted")[n % 3], scope="Action", item_id=n,
            project_id=1 + n % 2, after={"n": n},
        )  # fmt: skip

    def found(**wanted):
        return [entry.item_id for entry in search(conn, Search(**wanted))]

    assert found() == ["5", "4", "3", "2", "1", "0"]
    assert found(project_id=1) == ["4", "2", "0"]
    assert found(activity="created") == ["3", "0"]
    assert found(actor="user1", activity="updated") == ["1"]
    assert found(scope="Action", item_id="4") == ["4"]
    assert found(scope="Cohort") == []
    assert found(after=NOON + 2, before=NOON + 4) == ["3", "2"]
    first = search(conn, Search(limit=4))
    assert [entry.item_id for entry in search(conn, Search(limit=4, below=first[-1].id))] == ["1", "0"]
