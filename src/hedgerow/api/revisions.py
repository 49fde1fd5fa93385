"""``…/hog_functions/:id/revisions/`` and ``/draft/``: what a destination was, and what it is going to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from hedgerow.api import presenters
from hedgerow.api.access import Access, json_body
from hedgerow.api.changes import (
    PATIENCE,
    Busy,
    Precondition,
    Stale,
    author_of,
    draft_etag,
    precondition,
    taken_message,
    whole,
    write,
)
from hedgerow.api.errors import ApiError, Invalid, NotFound
from hedgerow.api.hog_functions import Reading, Writing, beside, checked, read_one, save, shown_change
from hedgerow.api.paging import number, page_of
from hedgerow.api.times import iso
from hedgerow.destinations import diffs, drafts, repository, revisions
from hedgerow.destinations.drafts import Draft
from hedgerow.destinations.model import Destination, Secrets
from hedgerow.destinations.redaction import Redactor
from hedgerow.destinations.revisions import Revision
from hedgerow.destinations.validation import Existing, Valid
from hedgerow.store import Connection

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
    shown = [
        _listed(access, item, some[place + 1] if place + 1 < len(some) else None, found)
        for place, item in enumerate(some[:limit])
    ]
    return page_of(request, shown, found.revision, limit, offset)


@router.get("/revisions/{revision}")
async def retrieve_revision(destination_id: str, revision: str, access: Reading) -> dict[str, Any]:
    """Read a revision with its whole configuration. What is a secret today is shown in none of the past."""
    found = await read_one(access, destination_id, deleted=True)
    item = await _revision(access, found, revision)
    before = await _before(access, item)
    hidden = Redactor(_values(item.whole(access.services.keyring)) | _values(whole(access, found)))
    shown = diffs.redacted(presenters.configuration(item.config, access.seen), hidden)
    return {**_listed(access, item, before, found), "configuration": shown}


@router.get("/revisions/{revision}/diff")
async def diff(destination_id: str, revision: str, request: Request, access: Reading) -> dict[str, Any]:
    """Compare a revision with the one before it, or with ``against``: a number, ``current`` or ``draft``; 0 is nothing at all.

    The answer tells what is different in ``revision``, seen from ``against``.
    """
    found = await read_one(access, destination_id, deleted=True)
    item = await _revision(access, found, revision)
    other = request.query_params.get("against", "") or str(item.number - 1)
    return _compared(
        other, await _state(access, found, other), item.number, item.whole(access.services.keyring)
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
    payload = _fields(await json_body(request), "keep_secrets")
    wish, message = precondition(request, payload), taken_message(payload)
    keep = _flag(payload, "keep_secrets")
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


async def _state(access: Access, item: Destination, text: str) -> Existing:
    """What ``against`` names.

    Raises:
        Invalid: it names nothing.
    """
    if text == "0":
        return diffs.NOTHING
    if text == "current":
        return whole(access, item)
    if text == "draft":
        return (await _draft(access, item)).whole(access.services.keyring)
    try:
        return (await _revision(access, item, text)).whole(access.services.keyring)
    except NotFound as error:
        raise Invalid(f"{error.detail} Or say current, draft, or 0.", attr="against") from None


def _listed(access: Access, item: Revision, before: Revision | None, owner: Destination) -> dict[str, Any]:
    """A revision as a list shows it."""
    keyring = access.services.keyring
    past = before.whole(keyring) if before else diffs.NOTHING
    return {
        "number": item.number,
        "current": item.number == owner.revision,
        "author": item.author.name,
        "author_id": item.author.user_id,
        "created_at": iso(item.created_at),
        "message": item.message,
        "enabled": item.config.enabled,
        "changes": diffs.changed(past, item.whole(keyring)) if before else [],
    }


def _values(one: Existing) -> set[str]:
    """The texts of the secret inputs of a state."""
    return diffs.texts_of(one.secrets)


def _compared(before_name: object, before: Existing, after_name: object, after: Existing) -> dict[str, Any]:
    changes = diffs.compare(before, after)
    return {
        "revision": str(after_name),
        "against": str(before_name),
        "changes": [change.as_dict() for change in changes],
        "text": diffs.text(changes),
    }


# --------------------------------------------------------------------- drafts


@dataclass(frozen=True, slots=True)
class Merge:
    """What publishing a draft now would make of a destination.

    Attributes:
        whole: the outcome.
        clashes: the parts that both changed.
    """

    whole: Existing
    clashes: list[str]


@router.get("/draft")
async def retrieve_draft(destination_id: str, access: Reading, response: Response) -> dict[str, Any]:
    """Read the draft of a destination, as the destination would look; ``draft`` tells what it changes and where it clashes."""
    found = await read_one(access, destination_id)
    return await _shown_draft(access, found, await _draft(access, found), response)


@router.put("/draft")
@router.patch("/draft")
async def save_draft(
    destination_id: str, request: Request, access: Writing, response: Response
) -> dict[str, Any]:
    """Save the draft of a destination; nothing of it is live before it is published.

    PUT takes fields that are not sent from the destination as it is, PATCH from the draft there is. A secret is kept by
    ``{"secret": true}``. ``base`` says from which revision it was made, if not from the present one.
    """
    payload = await json_body(request)
    message, base = taken_message(payload), _base(payload)
    if isinstance(payload, dict) and payload.pop("deleted", False):
        raise Invalid("A draft cannot delete a destination.", attr="deleted")
    for _ in range(PATIENCE):
        found = await read_one(access, destination_id)
        draft = await _read_draft(access, found)
        _check(request, draft, found)
        if base is not None and not 1 <= base <= found.revision:
            raise Invalid(f"Must be a revision from 1 to {found.revision}.", attr="base")
        valid = await checked(access, payload, _begun(access, found, draft, request.method))
        saved = await _keep_draft(access, found, draft, valid, base, message)
        if saved:
            return await _shown_draft(access, found, saved, response)
    raise Busy


@router.delete("/draft", status_code=204)
async def discard_draft(destination_id: str, request: Request, access: Writing) -> Response:
    """Throw the draft away."""
    await _discard(destination_id, request, access)
    return Response(status_code=204)


@router.post("/discard_draft", include_in_schema=False)
async def discard_draft_by_post(
    destination_id: str, request: Request, access: Writing, response: Response
) -> dict[str, Any]:
    """Throw the draft away; what PostHog's clients call."""
    return await shown_change(access, await _discard(destination_id, request, access), response)


