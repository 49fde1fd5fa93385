"""Sealing everything again under the present key, while the server runs: what rotating keys comes down to.

Each place where something sealed is stored is named here once. Rows are found in reading transactions and rewritten in short
writing ones, in which they are read again: a worker that changes a journal meanwhile loses nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from hedgerow.accounts import totp
from hedgerow.delivery import state
from hedgerow.destinations import connections
from hedgerow.destinations.errors import SecretsError
from hedgerow.destinations.secrets import Keyring, name_of
from hedgerow.integrations import consent
from hedgerow.store import Connection, Database

BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A column with sealed values.

    Attributes:
        table: where it is.
        column: its name.
        key: the columns of the primary key.
        start: less than any primary key.
        context: from the primary key, what its values are bound to.
        what: how people call what is there.
        lead: bytes in front of the sealed value.
    """

    table: str
    column: str
    key: tuple[str, ...]
    start: tuple[Any, ...]
    context: Callable[[Sequence[Any]], str]
    what: str
    lead: int = 0

    @property
    def named(self) -> str:
        """The name of the key, in SQL."""
        return f"hex(substr({self.column}, {self.lead + 2}, 4))"

    @property
    def where(self) -> str:
        """One row, by its primary key."""
        return " AND ".join(f"{name} = ?" for name in self.key)


def _destination(key: Sequence[Any]) -> str:
    return str(uuid.UUID(bytes=key[0]))


PLACES: Final = (
    Place(
        "destination_revisions", "secrets", ("destination_id", "number"), (b"", 0), _destination, "revisions"
    ),
    Place("destination_drafts", "secrets", ("destination_id",), (b"",), _destination, "drafts"),
    Place(
        "deliveries", "journal", ("id",), (b"",), lambda key: state.context(key[0]), "open deliveries", lead=1
    ),
    Place(
        "integrations", "secrets", ("id",), (0,), lambda key: connections.context_of(key[0]), "integrations"
    ),
    Place("users", "totp", ("id",), (0,), lambda key: totp.context(key[0]), "second factors"),
    Place(
        "integration_states", "verifier", ("hash",), (b"",), lambda _: consent.CONTEXT, "connections begun"
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one pass did: values sealed again, and values that none of the keys opens."""

    sealed: int = 0
    unreadable: int = 0


def usage(connection: Connection) -> dict[str, dict[str, int]]:
    """How many values each key sealed: by the key's name, then by what they are."""
    found: dict[str, dict[str, int]] = {}
    for place in PLACES:
        sql = f"SELECT {place.named}, count(*) FROM {place.table} WHERE {place.column} IS NOT NULL GROUP BY 1"  # noqa: S608 - our own words
        for name, count in connection.execute(sql):
            found.setdefault(str(name).lower(), {})[place.what] = count
    return found


def reseal(database: Database, keyring: Keyring) -> Outcome:
    """Seal everything again that another key than the present one sealed.

    Args:
        database: the state database; others may write to it.
        keyring: all keys, the new one first.
    """
    sealed = unreadable = 0
    for place in PLACES:
        for keys in _batches(database, place, keyring.current):
            changed = database.write_now(partial(_rewrite, place, keys, keyring))
            sealed += changed.sealed
            unreadable += changed.unreadable
    return Outcome(sealed, unreadable)


def _batches(database: Database, place: Place, current: str) -> Iterator[list[tuple[Any, ...]]]:
    """The primary keys of all values under another key, some at a time."""
    columns = ", ".join(place.key)
    sql = (
        f"SELECT {columns} FROM {place.table} WHERE {place.column} IS NOT NULL"  # noqa: S608 - our own words
        f" AND {place.named} <> ? AND ({columns}) > ({', '.join('?' * len(place.key))})"
        f" ORDER BY {columns} LIMIT {BATCH}"
    )
    found = [place.start]
    while found:
        found = database.read_now(partial(_read, sql, (current.upper(), *found[-1])))
        if found:
            yield found


def _read(sql: str, values: Sequence[Any], connection: Connection) -> list[tuple[Any, ...]]:
    return list(connection.execute(sql, tuple(values)))


def _rewrite(
    place: Place, keys: Sequence[Sequence[Any]], keyring: Keyring, connection: Connection
) -> Outcome:
    sealed = unreadable = 0
    for key in keys:
        sql = f"SELECT {place.column} FROM {place.table} WHERE {place.where}"  # noqa: S608 - our own words
        row = connection.execute(sql, tuple(key)).fetchone()
        if row is None or row[0] is None or name_of(row[0][place.lead :]) == keyring.current:
            continue
        try:
            fresh = _again(row[0], place, place.context(key), keyring)
        except SecretsError:
            unreadable += 1
            continue
        update = f"UPDATE {place.table} SET {place.column} = ? WHERE {place.where}"  # noqa: S608 - our own words
        connection.execute(update, (fresh, *key))
        sealed += 1
    return Outcome(sealed, unreadable)


def _again(value: bytes, place: Place, context: str, keyring: Keyring) -> bytes:
    plain = keyring.open(value[place.lead :], context)
    return value[: place.lead] + keyring.seal(plain, context)
