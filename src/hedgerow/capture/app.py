"""The ingestion endpoints as one raw ASGI application.

The guarantee: an event is answered with 200 only after the event log has it on disk; everything else gets an answer that
tells the SDK whether sending again can help. A framework would cost more per request than the rest of the work.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hedgerow.capture import answers, quiet
from hedgerow.capture.address import ClientAddress
from hedgerow.capture.answers import Answer
from hedgerow.capture.projects import Project, Projects
from hedgerow.capture.reader import BodyReader, ClientGone, Overloaded, Receive, TooSlow, declared_length
from hedgerow.events import Draft, Event
from hedgerow.events.body import MAX_BODY, query_parameters
from hedgerow.events.errors import WireError
from hedgerow.events.ids import Random, uuid7
from hedgerow.events.shapes import NOT_SENT_ON, encode
from hedgerow.events.tokens import invalid
from hedgerow.events.wire import decode
from hedgerow.log.protocol import EventLog, LogUnavailable

log = logging.getLogger(__name__)

Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Handler: TypeAlias = "Callable[[Request], Awaitable[Answer]]"

# Decoding a body of this size takes about as long as a thread switch; larger ones must not stop everybody else.
_LARGE = 65_536
_CAPTURE_PATHS = ("/batch", "/e", "/i/v0/e", "/capture", "/track", "/engage", "/i/v0/ai/batch")


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What an operator can set.

    Attributes:
        trusted_proxies: networks (CIDR) whose ``X-Forwarded-For`` is believed.
        max_body: bytes of a request, as sent and inflated.
        max_event: bytes of one event as the log keeps it.
        max_recording: bytes of a session recording request, which is read and not kept.
        body_timeout: seconds that a body may take to arrive.
        max_bodies: bytes of all large bodies being read at the same time.
    """

    trusted_proxies: Sequence[str] = ()
    max_body: int = MAX_BODY
    max_event: int = 1024 * 1024
    max_recording: int = 25 * 1024 * 1024
    body_timeout: float = 30.0
    max_bodies: int = 256 * 1024 * 1024


class Request:
    """The parts of a request that handlers look at."""

    __slots__ = ("headers", "method", "path", "peer", "query", "receive")

    def __init__(self, scope: dict[str, Any], receive: Receive, headers: dict[bytes, bytes]) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query = query_parameters(scope["query_string"])
        client = scope.get("client")
        self.peer: str = client[0] if client else ""
        self.headers = headers
        self.receive = receive


