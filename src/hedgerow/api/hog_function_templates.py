"""``/api/projects/:id/hog_function_templates/`` and its public twin: what destinations can be made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api.access import Access, needs, services_of
from hedgerow.api.errors import NotFound
from hedgerow.api.paging import page
from hedgerow.destinations import repository
from hedgerow.destinations.catalogue import Catalogue, Template

router = APIRouter()

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
PRIVATE = "/api/projects/{project_id}/hog_function_templates"
PUBLIC = "/api/public_hog_function_templates"


@router.get(PRIVATE)
async def list_templates(request: Request, access: Reading) -> dict[str, Any]:
    """List the templates of some types: those that most enabled destinations of the project use first, then by name."""
    used = await access.services.state.read(lambda c: repository.templates_in_use(c, access.project.id))
    return _list(request, access.services.templates, used)


@router.get(PRIVATE + "/{template_id}")
async def retrieve_template(template_id: str, access: Reading) -> dict[str, Any]:
    """One template, whatever its status."""
    return _one(access.services.templates.get(template_id))


@router.get(PUBLIC)
async def list_public_templates(request: Request) -> dict[str, Any]:
    """The same list without a key, by name: there is nothing secret in it."""
    return _list(request, services_of(request).templates, {})


@router.get(PUBLIC + "/{template_id}")
async def retrieve_public_template(template_id: str, request: Request) -> dict[str, Any]:
    """One template without a key, unless it is hidden."""
    found = services_of(request).templates.get(template_id)
    return _one(found if found and found.status != "hidden" else None)


def _list(request: Request, templates: Catalogue, used: Mapping[str, int]) -> dict[str, Any]:
    query = request.query_params
    named = (query.get("types") or query.get("type") or "destination").split(",")
    types, wanted = frozenset(part.strip() for part in named), query.get("template_id")
    chosen = [item for item in templates.listed(types) if wanted in {None, "", item.id}]
    chosen.sort(key=lambda item: -used.get(item.id, 0))  # the rest of the order is the catalogue's own
    return page(request, [item.as_dict() for item in chosen])


def _one(found: Template | None) -> dict[str, Any]:
    if found is None:
        raise NotFound
    return found.as_dict()
