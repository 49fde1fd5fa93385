"""``/api/projects/:id/deliveries/:id/trace/``: the lines of the program that a delivery ran."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from hedgerow.api.access import Access, id_bytes, needs
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.explain import sources_of
from hedgerow.delivery import gathering
from hedgerow.delivery.identity import raw
from hedgerow.delivery.queries import Details, details
from hedgerow.destinations import DestinationError, repository
from hedgerow.destinations.model import Destination
from hedgerow.hog import JournalEntry
from hedgerow.replay.retrace import journal_of, retrace
from hedgerow.replay.variables import as_now, records_at
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/deliveries/{delivery_id}")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]


@router.get("/trace")
async def trace(delivery_id: str, access: Reading) -> dict[str, Any]:
    """Run a delivery's program again, line by line, with the answers that it got. Nothing is sent.

    What neither its journal nor the ledger has an answer to is answered with 200 and an empty object; ``answers`` says how often.
    """
    services, key = access.services, id_bytes(delivery_id)

    def work(
        connection: Connection,
    ) -> tuple[Details, Destination | None, list[JournalEntry], dict[str, Any] | None] | None:
        found = details(connection, access.project.id, key)
        if found is None:
            return None
        owner = repository.load(connection, raw(found.delivery.destination_id), found.delivery.revision)
        found, summary = _carried(connection, found, owner)
        return found, owner, journal_of(connection, key, services.keyring), summary

    read = await services.state.read(work)
    if read is None:
        raise NotFound
    found, owner, journal, summary = read
    if owner is None:
        raise NotFound("The revision that ran is not there (any more).")
    sources = await sources_of(access)
    whole, person = await _complete(access, found, owner)
    try:
        told = await retrace(
            services.trials, services.keyring, sources.setting, owner, whole, journal, summary=summary
        )
    except DestinationError as error:
        raise Invalid(f"Its revision does not run any more: {error}") from error
    return {**told, "person_data": person}


def _carried(
    connection: Connection, found: Details, owner: Destination | None
) -> tuple[Details, dict[str, Any] | None]:
    """What a delivery carried, where it was a summary."""
    carrier = found.delivery.carrier
    if carrier is None or owner is None or found.delivery.verdict == "digested":
        return found, None
    carried = gathering.read(connection, raw(carrier), owner)
    if carried is None:
        return found, None
    first, summary = carried
    return replace(found, globals=found.globals or {**first}), summary


async def _complete(access: Access, found: Details, owner: Destination) -> tuple[Details, str]:
    """The delivery with the event's globals: those of then, or as they are now."""
    if found.globals:
        return found, "as it was"
    place = found.delivery.partition, found.delivery.position
    records = [record for record in await records_at(access.services.log, [place]) if record is not None]
    seen = (await access.services.state.read(lambda connection: as_now(connection, records)) or [None])[0]
    if seen is None:
        raise NotFound("Neither the ledger nor the event log has its event any more.")
    assert owner.project_id == access.project.id
    globals_ = seen.globals(access.seen, access.services.settings.base_url)
    return replace(found, globals=globals_), "as it is now"
