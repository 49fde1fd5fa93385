"""``POST /api/projects/:id/hog_functions/:id/ticks/``: a tick of a schedule that somebody wants now, whatever the clock says."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.api.access import Access, json_body, needs
from hedgerow.api.errors import Invalid
from hedgerow.api.hog_functions import read_one
from hedgerow.api.replays import count, counted
from hedgerow.api.runs import UnderWay, fields, flag, rate, show
from hedgerow.delivery.identity import raw, text
from hedgerow.replay import Run, runs, scheduling
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions/{destination_id}")

Writing = Annotated[Access, Depends(needs("hog_function:write"))]

FIELDS: Final = {"dry_run", "rate"}
NOTE: Final = "Persons are looked at as they are when their turn comes."


@router.post("/ticks", status_code=201)
async def tick(destination_id: str, request: Request, response: Response, access: Writing) -> dict[str, Any]:
    """Run a tick of a destination's schedule now. ``dry_run`` counts the persons and sends nothing.

    It is a tick of its own: those of the schedule come at their times all the same. While the run of another tick is not over, the answer is
    409 with its id. A dry run that is not done within some seconds answers 202.
    """
    found = await read_one(access, destination_id)
    if found.config.schedule is None:
        raise Invalid("This destination has no schedule: events trigger it.", attr="schedule")
    body = fields(await json_body(request), FIELDS, "A tick")
    is_dry = flag(body, "dry_run", default=False)
    if not found.enabled and not is_dry:
        raise Invalid("The destination is switched off: it sends nothing.", attr="enabled")
    wish = scheduling.Wish(found, access.services.now(), access.author or "somebody", is_dry, rate(body))
    run = await _begun(access, wish)
    if not is_dry:
        return await show(access, run)
    run = await counted(access, run)
    response.status_code = 200 if run.finished_at else 202
    return count({**await show(access, run), "notes": [NOTE]})


async def _begun(access: Access, wish: scheduling.Wish) -> Run:
    """The run of a tick, begun.

    Raises:
        UnderWay: the run of another tick is not over.
    """
    services, destination = access.services, wish.destination
    owner = raw(destination.id)

    def work(connection: Connection) -> tuple[Run, bool]:
        busy = runs.under_way(connection, destination.project_id, runs.SCHEDULE, owner)
        if busy is not None and not wish.dry_run:
            return busy, False
        run, _ = scheduling.begin(
            connection, wish, partitions=services.log.partitions, now=services.now(), randomness=services.random(10)
        )  # fmt: skip
        if not wish.dry_run:
            told = {"run": text(run.id), "rate": run.rate}
            access.record(connection, "ticked", "HogFunction", destination.id, before={}, after=told)
        return run, True

    run, begun = await services.state.write(work)
    if not begun:
        raise UnderWay(run)
    services.changed()
    return run
