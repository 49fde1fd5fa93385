"""References between files: by name there, by number in the store.

A filter says ``{action: paid-orders}`` and ``{type: cohort, cohort: vips}`` in a file, an input of type ``integration``
``{account: Acme}``. In the store these are the numbers of this instance, which another one does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError

COHORT_TYPES: Final = ("cohort", "static-cohort", "precalculated-cohort")
_LABELS: Final = ("cohort_name", "cohort_type", "label")


@dataclass(frozen=True, slots=True)
class Names:
    """What things are called in files.

    Attributes:
        actions: number -> key.
        cohorts: likewise.
        accounts: kind -> number -> what the account is called.
        anything: whether accounts that nobody knows are let through, as number 0: without a server there are none.
    """

    actions: Mapping[str, str] = field(default_factory=dict)
    cohorts: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    anything: bool = False

    # ---------------------------------------------------------- to the file

    def outward(self, value: Any) -> Any:
        """Conditions as a file has them: cohorts by name."""
        if isinstance(value, list):
            return [self.outward(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if value.get("type") in COHORT_TYPES and (named := self._cohort_keys(value.get("value"))):
            rest = {
                name: self.outward(item)
                for name, item in value.items()
                if name not in ("key", "value", "type", *_LABELS)
            }
            return {"type": value["type"], "cohort": named, **rest}
        return {name: self.outward(item) for name, item in value.items()}

    def _cohort_keys(self, value: Any) -> str | list[str] | None:
        """What the cohorts of a condition are called; None when one of them is not there."""
        many = value if isinstance(value, list) else [value]
        found = [self.cohorts.get(str(one)) for one in many]
        named = [one for one in found if one is not None]
        if not named or len(named) < len(found):
            return None
        return named if isinstance(value, list) else named[0]

    # -------------------------------------------------------- from the file

    def inward(self, value: Any) -> Any:
        """Conditions as the store has them.

        Raises:
            ValidationError: a name means nothing here; the attribute leads to it.
        """
        if isinstance(value, list):
            return [_at(position, self.inward, item) for position, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if value.get("type") in COHORT_TYPES and "cohort" in value:
            named = value["cohort"]
            numbers = _at("cohort", self._cohort_numbers, named)
            rest = {name: _at(name, self.inward, item) for name, item in value.items() if name != "cohort"}
            return {"key": "id", **rest, "value": numbers}
        return {str(name): _at(name, self.inward, item) for name, item in value.items()}

    def _cohort_numbers(self, named: Any) -> int | list[int]:
        if isinstance(named, list):
            return [self.cohort(one) for one in named]
        return self.cohort(named)

    def cohort(self, key: Any) -> int:
        """The number of a cohort.

        Raises:
            ValidationError: there is none of this name.
        """
        return _number(key, self.cohorts, "cohort")

    def action(self, key: Any) -> int:
        """The number of an action.

        Raises:
            ValidationError: there is none of this name.
        """
        return _number(key, self.actions, "action")

    def account(self, kind: str, name: Any) -> int:
        """The number of an account.

        Raises:
            ValidationError: none of this kind is called so.
        """
        known = self.accounts.get(kind, {})
        found = [number for number, label in known.items() if label == name]
        if found or self.anything:
            return found[0] if found else 0
        have = f"It has: {', '.join(known.values())}." if known else f"It has no {kind} account yet."
        raise ValidationError(
            f"This project has no {kind} account {name!r}. {have} Connect it there, or name another one.",
            attr="account",
        )


def _number(key: Any, known: Mapping[str, str], what: str) -> int:
    for number, name in known.items():
        if name == key:
            return int(number)
    near = get_close_matches(str(key), known.values(), n=1)
    advice = f"Did you mean {near[0]!r}?" if near else f"Add {what}s/{key}.yaml, or name another one."
    raise ValidationError(f"There is no {what} {key!r}. {advice}")


def _at(place: str | int, work: Callable[[Any], Any], value: Any) -> Any:
    """Do something to a part; what is wrong with it is told with its place."""
    try:
        return work(value)
    except ValidationError as error:
        raise error.under(place) from None


def unique_labels(pairs: Sequence[tuple[int, str, str]]) -> dict[int, str]:
    """What accounts of one kind are called in files: by name where that names only one, else as their vendor does.

    Args:
        pairs: number, name, and the vendor's own name of each.
    """
    names = [name for _, name, _ in pairs]
    return {number: name if name and names.count(name) == 1 else external for number, name, external in pairs}
