"""``…/hog_functions/:id/draft/``: the next revision of a destination, worked on before it is live."""

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
    flag,
    only,
    precondition,
    taken_message,
    whole,
    write,
)
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.hog_functions import Reading, Writing, beside, checked, read_one, shown_change
from hedgerow.api.revisions import Clash, compared, draft_of, read_draft, state_named
from hedgerow.api.times import iso
from hedgerow.destinations import diffs, drafts, repository, revisions
from hedgerow.destinations.drafts import Draft
from hedgerow.destinations.model import Destination, Secrets
from hedgerow.destinations.validation import Existing, Valid
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions/{destination_id}")


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
    return await _shown_draft(access, found, await draft_of(access, found), response)


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
        draft = await read_draft(access, found)
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
    merge = await _merge(access, found, await draft_of(access, found))
    other = request.query_params.get("against", "") or "current"
    return compared(other, await state_named(access, found, other), "draft", merge.whole)


@router.post("/draft/publish")
@router.post("/publish", include_in_schema=False)
async def publish(
    destination_id: str, request: Request, access: Writing, response: Response
) -> dict[str, Any]:
    """Make the draft the next revision. What others published since it began stays, where the draft says nothing else.

    Where both changed the same part to different ends, nothing is published (409), unless ``{"overwrite": true}``
    decides for the draft.
    """
    payload = only(await json_body(request), "overwrite")
    message, overwrite = taken_message(payload), flag(payload, "overwrite")
    for _ in range(PATIENCE):
        found = await read_one(access, destination_id)
        draft = await draft_of(access, found)
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
        _check(request, await draft_of(access, found), found)

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
    now = access.services.now()
    more = await access.services.state.read(lambda c: beside(c, [found], now))
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
        "etag": draft_etag(draft, found),
    }


def _base(payload: Any) -> int | None:
    base = payload.pop("base", None) if isinstance(payload, dict) else None
    if base is not None and (isinstance(base, bool) or not isinstance(base, int)):
        raise Invalid("A valid integer is required.", attr="base", code="invalid")
    return base
