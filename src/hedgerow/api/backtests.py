"""``/api/projects/:id/hog_functions/:id/backtest/``: a change, tried on events of the past beside what is live."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request

from hedgerow.api.access import Access, json_body, needs
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.explain import sources_of
from hedgerow.api.hog_functions import checked
from hedgerow.api.runs import fields
from hedgerow.api.times import iso, parse_time
from hedgerow.delivery.recent import EventSearch, place
from hedgerow.destinations import DestinationError, drafts, repository
from hedgerow.destinations.model import Destination
from hedgerow.hog import HogError
from hedgerow.replay.backtest import MOST_CHANGES, OUTCOMES, Backtest, Pair, backtest
from hedgerow.replay.trial import prepared
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions/{destination_id}")

Writing = Annotated[Access, Depends(needs("hog_function:write"))]

FIELDS: Final = {"configuration", "events", "after", "before", "cursor"}
USUAL: Final = 100
MOST: Final = 1000
NO_DRAFT: Final = "Save a draft, or send the configuration to be tested."


@router.post("/backtest")
async def back_test(destination_id: str, request: Request, access: Writing) -> dict[str, Any]:
    """Try a change on events of the past, beside the live revision: who would be sent something else, and what.

    The change is the ``configuration`` that is sent, or the saved draft. The last ``events`` (100) that one of the two wants are compared,
    within ``after`` and ``before``. Nothing is sent, nothing is written. What takes long ends with a ``cursor`` to go on from.
    """
    body = fields(await json_body(request), FIELDS, "A back-test")
    live, draft = await _both(access, destination_id, body)
    wanted = _wanted(access, body)
    services = access.services
    sources = await sources_of(access)
    limits = services.trials.limits
    try:
        pair = Pair(
            *[
                await asyncio.to_thread(prepared, one, services.keyring, access.seen, limits)
                for one in (live, draft)
            ]
        )
        result = await backtest(
            services.state, services.log, services.trials, pair, sources.setting, wanted
        )  # fmt: skip
    except DestinationError as error:
        raise Invalid(str(error), attr="configuration") from error
    except HogError as error:
        raise Invalid(f"The filters take too long to test with: {error}", attr="filters") from error
    return _shown(result, live, "configuration" if "configuration" in body else "draft")


async def _both(
    access: Access, destination_id: str, body: Mapping[str, Any]
) -> tuple[Destination, Destination]:
    """What is live, and what is to replace it."""

    def work(connection: Connection) -> tuple[Destination, Destination | None] | None:
        found = repository.get(connection, access.project.id, destination_id)
        if found is None:
            return None
        kept = drafts.get(connection, found.id)
        return found, kept.destination(found) if kept else None

    found = await access.services.state.read(work)
    if found is None:
        raise NotFound
    live, draft = found
    if body.get("configuration") is not None:
        valid = await checked(access, body["configuration"], live)
        return live, valid.unsaved(access.project.id, access.services.keyring, destination_id=live.id)
    if draft is None:
        raise Invalid(NO_DRAFT, attr="configuration", code="required")
    return live, draft


def _wanted(access: Access, body: Mapping[str, Any]) -> EventSearch:
    """Which events are compared.

    Raises:
        Invalid: a field makes no sense.
    """
    number = body.get("events", USUAL)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST:
        raise Invalid(f"Must be a whole number from 1 to {MOST}.", attr="events")
    for name in ("after", "before", "cursor"):
        if not isinstance(body.get(name), str | None):
            raise Invalid("Must be a text.", attr=name)
    cursor = place(body["cursor"]) if body.get("cursor") else None
    if body.get("cursor") and cursor is None:
        raise Invalid("Use the cursor as it was given.", attr="cursor")
    now = access.services.now()
    after, before = (parse_time(body.get(name), now, name) for name in ("after", "before"))
    return EventSearch(None, None, after, before, cursor, number)


def _shown(result: Backtest, live: Destination, draft: str) -> dict[str, Any]:
    changes = result.changes.most_common(MOST_CHANGES)
    examples = [
        {**one, "event": {**one["event"], "captured_at": iso(one["event"]["captured_at"])}}
        for one in result.examples
    ]
    return {
        "live_revision": live.revision,
        "compared_with": draft,
        "scanned": result.scanned,
        "compared": result.compared,
        "cursor": result.cursor,
        "summary": {outcome: result.summary[outcome] for outcome in OUTCOMES},
        "changes": [{"place": name, "count": number} for name, number in changes],
        "examples": examples,
        "person_data": "as it is now",
    }
