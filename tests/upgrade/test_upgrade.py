"""From the data folder of each release to this one, and back again: everything that waited goes out, and nothing is lost."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from hedgerow.delivery import standby
from hedgerow.serve.folder import DataFolder
from hedgerow.store import migrate, open_connection
from hedgerow.store.migrate import SCHEMAS, head, migrate_file
from hedgerow.upkeep import UpkeepError
from hedgerow.upkeep.backup import make
from hedgerow.upkeep.downgrade import RELEASES, plan, step_back
from hedgerow.upkeep.restore import restore
from support.background import BackgroundSink
from support.server import Server, eventually
from upgrade.make_folder import SECRET

HERE = Path(__file__).parent
# The folders are of the past: nothing in them may grow too old before it is looked at.
PATIENT = {
    "HEDGEROW_LOG_RETENTION_HOURS": "1000000",
    "HEDGEROW_DELIVERIES_RETENTION_DAYS": "40000",
    "HEDGEROW_HOLD_MAX_AGE_HOURS": "1000000",
    "HEDGEROW_BACKLOG_LIMIT_S": "0",
    "HEDGEROW_READY_LAG_S": "1000000000",
}
COLUMNS = 'SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk FROM sqlite_master m, pragma_table_info(m.name) c'
INDEXES = "SELECT name, tbl_name, replace(replace(sql, char(10), ' '), '\"', '') FROM sqlite_master WHERE type = 'index'"


def unpacked(release: str, folder: Path) -> Path:
    """The data folder of a release."""
    with tarfile.open(HERE / f"release_{release}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def read(path: Path, sql: str) -> list[tuple]:
    connection = open_connection(path)
    try:
        return sorted(connection.execute(sql))
    finally:
        connection.close()


def shape(path: Path) -> list:
    """Tables, columns and indexes of a file."""
    return [
        read(path, COLUMNS + " WHERE m.type = 'table' AND m.name <> 'alembic_version'"),
        read(path, INDEXES),
    ]


def content(path: Path) -> dict[str, list[tuple]]:
    """Everything in a file, by table and in the order of its columns."""
    columns: dict[str, list[str]] = {}
    for table, column, *_ in read(path, COLUMNS + " WHERE m.type = 'table' AND m.name <> 'alembic_version'"):
        columns.setdefault(table, []).append(f'"{column}"')
    return {
        table: read(path, f"SELECT quote({')||quote('.join(sorted(names))}) FROM {table}")
        for table, names in columns.items()
    }


@pytest.mark.e2e
@pytest.mark.timeout(180)
@pytest.mark.xdist_group("test_upgrade.py")
@pytest.mark.parametrize("release", RELEASES)
def test_what_a_release_left_is_delivered_by_this_one(release, tmp_path):
    """What was accepted, what was to be tried again with a secret, and what was held; each once."""
    with BackgroundSink() as sink:
        server = Server(tmp_path, DESTINATION_1_SINK=sink.url, **PATIENT)
        unpacked(release, server.data)
        before = Counter(row[0] for row in read(server.data / "state.db", "SELECT verdict FROM deliveries"))
        assert before == {"delivered": 5, "held": 5, "failed": 1, "retrying": 1}
        with server:
            (request,) = eventually(lambda: sink.at("/sealed"))
            assert request.headers["authorization"] == f"Bearer {SECRET}"
            assert json.loads(request.body)["person"] == "Ada"
            eventually(lambda: len(server.deliveries(limit="100")) == 22)
            held = next(
                item for item in server.api("GET", "hog_functions/")["results"] if item["name"] == "held"
            )
            assert held["description"] == "Held until after the upgrade."
            assert len(server.api("GET", f"hog_functions/{held['id']}/revisions/")["results"]) == 2
            server.api("POST", f"hog_functions/{held['id']}/resume/", {})
            eventually(
                lambda: {"held", "running"}.isdisjoint(r["verdict"] for r in server.deliveries(limit="100"))
            )
            persons = server.api("GET", "persons/")["results"]
            named = {person["properties"].get("name"): set(person["distinct_ids"]) for person in persons}
            assert named["Ada"] == {"ada", "anon-1"}
            assert named["Bob"] == {"bob"}
        arrived = Counter((request.path, json.loads(request.body)["uuid"]) for request in sink.requests)
        assert Counter(path for path, _ in arrived) == {"/delivered": 5, "/held": 10, "/sealed": 1}
        assert set(arrived.values()) == {1}
        assert {row[0] for row in read(server.data / "state.db", "SELECT settled_to > 0 FROM positions")} == {
            0,
            1,
        }


@pytest.mark.parametrize("release", RELEASES)
def test_there_and_back_changes_nothing(release, tmp_path):
    """Upgraded and brought back, the files have the release's schema and every row that they had."""
    folder = unpacked(release, tmp_path / "data")
    before = {
        schema: (shape(folder / f"{schema}.db"), content(folder / f"{schema}.db")) for schema in SCHEMAS
    }
    migrate(folder)
    for schema in SCHEMAS:
        assert read(folder / f"{schema}.db", "SELECT version_num FROM alembic_version") == [(head(schema),)]
    losses = plan(folder, release)
    assert (losses.destinations, losses.discarded, losses.renamed, losses.runs, losses.rows) == (
        [],
        0,
        0,
        0,
        {},
    )
    step_back(folder, release, 1)
    step_back(folder, release, 1)
    for schema, (form, rows) in before.items():
        path = folder / f"{schema}.db"
        assert read(path, "SELECT version_num FROM alembic_version") == [(RELEASES[release].schema[schema],)]
        assert shape(path) == form
        assert content(path) == rows
    migrate(folder)


