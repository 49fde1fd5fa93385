"""``/api/projects/:id/hog_function_templates/`` and its public twin: what destinations can be made from."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api.access import Access, needs, services_of
from hedgerow.api.errors import NotFound
from hedgerow.api.paging import page
from hedgerow.destinations.catalogue import Catalogue

router = APIRouter()

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
PRIVATE = "/api/projects/{project_id}/hog_function_templates"
PUBLIC = "/api/public_hog_function_templates"


@router.get(PRIVATE)
async def list_templates(request: Request, access: Reading) -> dict[str, Any]:
    """The templates of some types, by name."""
    return _list(request, access.services.templates)


@router.get(PRIVATE + "/{template_id}")
async def retrieve_template(template_id: str, access: Reading) -> dict[str, Any]:
    """One template, whatever its status."""
    return _one(template_id, access.services.templates)


@router.get(PUBLIC)
async def list_public_templates(request: Request) -> dict[str, Any]:
    """The same list without a key: there is nothing secret in it."""
    return _list(request, services_of(request).templates)


@router.get(PUBLIC + "/{template_id}")
async def retrieve_public_template(template_id: str, request: Request) -> dict[str, Any]:
    """One template without a key."""
    return _one(template_id, services_of(request).templates)


def _list(request: Request, templates: Catalogue) -> dict[str, Any]:
    query = request.query_params
    types = frozenset((query.get("types") or query.get("type") or "destination").split(","))
    wanted = query.get("template_id")
    chosen = [item.as_dict() for item in templates.listed(types) if wanted in {None, "", item.id}]
    return page(request, chosen)


def _one(template_id: str, templates: Catalogue) -> dict[str, Any]:
    found = templates.get(template_id)
    if found is None:
        raise NotFound
    return found.as_dict()
