"""What tests of people share: a store in memory, events in one line, and the people as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.schema import CreateIndex, CreateTable

from hedgerow.events import Event
from hedgerow.store import Connection, open_connection, tables
from hedgerow.store.dialect import Dialect

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z


@cache
def _empty(schema: Any) -> bytes:
    """An empty store: making its tables anew for each example would take longer than most examples."""
    conn = open_connection(":memory:", synchronous="OFF")
    _make(conn, schema)
    return conn.serialize("main")


def _make(conn: Connection, schema: Any) -> None:
    dialect = Dialect()
    for table in schema.sorted_tables:
        conn.execute(str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)))
        for index in table.indexes:
            conn.execute(str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect)))


@contextmanager
def store(path: str = ":memory:", schema: Any = tables.state) -> Iterator[Connection]:
    """A connection to a store with the tables of this release, and one project."""
    conn = open_connection(path, synchronous="OFF")
    if path == ":memory:":
        conn.deserialize("main", _empty(schema))
    else:
        _make(conn, schema)
    try:
        yield conn
    finally:
        conn.close()


def event(
    name: str,
    distinct_id: str,
    properties: dict[str, Any] | None = None,
    *,
    at: str = "2026-01-01T12:00:00.000Z",
    uuid: str = "00000000-0000-0000-0000-000000000001",
) -> Event:
    """An event as capture hands it on."""
    return Event(uuid, name, distinct_id, properties or {}, at, NOON)


def people(conn: Connection) -> dict[tuple[str, ...], dict[str, Any]]:
    """Everybody in the store, by their sorted distinct ids."""
    rows = conn.execute(
        "SELECT id, uuid, properties, created_at, is_identified, version FROM persons ORDER BY id"
    )
    return {
        _ids(conn, id_): {
            "uuid": str(UUID(bytes=uuid)),
            "properties": orjson.loads(properties),
            "created_at": created_at,
            "is_identified": bool(identified),
            "version": version,
        }
        for id_, uuid, properties, created_at, identified, version in rows.fetchall()
    }


def _ids(conn: Connection, person_id: int) -> tuple[str, ...]:
    rows = conn.execute(
        "SELECT distinct_id FROM person_distinct_ids WHERE person_id = ? ORDER BY distinct_id", (person_id,)
    )
    return tuple(distinct_id for (distinct_id,) in rows)