@pytest.mark.parametrize("release", RELEASES)
def test_a_backup_may_come_before_the_upgrade(release, tmp_path):
    """Made with this release's command of a folder that is still the earlier one's."""
    folder = unpacked(release, tmp_path / "data")
    made = make(folder, tmp_path / "before.tar.gz")
    assert made.schema == RELEASES[release].schema
    assert len(made.sealed_under) == 1
    done = restore(tmp_path / "before.tar.gz", tmp_path / "again")
    assert (done.waiting, done.keys_missing) == ({"held": 5, "retrying": 1}, ())
    assert content(tmp_path / "again" / "telemetry.db") == content(folder / "telemetry.db")
    migrate(tmp_path / "again")


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_first_schema_is_frozen(schema, tmp_path):
    """What the first migration makes is what the first release made."""
    folder = unpacked("0.1.0", tmp_path / "data")
    migrate_file(tmp_path / "fresh.db", schema, revision="0001")
    assert shape(tmp_path / "fresh.db") == shape(folder / f"{schema}.db")


@pytest.fixture
def later(tmp_path):
    """A folder of today with something in it that 0.1.0 does not know."""
    folder = unpacked("0.1.0", tmp_path / "data")
    migrate(folder)
    connection = open_connection(folder / "state.db")
    connection.execute(
        "UPDATE destination_revisions SET config = json_set(config, '$.schedule', json_object('cron', '* * * * *'))"
        " WHERE destination_id = (SELECT id FROM destinations WHERE name = 'delivered')"
    )
    connection.execute("UPDATE deliveries SET verdict = 'counted' WHERE verdict = 'failed'")
    connection.execute("UPDATE deliveries SET position = -7 WHERE verdict = 'retrying'")
    connection.execute(
        "INSERT INTO replays (id, project_id, kind, wanted, digest, state, created_at)"
        " VALUES (x'01', 1, 'schedule', '{}', x'00', 'running', 0)"
    )
    held = [
        row[0] for row in connection.execute("SELECT id FROM deliveries WHERE verdict = 'held' ORDER BY id")
    ]
    connection.execute("UPDATE deliveries SET verdict = 'digested' WHERE id = ?", (held[1],))
    connection.executemany(
        "INSERT INTO delivery_carriers (delivery_id, carrier_id) VALUES (?, ?)",
        [(held[0], held[0]), (held[1], held[0])],
    )
    connection.close()
    return folder


def test_what_an_earlier_release_would_misread_is_ended_first(later):
    """Told before, and done: switched off, discarded, renamed, forgotten."""
    losses = plan(later, "0.1.0")
    assert losses.destinations == ["delivered"]
    assert (losses.discarded, losses.renamed, losses.runs) == (2, 1, 1)
    assert losses.rows == {"delivery_carriers": 2}
    step_back(later, "0.1.0", 7)
    path = later / "state.db"
    verdicts = Counter(row[0] for row in read(path, "SELECT verdict FROM deliveries"))
    assert verdicts == {"delivered": 5, "held": 4, "masked": 1, "discarded": 2}
    assert read(path, "SELECT count(*) FROM replays") == [(0,)]
    config, author, message = read(
        path,
        "SELECT r.config, r.author, r.message FROM destinations d JOIN destination_revisions r"
        " ON r.destination_id = d.id AND r.number = d.revision WHERE d.name = 'delivered' AND d.enabled = 0",
    )[0]
    assert (json.loads(config)["enabled"], author) == (False, "hedgerow downgrade")
    assert "0.1.0 does not know" in message


def test_a_folder_in_use_is_left_alone(later):
    """The server must be stopped first; and an instance that stands by would send."""
    held = DataFolder(later)
    with pytest.raises(UpkeepError, match="in use by another Hedgerow"):
        step_back(later, "0.1.0", 7)
    held.close()
    connection = open_connection(later / "state.db")
    standby.begin(connection, 1)
    connection.close()
    for attempt in (lambda: plan(later, "0.1.0"), lambda: step_back(later, "0.1.0", 7)):
        with pytest.raises(UpkeepError, match="it would send"):
            attempt()


def test_a_way_that_is_not_there_is_named(later, tmp_path):
    """Neither to releases that never were, nor from those to come, nor from nothing."""
    with pytest.raises(UpkeepError, match=r"no way to 0\.0\.9"):
        plan(later, "0.0.9")
    with pytest.raises(UpkeepError, match="no data folder"):
        plan(tmp_path, "0.1.0")
    connection = open_connection(later / "state.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(UpkeepError, match="newer release"):
        plan(later, "0.1.0")
