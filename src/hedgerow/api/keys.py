"""``/api/personal_api_keys/``: keys of one's own, or of the operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.accounts import keys
from hedgerow.accounts.actors import visible_projects
from hedgerow.accounts.keys import ApiKey
from hedgerow.accounts.roles import SUBJECTS, is_scope
from hedgerow.api.access import Identity, Visit, json_fields, needs_account
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import page
from hedgerow.api.times import iso
from hedgerow.store import Connection

router = APIRouter(prefix="/api/personal_api_keys")

# A key that could make keys would outlive its own end.
Reading = Annotated[Visit, Depends(needs_account("user:read", session_only=True))]
Writing = Annotated[Visit, Depends(needs_account("user:write", session_only=True))]
LONGEST_LABEL = 40
MOST_KEYS = 50


@router.get("")
async def list_keys(request: Request, visit: Reading) -> dict[str, Any]:
    """One's keys, the oldest first."""
    found = await visit.services.state.read(lambda c: keys.keys_of(c, visit.actor.user_id))
    return page(request, [_shown(key) for key in found])


@router.post("", status_code=201)
async def create(request: Request, response: Response, visit: Writing) -> dict[str, Any]:
    """Make a key with a `label` and `scopes`; its `value` is shown this once. `scoped_teams` limits it to projects."""
    fields = await json_fields(request)
    label, scopes = _label(fields), _scopes(fields)

    def work(connection: Connection) -> tuple[str, ApiKey]:
        if len(keys.keys_of(connection, visit.actor.user_id)) >= MOST_KEYS:
            raise Invalid(f"Nobody needs more than {MOST_KEYS} keys. Delete one.")
        clear = keys.create_key(
            connection, label=label, scopes=scopes, now=visit.services.now(), user_id=visit.actor.user_id,
            projects=_projects(connection, visit, fields),
        )  # fmt: skip
        made = keys.verify(connection, clear)
        assert made is not None
        visit.record(connection, "created", "PersonalAPIKey", made.id, item_name=label, after=_told(made))
        return clear, made

    clear, made = await visit.services.state.write(work)
    response.headers["cache-control"] = "no-store"
    return {**_shown(made), "value": clear}


@router.get("/{key_id}")
async def retrieve(key_id: Identity, visit: Reading) -> dict[str, Any]:
    """One of one's keys."""
    return _shown(await visit.services.state.read(lambda c: _own(c, visit, key_id)))


@router.patch("/{key_id}")
async def change(key_id: Identity, request: Request, visit: Writing) -> dict[str, Any]:
    """Change a key's `label`, `scopes` or `scoped_teams`."""
    fields = await json_fields(request)

    def work(connection: Connection) -> ApiKey:
        was = _own(connection, visit, key_id)
        keys.change_key(
            connection,
            key_id,
            label=_label(fields) if "label" in fields else was.label,
            scopes=_scopes(fields) if "scopes" in fields else was.scopes,
            projects=_projects(connection, visit, fields) if "scoped_teams" in fields else was.projects,
        )
        now = _own(connection, visit, key_id)
        visit.record(
            connection,
            "updated",
            "PersonalAPIKey",
            key_id,
            item_name=now.label,
            before=_told(was),
            after=_told(now),
        )
        return now

    return _shown(await visit.services.state.write(work))


@router.post("/{key_id}/roll")
async def roll(key_id: Identity, response: Response, visit: Writing) -> dict[str, Any]:
    """Give a key another value, which is shown this once; the one before it opens nothing any more."""

    def work(connection: Connection) -> tuple[str, ApiKey]:
        was = _own(connection, visit, key_id)
        clear = keys.roll_key(connection, key_id)
        visit.record(connection, "rolled", "PersonalAPIKey", key_id, item_name=was.label)
        return clear, _own(connection, visit, key_id)

    clear, made = await visit.services.state.write(work)
    response.headers["cache-control"] = "no-store"
    return {**_shown(made), "value": clear}


@router.delete("/{key_id}")
async def revoke(key_id: Identity, visit: Writing) -> dict[str, Any]:
    """Take a key's power away."""

    def work(connection: Connection) -> None:
        was = _own(connection, visit, key_id)
        keys.delete_key(connection, key_id)
        visit.record(connection, "deleted", "PersonalAPIKey", key_id, item_name=was.label, before=_told(was))

    await visit.services.state.write(work)
    return {"success": True}


def _own(connection: Connection, visit: Visit, key_id: int) -> ApiKey:
    found = next((key for key in keys.keys_of(connection, visit.actor.user_id) if key.id == key_id), None)
    if found is None:
        raise NotFound
    return found


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "label": key.label,
        "mask_value": key.hint,
        "value": None,
        "user_id": key.user_id,
        "scopes": list(key.scopes),
        "scoped_teams": None if key.projects is None else list(key.projects),
        "created_at": iso(key.created_at),
        "last_used_at": None if key.last_used_at is None else iso(key.last_used_at),
    }


def _told(key: ApiKey) -> dict[str, Any]:
    return {"label": key.label, "scopes": list(key.scopes), "scoped_teams": key.projects}


def _label(fields: Mapping[str, Any]) -> str:
    label = fields.get("label")
    if not isinstance(label, str) or not 0 < len(label.strip()) <= LONGEST_LABEL:
        raise Invalid(f"Must be a text of 1 to {LONGEST_LABEL} characters.", attr="label")
    return label.strip()


def _scopes(fields: Mapping[str, Any]) -> list[str]:
    scopes = fields.get("scopes")
    if not isinstance(scopes, list) or not scopes:
        raise Invalid("Must be a list of scopes such as hog_function:read, or *.", attr="scopes")
    for scope in scopes:
        if not is_scope(scope):
            raise Invalid(
                f"{scope!r} is no scope. Write * or <thing>:read or <thing>:write, with one of "
                f"{', '.join(sorted(SUBJECTS))}.",
                attr="scopes",
            )
    return list(dict.fromkeys(scopes))


def _projects(connection: Connection, visit: Visit, fields: Mapping[str, Any]) -> list[int] | None:
    wanted = fields.get("scoped_teams")
    if wanted is None:
        return None
    known = visible_projects(connection, visit.actor)
    if not isinstance(wanted, list) or not all(type(one) is int and one in known for one in wanted):
        raise Invalid("Must be a list of ids of projects that you are in.", attr="scoped_teams")
    return list(dict.fromkeys(wanted)) or None
