"""Persons and groups, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.deliveries import DELIVERY
from hedgerow.api.schema.events import EVENT
from hedgerow.api.schema.operations import LIMIT, OFFSET, SEARCH, Answer, Operation, Query, Tag, stretch
from hedgerow.api.schema.persons import PERSON
from hedgerow.api.schema.shapes import Shape, free, limited, maybe, one_of

TAG = Tag("People", "Who the events are about, as of now.")

GROUP = Shape(
    "Group",
    {
        "group_type": maybe("company"),
        "group_type_index": 0,
        "group_key": "acme",
        "group_properties": free({"name": "Acme", "plan": "pro"}),
        "created_at": "2026-05-28T20:26:40.000Z",
    },
)
DELETION = {
    "id": 5,
    "requested_at": "2026-05-28T20:26:40.000Z",
    "finished_at": maybe("2026-05-28T20:26:43.000Z"),
    "events": 120,
    "deliveries": 240,
}

OPERATIONS = (
    Operation(
        "GET /persons",
        "persons_list",
        stretch(PERSON),
        query=(
            Query("distinct_id", "ada", "Who has this distinct id."),
            Query("email", "ada@example.com", "Who has this email address."),
            SEARCH,
            Query(
                "properties",
                '[{"key": "plan", "value": "pro", "operator": "exact", "type": "person"}]',
                "A JSON list of property filters; follow `next` then.",
            ),
            LIMIT,
            OFFSET,
            Query(
                "cursor",
                limited(1, minimum=0, maximum=10**9),
                "Where to go on, with filters: take it from `next`.",
            ),
        ),
    ),
    Operation("GET /persons/deletions", "persons_deletions_list", {"results": [DELETION]}),
    Operation("GET /persons/{person_id}", "persons_retrieve", PERSON),
    Operation(
        "DELETE /persons/{person_id}",
        "persons_destroy",
        Answer(text="The person is gone; the rest follows."),
        query=(Query("delete_events", one_of("false", "true"), "Everything that came of their events too."),),
        status=202,
    ),
    Operation(
        "GET /persons/{person_id}/export",
        "persons_export_retrieve",
        {"person": PERSON, "events": [EVENT], "deliveries": [DELIVERY]},
    ),
    Operation("GET /groups_types", "groups_types_list", [{"group_type": "company", "group_type_index": 0}]),
    Operation(
        "GET /groups",
        "groups_list",
        stretch(GROUP),
        query=(
            Query("group_type_index", limited(0, minimum=0, maximum=4), "Of the type with this number."),
            SEARCH,
            LIMIT,
            OFFSET,
        ),
    ),
    Operation("GET /groups/{type_index}/{group_key}", "groups_retrieve", GROUP),
)
