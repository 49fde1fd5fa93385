"""Accounts at vendors that a project has connected, as inputs of type ``integration`` see them.

What is stored in a destination is the number of an account. Its token is looked up when a delivery needs it, so that a renewed
one counts at once, and no copy of it is in a destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from hedgerow.destinations.errors import InputError, SecretsError
from hedgerow.store import Connection

COUNTER: Final = "integrations"
VERSION: Final = "SELECT value FROM counters WHERE name = ?"
CHANGED: Final = """
INSERT INTO counters (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1
"""
ALL: Final = "SELECT id, project_id, kind, name, config, secrets, errors FROM integrations"


NUMBER: Final = "$integration_id"
# Of what is kept in secret, programs have no business with these.
NOT_SHOWN: Final = frozenset({"refresh_token", "key"})


class Opener(Protocol):
    """What opens sealed values: a keyring."""

    def open_json(self, sealed: bytes, context: str) -> object:
        """The value that was sealed in this context."""


@dataclass(frozen=True, slots=True)
class Connected:
    """One account.

    Attributes:
        id: its number, as inputs have it.
        project_id: whose it is; nobody else's destinations see it.
        kind: of which vendor.
        values: what a program sees: its configuration, and ``access_token``.
        fault: why it cannot be used, in words for its owner; empty when it can.
    """

    id: int
    project_id: int
    kind: str
    values: Mapping[str, Any]
    fault: str = ""


class Connections:
    """The accounts of an instance as this process knows them; brought up to date from outside."""

    def __init__(self, known: Iterable[Connected] = ()) -> None:
        self._known = {one.id: one for one in known}
        self._version = 0

    def refresh(self, connection: Connection, opener: Opener) -> None:
        """Read the accounts from the store if one of them changed since this was done last.

        Args:
            connection: inside a transaction.
            opener: opens their tokens.
        """
        row = connection.execute(VERSION, (COUNTER,)).fetchone()
        version = row[0] if row else 0
        if version != self._version:
            self.replace([_connected(found, opener) for found in connection.execute(ALL)])
            self._version = version

    def replace(self, known: Iterable[Connected]) -> None:
        """From now on there are these."""
        self._known = {one.id: one for one in known}

    def known(self, number: int) -> Connected | None:
        """An account by its number."""
        return self._known.get(number)

    def read(self, key: str, number: int, project_id: int) -> dict[str, Any]:
        """What an input that names an account is to a program.

        Args:
            key: the input, for the error.
            number: of the account.
            project_id: whose destination it is.

        Raises:
            InputError: there is no such account in this project, or it cannot be used.
        """
        found = self._known.get(number)
        if found is None or found.project_id != project_id:
            raise InputError(
                key,
                f"Input {key!r}: there is no integration {number} in this project any more; choose another one.",
            )
        if found.fault:
            raise InputError(key, f"Input {key!r}: {found.fault}")
        return {**found.values, NUMBER: number}


def context_of(number: int) -> str:
    """What the sealed tokens of an account are bound to."""
    return f"integration:{number}"


def changed(connection: Connection) -> None:
    """Note, in the transaction of the change, that some account is another one now."""
    connection.execute(CHANGED, (COUNTER,))


def _connected(row: Sequence[Any], opener: Opener) -> Connected:
    number, project_id, kind, name, config, sealed, errors = row
    fault = "" if not errors else f"The connection to {name or kind} has come to an end: connect it again."
    secrets: Any = {}
    try:
        secrets = opener.open_json(sealed, context_of(number)) if sealed else {}
    except SecretsError as error:
        fault = str(error)
    shown = {key: value for key, value in secrets.items() if key not in NOT_SHOWN}
    return Connected(number, project_id, kind, {**orjson.loads(config), **shown}, fault)


def numbers_of(kind: str | None, value: Any) -> int | list[int] | None:
    """The account or accounts that an input names; None when it names none.

    Args:
        kind: the input's type.
        value: its value: a number, ``{"integrationId": number}``, or a list of numbers.
    """
    if kind == "integration":
        number = value.get("integrationId") if isinstance(value, Mapping) else value
        return number if type(number) is int else None
    if kind == "integration_multi" and isinstance(value, list) and all(type(one) is int for one in value):
        return value
    return None
