"""``/api/projects/:id/hog_functions/:id/pause|resume|discard/``: keeping what a destination wants, and letting it go."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request

from hedgerow.api.access import Access, json_body
from hedgerow.api.errors import Invalid
from hedgerow.api.hog_functions import Writing, presented, read_one
from hedgerow.delivery import holding
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions/{destination_id}")

FASTEST = 100_000


@router.post("/pause")
async def pause(destination_id: str, access: Writing) -> dict[str, Any]:
    """Hold what the destination wants from now on. Pausing twice is pausing once."""

    def work(connection: Connection, identity: bytes, now: int) -> None:
        holding.pause(connection, access.project.id, identity, now, by=access.author)

    return await _changed(access, destination_id, "paused", work)


@router.post("/resume")
async def resume(destination_id: str, request: Request, access: Writing) -> dict[str, Any]:
    """Send again; what was held follows behind what comes in, at the rate and in the order asked for."""
    rate, order = _wishes(await json_body(request))

    def work(connection: Connection, identity: bytes, now: int) -> None:
        holding.resume(connection, access.project.id, identity, now, by=access.author, rate=rate, order=order)

    return await _changed(access, destination_id, "resumed", work, {"rate": rate, "order": order})


@router.post("/discard", status_code=202)
async def discard(destination_id: str, access: Writing) -> dict[str, Any]:
    """Throw away what is held now. It takes a moment; the deliveries stay listed as ``discarded``."""

    def work(connection: Connection, identity: bytes, now: int) -> None:
        holding.discard(connection, access.project.id, identity, now, by=access.author)

    return await _changed(access, destination_id, "discarded", work)


def _wishes(body: Any) -> tuple[float | None, str]:
    """Rate and order of a resume.

    Raises:
        Invalid: one of them is no such thing.
    """
    if not isinstance(body, dict):
        raise Invalid("Invalid data. Expected a dictionary.")
    for name in body:
        if name not in {"rate", "order"}:
            raise Invalid(f"A resume has no field {name!r}: it takes rate and order.", attr=str(name))
    rate, order = body.get("rate"), body.get("order") or "all"
    if order not in holding.ORDERS:
        raise Invalid(f"Must be one of {', '.join(holding.ORDERS)}.", attr="order")
    if rate is None:
        return None, order
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= FASTEST:
        raise Invalid(f"Must be a number of deliveries per second, up to {FASTEST}.", attr="rate")
    return (float(rate) if math.isfinite(rate) else None), order


async def _changed(
    access: Access,
    destination_id: str,
    activity: str,
    work: Callable[[Connection, bytes, int], None],
    how: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Do something to a destination's hold and show how it stands then."""
    found = await read_one(access, destination_id)
    identity, now = uuid.UUID(found.id).bytes, access.services.now()

    def recorded(connection: Connection) -> None:
        work(connection, identity, now)
        access.record(connection, activity, "HogFunction", found.id, name=found.name, after=how)

    await access.services.state.write(recorded)
    access.services.changed()
    return await presented(access, found)