@router.get("/draft/diff")
async def diff_of_draft(destination_id: str, request: Request, access: Reading) -> dict[str, Any]:
    """Compare what publishing the draft would make with the destination as it is, or with ``against``."""
    found = await read_one(access, destination_id)
    merge = await _merge(access, found, await _draft(access, found))
    other = request.query_params.get("against", "") or "current"
    return _compared(other, await _state(access, found, other), "draft", merge.whole)


@router.post("/draft/publish")
@router.post("/publish", include_in_schema=False)
async def publish(
    destination_id: str, request: Request, access: Writing, response: Response
) -> dict[str, Any]:
    """Make the draft the next revision. What others published since it began stays, where the draft says nothing else.

    Where both changed the same part to different ends, nothing is published (409), unless ``{"overwrite": true}``
    decides for the draft.
    """
    payload = _fields(await json_body(request), "overwrite")
    message, overwrite = taken_message(payload), _flag(payload, "overwrite")
    for _ in range(PATIENCE):
        found = await read_one(access, destination_id)
        draft = await _draft(access, found)
        _check(request, draft, found)
        merge = await _merge(access, found, draft)
        if merge.clashes and not overwrite:
            raise _clash(merge, draft, found)
        valid = await checked(access, {}, merge.whole)
        saved = await _publish(access, found, draft, valid, message or draft.message or "Published a draft")
        if saved:
            return await shown_change(access, saved, response)
    raise Busy


def _clash(merge: Merge, draft: Draft, found: Destination) -> Clash:
    parts = ", ".join(merge.clashes)
    return Clash(
        f"Revisions since {draft.base}, from which this draft began, changed {parts} too (the present one is "
        f'{found.revision}). Look at the diff of the draft; then publish with {{"overwrite": true}} to take the draft\'s.',
        attr=merge.clashes[0],
    )


async def _publish(
    access: Access, found: Destination, draft: Draft, valid: Valid, message: str
) -> Destination | None:
    """Save and forget the draft in one transaction, if neither was changed meanwhile."""

    def work(connection: Connection) -> Destination | None:
        now = repository.get(connection, access.project.id, found.id)
        same = drafts.get(connection, found.id)
        if now is None or now.revision != found.revision or same is None or same.version != draft.version:
            return None
        drafts.discard(connection, found.id)
        return write(access, connection, now, valid, message=message, activity="published")

    return await access.services.state.write(work)


async def _keep_draft(
    access: Access,
    found: Destination,
    draft: Draft | None,
    valid: Valid,
    base: int | None,
    message: str | None,
) -> Draft | None:
    """Save a draft if nobody saved one, or published, meanwhile."""
    since = base or (draft.base if draft else found.revision)
    note = message or (draft.message if draft else None)

    def work(connection: Connection) -> Draft | None:
        now, same = repository.get(connection, access.project.id, found.id), drafts.get(connection, found.id)
        if now is None or now.revision != found.revision or _version(same) != _version(draft):
            return None
        kept = drafts.put(
            connection, now, Existing(valid.config, valid.secrets), base=since, keyring=access.services.keyring,
            now=access.services.now(), author=author_of(access), message=note,
        )  # fmt: skip
        access.record(connection, "draft_saved", "HogFunction", found.id, name=found.name)
        return kept

    return await access.services.state.write(work)


