"""Projects, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.operations import LIMIT, OFFSET, Operation, Tag, page
from hedgerow.api.schema.shapes import Shape, limited, maybe, note

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

OPERATIONS = (
    Operation("GET /api/projects", "projects_list", page(PROJECT), query=(LIMIT, OFFSET)),
    Operation("GET /api/projects/{project_id}", "projects_retrieve", PROJECT),
    Operation("PATCH /api/projects/{project_id}", "projects_partial_update", PROJECT, body=CHANGE),
    Operation("GET /api/users/@me", "users_me_retrieve", {"label": "first key", "scopes": ["*"]}),
)
