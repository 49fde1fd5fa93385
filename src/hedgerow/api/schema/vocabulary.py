"""Names seen in the event stream, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.operations import LIMIT, OFFSET, SEARCH, Operation, Query, Tag, page
from hedgerow.api.schema.shapes import Shape, free, limited, maybe, note, one_of

TAG = Tag("Vocabulary", "Names of events and properties, as seen in the stream: for those who write filters.")

TIMES = {"created_at": "2026-05-28T20:26:40.000Z", "last_seen_at": "2026-06-01T12:00:00.000Z"}
DEFINITION_ID = "0191f3c0-1d2e-8b00-8000-5f0c6a3b9d10"

EVENT = Shape(
    "EventDefinition",
    {
        "id": DEFINITION_ID,
        "name": "order paid",
        **TIMES,
        "last_updated_at": "2026-06-01T12:00:00.000Z",
        "tags": ["checkout"],
        "is_action": False,
        "action_id": maybe(3),
        "is_calculating": False,
        "last_calculated_at": maybe("2026-06-01T12:00:00.000Z"),
        "created_by": free(None, "Nobody: it was seen."),
        "post_to_slack": False,
    },
    "An event that was seen; `last_seen_at` is right to the hour.",
)
PROPERTY = Shape(
    "PropertyDefinition",
    {
        "id": DEFINITION_ID,
        "name": "price",
        "type": one_of("event", "person", "group"),
        "group_type_index": maybe(0),
        "property_type": note(
            maybe(one_of("Numeric", "String", "Boolean", "DateTime")), "From the first value that told."
        ),
        "is_numerical": True,
        "is_seen_on_filtered_events": note(maybe(True), "Whether in one of `event_names`."),
        **TIMES,
        "tags": ["checkout"],
    },
)
ORDERING = Query(
    "ordering",
    one_of("name", "-name", "created_at", "-created_at", "last_seen_at", "-last_seen_at"),
    "What comes first.",
)
TRUTH = one_of("true", "false")

OPERATIONS = (
    Operation(
        "GET /event_definitions",
        "event_definitions_list",
        page(EVENT),
        query=(
            SEARCH,
            Query("name", "order paid", "The one with exactly this name."),
            Query(
                "event_type",
                one_of("event", "all", "event_custom", "event_posthog"),
                "All, your own, or those that begin with `$`.",
            ),
            ORDERING,
            LIMIT,
            OFFSET,
        ),
    ),
    Operation("GET /event_definitions/{definition_id}", "event_definitions_retrieve", EVENT),
    Operation(
        "GET /property_definitions",
        "property_definitions_list",
        page(PROPERTY),
        query=(
            SEARCH,
            Query("type", one_of("event", "person", "group"), "Whose properties."),
            Query(
                "group_type_index",
                limited(0, minimum=0, maximum=4),
                "Of groups of the type with this number.",
            ),
            Query("properties", "price,currency", "Only these."),
            Query("excluded_properties", '["$lib"]', "All but these: a JSON list."),
            Query(
                "event_names", '["order paid"]', "Those first that were seen in these events: a JSON list."
            ),
            Query("filter_by_event_names", TRUTH, "Only those that were, or were not."),
            Query("is_event_property", TRUTH, "The same under its older name."),
            Query(
                "property_type",
                one_of("Numeric", "String", "Boolean", "DateTime"),
                "With values of this kind.",
            ),
            Query("is_numerical", TRUTH, "With numbers as values."),
            Query("is_feature_flag", TRUTH, "Only those that tell of feature flags, or none of them."),
            ORDERING,
            LIMIT,
            OFFSET,
        ),
    ),
    Operation("GET /property_definitions/{definition_id}", "property_definitions_retrieve", PROPERTY),
)
