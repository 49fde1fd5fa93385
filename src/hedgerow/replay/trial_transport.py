"""Where the requests of a trial go: nowhere, answered as the tester wishes; or out, with a note of whom they reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from hedgerow.delivery.transport import Request, Response, Transport, TransportError
from hedgerow.destinations import ValidationError

NOT_CALLED: Final = frozenset({"egress", "invalid_url", "dns"})
"""Failures of requests that reached nobody."""
MOST_ANSWERS: Final = 100
FAILURES: Final = ("timeout", "connect_timeout", "dns", "refused", "reset", "tls", "protocol", "egress")
_FIELDS: Final = frozenset({"url", "status", "headers", "body", "error"})


@dataclass(frozen=True, slots=True)
class MockAnswer:
    """What one call is answered with.

    Attributes:
        url: only calls whose address begins so; empty for any.
        response: the answer; None when there is none, but ``failure``.
        failure: as ``TransportError.kind``.
    """

    url: str = ""
    response: Response | None = None
    failure: str = ""


DEFAULT: Final = MockAnswer(response=Response(200, {"content-type": "application/json"}, b"{}"))


def read_answers(raw: Any) -> list[MockAnswer]:
    """Answers that a tester made up: ``[{"url"?, "status"?, "headers"?, "body"?} or {"url"?, "error": "timeout"}, ...]``.

    Raises:
        ValidationError: with an attribute such as ``mock_answers__0__status``.
    """
    if raw is None:
        return []
    if not isinstance(raw, list) or len(raw) > MOST_ANSWERS:
        raise ValidationError(
            f"Expected a list of at most {MOST_ANSWERS} answers.", attr="mock_answers", code="invalid"
        )
    answers = []
    for position, item in enumerate(raw):
        try:
            answers.append(_answer(item))
        except ValidationError as error:
            raise error.under("mock_answers", position) from None
    return answers


def _answer(raw: Any) -> MockAnswer:
    if not isinstance(raw, Mapping):
        raise ValidationError(
            'Expected an object such as {"status": 409, "body": {"ok": false}}.', code="invalid"
        )
    for name in raw:
        if name not in _FIELDS:
            raise ValidationError(
                f"An answer has {', '.join(sorted(_FIELDS))}.", attr=str(name), code="unknown_field"
            )
    url, failure = raw.get("url") or "", raw.get("error")
    if not isinstance(url, str):
        raise ValidationError("Not a valid string.", attr="url", code="invalid")
    if failure is not None:
        if failure not in FAILURES:
            raise ValidationError(
                f"Choose one of {', '.join(FAILURES)}.", attr="error", code="invalid_choice"
            )
        return MockAnswer(url, failure=failure)
    return MockAnswer(url, Response(_status(raw), _headers(raw), _body(raw.get("body", {}))))


def _status(raw: Mapping[str, Any]) -> int:
    status = raw.get("status", 200)
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
        raise ValidationError("An HTTP status is a number from 100 to 599.", attr="status", code="invalid")
    return status


def _headers(raw: Mapping[str, Any]) -> dict[str, str]:
    headers = raw.get("headers") or {}
    if not isinstance(headers, Mapping):
        raise ValidationError("Expected a dictionary.", attr="headers", code="invalid")
    return {
        "content-type": "application/json",
        **{str(name).lower(): str(value) for name, value in headers.items()},
    }


def _body(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


class Mocked:
    """Sends nothing. Each answer is used once, by the first call that it fits; then calls succeed with an empty object."""

    def __init__(self, answers: Sequence[MockAnswer]) -> None:
        self.hosts: list[str] = []
        self._answers = list(answers)

    async def send(self, request: Request) -> Response:
        """See ``Transport.send``."""
        answer = next((one for one in self._answers if request.url.startswith(one.url)), DEFAULT)
        if answer is not DEFAULT:
            self._answers.remove(answer)
        if answer.response is None:
            raise TransportError(
                answer.failure, f"Answered so by the test: {answer.failure}.", retriable=True
            )
        return answer.response

    async def close(self) -> None:
        """See ``Transport.close``."""


class Noted:
    """Sends for real, and notes the hosts that were called."""

    def __init__(self, transport: Transport) -> None:
        self.hosts: list[str] = []
        self._transport = transport

    async def send(self, request: Request) -> Response:
        """See ``Transport.send``."""
        try:
            response = await self._transport.send(request)
        except TransportError as error:
            if error.kind not in NOT_CALLED:
                self._note(request.url)
            raise
        self._note(request.url)
        return response

    def _note(self, url: str) -> None:
        host = urlsplit(url).netloc.rpartition("@")[2]
        if host not in self.hosts:
            self.hosts.append(host)

    async def close(self) -> None:
        """The transport is not ours to close."""
