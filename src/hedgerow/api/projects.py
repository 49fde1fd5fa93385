"""``/api/projects/`` and ``/api/users/@me/``: what a client asks first."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.accounts import list_projects
from hedgerow.api import presenters
from hedgerow.api.access import Access, authenticate, needs, services_of
from hedgerow.api.paging import page

router = APIRouter(prefix="/api")

Reading = Annotated[Access, Depends(needs("project:read"))]


@router.get("/projects")
async def projects(request: Request) -> dict[str, Any]:
    """All projects of this server."""
    await authenticate(request)
    found = await services_of(request).state.read(list_projects)
    return page(request, [presenters.project(item) for item in found])


@router.get("/projects/{project_id}")
async def project(project_id: str, access: Reading) -> dict[str, Any]:  # noqa: ARG001 - read by the dependency
    """One project; ``@current`` is the first."""
    return presenters.project(access.project)


@router.get("/users/@me")
async def me(request: Request) -> dict[str, Any]:
    """The key that asks: users come with accounts of their own."""
    key = await authenticate(request)
    return {"label": key.label, "scopes": list(key.scopes)}
