"""``/api/organizations/``: PostHog's clients ask which organization they are in; this instance is the only one there is."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request

from hedgerow.accounts import Project, list_projects
from hedgerow.accounts.actors import Actor
from hedgerow.accounts.roles import Role
from hedgerow.api import presenters
from hedgerow.api.access import Visit, needs_account
from hedgerow.api.errors import NotFound
from hedgerow.api.paging import page
from hedgerow.api.times import iso

router = APIRouter(prefix="/api/organizations")

Reading = Annotated[Visit, Depends(needs_account("organization:read"))]
Looking = Annotated[Visit, Depends(needs_account("project:read"))]

ONLY: Final = str(uuid.UUID(int=1))
"""The id of the organization, the same on every instance."""
NAMES: Final = frozenset({"@current", ONLY})


@router.get("")
async def organizations(request: Request, visit: Reading) -> dict[str, Any]:
    """The organizations of whoever asks: this instance, and no other."""
    return page(request, [shown(visit.actor, await visible(visit))])


@router.get("/{organization_id}")
async def organization(organization_id: str, visit: Reading) -> dict[str, Any]:
    """This instance as PostHog's clients see an organization, with the projects that whoever asks may see."""
    _known(organization_id)
    return shown(visit.actor, await visible(visit))


@router.get("/{organization_id}/projects")
async def projects(organization_id: str, request: Request, visit: Looking) -> dict[str, Any]:
    """The projects that whoever asks may see, as under `/api/projects/`."""
    _known(organization_id)
    return page(request, [presenters.project(one) for one in await visible(visit)])


def _known(organization_id: str) -> None:
    if organization_id not in NAMES:
        raise NotFound("Organization not found.")


async def visible(visit: Visit) -> list[Project]:
    """The projects that somebody may see."""
    found = await visit.services.state.read(list_projects)
    return [one for one in found if visit.actor.role_in(one.id)]


def summary(actor: Actor) -> dict[str, Any]:
    """The organization, as part of something else; the level is PostHog's number for a member or an owner."""
    level = Role.OWNER if actor.is_owner else Role.VIEWER
    return {"id": ONLY, "name": "Hedgerow", "slug": "hedgerow", "membership_level": int(level)}


def shown(actor: Actor, seen: list[Project]) -> dict[str, Any]:
    """The organization with its projects, which PostHog knows as teams too."""
    named = [{"id": one.id, "name": one.name, "organization": ONLY} for one in seen]
    began = iso(min((one.created_at for one in seen), default=0))
    return {
        **summary(actor),
        "created_at": began,
        "updated_at": began,
        "projects": named,
        "teams": [
            {**one, "project_id": project.id, "api_token": project.token}
            for one, project in zip(named, seen, strict=True)
        ],
        "available_product_features": [],
        "metadata": {},
    }
