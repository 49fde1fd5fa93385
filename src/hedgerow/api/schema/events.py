"""Events and what was refused of them, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.deliveries import DELIVERY, EVENT_UUID
from hedgerow.api.schema.operations import (
    AFTER,
    BEFORE,
    CURSOR,
    LIMIT,
    Answer,
    Operation,
    Query,
    Tag,
    cursored,
)
from hedgerow.api.schema.persons import PERSON
from hedgerow.api.schema.shapes import Shape, free, limited, maybe, one_of

TAG = Tag("Events", "What came in lately, and what became of it.")

EVENT = Shape(
    "Event",
    {
        "id": EVENT_UUID,
        "uuid": EVENT_UUID,
        "event": "order paid",
        "distinct_id": "ada",
        "properties": free({"order": 7, "$current_url": "https://example.com/checkout"}),
        "timestamp": "2026-05-28T20:26:39.500Z",
        "captured_at": "2026-05-28T20:26:40.000Z",
        "person": maybe(PERSON),
        "elements": [free()],
        "elements_chain": free(""),
    },
)
EVENT_DETAILS = Shape("EventDetails", {"deliveries": [DELIVERY]}, like=EVENT)

NAME = Query("event", "order paid", "With this name.")
WHO = Query("person", "ada", "Of this person: their UUID, or any of their distinct ids.")
STREAM = (
    ": following\n\n"
    f'id: {EVENT_UUID}\ndata: {{"id": "{EVENT_UUID}", "event": "order paid", "distinct_id": "ada"}}\n\n'
    'event: lost\ndata: {"lost": 12}\n\n'
)

WARNINGS = {
    "results": [
        {
            "type": "message_size_too_large",
            "count": 3,
            "lastSeen": "2026-05-28T20:26:40.000Z",
            "sparkline": [[free(3)]],
            "warnings": [
                {
                    "type": "message_size_too_large",
                    "timestamp": "2026-05-28T20:26:40.000Z",
                    "details": free({"event": "order paid", "size": 1200000}),
                }
            ],
        }
    ]
}

OPERATIONS = (
    Operation(
        "GET /events",
        "events_list",
        cursored(EVENT),
        query=(
            NAME,
            WHO,
            Query("person_id", "0191f3c0-1d2e-7c00-8000-5f0c6a3b9d10", "The same by UUID."),
            Query("distinct_id", "ada", "The same by distinct id."),
            AFTER,
            BEFORE,
            Query(
                "properties",
                '[{"key": "order", "value": 7, "operator": "gt", "type": "event"}]',
                "A JSON list of property filters.",
            ),
            Query("action_id", "1", "That are this action."),
            Query(
                "orderBy",
                one_of('["-timestamp"]', "-timestamp", '["timestamp"]', "timestamp"),
                "The latest accepted first, which is usual, or last.",
            ),
            Query(
                "format",
                one_of("json", "csv"),
                "`csv`: a table instead, with the properties as JSON in a column.",
            ),
            Query("offset", limited(0, minimum=0, maximum=10_000), "How many to skip; better follow `next`."),
            Query("include_person", one_of("true", "false"), "Show the person of each as they are now."),
            LIMIT,
            CURSOR,
        ),
    ),
    Operation(
        "GET /events/values",
        "events_values_list",
        [{"name": "order paid"}],
        query=(
            Query("key", "event", "Whose values: `event` for names, or a property of events."),
            Query("event_name", "order paid", "Of events with this name."),
        ),
    ),
    Operation("GET /events/{event_uuid}", "events_retrieve", EVENT_DETAILS),
    Operation(
        "GET /events/tail",
        "events_tail",
        Answer(STREAM, "Server-sent events, for as long as the client stays.", "text/event-stream"),
        query=(NAME, WHO),
    ),
    Operation(
        "GET /ingestion_warnings",
        "ingestion_warnings_list",
        WARNINGS,
        query=(
            AFTER,
            Query("type", "message_size_too_large", "Of this kind."),
            Query("samples", limited(10, minimum=0, maximum=100), "How many samples of each kind."),
        ),
    ),
)