class CaptureApp:
    """Takes events in, and answers what SDKs ask besides.

    Args:
        event_log: where events go.
        projects: finds the project of a token; called for every request, so put ``CachedProjects`` before a database.
        options: limits and proxies.
        clock: milliseconds since the epoch.
        random: gives random bytes.

    Attributes:
        counters: what happened, by name: ``requests``, ``events``, ``refused_<reason>``, ``dropped_<event name>``.
    """

    def __init__(
        self,
        event_log: EventLog,
        projects: Projects,
        *,
        options: CaptureOptions | None = None,
        clock: Callable[[], int] = _wall_clock,
        random: Random = os.urandom,
    ) -> None:
        self._log = event_log
        self._projects = projects
        self._options = options or CaptureOptions()
        self._clock = clock
        self._random = random
        self._address = ClientAddress(self._options.trusted_proxies)
        self._bodies = BodyReader(seconds=self._options.body_timeout, total=self._options.max_bodies)
        self.counters: Counter[str] = Counter()
        self._routes = _with_slashes(self._exact_routes())

    def _exact_routes(self) -> dict[str, Handler]:
        return {
            **dict.fromkeys(_CAPTURE_PATHS, self._capture),
            **dict.fromkeys(quiet.FIXED, self._fixed),
            **dict.fromkeys(("/flags", "/decide"), self._flags),
            **dict.fromkeys(("/_readiness", "/_liveness"), self._alive),
            "/s": self._recording,
        }

    def handles(self, path: str) -> bool:
        """Whether this application, not the management API, answers a path."""
        return path in self._routes or path.startswith(("/array/", "/static/"))

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        try:
            answer = await self._answer(scope, receive, headers)
        except ClientGone:
            self.counters["refused_client_gone"] += 1
            return
        start, body = answer.messages(answers.cors(headers, scope["method"]))
        await send(start)
        await send(body)

    async def _answer(self, scope: dict[str, Any], receive: Receive, headers: dict[bytes, bytes]) -> Answer:
        """The answer, whatever happens on the way to it."""
        self.counters["requests"] += 1
        try:
            request = Request(scope, receive, headers)
            handler = self._routes.get(request.path) or self._by_prefix
            if request.method == "OPTIONS":
                return answers.OK
            return await handler(request)
        except WireError as refused:
            return self._refused(refused.reason, answers.text(refused.status, refused.text))
        except TooSlow:
            return self._refused("too_slow", answers.TOO_SLOW)
        except Overloaded:
            return self._refused("overloaded", answers.TRY_AGAIN)
        except LogUnavailable as error:
            log.warning("Events were refused with 503: %s", error)
            return self._refused("log_unavailable", answers.TRY_AGAIN)
        except ClientGone:
            raise
        except Exception:
            log.exception("A request to %s failed; this is a fault of ours", scope["path"])
            return self._refused("internal", answers.BROKEN)

    def _refused(self, reason: str, answer: Answer) -> Answer:
        self.counters["refused_" + reason] += 1
        return answer

    # ---------------------------------------------------------------- events

    async def _capture(self, request: Request) -> Answer:
        if request.method not in {"POST", "GET"}:
            return answers.NOT_ALLOWED
        headers = request.headers
        body = await self._bodies.read(
            request.receive, declared_length(headers), limit=self._options.max_body
        )
        now = self._clock()

        def work() -> tuple[str, list[Event]]:
            return decode(
                body,
                request.query,
                now=now,
                random=self._random,
                ip=self._address.of(request.peer, headers.get(b"x-forwarded-for")),
                content_type=headers.get(b"content-type", b""),
                content_encoding=headers.get(b"content-encoding", b""),
                engage=request.path.startswith("/engage"),
                limit=self._options.max_body,
            )

        large = len(body) > _LARGE
        token, events = await asyncio.to_thread(work) if large else work()
        await self.keep(await self.project(token), events, large=large)
        return answers.NO_CONTENT if request.query.get("beacon") == "1" else answers.OK

    async def project(self, token: str) -> Project:
        """The project of a token.

        Raises:
            Unauthorized: there is none.
        """
        project = await self._projects(token)
        if project is None:
            raise invalid("no project has this token")
        return project

    async def keep(self, project: Project, events: list[Event], *, large: bool = False) -> None:
        """Put the events of a request into the log; returns when they are durable, all or none.

        Args:
            project: whose they are.
            events: checked ones.
            large: encode them in a thread.

        Raises:
            WireError: one of them cannot be stored; none was.
            LogUnavailable: none was stored; the sender should try again.
        """
        drafts = (
            await asyncio.to_thread(self._drafts, project, events) if large else self._drafts(project, events)
        )
        if drafts:
            await self._log.append(drafts)
        self.counters["events"] += len(drafts)

    def _drafts(self, project: Project, events: list[Event]) -> list[Draft]:
        drafts = []
        for event in events:
            if event.event in NOT_SENT_ON:
                self.counters["dropped_" + event.event] += 1
                continue
            payload = encode(event, limit=self._options.max_event)
            drafts.append(Draft(project.id, event.distinct_id, event.captured_at, payload))
        return drafts

    # --------------------------------------------------------- everything else

    async def _recording(self, request: Request) -> Answer:
        """Session recordings are read and not kept."""
        await self._bodies.discard(request.receive, limit=self._options.max_recording)
        self.counters["dropped_recordings"] += 1
        return answers.NO_CONTENT if request.query.get("beacon") == "1" else answers.OK

    async def _flags(self, request: Request) -> Answer:
        await self._bodies.discard(request.receive, limit=self._options.max_body)
        now = self._clock()
        version = request.query.get("v", "") if request.path.startswith("/decide") else ""
        return quiet.flags(uuid7(now, self._random), now, version=version)

    async def _fixed(self, request: Request) -> Answer:
        await self._bodies.discard(request.receive, limit=self._options.max_body)
        return quiet.FIXED[request.path.rstrip("/")]

    async def _alive(self, _request: Request) -> Answer:
        return answers.ALIVE

    async def _by_prefix(self, request: Request) -> Answer:
        match request.path.strip("/").split("/"):
            case ["array", token, "config"]:
                return quiet.config(token)
            case ["array", token, "config.js"]:
                return quiet.config_script(token)
        return answers.NOT_FOUND


def _with_slashes(routes: dict[str, Handler]) -> dict[str, Handler]:
    """Every path with and without a slash at its end; a redirect would turn POST into GET."""
    return {form: handler for path, handler in routes.items() for form in (path, path + "/")}
