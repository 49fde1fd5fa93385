"""Segment's tracking API: its libraries work against Hedgerow when their host is set to it.

The write key is the project token, by Basic auth or in the body. As at Segment, a batch is accepted when any of its messages
is; those that are no events leave a trace.

Project settings:
    segment_group_type: what kind of group Segment's groups become, ``segment_group`` if it is not set.
"""

from __future__ import annotations

import base64
import binascii
import logging
from typing import Any

from hedgerow.capture import answers
from hedgerow.capture.answers import Answer
from hedgerow.capture.intake import LARGE, Intake, aside
from hedgerow.capture.limits import Closed, RateLimited
from hedgerow.capture.reader import ClientGone, Overloaded, TooSlow
from hedgerow.capture.request import Request
from hedgerow.events import Event, tokens
from hedgerow.events import body as bodies
from hedgerow.events.errors import Unauthorized, WireError, not_events, unparsable
from hedgerow.events.segment import GROUP_TYPE, KINDS, BadMessage, Source, read_message
from hedgerow.log.protocol import LogUnavailable

log = logging.getLogger(__name__)

# The browser library shortens the paths.
_SHORT = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
_BATCHES = ("/v1/batch", "/v1/import", "/v1/b")
PATHS: dict[str, str | None] = {
    **{f"/v1/{kind}": kind for kind in KINDS},
    **{f"/v1/{short}": kind for short, kind in _SHORT.items()},
    **dict.fromkeys(_BATCHES),
}

_OK = answers.json({"success": True})


class Segment:
    """Answers Segment's paths."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def __call__(self, request: Request) -> Answer:
        """Keep the messages of a request."""
        if request.method != "POST":
            return answers.NOT_ALLOWED
        try:
            await self._take(request)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - Segment's libraries read every failure as JSON
            return self._refuse(error)
        return _OK

    async def _take(self, request: Request) -> None:
        body = await self._intake.body(request)
        large = len(body) > LARGE
        token, document = await aside(self._open, request, body) if large else self._open(request, body)
        project = await self._intake.project(token)
        kind = project.settings.get("segment_group_type") or GROUP_TYPE
        events, bad = (
            await aside(self._read, request, document, kind) if large else self._read(request, document, kind)
        )
        for reason in bad:
            self._intake.counters["refused_bad_message"] += 1
            self._intake.warn(project, "refused_bad_message", {"detail": reason})
        if not events:
            raise unparsable(bad[0])
        await self._intake.keep(project, events, large=large)

    def _open(self, request: Request, body: bytes) -> tuple[str, dict[str, Any]]:
        """The token and the JSON of a request."""
        document = bodies.parse(
            body,
            {},
            content_encoding=request.headers.get(b"content-encoding", b""),
            limit=self._intake.options.max_body,
        )
        if type(document) is not dict:
            raise not_events("the body must be an object")
        return tokens.check(_token(request, document)), document

    def _read(
        self, request: Request, document: dict[str, Any], group_type: str
    ) -> tuple[list[Event], list[str]]:
        """The good messages as events, and what is wrong with the others."""
        source = Source(
            self._intake.clock(),
            self._intake.random,
            self._intake.address(request),
            document.get("sentAt"),
            group_type=group_type,
        )
        kind = PATHS[request.path.rstrip("/")]
        if kind is not None:
            return _events([document], kind, source)
        batch = document.get("batch")
        if type(batch) is not list or not batch:
            raise not_events('"batch" must be a list of messages')
        source.context = document.get("context")
        return _events(batch, None, source)

    def _refuse(self, error: Exception) -> Answer:
        status, reason, text = _explain(error)
        if status == 500:
            log.error("A request of Segment's protocol failed; this is a fault of ours", exc_info=error)
        self._intake.counters["refused_" + reason] += 1
        extra = [(b"retry-after", b"%d" % error.seconds)] if isinstance(error, RateLimited) else None
        return answers.json({"success": False, "code": reason, "message": text}, status, extra)


def _events(messages: list[Any], kind: str | None, source: Source) -> tuple[list[Event], list[str]]:
    events, bad = [], []
    for message in messages:
        try:
            events.append(read_message(message, kind, source))
        except (BadMessage, WireError) as error:
            bad.append(str(error))
    return events, bad


def _token(request: Request, document: dict[str, Any]) -> str:
    """The write key."""
    scheme, _, credentials = request.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Unauthorized(
                "bad_token", "API key is not valid: the Basic credentials are damaged"
            ) from error
    if type(document.get("writeKey")) is str:
        return str(document["writeKey"])
    raise tokens.missing()


def _explain(error: Exception) -> tuple[int, str, str]:
    match error:
        case WireError():
            return error.status, error.reason, error.text
        case RateLimited():
            return 429, "rate_limited", "rate limited"
        case TooSlow():
            return 408, "too_slow", "the request body took too long"
        case LogUnavailable() | Closed() | Overloaded():
            return 503, "unavailable", "transient error, please retry"
    return 500, "internal", "internal error"
