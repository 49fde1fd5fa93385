"""``/api/projects/:id/hog_functions/``: destinations, under the name that PostHog's clients know them by."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api import presenters
from hedgerow.api.access import Access, json_body, needs
from hedgerow.api.errors import ApiError, Invalid, MethodRefused, NotFound
from hedgerow.api.paging import DEFAULT_LIMIT, number, page_of
from hedgerow.delivery import health
from hedgerow.delivery.standing import Standing, standings
from hedgerow.destinations import repository
from hedgerow.destinations.model import Destination
from hedgerow.destinations.validation import Existing, Valid, validate
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
Writing = Annotated[Access, Depends(needs("hog_function:write"))]

TRUTH = {"true": True, "1": True, "false": False, "0": False}
# Two people saving the same destination at the same moment is rare; twice in a row hardly happens.
PATIENCE = 5


class Busy(ApiError):
    """Others changed the same destination again and again while this change was being checked."""

    status, type, code = 409, "invalid_request", "conflict"


@router.get("")
async def list_destinations(request: Request, access: Reading) -> dict[str, Any]:
    """A page of destinations, by execution order, then the latest changed first."""
    query = request.query_params
    types = [part for part in query.get("type", query.get("types", "")).split(",") if part] or None
    enabled = _truth(query.get("enabled", ""))
    limit, offset = number(request, "limit", DEFAULT_LIMIT, least=1), number(request, "offset", 0, most=10**9)

    def work(connection: Connection) -> tuple[list[Destination], int, dict[bytes, Standing]]:
        some, total = repository.list_destinations(
            connection, access.project.id, types=types, enabled=enabled, search=query.get("search"), limit=limit,
            offset=offset,
        )  # fmt: skip
        return some, total, standings(connection, map(_key, some))

    found, count, stand = await access.services.state.read(work)
    show = presenters.destination if _truth(query.get("full", "")) else presenters.summary
    return page_of(
        request,
        [show(item, access.services.templates, access.seen, stand[_key(item)]) for item in found],
        count,
        limit,
        offset,
    )


def _truth(text: str) -> bool | None:
    if not text:
        return None
    if text.lower() not in TRUTH:
        raise Invalid("Must be true or false.")
    return TRUTH[text.lower()]


@router.post("", status_code=201)
async def create(request: Request, access: Writing) -> dict[str, Any]:
    """Save a new destination."""
    services = access.services
    valid = await checked(access, await json_body(request), None)
    if only_checked(request):
        return {"changed": True}

    def work(connection: Connection) -> Destination:
        return repository.create(
            connection, access.project.id, valid.config, valid.secrets, keyring=services.keyring, now=services.now(),
            author=access.author, random=services.random,
        )  # fmt: skip

    created = await services.state.write(work)
    services.changed()
    return await presented(access, created)


@router.get("/icons")
async def icons(_access: Reading) -> list[Any]:
    """Icons to choose from: none are kept here, a destination may name any address."""
    return []


@router.get("/{destination_id}")
async def retrieve(destination_id: str, access: Reading) -> dict[str, Any]:
    """One destination in full."""
    return await presented(access, await read_one(access, destination_id))


@router.patch("/{destination_id}")
@router.put("/{destination_id}")
async def change(destination_id: str, request: Request, access: Writing) -> dict[str, Any]:
    """Save the next revision of a destination; ``{"deleted": true}`` hides it, false brings it back."""
    payload = await json_body(request)
    for _ in range(PATIENCE):
        existing = await read_one(access, destination_id, deleted=True)
        if existing.config.deleted and not (isinstance(payload, dict) and payload.get("deleted") is False):
            raise NotFound
        valid = await checked(access, payload, existing)
        if only_checked(request):
            return {"changed": differs(access, existing, valid)}
        saved = await _save(access, existing, valid)
        if saved:
            access.services.changed()
            return await presented(access, saved)
    raise Busy("Somebody else is changing this destination at the same time. Try again.")


async def _save(access: Access, existing: Destination, valid: Valid) -> Destination | None:
    """Save a change if nobody was faster; checking it took place outside of the transaction."""
    services = access.services

    def work(connection: Connection) -> Destination | None:
        now = repository.get(connection, access.project.id, existing.id, deleted=True)
        if now is None or now.revision != existing.revision:
            return None
        saved = repository.update(
            connection, now, valid.config, valid.secrets, keyring=services.keyring, now=services.now(),
            author=access.author,
        )  # fmt: skip
        if saved.enabled:
            home = health.home_of(_key(saved), services.log.partitions)
            health.saved(connection, _key(saved), home=home, now=services.now())
        return saved

    return await services.state.write(work)


@router.delete("/{destination_id}")
async def refuse_delete(destination_id: str, _access: Writing) -> None:
    """Nothing is deleted for good: its deliveries still name it."""
    raise MethodRefused(
        f'Destination {destination_id} is kept for its history. PATCH it with {{"deleted": true}}.'
    )


def only_checked(request: Request) -> bool:
    """``?validate_only=true``: say whether it would be saved, and save nothing."""
    return _truth(request.query_params.get("validate_only", "")) is True


def differs(access: Access, existing: Destination, valid: Valid) -> bool:
    """Whether saving would change anything, secrets included."""
    return (valid.config, valid.secrets) != (existing.config, existing.secrets(access.services.keyring))


def _key(item: Destination) -> bytes:
    return uuid.UUID(item.id).bytes


async def presented(access: Access, item: Destination) -> dict[str, Any]:
    """A destination in full, with how it stands now."""
    stand = await access.services.state.read(lambda connection: standings(connection, [_key(item)]))
    return presenters.destination(item, access.services.templates, access.seen, stand[_key(item)])


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


async def checked(access: Access, payload: Any, existing: Destination | None) -> Valid:
    """Validate in a thread: compiling a large program must not hold up capture.

    Raises:
        ValidationError: see ``destinations.validation``.
    """
    services = access.services
    project = access.seen
    saved = Existing(existing.config, existing.secrets(services.keyring)) if existing else None
    return await asyncio.to_thread(
        validate, payload, project=project, templates=services.templates, existing=saved
    )
