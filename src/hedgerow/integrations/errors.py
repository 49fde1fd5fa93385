"""What goes wrong with accounts."""

from __future__ import annotations


class IntegrationError(Exception):
    """Something about an account cannot be done; the text is for its owner.

    Attributes:
        field: which field of what was sent is at fault; empty when none is.
        final: whether trying again cannot help: the vendor has taken its consent back.
    """

    def __init__(self, message: str, *, field: str = "", final: bool = False) -> None:
        super().__init__(message)
        self.field = field
        self.final = final


class NothingToRenew(IntegrationError):
    """The vendor gave a token and nothing to renew it with: it serves until it ends or is refused."""

    def __init__(self, message: str) -> None:
        super().__init__(message, final=True)
