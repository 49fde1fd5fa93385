"""The second protocol over HTTP: JSON errors with a tag, and a result for each event."""

from __future__ import annotations

import logging
from typing import Any

from hedgerow.capture import answers
from hedgerow.capture.answers import Answer, Headers
from hedgerow.capture.intake import LARGE, Intake, aside
from hedgerow.capture.limits import Closed, RateLimited
from hedgerow.capture.projects import Project
from hedgerow.capture.reader import ClientGone, Overloaded, TooSlow
from hedgerow.capture.request import Request
from hedgerow.events import Draft
from hedgerow.events.errors import TooLarge, WireError
from hedgerow.events.v1 import Envelope, Outcome, Refused, read_body, read_events, read_headers
from hedgerow.log.protocol import LogUnavailable

log = logging.getLogger(__name__)

PATH = "/i/v1/analytics/events"
# The protocol's own limit on the wire; what it inflates to has the usual one.
WIRE_LIMIT = 10 * 1024 * 1024
# The protocol's own pause; SDKs that speak it do not retry a 429 by themselves.
_PAUSE: Headers = [(b"retry-after", b"60")]


class AnalyticsV1:
    """Answers the second protocol's path."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def __call__(self, request: Request) -> Answer:
        """Keep what can be kept of a batch, and say for each event what became of it."""
        if request.method != "POST":
            return answers.NOT_ALLOWED
        echo = _echo(request)
        try:
            outcomes = await self._take(request)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - every failure has to be told in the protocol's own form
            return self._refuse(error, echo)
        return answers.json({"results": {outcome.uuid: _told(outcome) for outcome in outcomes}}, extra=echo)

    async def _take(self, request: Request) -> list[Outcome]:
        body = await self._intake.body(request, limit=WIRE_LIMIT)
        envelope = read_headers(request.headers)
        large = len(body) > LARGE
        outcomes = (
            await aside(self._read, request, envelope, body) if large else self._read(request, envelope, body)
        )
        project = await self._project(envelope.token)
        self._intake.admit(project, len(outcomes))
        wanted = [o for o in outcomes if o.event is not None and self._intake.wants(project, o.event)]
        drafts = await aside(self._drafts, project, wanted) if large else self._drafts(project, wanted)
        self._trace(project, outcomes)
        await self._intake.append(drafts)
        return outcomes

    def _read(self, request: Request, envelope: Envelope, body: bytes) -> list[Outcome]:
        encoding = request.headers.get(b"content-encoding", b"")
        document = read_body(body, encoding, limit=self._intake.options.max_body)
        return read_events(document, envelope, now=self._intake.clock(), ip=self._intake.address(request))

    async def _project(self, token: str) -> Project:
        try:
            return await self._intake.project(token)
        except WireError as error:
            raise Refused(401, "invalid_api_token", error.text) from error

    def _drafts(self, project: Project, outcomes: list[Outcome]) -> list[Draft]:
        """The drafts of good events; those that cannot be stored are dropped now."""
        drafts = []
        for outcome in outcomes:
            assert outcome.event is not None
            try:
                drafts += self._intake.drafts(project, [outcome.event])
            except WireError as error:
                large = isinstance(error, TooLarge)
                outcome.result = "drop"
                outcome.details = "event_too_large" if large else "malformed_event_properties"
        return drafts

    def _trace(self, project: Project, outcomes: list[Outcome]) -> None:
        """Count what was dropped and leave a trace of it."""
        for outcome in outcomes:
            if outcome.result == "drop":
                self._intake.counters[f"refused_{outcome.details}"] += 1
                self._intake.warn(project, f"refused_{outcome.details}", {"uuid": outcome.uuid})

    def _refuse(self, error: Exception, echo: Headers) -> Answer:
        status, tag, text, extra = _explain(error)
        if status == 500:
            log.error("A batch failed; this is a fault of ours", exc_info=error)
        self._intake.counters["refused_" + tag] += 1
        body = {"error": tag, "error_description": text, "error_uri": None}
        return answers.json(body, status, [*echo, *extra])


def _explain(error: Exception) -> tuple[int, str, str, Headers]:
    """Status, tag, description and further headers for a failure."""
    match error:
        case TooLarge():
            return 413, "payload_too_large", error.text, []
        case WireError():
            return error.status, error.reason, error.text, []
        case RateLimited():
            return 429, "rate_limited", "the project is over its rate", _PAUSE
        case TooSlow():
            return 408, "body_read_timeout", "the request body took too long", [(b"connection", b"close")]
        case LogUnavailable() | Closed() | Overloaded():
            return 503, "service_unavailable", "transient error, please retry", []
    return 500, "internal_error", "internal error", []


def _echo(request: Request) -> Headers:
    request_id = request.headers.get(b"posthog-request-id")
    return [(b"posthog-request-id", request_id)] if request_id else []


def _told(outcome: Outcome) -> dict[str, Any]:
    told = {"result": outcome.result}
    if outcome.details is not None:
        told["details"] = outcome.details
    return told
