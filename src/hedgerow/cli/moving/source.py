"""Reading a PostHog instance: its pages to the end, patient when it is busy, and never anywhere else than where it was told."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import click

import hedgerow
from hedgerow.cli.errors import CommandFailed

TIMEOUT_S: Final = 60.0
TRIES: Final = 6
FIRST_REST_S: Final = 1.0
LONGEST_REST_S: Final = 30.0
LONGEST_ASKED_S: Final = 600.0
"""Longer than this nobody sits before a terminal: who is asked to wait so long is told so and comes back."""
MOST_PAGES: Final = 10_000
LARGEST: Final = 64 * 1024 * 1024
BUSY: Final = frozenset({429, 500, 502, 503, 504})
MOVED: Final = frozenset({301, 302, 303, 307, 308})


class Denied(CommandFailed):
    """PostHog does not let this key read something; what else it may read can still come."""


class Absent(CommandFailed):
    """PostHog has nothing at an address, perhaps because it is an older version."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """An instance: scheme, host with port, and the path before ``/api``."""

    scheme: str
    authority: str
    prefix: str = ""

    @classmethod
    def of(cls, host: str) -> Place:
        """The place that ``--host`` names; without a scheme it is https.

        Raises:
            CommandFailed: it names none.
        """
        parts = urlsplit(host if "://" in host else f"https://{host}")
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise CommandFailed(
                f"{host!r} is no address of a PostHog instance: write https://host.", status=2
            )
        return cls(parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"))

    @property
    def url(self) -> str:
        """As people read it."""
        return f"{self.scheme}://{self.authority}{self.prefix}"

    def connection(self) -> http.client.HTTPConnection:
        """A connection that is not open yet."""
        if self.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.authority, timeout=TIMEOUT_S, context=context)
        return http.client.HTTPConnection(self.authority, timeout=TIMEOUT_S)


@dataclass(slots=True)
class Instance:
    """A PostHog instance and a key to it.

    Attributes:
        place: where it is.
        key: a personal API key; it goes into one header and nowhere else.
        rest: waits so many seconds.
        tell: receives a line when somebody has to be patient.
    """

    place: Place
    key: str = field(repr=False)
    rest: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = lambda line: click.echo(line, err=True)

    def get(self, path: str, **query: object) -> Any:
        """Read something; ``path`` begins with ``/api/``.

        Raises:
            Denied: the key may not.
            Absent: there is nothing.
            CommandFailed: the key is wrong, or no usable answer could be had.
        """
        given = {name: value for name, value in query.items() if value is not None}
        return self._judged(path, self._patiently(path + (f"?{urlencode(given)}" if given else "")))

    def pages(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page; of ``next`` only path and query count, so that the key stays with its host.

        Raises:
            CommandFailed: as ``get``, or the pages do not end.
        """
        answer, seen = self.get(path, **query), set[str]()
        for _ in range(MOST_PAGES):
            yield from _items(answer, path)
            following = answer.get("next") if isinstance(answer, dict) else None
            if not following:
                return
            parts = urlsplit(str(following))
            target = f"{parts.path.removeprefix(self.place.prefix)}?{parts.query}"
            if target in seen:
                break
            seen.add(target)
            answer = self._judged(path, self._patiently(target))
        raise CommandFailed(f"The list at {path} does not end.")

    # ------------------------------------------------------------ patience

    def _patiently(self, target: str) -> Reply:
        """Ask until there is an answer worth reading."""
        fault = ""
        for attempt in range(TRIES):
            try:
                reply = self._once(target)
            except (OSError, http.client.HTTPException) as error:
                fault, wanted = str(error) or type(error).__name__, None
            else:
                if reply.status not in BUSY:
                    return reply
                fault, wanted = f"status {reply.status}", asked(reply)
            if attempt + 1 < TRIES:
                self._wait(fault, attempt, wanted)
        raise CommandFailed(
            f"{self.place.url} cannot be read after {TRIES} attempts: {fault}. Nothing is lost: run this again later."
        )

    def _wait(self, fault: str, attempt: int, wanted: float | None) -> None:
        pause = min(LONGEST_REST_S, FIRST_REST_S * 2**attempt) if wanted is None else wanted
        if pause > LONGEST_ASKED_S:
            raise CommandFailed(
                f"{self.place.url} asks to come back in {pause:.0f} seconds ({fault}). Run this again then."
            )
        if pause >= 1:
            self.tell(f"{self.place.authority}: {fault}; trying again in {pause:.0f} s.")
        self.rest(pause)

    def _once(self, target: str) -> Reply:
        connection = self.place.connection()
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Accept": "application/json",
            "User-Agent": f"hedgerow-cli/{hedgerow.__version__}",
        }
        try:
            connection.request("GET", self.place.prefix + target, headers=headers)
            answer = connection.getresponse()
            body = answer.read(LARGEST + 1)
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, body)
        finally:
            connection.close()

    # ------------------------------------------------------------ judging

    def _judged(self, path: str, reply: Reply) -> Any:
        if reply.status in MOVED:
            raise CommandFailed(
                f"{self.place.url} sends on to {reply.headers.get('location', 'somewhere else')}: "
                "give that address as --host if it is yours. The key was not sent there."
            )
        if len(reply.body) > LARGEST:
            raise CommandFailed(f"The answer of {path} is larger than {LARGEST // 2**20} MiB.")
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise CommandFailed(
                f"{self.place.url} does not know this key. It takes a personal API key (phx_...), not a project token (phc_...)."
            )
        if reply.status == HTTPStatus.FORBIDDEN:
            raise Denied(f"The key may not read {path}: {_detail(reply)}")
        if reply.status == HTTPStatus.NOT_FOUND:
            raise Absent(f"{self.place.url} has nothing at {path}.")
        if reply.status != HTTPStatus.OK:
            raise CommandFailed(
                f"{self.place.url} refuses {path} with status {reply.status}: {_detail(reply)}"
            )
        try:
            return json.loads(reply.body)
        except ValueError:
            raise CommandFailed(
                f"{self.place.url} answered {path} with something that is no JSON. Is it a PostHog instance?"
            ) from None


def asked(reply: Reply) -> float | None:
    """Seconds that a busy server asks for, in either form of ``Retry-After``; None when it does not say."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _items(answer: Any, path: str) -> list[dict[str, Any]]:
    """What is on a page; some lists of older versions are plain."""
    found = answer.get("results") if isinstance(answer, dict) else answer
    if not isinstance(found, list):
        raise CommandFailed(f"The answer of {path} is no list.")
    return [item for item in found if isinstance(item, dict)]


def _detail(reply: Reply) -> str:
    try:
        found = json.loads(reply.body)
        return str(found["detail"])
    except (ValueError, KeyError, TypeError):
        return f"status {reply.status}"
