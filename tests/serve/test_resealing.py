"""Rotating keys: everything sealed is sealed anew, and nothing that is written meanwhile is lost."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import LargeBinary

from hedgerow.accounts import totp
from hedgerow.delivery.invocation import Invocation
from hedgerow.delivery.state import pack_journal, unpack_journal
from hedgerow.destinations import (
    Author,
    Config,
    Existing,
    Keyring,
    Secrets,
    SecretsError,
    connections,
    drafts,
    repository,
)
from hedgerow.destinations.secrets import new_key, read_keys, write_keys
from hedgerow.integrations import consent
from hedgerow.serve.resealing import PLACES, Outcome, reseal, usage
from hedgerow.store import Database, tables
from support.store import fresh_store

SECRETS = Secrets({"token": {"value": "s3cret"}})


@pytest.fixture
def folder(tmp_path):
    """A data folder with a key file."""
    fresh_store(tmp_path)
    Keyring.load("", tmp_path)
    return tmp_path


@pytest.fixture
def database(folder):
    opened = Database(folder / "state.db", synchronous="OFF")
    yield opened
    opened.close()


def rotated(folder):
    """Put a new key in front; the keyring of a process that starts now."""
    file = folder / "secrets.key"
    write_keys(file, [new_key(), *read_keys(file)])
    return Keyring.load("", folder)


def plant(conn, keyring, number=1):
    """Something sealed in each place; returns the destination and the journal's owner."""
    one = repository.create(conn, 1, Config(name="x", hog="1"), SECRETS, keyring=keyring, now=1)
    for turn in range(2, number + 1):
        one = repository.update(
            conn, one, Config(name=str(turn), hog="1"), SECRETS, keyring=keyring, now=turn
        )
    drafts.put(conn, one, Existing(one.config, SECRETS), base=1, keyring=keyring, now=1, author=Author())
    owner = uuid.uuid4().bytes
    invocation = Invocation.__new__(Invocation)
    invocation.id, invocation.journal, invocation.tries, invocation.printed = owner, [], 2, 1
    conn.execute(
        "INSERT INTO deliveries (id, project_id, destination_id, revision, partition, position, event_uuid, event,"
        " distinct_id, verdict, captured_at, created_at, updated_at, journal)"
        " VALUES (?, 1, ?, 1, 0, 1, ?, 'e', 'd', 'retrying', 1, 1, 1, ?)",
        (owner, uuid.UUID(one.id).bytes, owner, pack_journal(invocation, keyring)),
    )
    conn.execute(
        "INSERT INTO users (uuid, email, name, password, is_owner, created_at) VALUES (?, 'a@b.c', 'A', '', 0, 1)",
        (owner,),
    )
    totp.begin(conn, keyring, conn.last_insert_rowid())
    conn.execute(
        "INSERT INTO integrations (project_id, kind, external_id, secrets, created_at, updated_at)"
        " VALUES (1, 'slack', 'T1', NULL, 1, 1)"
    )
    number = conn.last_insert_rowid()
    sealed = keyring.seal_json({"access_token": "x"}, connections.context_of(number))
    conn.execute("UPDATE integrations SET secrets = ? WHERE id = ?", (sealed, number))
    consent.begin(conn, consent.Begun(1, "slack", None, "verifier", ""), keyring=keyring, now=1)
    return one, owner


def test_everything_is_sealed_under_the_new_key(folder, database):
    """Revisions, drafts, journals and second factors; they open without the former key."""
    before = Keyring.load("", folder)
    one, owner = database.write_now(lambda c: plant(c, before, 450))
    assert list(database.read_now(usage)) == [before.current]
    after = rotated(folder)
    assert reseal(database, after) == Outcome(450 + 5)
    assert database.read_now(usage) == {
        after.current: {
            "revisions": 450,
            "drafts": 1,
            "open deliveries": 1,
            "second factors": 1,
            "integrations": 1,
            "connections begun": 1,
        }
    }
    assert reseal(database, after) == Outcome()
    alone = Keyring([read_keys(folder / "secrets.key")[0]])
    found = database.read_now(lambda c: repository.get(c, 1, one.id))
    assert found.secrets(alone) == SECRETS
    assert database.read_now(lambda c: drafts.get(c, one.id)).secrets(alone) == SECRETS
    journal = database.read_now(lambda c: c.execute("SELECT journal FROM deliveries").fetchone()[0])
    assert unpack_journal(journal, owner, alone) == ([], 2, 1)
    with pytest.raises(SecretsError):
        found.secrets(before.__class__(["other-key" * 4]))


