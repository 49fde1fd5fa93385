"""``/api/projects/:id/hog_functions/``: destinations, under the name that PostHog's clients know them by."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.accounts.users import get_user
from hedgerow.api import presenters
from hedgerow.api.access import Access, json_body, needs
from hedgerow.api.changes import (
    PATIENCE,
    Busy,
    author_of,
    etag,
    precondition,
    recorded,
    same,
    taken_message,
    whole,
    write,
)
from hedgerow.api.errors import Forbidden, Invalid, Json, MethodRefused, NotFound
from hedgerow.api.listing import asked, truth
from hedgerow.api.paging import DEFAULT_LIMIT, number, page_of
from hedgerow.api.people import user_summary
from hedgerow.delivery.standing import standings
from hedgerow.destinations import diffs, drafts, repository
from hedgerow.destinations.listing import Page, list_destinations
from hedgerow.destinations.model import Destination
from hedgerow.destinations.validation import Existing, Valid, small_int, validate
from hedgerow.replay.ticking import standing_of
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
Writing = Annotated[Access, Depends(needs("hog_function:write"))]


@router.get("")
async def list_all(request: Request, access: Reading) -> Response:
    """List destinations, by execution order, then the latest changed first. ``full=true`` shows each whole."""
    wanted, query = asked(request), request.query_params
    limit, offset = number(request, "limit", DEFAULT_LIMIT, least=1), number(request, "offset", 0, most=10**9)

    def work(connection: Connection) -> tuple[Page, dict[str, presenters.Beside]]:
        page = list_destinations(connection, access.project.id, wanted, limit=limit, offset=offset)
        return page, beside(connection, page.items, access.services.now(), page.matches)

    page, more = await access.services.state.read(work)
    show = presenters.destination if truth(query.get("full", ""), "full") else presenters.summary
    shown = [show(item, access.services.templates, access.seen, more[item.id]) for item in page.items]
    return Json(
        page_of(request, shown, page.count, limit, offset)
    )  # as it is: nobody looks at each value again


@router.post("", status_code=201)
async def create(request: Request, access: Writing, response: Response) -> dict[str, Any]:
    """Save a new destination; it is off unless the body says ``"enabled": true``."""
    services, payload = access.services, await json_body(request)
    message = taken_message(payload)
    valid = await checked(access, payload, None)
    if only_checked(request):
        return {"changed": True}

    def work(connection: Connection) -> Destination:
        made = repository.create(
            connection, access.project.id, valid.config, valid.secrets, keyring=services.keyring, now=services.now(),
            author=author_of(access), message=message, random=services.random,
        )  # fmt: skip
        recorded(access, connection, made, diffs.NOTHING, Existing(valid.config, valid.secrets), "created")
        return made

    return await shown_change(access, await services.state.write(work), response)


@router.get("/icons")
async def icons(request: Request, access: Reading) -> list[dict[str, str]]:
    """Find icons among those of the templates, by a part of their name; nothing without a query."""
    query = request.query_params.get("query", "").casefold().strip()
    if not query:
        return []
    found = {
        item.icon_url: {"id": item.icon_url, "name": item.name, "url": item.icon_url}
        for item in access.services.templates.values()
        if item.icon_url and query in item.name.casefold()
    }
    return list(found.values())


@router.get("/icon", include_in_schema=False)
async def icon(request: Request, _access: Reading) -> None:
    """PostHog serves the pictures of its icons here; this server keeps none, ``icon_url`` names any address."""
    if not request.query_params.get("id"):
        raise Invalid("This field is required.", attr="id", code="required")
    raise NotFound("This server keeps no pictures: the address of an icon stands in icon_url.")


@router.patch("/rearrange")
async def rearrange(request: Request, access: Writing) -> list[dict[str, Any]]:
    """Give several destinations their places at once: ``{"orders": {"<id>": 1}}``. Answers all of their types, in order."""
    payload = await json_body(request)
    message, orders = taken_message(payload), _orders(payload)

    def work(connection: Connection) -> list[dict[str, Any]]:
        types = {_moved(access, connection, one, place, message) for one, place in orders.items()}
        page = list_destinations(connection, access.project.id, limit=-1)
        some = [item for item in page.items if item.type in types]
        more = beside(connection, some, access.services.now())
        return [
            presenters.summary(item, access.services.templates, access.seen, more[item.id]) for item in some
        ]

    shown = await access.services.state.write(work)
    access.services.changed()
    return shown


def _orders(payload: Any) -> dict[str, int | None]:
    orders = payload.get("orders") if isinstance(payload, dict) else None
    if not isinstance(orders, dict) or not orders:
        raise Invalid("No orders provided", attr="orders")
    return {str(one): small_int(place, "orders") for one, place in orders.items()}


def _moved(access: Access, connection: Connection, one: str, place: int | None, message: str | None) -> str:
    """Put one destination in its place; returns its type."""
    found = repository.get(connection, access.project.id, one)
    if found is None:
        raise Invalid(f"HogFunction with id {one} does not exist", attr="orders")
    config = replace(found.config, execution_order=place)
    write(access, connection, found, Valid(config, whole(access, found).secrets), message=message)
    return found.type


@router.get("/{destination_id}")
async def retrieve(destination_id: str, access: Reading, response: Response) -> dict[str, Any]:
    """Read a destination. Its ETag, sent back as ``If-Match``, keeps a change from overwriting somebody else's."""
    found = await read_one(access, destination_id)
    response.headers["etag"] = etag(found)
    return await presented(access, found)


