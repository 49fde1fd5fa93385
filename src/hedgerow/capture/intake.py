"""What every way in shares: reading a body, finding the project, and making events durable."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hedgerow.capture.address import ClientAddress
from hedgerow.capture.limits import Closed, RateLimited, RateLimits
from hedgerow.capture.privacy import protect
from hedgerow.capture.projects import Project, Projects
from hedgerow.capture.reader import BodyReader, declared_length
from hedgerow.capture.request import Request
from hedgerow.events import Draft, Event
from hedgerow.events.body import MAX_BODY
from hedgerow.events.errors import WireError
from hedgerow.events.ids import Random
from hedgerow.events.shapes import NOT_SENT_ON, encode
from hedgerow.events.tokens import invalid
from hedgerow.log.protocol import EventLog, LogUnavailable

Warn: TypeAlias = Callable[[int, int, str, Mapping[str, Any]], None]

# Work on a body of this size takes about three milliseconds. Larger ones must not stop everybody else; smaller ones in threads
# would cost more than they take, since the threads fight for the interpreter.
LARGE = 262_144
aside = asyncio.to_thread
REMEMBERED_MS = 10_000


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What an operator can set.

    Attributes:
        trusted_proxies: networks (CIDR) whose ``X-Forwarded-For`` is believed.
        max_body: bytes of a request, as sent and inflated.
        max_event: bytes of one event as the log keeps it.
        max_ai_event: the same for events about language models, which come with prompts and answers.
        max_recording: bytes of a session recording request, which is read and not kept.
        body_timeout: seconds that a body may take to arrive.
        max_bodies: bytes of all large bodies being read at the same time.
    """

    trusted_proxies: Sequence[str] = ()
    max_body: int = MAX_BODY
    max_event: int = 1024 * 1024
    max_ai_event: int = 8 * 1024 * 1024
    max_recording: int = 25 * 1024 * 1024
    body_timeout: float = 30.0
    max_bodies: int = 256 * 1024 * 1024


class Intake:
    """The common core of the endpoints. See ``CaptureApp`` for the arguments.

    Attributes:
        options: limits.
        clock: milliseconds since the epoch.
        random: gives random bytes.
        counters: what happened, by name.
    """

    def __init__(
        self,
        event_log: EventLog,
        projects: Projects,
        options: CaptureOptions,
        clock: Callable[[], int],
        random: Random = os.urandom,
        gate: Callable[[], str | None] | None = None,
        warn: Warn | None = None,
    ) -> None:
        self.options = options
        self.clock = clock
        self.random = random
        self.counters: Counter[str] = Counter()
        self._log = event_log
        self._projects = projects
        self._address = ClientAddress(options.trusted_proxies)
        self._bodies = BodyReader(seconds=options.body_timeout, total=options.max_bodies)
        self._rates = RateLimits()
        self._gate = gate
        self._warn = warn
        self._failed: tuple[int, str] | None = None

    def body(self, request: Request, *, limit: int | None = None) -> Awaitable[bytes]:
        """The whole body of a request; see ``BodyReader.read``."""
        most = self.options.max_body
        if limit is not None and limit < most:
            most = limit
        return self._bodies.read(request.receive, declared_length(request.headers), limit=most)

    async def discard(self, request: Request, *, limit: int | None = None) -> None:
        """Read a body away; see ``BodyReader.discard``."""
        await self._bodies.discard(request.receive, limit=limit or self.options.max_body)

    def address(self, request: Request) -> str:
        """The address of the client, as far as it can be believed."""
        return self._address.of(request.peer, request.headers.get(b"x-forwarded-for"))

    async def project(self, token: str) -> Project:
        """The project of a token.

        Raises:
            Unauthorized: there is none.
        """
        project = await self._projects(token)
        if project is None:
            raise invalid("no project has this token")
        return project

    async def keep(
        self, project: Project, events: list[Event], *, large: bool = False, most: int | None = None
    ) -> None:
        """Put the events of a request into the log; returns when they are durable, all or none.

        Args:
            project: whose they are.
            events: checked ones.
            large: encode them in a thread.
            most: bytes of one event, if not the usual limit.

        Raises:
            WireError: one of them cannot be stored; none was.
            RateLimited: the project is over its rate; none was stored.
            Closed, LogUnavailable: none was stored; the sender should try again.
        """
        self.admit(project, len(events))
        wanted = [event for event in events if event.event not in NOT_SENT_ON or self.wants(project, event)]
        try:
            drafts = (
                await aside(self.drafts, project, wanted, most)
                if large
                else self.drafts(project, wanted, most)
            )
        except WireError as refused:
            self.warn(project, "refused_" + refused.reason, {"detail": refused.text})
            raise
        await self.append(drafts)

    def admit(self, project: Project, events: int) -> None:
        """Check, before any work, that these events may come in.

        Raises:
            RateLimited: the project is over its rate.
            Closed: nothing is taken at the moment.
        """
        reason = self.closed()
        if reason is not None:
            raise Closed(reason)
        if project.settings:
            try:
                self._rates.admit(project.id, project.settings, events)
            except RateLimited:
                self.warn(project, "rate_limited", {"events": events})
                raise

    def closed(self) -> str | None:
        """Why nothing is taken at the moment, None if it is."""
        return self._gate() if self._gate is not None else None

    def wants(self, project: Project, event: Event) -> bool:
        """Whether an event is to be kept; one that is not is acknowledged, counted and traced."""
        if event.event not in NOT_SENT_ON:
            return True
        self.counters["dropped_" + event.event] += 1
        self.warn(project, "dropped_" + event.event, {"distinct_id": event.distinct_id})
        return False

    def drafts(self, project: Project, events: Sequence[Event], most: int | None = None) -> list[Draft]:
        """Events ready for the log. Touches nothing else, so that it may run in a thread.

        Raises:
            WireError: one of them cannot be stored.
        """
        if project.settings:
            for event in events:
                protect(event.properties, project.settings)
        number, limit = project.id, most or self.options.max_event
        return [
            Draft(number, event.distinct_id, event.captured_at, encode(event, limit=limit))
            for event in events
        ]

    async def append(self, drafts: list[Draft]) -> None:
        """Make drafts durable.

        Raises:
            LogUnavailable: none of them is.
        """
        if not drafts:
            return
        try:
            await self._log.append(drafts)
        except LogUnavailable as error:
            self._failed = (self.clock(), str(error))
            raise
        self._failed = None
        self.counters["events"] += len(drafts)

    def trouble(self) -> str | None:
        """Why the log could not be written lately, None if it could.

        A failure is forgotten after a while even when nobody has tried again: health that kept events away for it would
        never learn that there is room again.
        """
        if self._failed is None or self.clock() - self._failed[0] > REMEMBERED_MS:
            return None
        return self._failed[1]

    def warn(self, project: Project, kind: str, details: Mapping[str, Any]) -> None:
        """Leave a trace of something refused, dropped or changed."""
        if self._warn is not None:
            self._warn(project.id, self.clock(), kind, details)