def _version(draft: Draft | None) -> tuple[int, int]:
    return (draft.created_at, draft.version) if draft else (0, 0)


async def _discard(destination_id: str, request: Request, access: Access) -> Destination:
    found = await read_one(access, destination_id)
    if request.headers.get("if-match"):
        _check(request, await _draft(access, found), found)

    def work(connection: Connection) -> bool:
        gone = drafts.discard(connection, found.id)
        if gone:
            access.record(connection, "draft_discarded", "HogFunction", found.id, name=found.name)
        return gone

    if not await access.services.state.write(work):
        raise NotFound("This destination has no draft.")
    return found


def _begun(access: Access, found: Destination, draft: Draft | None, method: str) -> Existing:
    """What a draft's fields are laid over. Secrets that are kept are the draft's, else those of the destination."""
    live = whole(access, found)
    if draft is None:
        return live
    own = draft.whole(access.services.keyring)
    mappings = {
        one: {**live.secrets.mappings.get(one, {}), **own.secrets.mappings.get(one, {})}
        for one in {*live.secrets.mappings, *own.secrets.mappings}
    }
    secrets = Secrets({**live.secrets.inputs, **own.secrets.inputs}, mappings)
    return Existing(own.config if method == "PATCH" else live.config, secrets)


async def _merge(access: Access, found: Destination, draft: Draft) -> Merge:
    base = await access.services.state.read(lambda c: revisions.find(c, found.id, draft.base))
    live, keyring = whole(access, found), access.services.keyring
    started = base.whole(keyring) if base else live
    return Merge(*drafts.merged(draft.whole(keyring), started, live))


async def _read_draft(access: Access, found: Destination) -> Draft | None:
    try:
        return await access.services.state.read(lambda c: drafts.get(c, found.id))
    except drafts.DraftUnreadable as error:
        raise Clash(str(error)) from error


async def _draft(access: Access, found: Destination) -> Draft:
    """The draft of a destination.

    Raises:
        NotFound: it has none.
    """
    draft = await _read_draft(access, found)
    if draft is None:
        raise NotFound("This destination has no draft.")
    return draft


def _check(request: Request, draft: Draft | None, found: Destination) -> None:
    """See that a draft is as the client read it (``If-Match``), or that there is none (``If-None-Match: *``).

    Raises:
        Stale: it is not so.
    """
    wish: Precondition = precondition(request)
    if draft is not None and request.headers.get("if-none-match", "").strip() == "*":
        raise Stale(f"There is a draft already, by {draft.author.name}.", draft_etag(draft, found))
    if draft is None:
        if wish.tags is not None:
            raise Stale("This destination has no draft any more: it was published or discarded.")
        return
    if not wish.fits(draft_etag(draft, found)):
        raise Stale(
            f"Draft or destination were changed since you read them: the draft by {draft.author.name}, at "
            f"{iso(draft.updated_at)}; the destination is at revision {found.revision}. Nothing was saved.",
            draft_etag(draft, found),
        )


async def _shown_draft(
    access: Access, found: Destination, draft: Draft, response: Response
) -> dict[str, Any]:
    response.headers["etag"] = draft_etag(draft, found)
    merge = await _merge(access, found, draft)
    more = await access.services.state.read(lambda c: beside(c, [found]))
    shown = presenters.destination(
        draft.destination(found), access.services.templates, access.seen, more[found.id]
    )
    return {**shown, "revision": found.revision, "draft": _told(access, found, draft, merge)}


def _told(access: Access, found: Destination, draft: Draft, merge: Merge) -> dict[str, Any]:
    return {
        "version": draft.version,
        "base": draft.base,
        "author": draft.author.name,
        "message": draft.message,
        "created_at": iso(draft.created_at),
        "updated_at": iso(draft.updated_at),
        "changes": diffs.changed(whole(access, found), merge.whole),
        "clashes": merge.clashes,
    }


# ----------------------------------------------------------------- what is sent


def _fields(payload: Any, *names: str) -> dict[str, Any]:
    """A body with nothing but these fields, a message and PostHog's condition.

    Raises:
        Invalid: there is something else in it.
    """
    if not isinstance(payload, dict):
        raise Invalid("Invalid data. Expected a dictionary.", code="invalid")
    for name in payload:
        if name not in {*names, "message", "base_updated_at"}:
            raise Invalid(f"There is no field {name!r} here.", attr=str(name), code="unknown_field")
    return payload


def _flag(payload: dict[str, Any], name: str) -> bool:
    value = payload.get(name, False)
    if not isinstance(value, bool):
        raise Invalid("Must be a valid boolean.", attr=name, code="invalid")
    return value


def _base(payload: Any) -> int | None:
    base = payload.pop("base", None) if isinstance(payload, dict) else None
    if base is not None and (isinstance(base, bool) or not isinstance(base, int)):
        raise Invalid("A valid integer is required.", attr="base", code="invalid")
    return base
