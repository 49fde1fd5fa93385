"""``/api/projects/:id/hog_functions/:id/replay/`` and ``/replays/``: events of the log brought to a destination."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.api.access import Access, json_body, needs
from hedgerow.api.errors import Invalid
from hedgerow.api.hog_functions import read_one
from hedgerow.api.paging import DEFAULT_LIMIT, number
from hedgerow.api.runs import begin, change, fields, flag, idempotency_key, one, presented, rate, read, show
from hedgerow.api.times import parse_time
from hedgerow.destinations.filters import validate_filters
from hedgerow.destinations.model import RUNNABLE_TYPES, Destination
from hedgerow.replay import Run, runs
from hedgerow.replay.replaying import Span
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions/{destination_id}")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
Writing = Annotated[Access, Depends(needs("hog_function:write"))]

FIELDS: Final = {"after", "before", "filters", "dry_run", "rate", "skip_delivered", "idempotency_key"}
# How long a dry run is waited for before its answer is that it still counts.
PATIENCE_S: Final = 10.0
BEAT_S: Final = 0.1
NOTES: Final = {
    "persons": "Events of which the ledger kept the person have it as it was; the others have it as it is now.",
    "restraints": "Masking, threshold and digest are asked anew, in windows of the replay's own and by the time of capture.",
}


@router.post("/replay", status_code=201)
async def replay(
    destination_id: str, request: Request, response: Response, access: Writing
) -> dict[str, Any]:
    """Bring events of the log to a destination, behind live traffic. ``dry_run`` counts them and sends nothing.

    What the destination has got is left out, unless ``skip_delivered`` is false. Times are those of capture. A dry run that is not done
    within some seconds answers 202; look at the replay with its id for the rest.
    """
    found = await read_one(access, destination_id)
    if found.type not in RUNNABLE_TYPES:
        raise Invalid(f"A {found.type} gets no deliveries.", attr="type")
    if found.config.schedule is not None:
        raise Invalid(
            "Its schedule brings it persons, not events: there is nothing to replay. Run a tick instead.",
            attr="schedule",
        )
    body = fields(await json_body(request), FIELDS, "A replay")
    span, is_dry = _span(access, body), flag(body, "dry_run", default=False)
    same = {name: body[name] for name in body if name not in {"dry_run", "idempotency_key", "rate"}}
    order = runs.Order(
        access.project.id, runs.REPLAY, span.encode(), uuid.UUID(found.id).bytes,
        None if is_dry else idempotency_key(request, body), is_dry, rate(body), access.author, same,
    )  # fmt: skip
    total = await access.services.state.read(lambda c: span.total(c, access.project.id))
    run = await begin(access, order, total=total)
    if not is_dry:
        return await _shown(access, run, found)
    run = await counted(access, run)
    response.status_code = 200 if run.finished_at else 202
    return count(await _shown(access, run, found))


@router.get("/replays")
async def list_replays(destination_id: str, request: Request, access: Reading) -> dict[str, Any]:
    """Replays of a destination, newest first."""
    owner = uuid.UUID((await read_one(access, destination_id)).id).bytes
    limit, offset = number(request, "limit", DEFAULT_LIMIT, least=1), number(request, "offset", 0, most=10**9)

    def work(connection: Connection) -> list[dict[str, Any]]:
        found = runs.listed(
            connection, access.project.id, kind=runs.REPLAY, destination_id=owner, limit=limit, offset=offset
        )  # fmt: skip
        return [presented(read(connection, run)) for run in found]

    return {"results": await access.services.state.read(work)}


@router.get("/replays/{run_id}")
async def retrieve(destination_id: str, run_id: str, access: Reading) -> dict[str, Any]:
    """A replay, and how far it has come."""
    found = await read_one(access, destination_id)
    return await _shown(access, await _one(access, found, run_id), found)


@router.post("/replays/{run_id}/pause")
async def pause(destination_id: str, run_id: str, access: Writing) -> dict[str, Any]:
    """Send no more of a replay for now."""
    return await _change(access, destination_id, run_id, "pause")


@router.post("/replays/{run_id}/resume")
async def resume(destination_id: str, run_id: str, access: Writing) -> dict[str, Any]:
    """Go on with a replay."""
    return await _change(access, destination_id, run_id, "resume")


@router.delete("/replays/{run_id}")
async def cancel(destination_id: str, run_id: str, access: Writing) -> dict[str, Any]:
    """Cancel a replay: what has been selected and not sent is discarded."""
    return await _change(access, destination_id, run_id, "cancel")


async def _change(access: Access, destination_id: str, run_id: str, what: str) -> dict[str, Any]:
    found = await read_one(access, destination_id, deleted=True)
    run = await _one(access, found, run_id)
    await change(access, run, what)
    return await _shown(access, run, found)


async def _one(access: Access, owner: Destination, run_id: str) -> Run:
    return await one(access, run_id, runs.REPLAY, uuid.UUID(owner.id).bytes)


async def _shown(access: Access, run: Run, owner: Destination) -> dict[str, Any]:
    """A replay with what has to be known of it."""
    shown = await show(access, run)
    config = owner.config
    restrained = config.masking or config.threshold or config.digest
    notes = NOTES if restrained else {"persons": NOTES["persons"]}
    return {**shown, "wanted": dict(run.wanted), "notes": list(notes.values())}


def count(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a dry run, from the run as it is shown."""
    progress = shown["progress"]
    return {
        "dry_run": True,
        "id": shown["id"],
        "complete": shown["finished_at"] is not None,
        "count": progress["selected"],
        "looked_at": progress["looked_at"],
        "total": progress["total"],
        "left_out": progress["left_out"],
        "persons": progress["persons"],
        "notes": shown["notes"],
    }


async def counted(access: Access, run: Run) -> Run:
    """A dry run when workers have counted, or after a while as far as they have come."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S

    def work(connection: Connection) -> Run | None:
        return runs.find(connection, access.project.id, run.id)

    while True:
        found = await access.services.state.read(work)
        if found is None or found.finished_at or asyncio.get_running_loop().time() > deadline:
            return found or run
        await asyncio.sleep(BEAT_S)


def _span(access: Access, body: Mapping[str, Any]) -> Span:
    """What a body asks for.

    Raises:
        Invalid, ValidationError: it makes no sense.
    """
    now = access.services.now()
    after = _moment(body, "after", now)
    if after is None:
        raise Invalid("This field is required: since when, as in -7d.", attr="after")
    before = min(now, _moment(body, "before", now) or now)
    if before <= after:
        raise Invalid("The end must be later than the beginning.", attr="before")
    filters = body.get("filters")
    if filters is not None:
        filters = validate_filters(filters, access.seen, strict=True)
    return replace(Span(after, before, filters), skip_delivered=flag(body, "skip_delivered", default=True))


def _moment(body: Mapping[str, Any], name: str, now: int) -> int | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid("Must be a time: ISO-8601, or relative to now as in -7d.", attr=name)
    return parse_time(value, now, name)
