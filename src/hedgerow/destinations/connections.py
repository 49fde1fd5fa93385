"""Accounts at vendors that a project has connected, as inputs of type ``integration`` see them.

What is stored in a destination is the number of an account. Its token is looked up when a delivery needs it, so that a renewed
one counts at once, and no copy of it is in a destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hedgerow.destinations.errors import InputError

TYPES: Final = frozenset({"integration", "integration_multi"})


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

    def replace(self, known: Iterable[Connected]) -> None:
        """From now on there are these."""
        self._known = {one.id: one for one in known}

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
        return {**found.values, "$integration_id": number}


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
