"""The project token: where it stands, and whether it can be one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hedgerow.events.errors import Unauthorized, unparsable

MAX_LENGTH = 64
_FIELDS = ("token", "$token", "api_key")


def missing() -> Unauthorized:
    """No token anywhere."""
    return Unauthorized("no_token", "event submitted without an api_key")


def invalid(why: str) -> Unauthorized:
    """A token that cannot be right, or that no project has."""
    return Unauthorized("bad_token", f"API key is not valid: {why}")


def check(token: str) -> str:
    """The token without surrounding space.

    Raises:
        Unauthorized: its shape cannot be that of a project token.
    """
    token = token.strip()
    if not token:
        raise invalid("empty")
    if len(token) > MAX_LENGTH:
        raise invalid("too_long")
    if not token.isascii():
        raise invalid("not_ascii")
    if token.startswith("phx_"):
        raise invalid("personal_api_key")
    if "\0" in token:
        raise invalid("null_byte")
    return token


def stated(source: Mapping[str, Any]) -> str | None:
    """The token that a batch or an event itself states, at its top level.

    Raises:
        BadRequest: there is something else than text.
    """
    for name in _FIELDS:
        token = source.get(name)
        if token is not None:
            if type(token) is not str:
                raise unparsable(f'"{name}" must be a string')
            return token
    return None


def of_events(events: list[Any]) -> str:
    """The one token that the events of a request agree on; events without one follow the others.

    Raises:
        Unauthorized: none has a token, or they name several.
    """
    tokens: set[str] = set()
    for event in events:
        if type(event) is not dict:
            continue
        token = stated(event)
        properties = event.get("properties")
        if token is None and type(properties) is dict and type(properties.get("token")) is str:
            token = properties["token"]
        if token is not None:
            tokens.add(token)
    if not tokens:
        raise missing()
    if len(tokens) > 1:
        raise Unauthorized("mixed_tokens", "batch submitted with inconsistent api_key values")
    return tokens.pop()
