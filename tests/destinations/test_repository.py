"""Destinations in the store."""

import uuid

import pytest

from hedgerow.destinations import (
    Author,
    Config,
    Keyring,
    Page,
    Secrets,
    Wanted,
    history,
    list_destinations,
    repository,
)
from hedgerow.destinations.model import new_id
from hedgerow.store.database import Database
from support.store import fresh_store

RING = Keyring(["k" * 32])
SECRETS = Secrets({"token": {"value": "s3cret"}}, {"m1": {"key": {"value": "x"}}})


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A migrated database file, made once."""
    path = tmp_path_factory.mktemp("store")
    fresh_store(path)
    return path / "state.db"


@pytest.fixture
def database(empty, tmp_path):
    (tmp_path / "state.db").write_bytes(empty.read_bytes())
    database = Database(tmp_path / "state.db", synchronous="OFF")
    yield database
    database.close()


def save(database, now=1_000, project=1, secrets=SECRETS, **fields):
    config = Config(name="Hook", hog="return 1", **fields)
    return database.write_now(
        lambda conn: repository.create(
            conn, project, config, secrets, keyring=RING, now=now, author=Author("ann", 7)
        )
    )


def test_a_destination_comes_back_as_it_was_saved(database):
    """Configuration, secrets, author and times survive."""
    saved = save(database, inputs={"url": {"value": "x"}}, mappings=[{"id": "m1"}])
    found = database.read_now(lambda conn: repository.get(conn, 1, saved.id))
    assert found == saved
    assert found.secrets(RING) == SECRETS
    assert (found.revision, found.author, found.created_at) == (1, "ann", 1_000)


def test_secrets_are_nowhere_in_the_file(database, tmp_path):
    """The bytes on the disk do not contain a secret."""
    save(database, secrets=Secrets({"token": {"value": "find-me-if-you-can"}}))
    assert all(b"find-me-if-you-can" not in path.read_bytes() for path in tmp_path.iterdir())


def test_every_change_is_a_revision_and_moves_the_counter(database):
    """Workers can tell a change; the past stays readable."""
    before = database.read_now(repository.config_version)
    first = save(database)
    second = database.write_now(
        lambda conn: repository.update(
            conn,
            first,
            Config(name="Renamed", hog="return 2"),
            Secrets(),
            keyring=RING,
            now=2_000,
            author=Author("bob"),
        )
    )
    assert database.read_now(repository.config_version) == before + 2
    raw = uuid.UUID(first.id).bytes
    assert database.read_now(lambda conn: repository.load(conn, raw, 1)).config == first.config
    assert database.read_now(lambda conn: repository.load(conn, raw)) == second
    assert second.sealed is None
    found = database.read_now(lambda conn: history(conn, first.id))
    assert [(item.number, item.author) for item in found] == [(2, Author("bob")), (1, Author("ann", 7))]


def test_a_failed_change_leaves_nothing(database):
    """The revision and the counter share one transaction."""
    before = database.read_now(repository.config_version)

    def work(conn):
        repository.create(conn, 1, Config(name="x", hog="1"), Secrets(), keyring=RING, now=1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.write_now(work)
    assert database.read_now(repository.config_version) == before
    assert database.read_now(lambda conn: list_destinations(conn, 1)) == Page([], 0, {})


def test_deleted_ones_are_hidden_and_come_back(database):
    """Deleting is a change like any other."""
    saved = save(database, enabled=True)
    raw = uuid.UUID(saved.id).bytes
    config = Config(name="Hook", hog="return 1", enabled=True, deleted=True)
    gone = database.write_now(
        lambda conn: repository.update(conn, saved, config, SECRETS, keyring=RING, now=2_000)
    )
    assert database.read_now(lambda conn: repository.get(conn, 1, saved.id)) is None
    assert database.read_now(lambda conn: repository.get(conn, 1, saved.id, deleted=True)) == gone
    assert database.read_now(repository.enabled) == []
    assert database.read_now(lambda conn: repository.status(conn, raw)) == "deleted"


def test_only_the_project_itself_sees_its_destinations(database):
    """Another project's id finds nothing."""
    saved = save(database, project=2)
    assert database.read_now(lambda conn: repository.get(conn, 1, saved.id)) is None
    assert database.read_now(lambda conn: list_destinations(conn, 1)) == Page([], 0, {})


@pytest.mark.parametrize("strange", ["", "new", "1", "zzz", "0" * 31])
def test_an_id_that_is_none_finds_nothing(database, strange):
    """Whatever stands in a URL is harmless."""
    assert database.read_now(lambda conn: repository.get(conn, 1, strange)) is None


def test_lists_are_ordered_filtered_and_paged(database):
    """By execution order, then the latest change; the count ignores paging."""
    names = {}
    for now, fields in enumerate(
        [
            {},
            {"execution_order": 2},
            {"execution_order": 1, "enabled": True},
            {"type": "internal_destination"},
        ]
    ):
        names[save(database, now=now, **fields).id] = now

    def listed(**how):
        paging = {key: how.pop(key) for key in ("limit", "offset") if key in how}
        page = database.read_now(lambda conn: list_destinations(conn, 1, Wanted(**how), **paging))
        return [names[item.id] for item in page.items], page.count

    assert listed() == ([2, 1, 3, 0], 4)
    assert listed(limit=2, offset=1) == ([1, 3], 4)
    assert listed(types=["destination"]) == ([2, 1, 0], 3)
    assert listed(enabled=True) == ([2], 1)
    assert listed(search="hOO") == ([2, 1, 3, 0], 4)
    assert listed(search="%") == ([], 0)
    assert listed(search="x' OR 1=1") == ([], 0)


def test_enabled_ones_come_with_their_revision(database):
    """A worker reads ids and revisions first."""
    on, _off = save(database, enabled=True), save(database)
    raw = uuid.UUID(on.id).bytes
    assert database.read_now(repository.enabled) == [(raw, 1)]
    assert database.read_now(lambda conn: repository.status(conn, raw)) == "enabled"


def test_a_configuration_from_a_later_version_is_read_as_far_as_it_is_known():
    """Going back one version does not lose destinations."""
    assert Config.decode('{"name": "a", "hog": "1", "brand_new": 5}') == Config(name="a", hog="1")


def test_ids_are_uuids_in_order_of_time():
    """Their text sorts by creation; version and variant are right."""
    ids = [new_id(now, bytes([200] * 10)) for now in (1, 1_000, 1_700_000_000_000)]
    assert ids == sorted(ids)
    assert all(uuid.UUID(item).version == 7 and uuid.UUID(item).variant == uuid.RFC_4122 for item in ids)