def test_a_process_that_runs_takes_the_new_key_by_itself(folder):
    """What it seals from now on is under it; what it has in memory still opens when the former key is gone."""
    running = Keyring.load("", folder)
    old = running.seal(b"old", "a")
    former = running.current
    after = rotated(folder)
    fresh = running.seal(b"new", "a")
    assert running.current == after.current != former
    assert Keyring([read_keys(folder / "secrets.key")[0]]).open(fresh, "a") == b"new"
    write_keys(folder / "secrets.key", read_keys(folder / "secrets.key")[:1])
    assert running.seal(b"again", "a")
    assert running.open(old, "a") == b"old"
    with pytest.raises(SecretsError):
        Keyring.load("", folder).open(old, "a")


def test_a_reader_learns_of_a_new_key_when_it_meets_it(folder):
    """Another process may have sealed with it already."""
    reader = Keyring.load("", folder)
    sealed = rotated(folder).seal(b"x", "a")
    assert reader.open(sealed, "a") == b"x"


def test_a_key_file_that_cannot_be_read_stops_nobody(folder, caplog):
    """A running process goes on with the keys it has, and says so."""
    running = Keyring.load("", folder)
    running.seal(b"x", "a")
    (folder / "secrets.key").write_text("short")
    assert running.open(running.seal(b"x", "a"), "a") == b"x"
    assert "keys_unreadable" in caplog.text
    (folder / "secrets.key").unlink()
    assert running.seal(b"x", "a")


def test_what_no_key_opens_is_counted_and_left_alone(folder, database):
    """A key that was lost is no reason to stop; nothing is destroyed."""
    database.write_now(lambda c: plant(c, Keyring(["a-key-that-was-lost"])))
    outcome = reseal(database, Keyring.load("", folder))
    assert (outcome.sealed, outcome.unreadable) == (0, 6)
    assert reseal(database, Keyring(["new-key" * 4, "a-key-that-was-lost"])).sealed == 6


def test_the_new_file_is_whole_and_its_owners_alone(folder):
    """Nobody else may read it, and no draft of it stays behind."""
    rotated(folder)
    assert (folder / "secrets.key").stat().st_mode & 0o777 == 0o600
    assert len(read_keys(folder / "secrets.key")) == 2
    assert [path.name for path in folder.iterdir() if "secrets" in path.name] == ["secrets.key"]


def test_every_place_is_a_column_that_exists():
    """And each primary key is the table's own."""
    for place in PLACES:
        table = tables.state.tables[place.table]
        assert place.column in table.columns
        assert tuple(column.name for column in table.primary_key.columns) == place.key
        assert len(place.start) == len(place.key)


# Bytes that are no secret: ids, hashes, and what is only packed or redacted before it is kept.
OPEN = {
    "delivery_attempts.request", "delivery_attempts.response", "delivery_payloads.globals", "internal_outbox.payload",
    "masks.hash", "masks.winner", "erasures.key", "telemetry_outbox.body", "destination_health.probe_id",
    "destination_holds.sift_to", "destination_holds.sifted_to", "destination_holds.discard_to", "users.uuid",
    "persons.uuid", "event_index.uuid", "deliveries.event_uuid", "replays.digest", "delivery_windows.hash",
    "delivery_windows.times",
}  # fmt: skip


def test_every_column_of_bytes_is_sealed_or_open_on_purpose():
    """A new one is named among the places, or here: a forgotten one would be lost with its key."""
    sealed = {f"{place.table}.{place.column}" for place in PLACES}
    found = {
        f"{table.name}.{column.name}"
        for table in tables.state.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not column.name.endswith("id") and not column.primary_key
    }
    assert found - sealed - OPEN == set()
