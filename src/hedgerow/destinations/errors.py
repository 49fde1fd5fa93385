"""What can be wrong with a destination. The class says who must act.

DestinationError
|- ValidationError     whoever saves it: the configuration is refused, nothing was changed
|- FilterError         its owner: a filter failed on one event (the delivery is kept and can be run again)
|- InputError          its owner: an input could not be built for one event
|- SecretsError        the operator: a stored secret cannot be read with the keys at hand
`- CatalogueError      us, or the author of a template folder
"""

from __future__ import annotations

from typing import Any


class DestinationError(Exception):
    """Base of the errors of this room."""


class ValidationError(DestinationError):
    """A configuration is refused.

    Attributes:
        attr: the field at fault, nested names joined by ``__`` (``inputs__url``); None when it is the whole.
        code: a short name of the fault (``invalid_input``, ``required``, ``invalid_choice``...).
        detail: what is wrong and what to do, for a person.
        line: 1-based line within the field's text, when the fault has a place in it.
        column: 1-based column, likewise.
    """

    def __init__(
        self,
        detail: str,
        *,
        attr: str | None = None,
        code: str = "invalid_input",
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(f"{attr}: {detail}" if attr else detail)
        self.attr = attr
        self.code = code
        self.detail = detail
        self.line = line
        self.column = column

    def under(self, *names: str | int) -> ValidationError:
        """The same error, seen from further outside: ``names`` are put before its attribute."""
        attr = "__".join([*map(str, names), *([self.attr] if self.attr else [])])
        return ValidationError(self.detail, attr=attr, code=self.code, line=self.line, column=self.column)

    def as_dict(self) -> dict[str, Any]:
        """The body that PostHog's API answers with status 400."""
        return {"type": "validation_error", "code": self.code, "detail": self.detail, "attr": self.attr}


class RunError(DestinationError):
    """Base of what fails for one event. ``kind`` goes to the ledger, line and column to the reader."""

    kind = "run"

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class FilterError(RunError):
    """A filter could not be evaluated on an event."""

    kind = "filter"


class InputError(RunError):
    """An input could not be built for an event. ``key`` names it."""

    kind = "inputs"

    def __init__(self, key: str, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message, line=line, column=column)
        self.key = key


class SecretsError(DestinationError):
    """Stored secrets cannot be read: the key that sealed them is not among ours, or the bytes were altered."""


class CatalogueError(DestinationError):
    """A template folder is incomplete or contradicts itself."""
