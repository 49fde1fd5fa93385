"""``/api/projects/:id/events/tail/``: events as they are accepted, as server-sent events.

Each message is an event in the form of the events list; ``id`` is its uuid. A message of type ``lost`` says how many events
the reader was too slow for. A comment every few seconds keeps the connection alive.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from hedgerow.api import presenters
from hedgerow.api.access import Access, needs
from hedgerow.api.deliveries import ids_of
from hedgerow.api.errors import ApiError
from hedgerow.api.streams import Stream
from hedgerow.insight import Reader, TooManyReaders

router = APIRouter(prefix="/api/projects/{project_id}/events/tail")

Reading = Annotated[Access, Depends(needs("event:read"))]
BEAT_S = 5.0
# Proxies must neither collect nor keep what is sent here.
HEADERS = {"x-accel-buffering": "no"}


class Crowded(ApiError):
    """So many follow that one more is not let in."""

    status, type, code = 503, "server_error", "too_many_readers"


@router.get("")
async def follow(request: Request, access: Reading) -> Response:
    """Events from now on, of one name or one person if asked for."""
    person = request.query_params.get("person") or None
    ids = await _ids(access, person)
    watch = access.services.tail.reader(
        access.project.id, event=request.query_params.get("event") or None, distinct_ids=ids
    )
    try:
        reader = watch.__enter__()
    except TooManyReaders as error:
        raise Crowded(str(error)) from None

    async def messages() -> AsyncIterator[bytes]:
        try:
            async for message in _messages(access, reader, person):
                yield message
        finally:
            watch.__exit__(None, None, None)

    return Stream(messages(), "text/event-stream", HEADERS)


async def _messages(access: Access, reader: Reader, person: str | None) -> AsyncIterator[bytes]:
    yield b": following\n\n"
    looked = time.monotonic()
    while (news := await reader.next(BEAT_S)) is not None:
        lost, events = news
        if lost:
            yield _message({"lost": lost}, "lost")
        if events:
            yield b"".join(_message(presenters.event(event), identity=event.uuid) for event in events)
        if not lost and not events:
            yield b": still here\n\n"
        if person is not None and time.monotonic() - looked >= BEAT_S:  # who is identified gets new ids
            reader.distinct_ids, looked = await _ids(access, person), time.monotonic()


async def _ids(access: Access, person: str | None) -> Collection[str] | None:
    """All distinct ids of a person, as of now."""
    if person is None:
        return None
    return set(await access.services.state.read(lambda c: ids_of(c, access.project.id, person)))


def _message(body: dict[str, Any], kind: str = "", identity: str = "") -> bytes:
    named = f"event: {kind}\n" if kind else f"id: {identity}\n"
    return named.encode() + b"data: " + orjson.dumps(body) + b"\n\n"
