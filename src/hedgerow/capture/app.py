"""The ingestion endpoints as one raw ASGI application.

The guarantee: an event is answered with 200 only after the event log has it on disk; everything else gets an answer that
tells the SDK whether sending again can help. A framework would cost more per request than the rest of the work.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hedgerow.capture import ai, answers, classic, quiet, segment, v1
from hedgerow.capture.answers import Answer
from hedgerow.capture.classic import Classic
from hedgerow.capture.intake import CaptureOptions, Intake, Warn, wall_clock
from hedgerow.capture.limits import Closed, RateLimited
from hedgerow.capture.projects import Projects
from hedgerow.capture.reader import ClientGone, Overloaded, Receive, TooSlow
from hedgerow.capture.request import Handler, Request, Send
from hedgerow.capture.scripts import BUNDLED, Scripts
from hedgerow.events.errors import WireError
from hedgerow.events.ids import Random, uuid7
from hedgerow.log.protocol import EventLog, LogUnavailable

log = logging.getLogger(__name__)


class CaptureApp:
    """Takes events in, and answers what SDKs ask besides.

    Attributes:
        counters: what happened, by name: ``requests``, ``events``, ``refused_<reason>``, ``dropped_<event name>``.

    Args:
        event_log: where events go.
        projects: finds the project of a token; called for every request, so put ``CachedProjects`` before a database.
        options: limits and proxies.
        clock: milliseconds since the epoch.
        random: gives random bytes.
        gate: says why nothing can be taken at the moment, or None; see ``DiskGate``.
        warn: told of what is refused or dropped for a known project; see ``Trail.add``.
        scripts: folder with the browser SDK's files.
    """

    def __init__(
        self,
        event_log: EventLog,
        projects: Projects,
        *,
        options: CaptureOptions | None = None,
        clock: Callable[[], int] = wall_clock,
        random: Random = os.urandom,
        gate: Callable[[], str | None] | None = None,
        warn: Warn | None = None,
        scripts: Path = BUNDLED,
    ) -> None:
        self._intake = Intake(event_log, projects, options or CaptureOptions(), clock, random, gate, warn)
        self.counters = self._intake.counters
        self._scripts = Scripts(scripts)
        self._routes = _with_slashes(self._exact_routes())
        self._last_complaint = 0

    def _exact_routes(self) -> dict[str, Handler]:
        return {
            **dict.fromkeys(classic.PATHS, Classic(self._intake)),
            **dict.fromkeys(quiet.FIXED, self._fixed),
            **dict.fromkeys(("/flags", "/decide"), self._flags),
            "/_readiness": self._ready,
            "/_liveness": self._alive,
            v1.PATH: v1.AnalyticsV1(self._intake),
            ai.PATH: ai.AiEvents(self._intake),
            **dict.fromkeys(segment.PATHS, segment.Segment(self._intake)),
            "/s": self._recording,
        }

    def trouble(self) -> str | None:
        """Why events could not be kept lately, for health; None if they could."""
        return self._intake.trouble()

    def handles(self, path: str) -> bool:
        """Whether this application, not the management API, answers a path."""
        return path in self._routes or path.startswith(("/array/", "/static/"))

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        self.counters["requests"] += 1
        try:
            request = Request(scope, receive, headers)
            if request.method == "OPTIONS":
                answer = answers.OK
            else:
                answer = await self._routes.get(request.path, self._by_prefix)(request)
        except ClientGone:
            self.counters["refused_client_gone"] += 1
            return
        except Exception as error:  # noqa: BLE001 - whatever happened, there is an answer
            answer = self._failed(error, scope["path"])
        start, body = answer.messages(answers.cors(headers, scope["method"]))
        await send(start)
        await send(body)

    def _failed(self, error: Exception, path: str) -> Answer:
        """What to answer when something went wrong."""
        match error:
            case WireError():
                return self._refused(error.reason, answers.text(error.status, error.text))
            case RateLimited():
                return self._refused("rate_limited", answers.rate_limited(error.seconds))
            case TooSlow():
                return self._refused("too_slow", answers.TOO_SLOW)
            case Overloaded():
                return self._refused("overloaded", answers.TRY_AGAIN)
            case LogUnavailable() | Closed():
                self._complain(str(error))
                return self._refused("unavailable", answers.TRY_AGAIN)
        log.error("A request to %s failed; this is a fault of ours", path, exc_info=error)
        return self._refused("internal", answers.BROKEN)

    def _refused(self, reason: str, answer: Answer) -> Answer:
        self.counters["refused_" + reason] += 1
        return answer

    def _complain(self, why: str) -> None:
        """Say in the log, at most every ten seconds, that events are refused."""
        now = self._intake.clock()
        if now - self._last_complaint >= 10_000:
            self._last_complaint = now
            log.warning("Events are refused with 503: %s", why)

    async def _recording(self, request: Request) -> Answer:
        """Session recordings are read and not kept."""
        await self._intake.discard(request, limit=self._intake.options.max_recording)
        self.counters["dropped_recordings"] += 1
        return answers.NO_CONTENT if request.query.get("beacon") == "1" else answers.OK

    async def _flags(self, request: Request) -> Answer:
        await self._intake.discard(request)
        now = self._intake.clock()
        version = request.query.get("v", "") if request.path.startswith("/decide") else ""
        return quiet.flags(uuid7(now, self._intake.random), now, version=version)

    async def _fixed(self, request: Request) -> Answer:
        await self._intake.discard(request)
        return quiet.FIXED[request.path.rstrip("/")]

    async def _alive(self, _request: Request) -> Answer:
        return answers.ALIVE

    async def _ready(self, _request: Request) -> Answer:
        """Whether events are taken at the moment, in the word that probes for PostHog's capture look for."""
        reason = self._intake.closed() or self.trouble()
        return answers.ALIVE if reason is None else answers.text(503, reason)

    async def _by_prefix(self, request: Request) -> Answer:
        match request.path.strip("/").split("/"):
            case ["array", token, "config"]:
                return quiet.config(token)
            case ["array", token, "config.js"]:
                return quiet.config_script(token)
            case ["static", *_, name] | ["array", _, name]:
                return self._scripts.find(name)
        return answers.NOT_FOUND


def _with_slashes(routes: dict[str, Handler]) -> dict[str, Handler]:
    """Every path with and without a slash at its end; a redirect would turn POST into GET."""
    return {form: handler for path, handler in routes.items() for form in (path, path + "/")}
