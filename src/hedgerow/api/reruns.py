"""``/api/projects/:id/deliveries/rerun/`` and ``/reruns/``: deliveries that are run again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.api.access import Access, json_body, needs
from hedgerow.api.deliveries import ids_of, names_of, search_of
from hedgerow.api.errors import Forbidden, Invalid
from hedgerow.api.hog_functions import read_one
from hedgerow.api.paging import DEFAULT_LIMIT, number
from hedgerow.api.runs import begin, change, fields, flag, idempotency_key, one, presented, rate, read, show
from hedgerow.api.times import parse_time
from hedgerow.delivery.invocation import OPEN
from hedgerow.delivery.queries import Search
from hedgerow.replay import Selection, runs
from hedgerow.replay.selection import MISSED, MOST_IDS, RERUNNABLE, Counts
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
Writing = Annotated[Access, Depends(needs("hog_function:write"))]

FIELDS: Final = {"ids", "filters", "dry_run", "revision", "rate", "skip_delivered", "idempotency_key"}
FILTERS: Final = {
    "destination", "verdict", "kind", "status", "event", "event_uuid", "person", "after", "before", "search", "run",
}  # fmt: skip
REVISIONS: Final = ("current", "original")
# PostHog's words for what became of an invocation; what still runs cannot be run again.
STATUSES: Final = {"failed": list(MISSED), "succeeded": ["delivered"], "running": []}
LONGEST_WINDOW_MS: Final = 30 * 86_400_000
POSTHOG_FIELDS: Final = {
    "window_start", "window_end", "status", "error_kind", "max_attempts", "max_count", "invocation_ids",
}  # fmt: skip


@router.post("/deliveries/rerun", status_code=201)
async def rerun(request: Request, response: Response, access: Writing) -> dict[str, Any]:
    """Run deliveries again, by their ids or by the conditions of the list. ``dry_run`` counts them and sends nothing.

    Left out is what has arrived since, unless ``skip_delivered`` is false, and what another run is busy with. The same idempotency key
    is the same run.
    """
    _see_persons(access)
    body = fields(await json_body(request), FIELDS, "A re-run")
    selection = await _selection(access, body)
    if flag(body, "dry_run", default=False):
        response.status_code = 200
        return await _count(access, selection)
    same = {name: body[name] for name in body if name not in {"dry_run", "idempotency_key", "rate"}}
    order = runs.Order(
        access.project.id, runs.RERUN, selection.encode(), selection.search.destination,
        idempotency_key(request, body), rate=rate(body), author=access.author, same_as=same,
    )  # fmt: skip
    return await show(access, await begin(access, order))


@router.get("/reruns")
async def list_reruns(request: Request, access: Reading) -> dict[str, Any]:
    """Re-runs, newest first."""
    limit, offset = number(request, "limit", DEFAULT_LIMIT, least=1), number(request, "offset", 0, most=10**9)

    def work(connection: Connection) -> list[dict[str, Any]]:
        found = runs.listed(connection, access.project.id, kind=runs.RERUN, limit=limit, offset=offset)
        return [presented(read(connection, run)) for run in found]

    return {"results": await access.services.state.read(work)}


@router.get("/reruns/{run_id}")
async def retrieve(run_id: str, access: Reading) -> dict[str, Any]:
    """A re-run, and how far it has come."""
    return await show(access, await one(access, run_id, runs.RERUN))


@router.post("/reruns/{run_id}/pause")
async def pause(run_id: str, access: Writing) -> dict[str, Any]:
    """Send no more of a re-run for now."""
    return await change(access, await one(access, run_id, runs.RERUN), "pause")


@router.post("/reruns/{run_id}/resume")
async def resume(run_id: str, access: Writing) -> dict[str, Any]:
    """Go on with a re-run."""
    return await change(access, await one(access, run_id, runs.RERUN), "resume")


@router.delete("/reruns/{run_id}")
async def cancel(run_id: str, access: Writing) -> dict[str, Any]:
    """Cancel a re-run: what has not been sent is discarded."""
    return await change(access, await one(access, run_id, runs.RERUN), "cancel")


def _see_persons(access: Access) -> None:
    """See that a key may read whom the deliveries are about: they are sent anew.

    Raises:
        Forbidden: it may not.
    """
    for scope in ("person:read", "group:read"):
        if not access.actor.allows(scope):
            raise Forbidden(f"API key missing required scope '{scope}'.")


async def _selection(access: Access, body: Mapping[str, Any]) -> Selection:
    """What a body asks for.

    Raises:
        Invalid: it makes no sense.
    """
    if ("ids" in body) == ("filters" in body):
        raise Invalid("Say which deliveries: either ids or filters.", attr="filters")
    revision = body.get("revision", "current")
    if revision not in REVISIONS:
        raise Invalid(f"Must be one of {', '.join(REVISIONS)}.", attr="revision")
    ids = _ids(body["ids"], "ids") if "ids" in body else None
    search = Search() if ids is not None else await _search(access, body["filters"])
    skip = flag(body, "skip_delivered", default=True)
    return Selection(access.services.now(), search, ids, revision, skip)


def _ids(value: Any, name: str) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_IDS:
        raise Invalid(f"Must be a list of 1 to {MOST_IDS} ids.", attr=name)
    try:
        return tuple(uuid.UUID(str(one)).bytes for one in value)
    except ValueError:
        raise Invalid("Must be valid UUIDs.", attr=name) from None


async def _search(access: Access, given: Any) -> Search:
    known = fields(given, FILTERS, "A re-run's filters")
    texts = {name: str(value) for name, value in known.items() if value not in (None, "")}
    search = search_of(texts, access.services.now())
    if OPEN & set(search.verdicts):
        raise Invalid("What is still open cannot be run again.", attr="filters__verdict")
    chosen = search.verdicts or MISSED
    if not set(chosen) <= RERUNNABLE:
        raise Invalid(
            "A duplicate belongs to no destination: its event was delivered before.", attr="filters__verdict"
        )
    person = texts.get("person")
    if person is None:
        return replace(search, verdicts=chosen)
    ids = await access.services.state.read(lambda c: ids_of(c, access.project.id, person))
    return replace(search, verdicts=chosen, distinct_ids=ids)


async def _count(access: Access, selection: Selection) -> dict[str, Any]:
    def work(connection: Connection) -> tuple[Counts, dict[str, str]]:
        counts = selection.count(connection, access.project.id)
        return counts, names_of(connection, access.project.id, set(counts.by_destination))

    counts, names = await access.services.state.read(work)
    return {
        "dry_run": True,
        "count": counts.bounded(selection.most),
        "left_out": {"delivered": counts.arrived},
        "verdicts": counts.by_verdict,
        "destinations": [
            {"id": owner, "name": names.get(owner), "count": number}
            for owner, number in sorted(counts.by_destination.items(), key=lambda item: -item[1])
        ],
    }


# ------------------------------------------------------------------ as PostHog has it


@router.post("/hog_functions/{destination_id}/rerun")
async def rerun_destination(destination_id: str, request: Request, access: Writing) -> dict[str, Any]:
    """Run a destination's deliveries of a window of time again, in PostHog's words; ``rerun_job_id`` is the re-run's id."""
    _see_persons(access)
    found = await read_one(access, destination_id)
    given = await json_body(request)
    wanted = fields(fields(given, {"filter"}, "A rerun").get("filter"), POSTHOG_FIELDS, "A rerun's filter")
    selection = _from_posthog(access, uuid.UUID(found.id).bytes, wanted)
    counts = await access.services.state.read(lambda c: selection.count(c, access.project.id))
    order = runs.Order(
        access.project.id, runs.RERUN, selection.encode(), selection.search.destination, author=access.author,
        same_as=wanted,
    )  # fmt: skip
    run = await begin(access, order)
    queued = counts.bounded(selection.most)
    return {
        "rerun_job_id": str(uuid.UUID(bytes=run.id)),
        "queued_count": queued,
        "skipped_count": counts.arrived + counts.total - queued,
    }


