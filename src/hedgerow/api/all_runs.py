"""``/api/projects/:id/runs/``: re-runs, replays and ticks of schedules alike."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api.access import Access, id_bytes, needs
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import DEFAULT_LIMIT, number
from hedgerow.api.runs import change, presented, read, show
from hedgerow.replay import Run, runs
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/runs")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
Writing = Annotated[Access, Depends(needs("hog_function:write"))]


@router.get("")
async def list_runs(request: Request, access: Reading) -> dict[str, Any]:
    """Whatever runs again or by itself, newest first: of all kinds, or of one; of all destinations, or of one."""
    query = request.query_params
    kind, owner = query.get("kind") or None, query.get("destination") or None
    if kind is not None and kind not in runs.KINDS:
        raise Invalid(f"Must be one of {', '.join(runs.KINDS)}.", attr="kind")
    limit, offset = number(request, "limit", DEFAULT_LIMIT, least=1), number(request, "offset", 0, most=10**9)
    owner_id = None if owner is None else id_bytes(owner)

    def work(connection: Connection) -> list[dict[str, Any]]:
        found = runs.listed(
            connection, access.project.id, kind=kind, destination_id=owner_id, limit=limit, offset=offset
        )
        return [presented(read(connection, run)) for run in found]

    return {"results": await access.services.state.read(work)}


@router.get("/{run_id}")
async def retrieve(run_id: str, access: Reading) -> dict[str, Any]:
    """A run of any kind, and how far it has come."""
    return await show(access, await _one(access, run_id))


@router.post("/{run_id}/pause")
async def pause(run_id: str, access: Writing) -> dict[str, Any]:
    """Send no more of a run for now."""
    return await change(access, await _one(access, run_id), "pause")


@router.post("/{run_id}/resume")
async def resume(run_id: str, access: Writing) -> dict[str, Any]:
    """Go on with a run."""
    return await change(access, await _one(access, run_id), "resume")


@router.delete("/{run_id}")
async def cancel(run_id: str, access: Writing) -> dict[str, Any]:
    """Cancel a run: what has been selected and not sent is discarded."""
    return await change(access, await _one(access, run_id), "cancel")


async def _one(access: Access, run_id: str) -> Run:
    """A run of the project.

    Raises:
        NotFound: there is none with this id.
    """
    key = id_bytes(run_id)
    run = await access.services.state.read(lambda connection: runs.find(connection, access.project.id, key))
    if run is None:
        raise NotFound
    return run
