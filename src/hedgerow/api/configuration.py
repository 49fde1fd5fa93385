"""``/api/projects/:id/configuration/``: destinations, actions and cohorts as one set of documents, read and put in place as one.

What ``hedgerow export``, ``plan`` and ``apply`` speak. Either all that the documents say becomes so, in one transaction, or nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.api.access import Access, json_fields, needs
from hedgerow.api.changes import (
    PATIENCE,
    Busy,
    author_of,
    flag,
    recorded,
    taken_message,
    write,
)
from hedgerow.api.definitions import recorded as definition_recorded
from hedgerow.api.errors import Forbidden, Invalid, Json
from hedgerow.configuration import keys
from hedgerow.configuration.keys import KINDS
from hedgerow.configuration.planning import (
    CREATE,
    REMOVE,
    UNCHANGED,
    Change,
    ConfigurationError,
    Plan,
    plan,
)
from hedgerow.configuration.portray import portray
from hedgerow.configuration.snapshot import Snapshot
from hedgerow.destinations import diffs, repository
from hedgerow.destinations.definitions import Action, Cohort, save_action, save_cohort
from hedgerow.destinations.model import Destination
from hedgerow.destinations.validation import Existing, Valid
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/configuration")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
Writing = Annotated[Access, Depends(needs("hog_function:write"))]

_SCOPES: Final = {"destinations": "hog_function", "actions": "action", "cohorts": "cohort"}


@router.get("")
async def read(access: Reading) -> Response:
    """Read the whole configuration as documents, as ``hedgerow export`` writes them to files.

    Each stands under its kind and its key, the name of its file. Secrets are not in it: ``{"secret": true}`` stands for one.
    """
    for kind in KINDS:
        _allow(access, f"{_SCOPES[kind]}:read")
    snapshot = await access.services.state.read(lambda c: Snapshot.read(c, access.seen))
    return Json(await asyncio.to_thread(portray, snapshot, access.services.templates))


@router.post("/plan")
async def compare(request: Request, access: Writing) -> Response:
    """Say what would change if the configuration were as these documents say. Changes nothing.

    A document is the whole of its thing: what it leaves out is as a new one has it, but for secrets, which stay. What no document
    names is left alone, unless ``prune`` is true.
    """
    wanted, prune, _ = _asked(await json_fields(request))
    try:
        found = await _planned(access, wanted, prune=prune)
    except ConfigurationError as error:
        return _refusal(error)
    _may(access, found)
    return Json(_shown(found))


@router.post("/apply")
async def put(request: Request, access: Writing) -> Response:
    """Make the configuration what these documents say: all of it, in one transaction, or nothing. Answers with what changed."""
    wanted, prune, message = _asked(await json_fields(request))
    for _ in range(PATIENCE):
        try:
            found = await _planned(access, wanted, prune=prune)
        except ConfigurationError as error:
            return _refusal(error)
        _may(access, found)
        if await access.services.state.write(lambda c, found=found: _carried_out(access, c, found, message)):  # type: ignore[misc]
            access.services.changed()
            return Json(_shown(found))
    raise Busy("Somebody else is changing the configuration at the same time. Try again.")


# ---------------------------------------------------------------- what is asked


def _asked(fields: dict[str, Any]) -> tuple[dict[str, Mapping[str, Any]], bool, str | None]:
    """Documents by kind, whether to remove what they do not name, and why.

    Raises:
        Invalid: the body is built otherwise.
    """
    message, prune = taken_message(fields), flag(fields, "prune")
    for name, value in fields.items():
        if name not in (*KINDS, "prune"):
            raise Invalid(f"There is no field {name!r} here.", attr=name, code="unknown_field")
        if name != "prune" and not isinstance(value, Mapping):
            raise Invalid("Expected a dictionary of documents by their key.", attr=name, code="invalid")
    return {kind: fields.get(kind) or {} for kind in KINDS}, prune, message


def _allow(access: Access, scope: str) -> None:
    if not access.actor.allows(scope):
        raise Forbidden(f"API key missing required scope '{scope}'.")


def _may(access: Access, found: Plan) -> None:
    """See that whoever asks may change what would change, and read what is shown of it."""
    for kind in {change.kind for change in found.changes}:
        changes = any(change.kind == kind and change.change != UNCHANGED for change in found.changes)
        _allow(access, f"{_SCOPES[kind]}:{'write' if changes else 'read'}")


async def _planned(access: Access, wanted: Mapping[str, Mapping[str, Any]], *, prune: bool) -> Plan:
    services = access.services
    snapshot = await services.state.read(lambda c: Snapshot.read(c, access.seen))
    return await asyncio.to_thread(
        plan, snapshot, wanted, templates=services.templates, keyring=services.keyring, prune=prune
    )


# ---------------------------------------------------------------- carrying out


def _carried_out(access: Access, connection: Connection, found: Plan, message: str | None) -> bool:
    """Do all of it. False, and nothing is done, when the configuration is another one by now."""
    if repository.config_version(connection) != found.snapshot.version:
        return False
    for change in found.changes:
        _carry_out(access, connection, change, message)
    return True


def _carry_out(access: Access, connection: Connection, change: Change, message: str | None) -> None:
    now, then, project_id = change.now, change.then, access.project.id
    if change.change == REMOVE:
        assert now is not None
        _remove(access, connection, now, message)
        keys.drop_key(connection, project_id, change.kind, str(now.id))
        return
    if change.change == UNCHANGED:
        assert now is not None
        identity = str(now.id)
    elif isinstance(then, Valid):
        assert isinstance(now, Destination | None)
        identity = _put_destination(access, connection, now, then, message)
    else:
        assert isinstance(then, Action | Cohort)
        before = now if isinstance(now, Action | Cohort) else None
        identity = _put_definition(access, connection, then, before, fresh=change.change == CREATE)
    keys.put_key(connection, project_id, change.kind, identity, change.key)


def _put_destination(
    access: Access, connection: Connection, now: Destination | None, then: Valid, message: str | None
) -> str:
    if now is not None:
        return write(access, connection, now, then, message=message).id
    services = access.services
    made = repository.create(
        connection, access.project.id, then.config, then.secrets, keyring=services.keyring, now=services.now(),
        author=author_of(access), message=message, random=services.random,
    )  # fmt: skip
    recorded(access, connection, made, diffs.NOTHING, Existing(then.config, then.secrets), "created")
    return made.id


def _put_definition(
    access: Access,
    connection: Connection,
    then: Action | Cohort,
    before: Action | Cohort | None,
    *,
    fresh: bool,
) -> str:
    """Save an action or a cohort. A new one gets from the store the very number that others refer to it by already."""
    now = access.services.now()
    made = replace(then, updated_at=now)
    if fresh:
        made = replace(made, id=0, created_at=now)
    saved = save_action(connection, made) if isinstance(made, Action) else save_cohort(connection, made)
    if saved.id != then.id:
        raise RuntimeError(f"expected the number {then.id} for {then.name!r}, got {saved.id}")
    definition_recorded(access, connection, saved, before)
    return str(saved.id)


def _remove(
    access: Access, connection: Connection, now: Destination | Action | Cohort, message: str | None
) -> None:
    """Hide it; nothing is deleted for good."""
    if isinstance(now, Destination):
        gone = Valid(replace(now.config, deleted=True), now.secrets(access.services.keyring))
        write(access, connection, now, gone, message=message)
        return
    made = replace(now, deleted=True, updated_at=access.services.now())
    saved = save_action(connection, made) if isinstance(made, Action) else save_cohort(connection, made)
    definition_recorded(access, connection, saved, now)


# ---------------------------------------------------------------- what is told


def _shown(found: Plan) -> dict[str, Any]:
    others = [{"kind": kind, "key": key, "name": name} for kind, key, name in found.others]
    return {"changes": [change.as_dict() for change in found.changes], "others": others}


def _refusal(error: ConfigurationError) -> Response:
    """The usual envelope with the first fault, and all of them beside it."""
    first = error.faults[0]
    place = "__".join(part for part in (first.kind, first.key, first.attr) if part)
    faults = [
        {"kind": one.kind, "key": one.key, "attr": one.attr, "detail": one.detail, "line": one.line}
        for one in error.faults
    ]
    body = {
        "type": "validation_error",
        "code": "invalid_configuration",
        "detail": f"{first.detail} Nothing was changed.",
        "attr": place,
        "errors": faults,
    }
    return Json(body, 400)
