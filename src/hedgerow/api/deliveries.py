"""``/api/projects/:id/deliveries/``: the ledger, searched and read."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api import presenters
from hedgerow.api.access import Access, id_bytes, needs
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import DEFAULT_LIMIT, link, number, whole
from hedgerow.api.telemetry import delivery_logs
from hedgerow.api.times import parse_time
from hedgerow.delivery.invocation import FINAL, OPEN
from hedgerow.delivery.queries import Delivery, Search, details, search
from hedgerow.destinations import repository
from hedgerow.people.queries import person_of, person_with_id
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/deliveries")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
# Words for several verdicts at once.
GROUPS = {"open": OPEN, "final": FINAL}


@router.get("")
async def list_deliveries(request: Request, access: Reading) -> dict[str, Any]:
    """Deliveries, newest first; ``next`` goes on where this page ends."""
    query = request.query_params
    wanted = replace(
        search_of(query, access.services.now()),
        cursor=_uuid(query.get("cursor"), "cursor"),
        limit=number(request, "limit", DEFAULT_LIMIT, least=1),
    )
    person = query.get("person") or None
    rows, names = await access.services.state.read(lambda c: _read(c, access.project.id, wanted, person))
    more = link(request, cursor=rows[-1].id) if len(rows) == wanted.limit else None
    return {
        "next": more,
        "results": [presenters.delivery(row, names.get(row.destination_id)) for row in rows],
    }


def search_of(given: Mapping[str, str], now: int) -> Search:
    """The conditions of a list of deliveries; that of a person needs the store, see ``ids_of``.

    Raises:
        Invalid: one of them makes no sense.
    """
    status, status_class = _status(given.get("status", ""))
    run = _uuid(given.get("run"), "run")
    return Search(
        destination=_uuid(given.get("destination"), "destination"),
        verdicts=_verdicts(given.get("verdict", "")),
        kind=given.get("kind") or None,
        status=status,
        status_class=status_class,
        event=given.get("event") or None,
        event_uuid=_uuid(given.get("event_uuid"), "event_uuid"),
        after=parse_time(given.get("after"), now, "after"),
        before=parse_time(given.get("before"), now, "before"),
        text=given.get("search") or None,
        run=None if run is None else str(uuid.UUID(bytes=run)),
        carrier=_uuid(given.get("carrier"), "carrier"),
    )


def _read(
    connection: Connection, project_id: int, wanted: Search, person: str | None
) -> tuple[list[Delivery], dict[str, str]]:
    if person is not None:
        wanted = replace(wanted, distinct_ids=ids_of(connection, project_id, person))
    rows = search(connection, project_id, wanted)
    return rows, names_of(connection, project_id, {row.destination_id for row in rows})


def ids_of(connection: Connection, project_id: int, person: str) -> list[str]:
    """All distinct ids of a person, named by uuid or by one of them."""
    try:
        found = person_with_id(connection, project_id, uuid.UUID(person).bytes)
    except ValueError:
        found = None
    found = found or person_of(connection, project_id, person)
    return found.distinct_ids if found else [person]


def names_of(connection: Connection, project_id: int, ids: set[str]) -> dict[str, str]:
    """Names of destinations, deleted ones too."""
    return repository.names(connection, project_id, ids)


@router.get("/{delivery_id}")
async def retrieve(delivery_id: str, access: Reading) -> dict[str, Any]:
    """One delivery: what was sent, what came back, what the program said, and the event's variables if they were kept."""
    key = id_bytes(delivery_id)
    found = await access.services.state.read(lambda connection: details(connection, access.project.id, key))
    if found is None:
        raise NotFound
    owner = found.delivery.destination_id
    names = await access.services.state.read(lambda c: names_of(c, access.project.id, {owner}))
    logs = await delivery_logs(access, owner, delivery_id)
    return presenters.delivery_details(found, names.get(owner), logs)


def _status(text: str) -> tuple[int | None, int | None]:
    """``503``, or ``5xx`` for all of a class; the one or the other."""
    if len(text) == 3 and text.lower().endswith("xx") and text[0] in "12345":
        return None, int(text[0])
    return whole(text, "status", 0, most=999) or None, None


def _verdicts(text: str) -> list[str]:
    chosen: set[str] = set()
    for word in filter(None, text.split(",")):
        if word not in GROUPS and word not in OPEN | FINAL:
            known = ", ".join(sorted(OPEN | FINAL | set(GROUPS)))
            raise Invalid(f"There is no verdict {word!r}. Known ones: {known}.", attr="verdict")
        chosen |= GROUPS.get(word, {word})
    return sorted(chosen)


def _uuid(text: str | None, name: str) -> bytes | None:
    if not text:
        return None
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        raise Invalid("Must be a valid UUID.", attr=name) from None
