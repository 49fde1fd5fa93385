"""``…/hog_functions/:id/logs/``, ``/metrics/`` and ``/metrics/totals/``: what a destination said and how often it did what."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api.access import Access, id_bytes, needs
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import link, number, page_of
from hedgerow.api.times import iso, parse_time
from hedgerow.delivery.counts import counts_of
from hedgerow.delivery.queries import find
from hedgerow.destinations import repository
from hedgerow.store import Connection
from hedgerow.telemetry import (
    COUNTED,
    BadPeriod,
    Count,
    Found,
    Line,
    charted,
    count_logs,
    metrics,
    read_logs,
    search_logs,
    summed,
    totals,
)

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions/{destination_id}")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]

DEFAULT_LINES = 50
MOST_LINES = 500
DEFAULT_PERIOD = "-7d"


@router.get("/logs")
async def logs(destination_id: str, request: Request, access: Reading) -> dict[str, Any]:
    """Log lines, newest first. A search looks through some 50,000 lines at a time: ``next`` goes on with those before."""
    owner, query, now = await _owner(access, destination_id), request.query_params, access.services.now()
    levels = [level for text in query.getlist("level") for level in text.split(",") if level]
    limit = number(request, "limit", DEFAULT_LINES, least=1, most=MOST_LINES)
    offset = number(request, "offset", 0, most=10**9)
    wanted: dict[str, Any] = {
        "after": parse_time(query.get("after"), now, "after"),
        "before": parse_time(query.get("before"), now, "before"),
        "levels": ["warn" if level.lower() == "warning" else level for level in levels],
    }
    search, instance = query.get("search") or None, _instance(query.get("instance_id"))

    def work(connection: Connection) -> Found:
        if search and not instance:
            return search_logs(connection, owner, search, **wanted, limit=limit, offset=offset)
        chosen = {**wanted, "search": search, "instance_id": instance}
        lines = read_logs(connection, owner, **chosen, limit=limit, offset=offset)
        return Found(lines, count_logs(connection, owner, **chosen, most=offset + limit + COUNTED), None)

    found = await access.services.telemetry.read(work)
    shown = page_of(request, [_line(line) for line in found.lines], found.count, limit, offset)
    if shown["next"] is None and found.edge is not None:
        shown["next"] = link(request, before=iso(found.edge), limit=limit, offset=0)
    return shown


async def delivery_logs(access: Access, destination_id: str, delivery_id: str) -> list[dict[str, Any]]:
    """The lines of one delivery, oldest first."""
    owner, instance = id_bytes(destination_id), id_bytes(delivery_id)
    found = await access.services.telemetry.read(
        lambda connection: read_logs(connection, owner, instance_id=instance, limit=MOST_LINES)
    )
    return [_line(line) for line in reversed(found)]


@router.get("/metrics")
async def metrics_over_time(destination_id: str, request: Request, access: Reading) -> dict[str, Any]:
    """Counts per hour, day or week; with ``instance_id`` those of one delivery, as the ledger has it."""
    owner, wanted = await _owner(access, destination_id), _period(request, access)
    interval = request.query_params.get("interval") or "day"
    try:
        if (one := await _counts_of_one(request, access, owner, wanted)) is not None:
            times = {name: wanted[name] for name in ("after", "before", "breakdown_by")}
            return charted(one, interval=interval, **times)
        return await access.services.telemetry.read(lambda c: metrics(c, owner, interval=interval, **wanted))
    except BadPeriod as error:
        raise Invalid(str(error)) from error


@router.get("/metrics/totals")
async def metrics_totals(destination_id: str, request: Request, access: Reading) -> dict[str, Any]:
    """Counts over the whole period; with ``instance_id`` those of one delivery."""
    owner, wanted = await _owner(access, destination_id), _period(request, access)
    try:
        if (one := await _counts_of_one(request, access, owner, wanted)) is not None:
            return {"totals": summed(one, breakdown_by=wanted["breakdown_by"])}
        return {"totals": await access.services.telemetry.read(lambda c: totals(c, owner, **wanted))}
    except BadPeriod as error:
        raise Invalid(str(error)) from error


async def _counts_of_one(
    request: Request, access: Access, owner: bytes, wanted: dict[str, Any]
) -> list[Count] | None:
    """The counts of the delivery that was asked for, within the period; None when none was."""
    instance = _instance(request.query_params.get("instance_id"))
    if instance is None:
        return None
    found = await access.services.state.read(lambda c: find(c, access.project.id, instance))
    if found is None or uuid.UUID(found.destination_id).bytes != owner:
        return []
    names, kinds = wanted["names"], wanted["kinds"]
    return [
        count
        for count in counts_of(found)
        if wanted["after"] <= count[0] < wanted["before"]
        and (not kinds or count[1] in kinds)
        and (not names or count[2] in names)
    ]


def _period(request: Request, access: Access) -> dict[str, Any]:
    query, now = request.query_params, access.services.now()
    return {
        "after": parse_time(query.get("after") or DEFAULT_PERIOD, now, "after"),
        "before": parse_time(query.get("before"), now, "before") or now + 1,
        "breakdown_by": query.get("breakdown_by") or "kind",
        "names": [name for name in query.get("name", "").split(",") if name],
        "kinds": [kind for kind in query.get("kind", "").split(",") if kind],
    }


async def _owner(access: Access, destination_id: str) -> bytes:
    """The id of a destination that belongs to the project.

    Raises:
        NotFound: there is none.
    """
    key = id_bytes(destination_id)
    found = await access.services.state.read(
        lambda connection: repository.get(connection, access.project.id, destination_id, deleted=True)
    )
    if found is None:
        raise NotFound
    return key


def _instance(text: str | None) -> bytes | None:
    if not text:
        return None
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        raise Invalid("Must be a valid UUID.", attr="instance_id") from None


def _line(line: Line) -> dict[str, Any]:
    return {
        "log_source_id": str(uuid.UUID(bytes=line.destination_id)),
        "instance_id": str(uuid.UUID(bytes=line.delivery_id)) if line.delivery_id else None,
        "timestamp": iso(line.at),
        "level": line.level.upper(),
        "message": line.message,
    }
