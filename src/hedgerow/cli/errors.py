"""How a command fails: one error, whose message says what to do."""

from __future__ import annotations


class CommandFailed(Exception):
    """The command did not do what it should.

    Attributes:
        status: the exit status, 1 unless the command was used wrongly (2).
    """

    def __init__(self, message: str, *, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
