"""What can be wrong with a request that brings events.

    WireError             the sender must act; says which status and which plain text it gets
    |- BadRequest         400: cannot be understood, or an event is incomplete
    |- Unauthorized       401: no token, or one that cannot be right
    `- TooLarge           413: the request or one of its events passes a limit

The texts begin as PostHog's capture begins them, since people search for those; what follows says where the fault is.
"""

from __future__ import annotations


class WireError(Exception):
    """A request that is refused as a whole; none of its events is kept.

    Attributes:
        status: the HTTP status of the answer.
        reason: a short name for counters (``bad_json``, ``no_token`` ...).
        text: the plain-text body of the answer.
        token: the project's token when it was known by then, so that the refusal can be traced to its project.
    """

    status = 400
    token: str | None = None

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


class BadRequest(WireError):
    """The body cannot be understood, or an event in it lacks something."""


class Unauthorized(WireError):
    """There is no project token, more than one, or one that cannot be right."""

    status = 401


class TooLarge(WireError):
    """Something passes a size limit; SDKs halve the batch and try again."""

    status = 413


def undecodable(detail: str) -> BadRequest:
    """The bytes are not what their headers and form promise."""
    return BadRequest("undecodable", f"failed to decode request: {detail}")


def unparsable(detail: str) -> BadRequest:
    """The text is not JSON, or a field has the wrong type."""
    return BadRequest("unparsable", f"failed to parse request: {detail}")


def not_events(detail: str) -> BadRequest:
    """The JSON is fine, but there are no events in it."""
    return BadRequest("not_events", f"failed to hydrate events from request: {detail}")


def too_large(detail: str) -> TooLarge:
    """The request or an event passes a limit."""
    return TooLarge("too_large", f"maximum event size exceeded: {detail}")
