"""``/api/projects/:id/actions/`` and ``/cohorts/``: what filters refer to, in PostHog's shapes.

Nothing is deleted for good: PATCH with ``{"deleted": true}``, which is refused while a destination that is on needs it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import APIRouter, Depends, Request

from hedgerow.api.access import Access, Identity, json_body, needs
from hedgerow.api.errors import Invalid, MethodRefused, NotFound
from hedgerow.api.paging import page
from hedgerow.api.times import iso
from hedgerow.destinations import Project, ValidationError
from hedgerow.destinations.definitions import (
    MOST_MEMBERS,
    Action,
    Cohort,
    broken_by,
    check,
    get_action,
    get_cohort,
    list_actions,
    list_cohorts,
    save_action,
    save_cohort,
    with_definitions,
)
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}")

ReadingActions = Annotated[Access, Depends(needs("action:read"))]
WritingActions = Annotated[Access, Depends(needs("action:write"))]
ReadingCohorts = Annotated[Access, Depends(needs("cohort:read"))]
WritingCohorts = Annotated[Access, Depends(needs("cohort:write"))]
LONGEST_NAME = 400
T = TypeVar("T", Action, Cohort)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What actions and cohorts have in common: how they are listed, read, changed and saved.

    Attributes:
        noun: what people call one.
        field: where a ``Project`` holds those that filters may refer to.
        every: reads those of a project.
        get: reads one, also a deleted one.
        put: saves one.
        changed: one with the fields of a request, checked.
        shown: one as the API shows it.
        use: a filter that refers to one.
    """

    noun: str
    field: Literal["actions", "cohorts"]
    every: Callable[[Connection, int], list[T]]
    get: Callable[[Connection, int, int], T | None]
    put: Callable[[Connection, T], T]
    changed: Callable[[T, Mapping[str, Any]], T]
    shown: Callable[[T], dict[str, Any]]
    use: Callable[[int], dict[str, Any]]

    async def page(self, request: Request, access: Access) -> dict[str, Any]:
        """A page of the list."""
        found = await access.services.state.read(lambda c: self.every(c, access.project.id))
        return page(request, [self.shown(one) for one in found])

    async def one(self, access: Access, identity: int, *, deleted: bool = False) -> T:
        """One of the project.

        Raises:
            NotFound: there is none, or it is deleted and that matters.
        """
        found = await access.services.state.read(lambda c: self.get(c, access.project.id, identity))
        if found is None or (found.deleted and not deleted):
            raise NotFound
        return found

    async def change(self, request: Request, access: Access, identity: int) -> dict[str, Any]:
        """Save one with the fields of a request."""
        fields = await _fields(request)
        existing = await self.one(access, identity, deleted=fields.get("deleted") is False)
        return await self.save(
            access, replace(self.changed(existing, fields), updated_at=access.services.now())
        )

    async def save(self, access: Access, item: T) -> dict[str, Any]:
        """Save one, tell the audit log and the workers of it, and show it.

        Raises:
            Invalid: it cannot be used, or what is in use could not go on.
        """
        await _check(access, partial(self._after, item), None if item.deleted else self.use(item.id))

        def work(connection: Connection) -> T:
            before = self.get(connection, access.project.id, item.id) if item.id else None
            saved = self.put(connection, item)
            recorded(access, connection, saved, before)
            return saved

        saved = await access.services.state.write(work)
        access.services.changed()
        return self.shown(saved)

    def _after(self, item: T, project: Project) -> Project:
        """The project once the item is saved."""
        key = str(item.id)
        known = {name: one for name, one in getattr(project, self.field).items() if name != key}
        if not item.deleted:
            known[key] = item.defined()
        return replace(project, actions=known) if self.field == "actions" else replace(project, cohorts=known)

    def kept(self, identity: int) -> MethodRefused:
        """Why one is not deleted for good."""
        return MethodRefused(f'{self.noun} {identity} is kept. PATCH it with {{"deleted": true}}.')


async def _fields(request: Request) -> dict[str, Any]:
    fields = await json_body(request)
    if not isinstance(fields, dict):
        raise Invalid("Invalid data. Expected a dictionary.")
    return fields


def _common(existing: Action | Cohort, fields: Mapping[str, Any]) -> dict[str, Any]:
    name = fields.get("name", existing.name)
    if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME:
        raise Invalid(f"Must be a text of 1 to {LONGEST_NAME} characters.", attr="name")
    description = fields.get("description", existing.description)
    if not isinstance(description, str):
        raise Invalid("Not a valid string.", attr="description")
    deleted = fields.get("deleted", existing.deleted)
    if not isinstance(deleted, bool):
        raise Invalid("Must be a valid boolean.", attr="deleted")
    origin = fields.get("origin", existing.origin)
    if not isinstance(origin, str | None) or len(origin or "") > LONGEST_NAME:
        raise Invalid(f"Must be a text of at most {LONGEST_NAME} characters.", attr="origin")
    return {"name": name.strip(), "description": description, "deleted": deleted, "origin": origin}


