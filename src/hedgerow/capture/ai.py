"""``/i/v0/ai``: one event about a language model, in several parts. The token comes in a header."""

from __future__ import annotations

from hedgerow.capture import answers
from hedgerow.capture.answers import Answer
from hedgerow.capture.intake import LARGE, Intake, aside
from hedgerow.capture.request import Request
from hedgerow.events import Event, tokens
from hedgerow.events.errors import BadRequest, undecodable
from hedgerow.events.inflating import inflate
from hedgerow.events.multipart import Part, assemble, read_parts
from hedgerow.events.shapes import Source, read_event

PATH = "/i/v0/ai"
NAMED = "$ai_"


class AiEvents:
    """Answers the path."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def __call__(self, request: Request) -> Answer:
        """Keep the event of a request; the answer names the parts that were understood."""
        if request.method != "POST":
            return answers.NOT_ALLOWED
        body = await self._intake.body(request)
        if not body:
            raise BadRequest("empty", "request missing data payload")
        token = _token(request)
        large = len(body) > LARGE
        event, parts = await aside(self._read, request, body) if large else self._read(request, body)
        project = await self._intake.project(token)
        await self._intake.keep(project, [event], large=large, most=self._intake.options.max_ai_event)
        return answers.json({"accepted_parts": [part.told() for part in parts]})

    def _read(self, request: Request, body: bytes) -> tuple[Event, list[Part]]:
        headers, limit = request.headers, self._intake.options.max_body
        if headers.get(b"content-encoding", b"").strip().lower() == b"gzip":
            body = inflate(body, "gzip", limit=limit)
        parts = read_parts(body, headers.get(b"content-type", b""))
        raw = assemble(parts, limit=limit)
        if not str(raw.get("event", NAMED)).startswith(NAMED):
            raise undecodable(f"the name of the event must begin with {NAMED!r}")
        source = Source(self._intake.clock(), self._intake.random, self._intake.address(request))
        return read_event(raw, source, None), parts


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise tokens.missing()
    return tokens.check(token)
