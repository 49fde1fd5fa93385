"""Projects, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.operations import LIMIT, OFFSET, Answer, Operation, Tag, page
from hedgerow.api.schema.shapes import Shape, free, limited, maybe, note

TAG = Tag("Projects", "What is kept apart: events, people and destinations of one product.")

NAMES = limited(["$ip", "email"], maxItems=1000)
OPTIONS = {
    "anonymize_ips": note(False, "Do not keep the addresses that events come from."),
    "dropped_properties": note(NAMES, "Properties that are taken out before anything is stored."),
    "hashed_properties": note(NAMES, "Properties of which only a salted hash is stored."),
    "events_per_second": limited(
        0, type="number", minimum=0, description="How many are let in; 0 for no limit."
    ),
    "events_burst": limited(0, type="number", minimum=0, description="How many more for a moment."),
    "person_display_name_properties": maybe(limited(["email", "name"], maxItems=1000)),
    "person_processing_opt_out": note(False, "Make no profiles of persons."),
    "path_cleaning_filters": note(
        limited([free({"regex": "/order/[0-9]+", "alias": "/order/:id"})], maxItems=1000),
        "What is replaced in paths, in this order, before filters compare cleaned paths.",
    ),
    "test_account_filters": note(
        limited(
            [free({"key": "email", "type": "person", "operator": "not_icontains", "value": "@example.com"})],
            maxItems=1000,
        ),
        "What tells customers from your own people, for filters that leave those out (`filter_test_accounts`).",
    ),
    "segment_group_type": note("segment_group", "What kind of group the groups of Segment's libraries are."),
}

PROJECT = Shape(
    "Project",
    {
        "id": 1,
        "name": "Shop",
        "api_token": note("phc_...", "What SDKs are set up with."),
        "created_at": "2026-05-28T20:26:40.000Z",
        **OPTIONS,
        "hash_salt": note(True, "Whether one is set: it is never shown."),
    },
)
CHANGE = Shape(
    "ProjectChange",
    {
        "name": limited("Shop", minLength=1, maxLength=200),
        **{name: maybe(value) for name, value in OPTIONS.items()},
    },
    request=True,
)
FORMER = {"api_token": "phc_...", "works_until": "2026-05-29T20:26:40.000Z"}
GRACE = limited(24.0, minimum=0, maximum=2160, description="How long events with the former token are taken.")
FIXED = Answer(
    {
        "type": "invalid_request",
        "code": "conflict",
        "detail": "HEDGEROW_PROJECT_TOKEN fixes this project's token. Change it there, or unset it first.",
        "attr": maybe("token"),
    },
    "The token stands in the settings.",
)

OPERATIONS = (
    Operation("GET /api/projects", "projects_list", page(PROJECT), query=(LIMIT, OFFSET)),
    Operation("GET /api/projects/{project_id}", "projects_retrieve", PROJECT),
    Operation("PATCH /api/projects/{project_id}", "projects_partial_update", PROJECT, body=CHANGE),
    Operation(
        "POST /api/projects",
        "projects_create",
        PROJECT,
        body=Shape("NewProject", {"name": CHANGE.fields["name"]}, request=True, required=("name",)),
        status=201,
    ),
    Operation("DELETE /api/projects/{project_id}", "projects_destroy", {"success": True}),
    Operation(
        "PATCH /api/projects/{project_id}/reset_token",
        "projects_reset_token",
        Shape("RotatedProject", {"former_tokens": [FORMER]}, like=PROJECT),
        body=Shape("TokenRotation", {"grace_hours": GRACE}, request=True),
        others={409: FIXED},
    ),
)