def _from_posthog(access: Access, owner: bytes, wanted: Mapping[str, Any]) -> Selection:
    now = access.services.now()
    start, end = (_moment(wanted, name, now) for name in ("window_start", "window_end"))
    if end <= start:
        raise Invalid("The window must end after it starts.", attr="filter__window_end")
    if end - start > LONGEST_WINDOW_MS:
        raise Invalid("The window may not be longer than 30 days.", attr="filter__window_end")
    statuses = wanted.get("status") or ["failed"]
    if not isinstance(statuses, list) or not all(
        isinstance(one, str) and one in STATUSES for one in statuses
    ):
        raise Invalid(f"Must be a list of {', '.join(STATUSES)}.", attr="filter__status")
    verdicts = [verdict for status in statuses for verdict in STATUSES[status]]
    if not verdicts:
        raise Invalid("What still runs cannot be run again.", attr="filter__status")
    kinds = wanted.get("error_kind") or []
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise Invalid("Must be a list of texts.", attr="filter__error_kind")
    ids = _ids(wanted["invocation_ids"], "filter__invocation_ids") if wanted.get("invocation_ids") else None
    return Selection(
        now, Search(destination=owner, verdicts=verdicts, after=start - 1, before=end), ids, kinds=tuple(kinds),
        max_attempts=_number(wanted, "max_attempts", 255), most=_number(wanted, "max_count", 10_000),
    )  # fmt: skip


def _moment(wanted: Mapping[str, Any], name: str, now: int) -> int:
    value = wanted.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid("This field is required.", attr=f"filter__{name}")
    found = parse_time(value, now, f"filter__{name}")
    assert found is not None
    return found


def _number(wanted: Mapping[str, Any], name: str, most: int) -> int | None:
    value = wanted.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise Invalid(f"Must be a whole number from 1 to {most}.", attr=f"filter__{name}")
    return value
