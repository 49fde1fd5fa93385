"""What goes wrong with alerts."""

from __future__ import annotations


class AlertError(Exception):
    """A rule cannot be like that; the text is for whoever wrote it.

    Attributes:
        field: which field of what was sent is at fault; empty when none is.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class MailError(Exception):
    """A mail did not go out; the text is for the operator.

    Attributes:
        final: whether trying again cannot help: the address is refused for good.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final
