"""How a change of a destination is saved: by whom and why, on which condition, with its entry in the audit log.

Nothing is lost when two people edit at a time: who sends ``If-Match`` with the ``ETag`` they read is told when somebody was
faster (412). PostHog's clients send none, and the last one wins, as there; their ``base_updated_at`` is heeded.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import Request, Response

from hedgerow.api.access import Access
from hedgerow.api.errors import ApiError, Invalid
from hedgerow.api.times import iso
from hedgerow.delivery import health
from hedgerow.destinations import diffs, repository, revisions
from hedgerow.destinations.drafts import Draft
from hedgerow.destinations.model import Author, Destination
from hedgerow.destinations.validation import Existing, Valid
from hedgerow.store import Connection

LONGEST_MESSAGE = 1000
# Two people saving the same destination at the same moment is rare; twice in a row hardly happens.
PATIENCE = 5


class Busy(ApiError):
    """Others changed the same destination again and again while this change was being checked."""

    status, type, code = 409, "invalid_request", "conflict"

    def __init__(
        self, detail: str = "Somebody else is changing this destination at the same time. Try again."
    ) -> None:
        super().__init__(detail)


class Stale(ApiError):
    """What the client read has been changed since; nothing was saved."""

    status, type, code = 412, "invalid_request", "precondition_failed"

    def __init__(self, detail: str, etag: str = "") -> None:
        super().__init__(detail)
        self.etag = etag

    def response(self) -> Response:
        """The error, with the ETag that would match now."""
        response = super().response()
        if self.etag:
            response.headers["etag"] = self.etag
        return response


# ------------------------------------------------------------------ conditions


def etag(item: Destination) -> str:
    """What ``If-Match`` compares of a destination: its revision. Health and counts may differ all the same."""
    return f'"revision-{item.revision}"'


def draft_etag(draft: Draft, owner: Destination) -> str:
    """The same of a draft; it also changes when the destination does, since publishing changes both."""
    return f'"draft-{draft.created_at}.{draft.version}-on-{owner.revision}"'


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must still be so for a change to be saved.

    Attributes:
        tags: ETags of which one must match, ``*`` for any; None when it does not matter.
        base: milliseconds of the last change that the client knows of, likewise.
    """

    tags: frozenset[str] | None = None
    base: int | None = None

    def fits(self, tag: str) -> bool:
        """Whether this is the state that the client means."""
        return self.tags is None or "*" in self.tags or tag in self.tags

    async def check(self, access: Access, item: Destination) -> None:
        """See that a destination is as the client read it.

        Raises:
            Stale: it was changed since.
        """
        if self.fits(etag(item)) and self.base in (None, item.updated_at):
            return
        last = await access.services.state.read(lambda c: revisions.find(c, item.id, item.revision))
        by = f" by {last.author.name}" if last and last.author.name else ""
        raise Stale(
            f"This destination was changed since you read it: revision {item.revision}{by} is of {iso(item.updated_at)}. "
            "Nothing was saved. Read it again and repeat your change, or leave out If-Match to overwrite.",
            etag(item),
        )


def precondition(request: Request, payload: Any = None) -> Precondition:
    """What a request asks for in ``If-Match``, or in PostHog's ``base_updated_at``.

    Raises:
        Invalid: it is written wrongly.
    """
    return Precondition(_tags(request.headers.get("if-match")), _base(payload))


def _tags(header: str | None) -> frozenset[str] | None:
    """Proxies that compress mark an ETag as weak; it names the same revision all the same."""
    if header is None:
        return None
    return frozenset(part.strip().removeprefix("W/") for part in header.split(","))


def _base(payload: Any) -> int | None:
    text = payload.get("base_updated_at") if isinstance(payload, dict) else None
    if text is None:
        return None
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (TypeError, ValueError):
        raise Invalid(
            "Datetime has wrong format. Send updated_at as it was read.", attr="base_updated_at"
        ) from None


# --------------------------------------------------------------- what is sent


def only(payload: Any, *names: str) -> dict[str, Any]:
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


def flag(payload: dict[str, Any], name: str) -> bool:
    """A yes or no of a body; no when it is not there.

    Raises:
        Invalid: it is neither.
    """
    value = payload.get(name, False)
    if not isinstance(value, bool):
        raise Invalid("Must be a valid boolean.", attr=name, code="invalid")
    return value


# --------------------------------------------------------------------- saving


def author_of(access: Access) -> Author:
    """Who is asking, as the history keeps them."""
    return Author(access.author, access.actor.user_id)


def taken_message(payload: Any) -> str | None:
    """Why somebody makes a change; it is no field of the destination and is taken out of what they sent.

    Raises:
        Invalid: it is no text, or a very long one.
    """
    message = payload.pop("message", None) if isinstance(payload, dict) else None
    if not isinstance(message, str | None):
        raise Invalid("Not a valid string.", attr="message", code="invalid")
    if message and len(message) > LONGEST_MESSAGE:
        raise Invalid(
            f"Ensure this field has no more than {LONGEST_MESSAGE} characters.",
            attr="message",
            code="max_length",
        )
    return (message or "").strip() or None


def whole(access: Access, item: Destination) -> Existing:
    """Configuration and secrets of a destination."""
    return Existing(item.config, item.secrets(access.services.keyring))


def same(one: Existing, other: Existing) -> bool:
    """Whether two states are written alike, to the order of what people wrote."""
    alike = one.config.encode() == other.config.encode()
    return alike and orjson.dumps(asdict(one.secrets)) == orjson.dumps(asdict(other.secrets))


def write(
    access: Access,
    connection: Connection,
    now: Destination,
    valid: Valid,
    *,
    message: str | None = None,
    activity: str = "updated",
) -> Destination:
    """Save the next revision, inside a writing transaction. When nothing differs there is none.

    Args:
        access: who asks.
        connection: that of the transaction.
        now: the destination as read in it.
        valid: what it becomes.
        message: why.
        activity: what the audit log calls it.
    """
    services, before = access.services, whole(access, now)
    after = Existing(valid.config, valid.secrets)
    saved = now
    if not same(before, after):
        saved = repository.update(
            connection, now, valid.config, valid.secrets, keyring=services.keyring, now=services.now(),
            author=author_of(access), message=message,
        )  # fmt: skip
        recorded(access, connection, saved, before, after, activity)
    if saved.enabled:
        key = uuid.UUID(saved.id).bytes
        home = health.home_of(key, services.log.partitions)
        health.saved(connection, key, home=home, now=services.now())
    return saved


def recorded(
    access: Access,
    connection: Connection,
    item: Destination,
    before: Existing,
    after: Existing,
    activity: str,
) -> None:
    """Tell the audit log, inside the transaction of the change."""
    changes = diffs.compare(before, after)
    if activity == "updated" and before.config.deleted != after.config.deleted:
        activity = "deleted" if after.config.deleted else "restored"
    told = [change for change in changes if not change.secret]
    access.record(
        connection, activity, "HogFunction", item.id, name=after.config.name,
        before=_side(told, "before"), after=_side(told, "after"),
        secrets=tuple(_field(change) for change in changes if change.secret),
    )  # fmt: skip


def _side(changes: Sequence[diffs.Change], side: str) -> dict[str, Any]:
    gone = "added" if side == "before" else "removed"
    return {_field(change): getattr(change, side) for change in changes if change.change != gone}


def _field(change: diffs.Change) -> str:
    return change.attr.replace("__", ".")