def recorded(
    access: Access, connection: Connection, item: Action | Cohort, before: Action | Cohort | None
) -> None:
    """Tell the audit log of a change, inside its transaction."""
    gone = item.deleted and not (before or item).deleted
    activity = "created" if before is None else "deleted" if gone else "updated"
    access.record(
        connection, activity, type(item).__name__, item.id, name=item.name,
        before=_told(before) if before else None, after=_told(item),
    )  # fmt: skip


def _told(item: Action | Cohort) -> dict[str, Any]:
    return _told_action(item) if isinstance(item, Action) else _told_cohort(item)


async def _check(access: Access, change: Callable[[Project], Project], use: Mapping[str, Any] | None) -> None:
    """See that it can be used, and that all that is in use still can."""

    def broken(connection: Connection) -> list[str]:
        before = with_definitions(connection, access.seen)
        after = change(before)
        if use is not None:
            check(after, use)
        return broken_by(connection, before, after)

    try:
        names = await access.services.state.read(broken)
    except ValidationError as error:
        raise Invalid(error.detail, code=error.code) from None
    if names:
        raise Invalid(f"In use: without it as it is, these could not go on: {', '.join(names[:5])}.")


# ---------------------------------------------------------------- actions


@router.get("/actions")
async def actions(request: Request, access: ReadingActions) -> dict[str, Any]:
    """All actions, by name."""
    return await ACTIONS.page(request, access)


@router.post("/actions", status_code=201)
async def create_action(request: Request, access: WritingActions) -> dict[str, Any]:
    """Save a new action."""
    now = access.services.now()
    fresh = Action(0, access.project.id, "", created_at=now, updated_at=now)
    return await ACTIONS.save(access, _changed_action(fresh, await _fields(request)))


@router.get("/actions/{action_id}")
async def action(action_id: Identity, access: ReadingActions) -> dict[str, Any]:
    """One action."""
    return _shown_action(await ACTIONS.one(access, action_id))


@router.patch("/actions/{action_id}")
@router.put("/actions/{action_id}")
async def change_action(action_id: Identity, request: Request, access: WritingActions) -> dict[str, Any]:
    """Change an action: destinations that use it heed the change at once."""
    return await ACTIONS.change(request, access, action_id)


@router.delete("/actions/{action_id}")
async def refuse_to_delete_action(action_id: Identity, _access: WritingActions) -> None:
    """Nothing is deleted for good."""
    raise ACTIONS.kept(action_id)


def _changed_action(action: Action, fields: Mapping[str, Any]) -> Action:
    common, steps = _common(action, fields), fields.get("steps", action.steps)
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise Invalid("Expected a list of steps.", attr="steps")
    if not steps:
        raise Invalid(
            "An action needs at least one step: what an event must look like to be one of it.", attr="steps"
        )
    return replace(action, **common, steps=steps)


def _told_action(item: Action) -> dict[str, Any]:
    """An action as the audit log compares it."""
    named = {"id": item.id, "name": item.name, "description": item.description}
    return {**named, "steps": item.steps, "deleted": item.deleted}


def _shown_action(item: Action) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "steps": item.steps,
        "deleted": item.deleted,
        "origin": item.origin,
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "created_by": None,
        "team_id": item.project_id,
        "is_action": True,
        "tags": [],
    }


ACTIONS = Kind(
    "Action", "actions", list_actions, get_action, save_action, _changed_action, _shown_action,
    lambda identity: {"source": "events", "actions": [{"id": str(identity)}]},
)  # fmt: skip


# ---------------------------------------------------------------- cohorts


@router.get("/cohorts")
async def cohorts(request: Request, access: ReadingCohorts) -> dict[str, Any]:
    """All cohorts, by name."""
    return await COHORTS.page(request, access)


@router.post("/cohorts", status_code=201)
async def create_cohort(request: Request, access: WritingCohorts) -> dict[str, Any]:
    """Save a new cohort: with conditions on persons, or static, with members."""
    now, fields = access.services.now(), await _fields(request)
    static = fields.get("is_static", False)
    if not isinstance(static, bool):
        raise Invalid("Must be a valid boolean.", attr="is_static")
    fresh = Cohort(0, access.project.id, "", is_static=static, created_at=now, updated_at=now)
    persons = fields.get("_create_static_person_ids") or []
    cohort = _with_members(_changed_cohort(fresh, fields), persons, fields.get("distinct_ids") or [])
    return await COHORTS.save(access, cohort)