@router.patch("/{destination_id}")
@router.put("/{destination_id}")
async def change(
    destination_id: str, request: Request, access: Writing, response: Response
) -> dict[str, Any]:
    """Save the next revision of a destination; ``{"deleted": true}`` hides it, false brings it back."""
    payload = await json_body(request)
    wish, message = precondition(request, payload), taken_message(payload)
    for _ in range(PATIENCE):
        existing = await read_one(access, destination_id, deleted=True)
        if existing.config.deleted and not (isinstance(payload, dict) and payload.get("deleted") is False):
            raise NotFound
        await wish.check(access, existing)
        valid = await checked(access, payload, existing)
        if only_checked(request):
            return {"changed": differs(access, existing, valid)}
        saved = await save(access, existing, valid, message)
        if saved:
            return await shown_change(access, saved, response)
    raise Busy


async def save(
    access: Access, existing: Destination, valid: Valid, message: str | None = None, activity: str = "updated"
) -> Destination | None:
    """Save a change if nobody was faster; checking it took place outside of the transaction."""

    def work(connection: Connection) -> Destination | None:
        now = repository.get(connection, access.project.id, existing.id, deleted=True)
        if now is None or now.revision != existing.revision:
            return None
        return write(access, connection, now, valid, message=message, activity=activity)

    return await access.services.state.write(work)


@router.delete("/{destination_id}")
async def refuse_delete(destination_id: str, _access: Writing) -> None:
    """Nothing is deleted for good: its deliveries still name it."""
    raise MethodRefused(
        f'Destination {destination_id} is kept for its history. PATCH it with {{"deleted": true}}.'
    )


@router.post("/{destination_id}/enable_backfills", include_in_schema=False)
async def enable_backfills(destination_id: str, access: Writing) -> Response:
    """PostHog makes a batch export here, for which this server has no use: it sends past events by replaying them."""
    found = await read_one(access, destination_id)
    if fault := _no_backfill(found):
        return Response(fault, 400, media_type="application/json")
    raise Forbidden(
        "Backfills by batch export are not part of this server. Past events are sent with a replay of the destination."
    )


def _no_backfill(item: Destination) -> str | None:
    """Why PostHog would refuse, as it says so."""
    if item.config.batch_export_id:
        return '{"error":"Backfills are already enabled for this function."}'
    if item.type != "destination":
        return '{"error":"Backfills are only available for destinations."}'
    if item.config.filters.get("source", "events") != "events":
        return '{"error":"Backfills are only available for functions whose source is events."}'
    return None


def only_checked(request: Request) -> bool:
    """``?validate_only=true``: say whether it would be saved, and save nothing."""
    return truth(request.query_params.get("validate_only", ""), "validate_only") is True


def differs(access: Access, existing: Destination, valid: Valid) -> bool:
    """Whether saving would change anything, secrets included."""
    return not same(Existing(valid.config, valid.secrets), whole(access, existing))


async def shown_change(access: Access, saved: Destination, response: Response) -> dict[str, Any]:
    """Tell the workers of a change, and answer with what it made."""
    access.services.changed()
    response.headers["etag"] = etag(saved)
    return await presented(access, saved)


async def presented(access: Access, item: Destination) -> dict[str, Any]:
    """A destination in full, with how it stands now."""
    now = access.services.now()
    more = await access.services.state.read(lambda connection: beside(connection, [item], now))
    return presenters.destination(item, access.services.templates, access.seen, more[item.id])


def beside(
    connection: Connection,
    items: Sequence[Destination],
    now: int,
    matches: Mapping[str, str] | None = None,
) -> dict[str, presenters.Beside]:
    """What is told of some destinations besides their configuration, by id."""
    stand = standings(connection, [_key(item) for item in items])
    notes = drafts.of_many(connection, [item.id for item in items])
    makers = {
        one: get_user(connection, one) for one in {item.created_by for item in items} if one is not None
    }
    people = {one: user_summary(maker) for one, maker in makers.items() if maker}
    return {
        item.id: presenters.Beside(
            stand[_key(item)],
            people.get(item.created_by or 0),
            presenters.draft_note(notes.get(item.id)),
            (matches or {}).get(item.id),
            standing_of(connection, _key(item)) if item.config.schedule else None,
            now,
        )
        for item in items
    }


def _key(item: Destination) -> bytes:
    return uuid.UUID(item.id).bytes


async def read_one(access: Access, destination_id: str, *, deleted: bool = False) -> Destination:
    """A destination of the project.

    Raises:
        NotFound: there is none with this id.
    """
    found = await access.services.state.read(
        lambda connection: repository.get(connection, access.project.id, destination_id, deleted=deleted)
    )
    if found is None:
        raise NotFound
    return found


async def checked(access: Access, payload: Any, existing: Destination | Existing | None) -> Valid:
    """Validate in a thread: compiling a large program must not hold up capture.

    Args:
        access: whose project and templates count.
        payload: as sent.
        existing: what is changed, if something is.

    Raises:
        ValidationError: see ``destinations.validation``.
    """
    services = access.services
    saved = whole(access, existing) if isinstance(existing, Destination) else existing
    return await asyncio.to_thread(
        validate, payload, project=access.seen, templates=services.templates, existing=saved,
        references=services.keyring.references,
    )  # fmt: skip
