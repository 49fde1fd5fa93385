"""Inputs of another instance: values come as they are, secrets and accounts have to be filled in by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hedgerow.destinations.model import MISSING_MARK

MASK: Final = "********"
ITEM: Final = ("value", "templating")
ACCOUNTS: Final = ("integration", "integration_multi")


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a vendor that is connected there or here."""

    id: int
    kind: str
    name: str


@dataclass(slots=True)
class Accounts:
    """Which account here stands for which there.

    Attributes:
        there: accounts of the other instance by number, as far as its API shows them.
        here: those of this project.
        chosen: said by whoever moves: theirs -> ours.
        needed: those that nothing here stands for, by kind and number; with the name when it is known.
    """

    there: Mapping[int, Account] = field(default_factory=dict)
    here: Sequence[Account] = ()
    chosen: Mapping[int, int] = field(default_factory=dict)
    needed: dict[tuple[str, int], str] = field(default_factory=dict)

    def ours(self, number: Any, kind: str) -> int | None:
        """The number here of an account there; None when somebody has to connect it first.

        One of the same kind and name is taken for it, or the only one of its kind.
        """
        if type(number) is not int:
            return None
        if number in self.chosen:
            return self.chosen[number]
        theirs = self.there.get(number)
        same_kind = [one for one in self.here if one.kind == (theirs.kind if theirs else kind)]
        same_name = [one for one in same_kind if theirs and one.name == theirs.name]
        for found in (same_name, same_kind):
            if len(found) == 1:
                return found[0].id
        self.needed[kind, number] = theirs.name if theirs else ""
        return None


@dataclass(slots=True)
class Filled:
    """The inputs of a form as they are sent here.

    Attributes:
        items: by key.
        secrets: keys whose secret value stayed behind.
        accounts: keys that need an account, with its kind.
    """

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    accounts: list[tuple[str, str]] = field(default_factory=list)


def filled(
    schema: Sequence[Mapping[str, Any]],
    theirs: Any,
    ours: Any,
    accounts: Accounts,
    hidden: frozenset[str] = frozenset(),
) -> Filled:
    """Take over the inputs of a form.

    Args:
        schema: the form they will have here.
        theirs: as the other instance shows them.
        ours: as they are here already, when they were brought before: what was filled in since is kept.
        accounts: which account stands for which.
        hidden: keys that are secret there, whatever the form here says.
    """
    found = Filled()
    theirs, ours = (one if isinstance(one, Mapping) else {} for one in (theirs, ours))
    for form in schema:
        key = str(form.get("key"))
        item = _item(
            form, theirs.get(key), ours.get(key), accounts, hidden=key in hidden or bool(form.get("secret"))
        )
        if item is not None:
            found.items[key] = item
        if item == MISSING_MARK:
            _note(found, form, key)
    return found


def _note(found: Filled, form: Mapping[str, Any], key: str) -> None:
    if form.get("type") in ACCOUNTS:
        found.accounts.append((key, str(form.get("integration") or "")))
    else:
        found.secrets.append(key)


def _item(
    form: Mapping[str, Any], theirs: Any, ours: Any, accounts: Accounts, *, hidden: bool
) -> dict[str, Any] | None:
    here = {**ours} if isinstance(ours, Mapping) and ours != MISSING_MARK else None
    if not isinstance(theirs, Mapping):
        return _without(form, here)
    value = theirs.get("value")
    if hidden and (value in (None, MASK) or theirs.get("secret") is True):
        return _sendable(here) if here else dict(MISSING_MARK)
    if form.get("type") in ACCOUNTS and value not in (None, ""):
        return _account(form, value, here, accounts)
    if value is None or value == "":
        return (
            _without(form, here)
            if form.get("required")
            else {key: theirs[key] for key in ITEM if key in theirs} or None
        )
    return {key: theirs[key] for key in ITEM if theirs.get(key) is not None}


def _without(form: Mapping[str, Any], here: dict[str, Any] | None) -> dict[str, Any] | None:
    """What has no value there: what was filled in here, the default, or a mark that it is needed."""
    if here is not None and form.get("required"):
        return _sendable(here)
    return dict(MISSING_MARK) if form.get("required") and form.get("default") is None else None


def _account(
    form: Mapping[str, Any], value: Any, here: dict[str, Any] | None, accounts: Accounts
) -> dict[str, Any]:
    kind = str(form.get("integration") or "")
    if here is not None:
        return _sendable(here)
    numbers = value if isinstance(value, list) else [value]
    found = [accounts.ours(number, kind) for number in numbers]
    if None in found:
        return dict(MISSING_MARK)
    return {"value": found if isinstance(value, list) else found[0]}


def _sendable(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it was read here, without what the server adds."""
    return {key: value for key, value in item.items() if key not in ("bytecode", "order")}
