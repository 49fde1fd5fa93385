"""A worker's destinations follow what was saved, and are compiled no more often than that."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from hedgerow.delivery.configuration import Configuration, ConfigurationStale
from hedgerow.delivery.source import RepositorySource
from hedgerow.destinations import Config, Keyring, Secrets, repository
from hedgerow.hog import Limits
from hedgerow.store import open_connection, tables
from support.people import store

RING = Keyring(["a key for tests of the configuration only"])


@pytest.fixture
def connection(tmp_path):
    with store(str(tmp_path / "state.db"), tables.state):
        pass
    opened = open_connection(tmp_path / "state.db", synchronous="OFF")
    for number in (1, 2):
        opened.execute(
            "INSERT INTO projects (id, name, token, created_at) VALUES (?, 'P', ?, 0)",
            (number, f"phc_{number}"),
        )
    yield opened
    opened.close()


@pytest.fixture
def configuration():
    return Configuration(RepositorySource(RING, Limits()))


def save(connection, project: int = 1, **fields):
    config = Config(**{"name": "N", "enabled": True, "hog": "return 1", **fields})
    return repository.create(connection, project, config, Secrets(), keyring=RING, now=1)


def edit(connection, destination, **fields):
    config = replace(destination.config, **fields)
    return repository.update(connection, destination, config, Secrets(), keyring=RING, now=2)


def key(destination) -> bytes:
    return uuid.UUID(destination.id).bytes


def test_plans_follow_what_was_saved(connection, configuration):
    """New, edited, switched off and deleted destinations are seen at the next look."""
    one, two = save(connection), save(connection, project=2)
    configuration.refresh(connection)
    assert configuration.live(key(one)).destination.revision == 1
    edit(connection, one, name="Edited")
    edit(connection, two, enabled=False)
    configuration.refresh(connection)
    assert configuration.live(key(one)).destination.name == "Edited"
    assert configuration.live(key(two)) is None
    assert [len(configuration.plans[number].destinations) for number in (1, 2)] == [1, 0]
    assert configuration.status(connection, key(two)) == "disabled"


def test_what_did_not_change_is_not_compiled_again(connection, configuration):
    """An edit renews one destination and the plan of its project, nothing else."""
    one, two, other = save(connection), save(connection), save(connection, project=2)
    configuration.refresh(connection)
    before = {item.id: configuration.live(key(item)) for item in (one, two, other)}
    plans = dict(configuration.plans)
    edit(connection, one, name="Edited")
    configuration.refresh(connection)
    assert configuration.live(key(one)) is not before[one.id]
    assert configuration.live(key(two)) is before[two.id]
    assert configuration.live(key(other)) is before[other.id]
    assert configuration.plans[1] is not plans[1]
    assert configuration.plans[2] is plans[2]


def test_a_change_of_the_project_compiles_its_destinations_anew(connection, configuration):
    """Filters may use a project's settings."""
    one, other = save(connection), save(connection, project=2)
    configuration.refresh(connection)
    before = configuration.live(key(one)), configuration.live(key(other))
    connection.execute(
        "UPDATE projects SET settings = ? WHERE id = 1", ('{"person_display_name_properties": ["nick"]}',)
    )
    repository.touch(connection)
    configuration.refresh(connection)
    assert configuration.live(key(one)) is not before[0]
    assert configuration.live(key(other)) is before[1]


def test_much_is_not_compiled_while_others_wait(connection, configuration):
    """More than the bound is refused and changes nothing; without a bound all of it is compiled."""
    some = [save(connection) for _ in range(4)]
    with pytest.raises(ConfigurationStale):
        configuration.refresh(connection, most=3)
    assert configuration.plans == {}
    configuration.refresh(connection)
    assert all(configuration.live(key(item)) for item in some)
    configuration.refresh(connection, most=0)


def test_one_that_does_not_compile_leaves_the_others_alone(connection, configuration):
    """A filter that an older release let through is logged; the rest works."""
    broken = save(
        connection, filters={"source": "events", "properties": [{"key": "a", "operator": "nope", "value": 1}]}
    )
    good = save(connection)
    configuration.refresh(connection)
    assert configuration.live(key(broken)) is None
    assert configuration.live(key(good)) is not None


def test_past_revisions_are_there(connection, configuration):
    """An invocation that began with a revision goes on with it."""
    one = save(connection)
    edit(connection, one, name="Edited")
    configuration.refresh(connection)
    assert configuration.revision(connection, key(one), 1).destination.name == "N"
    assert configuration.revision(connection, key(one), 9) is None
