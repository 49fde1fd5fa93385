"""The classic protocol: ``/batch``, ``/e``, ``/i/v0/e``, ``/capture``, ``/track``, ``/engage``. One answer per request."""

from __future__ import annotations

from hedgerow.capture import answers
from hedgerow.capture.answers import Answer
from hedgerow.capture.intake import LARGE, Intake, aside
from hedgerow.capture.request import Request
from hedgerow.events import Event
from hedgerow.events.errors import WireError
from hedgerow.events.wire import decode

AI = "/i/v0/ai/batch"
PATHS = ("/batch", "/e", "/i/v0/e", "/capture", "/track", "/engage", AI)


class Classic:
    """Answers the classic paths."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def __call__(self, request: Request) -> Answer:
        """Keep the events of a request, all or none."""
        if request.method not in {"POST", "GET"}:
            return answers.NOT_ALLOWED
        body = await self._intake.body(request)
        large = len(body) > LARGE
        try:
            token, events = await aside(self._decode, request, body) if large else self._decode(request, body)
        except WireError as refused:
            await self._trace(refused)
            raise
        most = self._intake.options.max_ai_event if request.path.startswith(AI) else None
        await self._intake.keep(await self._intake.project(token), events, large=large, most=most)
        return answers.NO_CONTENT if request.query.get("beacon") == "1" else answers.OK

    async def _trace(self, refused: WireError) -> None:
        """Leave a trace of a refusal whose project is known."""
        if refused.token is not None:
            project = await self._intake.project(refused.token)
            self._intake.warn(project, "refused_" + refused.reason, {"detail": refused.text})

    def _decode(self, request: Request, body: bytes) -> tuple[str, list[Event]]:
        headers = request.headers
        return decode(
            body,
            request.query,
            now=self._intake.clock(),
            random=self._intake.random,
            ip=self._intake.address(request),
            content_type=headers.get(b"content-type", b""),
            content_encoding=headers.get(b"content-encoding", b""),
            engage=request.path.startswith("/engage"),
            limit=self._intake.options.max_body,
        )
