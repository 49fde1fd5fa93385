"""A sink on a loop of its own in a thread, for tests that are not asynchronous themselves."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Self

from support.sink import Received, Sink, Step


class BackgroundSink:
    """``with BackgroundSink() as sink``: ``sink.url``, ``sink.requests`` and ``sink.script`` as those of ``Sink``."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with Sink(tls=self._tls) as self._sink:
            self._up.set()
            await self._stop.wait()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._sink.url

    @property
    def requests(self) -> list[Received]:
        """What has arrived so far."""
        return list(self._sink.requests)

    def at(self, path: str) -> list[Received]:
        """What has arrived at a path."""
        return [request for request in self.requests if request.path == path]

    def script(self, path: str, *steps: Step, forever: bool = False) -> None:
        """What to answer next at a path."""
        self._loop.call_soon_threadsafe(lambda: self._sink.script(path, *steps, forever=forever))
