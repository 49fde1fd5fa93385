"""``…/hog_functions/:id/revisions/``: what a destination was, what each change made of it, and the way back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from hedgerow.api import presenters
from hedgerow.api.access import Access, json_body
from hedgerow.api.changes import (
    PATIENCE,
    Busy,
    flag,
    only,
    precondition,
    taken_message,
    whole,
)
from hedgerow.api.errors import ApiError, Invalid, NotFound
from hedgerow.api.hog_functions import Reading, Writing, checked, read_one, save, shown_change
from hedgerow.api.paging import number, page_of
from hedgerow.api.times import iso
from hedgerow.destinations import diffs, drafts, revisions
from hedgerow.destinations.drafts import Draft
from hedgerow.destinations.model import Destination
from hedgerow.destinations.redaction import Redactor
from hedgerow.destinations.revisions import Revision
from hedgerow.destinations.validation import Existing

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions/{destination_id}")

DEFAULT_REVISIONS = 20
MOST_REVISIONS = 100


class Clash(ApiError):
    """Draft and destination went different ways, and nobody has said which one is right."""

    status, type, code = 409, "invalid_request", "conflict"


# ------------------------------------------------------------------ revisions


@router.get("/revisions")
async def list_revisions(destination_id: str, request: Request, access: Reading) -> dict[str, Any]:
    """List what was changed, by whom and when, newest first."""
    found = await read_one(access, destination_id, deleted=True)
    limit = number(request, "limit", DEFAULT_REVISIONS, least=1, most=MOST_REVISIONS)
    offset = number(request, "offset", 0, most=10**9)
    some = await access.services.state.read(
        lambda c: revisions.history(c, found.id, limit=limit + 1, offset=offset)
    )
    states = [*(item.whole(access.services.keyring) for item in some), diffs.NOTHING]
    shown = [
        _listed(item, states[place], states[place + 1], found) for place, item in enumerate(some[:limit])
    ]
    return page_of(request, shown, found.revision, limit, offset)


@router.get("/revisions/{revision}")
async def retrieve_revision(destination_id: str, revision: str, access: Reading) -> dict[str, Any]:
    """Read a revision with its whole configuration. What is a secret today is shown in none of the past."""
    found = await read_one(access, destination_id, deleted=True)
    item = await _revision(access, found, revision)
    keyring = access.services.keyring
    before, then = await _before(access, item), item.whole(keyring)
    hidden = Redactor(_values(then) | _values(whole(access, found)))
    shown = diffs.redacted(presenters.configuration(item.config, access.seen), hidden)
    past = before.whole(keyring) if before else diffs.NOTHING
    return {**_listed(item, then, past, found), "configuration": shown}


@router.get("/revisions/{revision}/diff")
async def diff(destination_id: str, revision: str, request: Request, access: Reading) -> dict[str, Any]:
    """Compare a revision with the one before it, or with ``against``: a number, ``current`` or ``draft``; 0 is nothing at all.

    The answer tells what is different in ``revision``, seen from ``against``.
    """
    found = await read_one(access, destination_id, deleted=True)
    item = await _revision(access, found, revision)
    other = request.query_params.get("against", "") or str(item.number - 1)
    return compared(
        other, await state_named(access, found, other), item.number, item.whole(access.services.keyring)
    )


@router.post("/revisions/{revision}/rollback")
@router.post("/revisions/{revision}/restore", include_in_schema=False)
async def roll_back(
    destination_id: str, revision: str, request: Request, access: Writing, response: Response
) -> dict[str, Any]:
    """Make a destination again what it was at a revision, as a new revision: nothing of the history is lost.

    Secrets go back too, unless ``{"keep_secrets": true}`` asks for those of today: a credential that was exchanged since
    is no good any more.
    """
    payload = only(await json_body(request), "keep_secrets")
    wish, message = precondition(request, payload), taken_message(payload)
    keep = flag(payload, "keep_secrets")
    for _ in range(PATIENCE):
        found = await read_one(access, destination_id)
        await wish.check(access, found)
        item = await _revision(access, found, revision)
        then = item.whole(access.services.keyring)
        wanted = revisions.restored(then, whole(access, found), keep_secrets=keep)
        valid = await checked(access, {}, wanted)
        note = message or f"Rolled back to revision {item.number}"
        saved = await save(access, found, valid, note, "rolled_back")
        if saved:
            return await shown_change(access, saved, response)
    raise Busy


async def _revision(access: Access, item: Destination, text: str) -> Revision:
    """A revision by the number in a path.

    Raises:
        NotFound: there is none.
    """
    known = text.isascii() and text.isdigit() and len(text) < 10
    found = None
    if known:
        found = await access.services.state.read(lambda c: revisions.find(c, item.id, int(text)))
    if found is None:
        raise NotFound(f"There is no revision {text[:20]}; the last one is {item.revision}.")
    return found


async def _before(access: Access, item: Revision) -> Revision | None:
    return await access.services.state.read(lambda c: revisions.find(c, item.destination_id, item.number - 1))


async def state_named(access: Access, item: Destination, text: str) -> Existing:
    """What ``against`` names.

    Raises:
        Invalid: it names nothing.
    """
    if text == "0":
        return diffs.NOTHING
    if text == "current":
        return whole(access, item)
    if text == "draft":
        return (await draft_of(access, item)).whole(access.services.keyring)
    try:
        return (await _revision(access, item, text)).whole(access.services.keyring)
    except NotFound as error:
        raise Invalid(f"{error.detail} Or say current, draft, or 0.", attr="against") from None


def _listed(item: Revision, now: Existing, before: Existing, owner: Destination) -> dict[str, Any]:
    """A revision as a list shows it."""
    return {
        "number": item.number,
        "current": item.number == owner.revision,
        "author": item.author.name,
        "author_id": item.author.user_id,
        "created_at": iso(item.created_at),
        "message": item.message,
        "enabled": item.config.enabled,
        "changes": [] if before is diffs.NOTHING else diffs.changed(before, now),
    }


def _values(one: Existing) -> set[str]:
    """The texts of the secret inputs of a state."""
    return diffs.texts_of(one.secrets)


def compared(before_name: object, before: Existing, after_name: object, after: Existing) -> dict[str, Any]:
    """Two states of a destination side by side."""
    changes = diffs.compare(before, after)
    return {
        "revision": str(after_name),
        "against": str(before_name),
        "changes": [change.as_dict() for change in changes],
        "text": diffs.text(changes),
    }


async def read_draft(access: Access, found: Destination) -> Draft | None:
    """The draft of a destination, or None.

    Raises:
        Clash: a newer release wrote it.
    """
    try:
        return await access.services.state.read(lambda c: drafts.get(c, found.id))
    except drafts.DraftUnreadable as error:
        raise Clash(str(error)) from error


async def draft_of(access: Access, found: Destination) -> Draft:
    """The draft of a destination.

    Raises:
        NotFound: it has none.
    """
    draft = await read_draft(access, found)
    if draft is None:
        raise NotFound("This destination has no draft.")
    return draft
