"""The organization, as the document shows it."""

from __future__ import annotations

from hedgerow.api.schema.operations import LIMIT, OFFSET, Operation, Tag, page
from hedgerow.api.schema.projects import PROJECT
from hedgerow.api.schema.shapes import Shape, free, note, one_of

TAG = Tag("Organization", "This instance, for clients of PostHog that ask which organization they are in.")

ORGANIZATION_ID = "00000000-0000-0000-0000-000000000001"
SUMMARY = {
    "id": note(ORGANIZATION_ID, "The same on every instance: there is one organization."),
    "name": "Hedgerow",
    "slug": "hedgerow",
    "membership_level": note(one_of(15, 1), "15 for an owner of the instance, 1 for all others."),
}
NAMED = {"id": 1, "name": "Shop", "organization": ORGANIZATION_ID}

ORGANIZATION = Shape(
    "Organization",
    {
        **SUMMARY,
        "created_at": "2026-05-28T20:26:40.000Z",
        "updated_at": "2026-05-28T20:26:40.000Z",
        "projects": [NAMED],
        "teams": note(
            [{**NAMED, "project_id": 1, "api_token": "phc_..."}], "The same once more, as PostHog has it."
        ),
        "available_product_features": free([], "Nothing is sold here."),
        "metadata": free({}, "Empty."),
    },
)

OPERATIONS = (
    Operation("GET /api/organizations", "organizations_list", page(ORGANIZATION), query=(LIMIT, OFFSET)),
    Operation("GET /api/organizations/{organization_id}", "organizations_retrieve", ORGANIZATION),
    Operation(
        "GET /api/organizations/{organization_id}/projects",
        "organizations_projects_list",
        page(PROJECT),
        query=(LIMIT, OFFSET),
    ),
)