@router.get("/cohorts/{cohort_id}")
async def cohort(cohort_id: Identity, access: ReadingCohorts) -> dict[str, Any]:
    """One cohort."""
    return _shown_cohort(await COHORTS.one(access, cohort_id))


@router.patch("/cohorts/{cohort_id}")
@router.put("/cohorts/{cohort_id}")
async def change_cohort(cohort_id: Identity, request: Request, access: WritingCohorts) -> dict[str, Any]:
    """Change a cohort: destinations that use it heed the change at once."""
    return await COHORTS.change(request, access, cohort_id)


@router.patch("/cohorts/{cohort_id}/add_persons_to_static_cohort")
async def add_members(cohort_id: Identity, request: Request, access: WritingCohorts) -> dict[str, Any]:
    """Put persons on the list: ``person_ids``, or ``distinct_ids`` of theirs."""
    fields, existing = await _fields(request), await COHORTS.one(access, cohort_id)
    more = _with_members(existing, fields.get("person_ids") or [], fields.get("distinct_ids") or [])
    return await COHORTS.save(access, replace(more, updated_at=access.services.now()))


@router.patch("/cohorts/{cohort_id}/remove_person_from_static_cohort")
async def remove_member(cohort_id: Identity, request: Request, access: WritingCohorts) -> dict[str, Any]:
    """Take a person off the list: ``person_id``, or a ``distinct_id``."""
    fields, existing = await _fields(request), await COHORTS.one(access, cohort_id)
    less = replace(
        existing,
        persons=[one for one in existing.persons if one != fields.get("person_id")],
        distinct_ids=[one for one in existing.distinct_ids if one != fields.get("distinct_id")],
        updated_at=access.services.now(),
    )
    return await COHORTS.save(access, less)


@router.delete("/cohorts/{cohort_id}")
async def refuse_to_delete_cohort(cohort_id: Identity, _access: WritingCohorts) -> None:
    """Nothing is deleted for good."""
    raise COHORTS.kept(cohort_id)


def _changed_cohort(cohort: Cohort, fields: Mapping[str, Any]) -> Cohort:
    filters = fields.get("filters", cohort.filters)
    if not isinstance(filters, dict):
        raise Invalid("Expected a dictionary.", attr="filters")
    return replace(cohort, **_common(cohort, fields), filters={} if cohort.is_static else filters)


def _with_members(cohort: Cohort, persons: Any, distinct_ids: Any) -> Cohort:
    if (persons or distinct_ids) and not cohort.is_static:
        raise Invalid("Only a static cohort has members that are listed.", attr="is_static")
    merged = replace(
        cohort,
        persons=list(dict.fromkeys([*cohort.persons, *_uuids(persons)])),
        distinct_ids=list(dict.fromkeys([*cohort.distinct_ids, *_texts(distinct_ids)])),
    )
    if len(merged.persons) + len(merged.distinct_ids) > MOST_MEMBERS:
        raise Invalid(f"A static cohort has at most {MOST_MEMBERS} members.", attr="person_ids")
    return merged


def _uuids(raw: Any) -> list[str]:
    try:
        return [str(uuid.UUID(one)) for one in _texts(raw)]
    except ValueError:
        raise Invalid("Expected a list of UUIDs.", attr="person_ids") from None


def _texts(raw: Any) -> list[str]:
    if not isinstance(raw, list) or not all(isinstance(one, str) for one in raw):
        raise Invalid("Expected a list of texts.", attr="distinct_ids")
    return raw


def _told_cohort(item: Cohort) -> dict[str, Any]:
    """A cohort as the audit log compares it: never who is in it, since people may ask to be forgotten."""
    named = {"id": item.id, "name": item.name, "description": item.description, "deleted": item.deleted}
    return {**named, "filters": item.filters, "members": len(item.persons) + len(item.distinct_ids)}


def _shown_cohort(item: Cohort) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "deleted": item.deleted,
        "filters": item.filters or None,
        "is_static": item.is_static,
        "is_calculating": False,
        "count": len(item.persons) + len(item.distinct_ids) if item.is_static else None,
        "person_ids": item.persons,
        "distinct_ids": item.distinct_ids,
        "origin": item.origin,
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "created_by": None,
    }


COHORTS = Kind(
    "Cohort", "cohorts", list_cohorts, get_cohort, save_cohort, _changed_cohort, _shown_cohort,
    lambda identity: {"source": "events", "properties": [{"key": "id", "type": "cohort", "value": identity}]},
)  # fmt: skip
