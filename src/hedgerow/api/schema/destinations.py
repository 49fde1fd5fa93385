"""Destinations, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.deliveries import DESTINATION_ID, LINE
from hedgerow.api.schema.operations import (
    AFTER,
    BEFORE,
    KEPT,
    LIMIT,
    OFFSET,
    SEARCH,
    Answer,
    Operation,
    Query,
    Tag,
    page,
)
from hedgerow.api.schema.shapes import Shape, by_key, either, free, limited, maybe, note, one_of, optional
from hedgerow.api.schema.templates import TEMPLATE
from hedgerow.delivery.holding import ORDERS

TAG = Tag(
    "Destinations", "Where events go: programs with inputs and filters, under the name PostHog gives them."
)

TYPES = (
    "destination",
    "site_destination",
    "internal_destination",
    "source_webhook",
    "site_app",
    "transformation",
)
HOG = "fetch(inputs.url, {'method': 'POST', 'body': {'order': event.properties.order}})"
FILTERS = free(
    {
        "source": "events",
        "events": [{"id": "order paid", "name": "order paid", "type": "events", "order": 0}],
    },
    "Which events it wants.",
)
SCHEMA = [free({"key": "url", "type": "string", "label": "Address", "required": True, "secret": False})]
INPUTS = by_key(
    {"url": free({"value": "https://example.com/orders"}), "token": free({"secret": True})},
    'A value each; a secret one is never shown, and sending `{"secret": true}` keeps it. While the destination is off, '
    '`{"missing": true}` marks what is still to be filled in.',
)
ORIGIN = note(maybe("posthog:eu.posthog.com/2/hog_functions/0191f3c0"), "Where it was imported from.")
BYTECODE = maybe([free("_H")])

STATUS = {
    "state": note(1, "0 unknown or off, 1 healthy, 2 degraded, 3 disabled, 11 and 12 by decree."),
    "tokens": 10000,
}
HEALTH = {
    "state": one_of("healthy", "degraded", "quarantined", "disabled"),
    "since": maybe("2026-05-28T20:26:40.000Z"),
    "reason": maybe("Half of the last 40 deliveries failed."),
    "evidence": free({"results": 40, "failed": 21}),
    "quarantines": 0,
    "next_probe_at": maybe("2026-05-28T20:31:40.000Z"),
    "paused_at": maybe("2026-05-28T20:26:40.000Z"),
}
PERSON = free(None, "Who made it, or null.")
DRAFT_NOTE = {
    "version": 2,
    "base": 3,
    "author": "ada@example.com",
    "message": None,
    "updated_at": "2026-05-28T20:26:40.000Z",
}

CADENCE = {
    "cron": optional("0 9 * * 1-5"),
    "timezone": optional("Europe/Berlin"),
    "every": optional("15m"),
    "only_changed": note(False, "Only persons who are not as they were when they were last sent."),
    "rate": note(maybe(50.0), "Persons a second; null for the default."),
}
SCHEDULE = Shape(
    "Schedule",
    {
        **CADENCE,
        "next": note(["2026-05-29T07:00:00.000Z"], "The next ticks; none while it is off."),
        "last": note(
            maybe(
                {
                    "tick": "2026-05-28T07:00:00.000Z",
                    "run": maybe("0191f3c0-1d2e-7d00-8000-5f0c6a3b9d10"),
                    "passed_over": note(0, "Ticks before it that could not begin."),
                }
            ),
            "The last tick that began.",
        ),
        "waits": note(maybe("The destination is paused."), "Why a tick that is due does not begin."),
    },
    text="When it fires over the persons that its filters choose: a cron expression in a time zone, or an interval.",
)

SUMMARY = Shape(
    "DestinationSummary",
    {
        "id": DESTINATION_ID,
        "type": one_of(*TYPES),
        "name": maybe("Orders to the warehouse"),
        "description": maybe("Each paid order, as it happens."),
        "created_at": "2026-05-28T20:26:40.000Z",
        "created_by": PERSON,
        "updated_at": "2026-05-28T20:26:40.000Z",
        "enabled": True,
        "hog": HOG,
        "filters": FILTERS,
        "icon_url": maybe("https://example.com/icon.svg"),
        "template": maybe(TEMPLATE),
        "status": STATUS,
        "health": HEALTH,
        "held": {"count": note(0, "How many deliveries wait."), "oldest": maybe("2026-05-28T20:26:40.000Z")},
        "schedule": maybe(SCHEDULE),
        "execution_order": maybe(1),
        "revision": note(3, "Grows with each change; the history is under `revisions/`."),
        "draft": note(maybe(free(DRAFT_NOTE)), "Who works on the next revision, or null."),
        "search_match_type": optional(one_of("exact", "similar")),
    },
)

OPTIONS = {
    "masking": maybe(free({"ttl": 3600, "hash": "{person.id}", "threshold": None})),
    "threshold": maybe(
        free(
            {"key": "{person.id}", "count": 5, "window": 600},
            "Only the last of `count` events with the same key within `window` seconds is sent; then the count begins anew.",
        )
    ),
    "digest": maybe(
        free(
            {"key": "{event.properties.shop}", "interval": 3600, "limit": 100},
            "The first event of a key is sent at once; those that follow within `interval` seconds together, as `events`.",
        )
    ),
    "sampling": free(None, "A share of events or persons instead of all."),
    "retry": free(None, "How often and for how long a failure is tried again."),
    "rate_limit": free(None, "How many a second."),
    "ordering": free(None, "Whether deliveries of a person go out one after the other."),
    "fetch": free(None, "Options of its requests."),
    "mappings": maybe([free({"name": "order", "inputs": {}})]),
    "batch_export_id": maybe(free("0191f3c0-1d2e-7d00-8000-5f0c6a3b9d10")),
}

DESTINATION = Shape(
    "Destination",
    {
        "bytecode": BYTECODE,
        "transpiled": maybe(""),
        "inputs_schema": maybe(SCHEMA),
        "inputs": maybe(INPUTS),
        **OPTIONS,
        "origin": ORIGIN,
    },
    like=SUMMARY,
)

WRITTEN = {
    "type": one_of(*TYPES),
    "name": maybe(limited("Orders to the warehouse", maxLength=400)),
    "description": maybe("Each paid order, as it happens."),
    "enabled": True,
    "hog": HOG,
    "inputs_schema": SCHEMA,
    "inputs": INPUTS,
    "filters": FILTERS,
    "masking": maybe(free({"ttl": 3600, "hash": "{person.id}"})),
    "threshold": maybe(free({"key": "{person.id}", "count": 5, "window": 600})),
    "digest": maybe(free({"key": "{event.properties.shop}", "interval": 3600})),
    "mappings": maybe([free({"name": "order", "inputs": {}})]),
    "icon_url": maybe("https://example.com/icon.svg"),
    "schedule": maybe(free({"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin", "only_changed": True})),
    "execution_order": maybe(1),
    "origin": ORIGIN,
    "message": note("A better address", "Why, for the history; it is not part of the destination."),
}
NEW = Shape("NewDestination", {"template_id": maybe("template-webhook"), **WRITTEN}, request=True)
CHANGE = Shape(
    "DestinationChange",
    {
        **WRITTEN,
        "deleted": False,
        "base_updated_at": note("2026-05-28T20:26:40.000Z", "As `If-Match`, the way PostHog writes it."),
    },
    request=True,
)
ETAG = {"ETag": '"revision-3"'}
IF_MATCH = Query("If-Match", '"revision-3"', "Change it only if its ETag is still this one; else 412.")
STALE = {
    412: Answer(
        {
            "type": "invalid_request",
            "code": "precondition_failed",
            "detail": "This destination was changed since you read it: revision 4 by ada is of 2026-05-28T20:26:40.000Z. …",
            "attr": maybe(""),
        },
        "Somebody changed it since it was read; nothing was saved.",
    ),
    409: Answer(
        {
            "type": "invalid_request",
            "code": "conflict",
            "detail": "Somebody else is changing this destination at the same time. Try again.",
            "attr": maybe(""),
        },
        "Others change it at the same moment.",
    ),
}

CHECK = Query(
    "validate_only",
    one_of("false", "true"),
    "Only say whether it would be saved, and whether that would change anything.",
)


def _saved(status_text: str) -> Answer:
    """A destination, or the answer of a check."""
    return Answer(either(DESTINATION, {"changed": True}), status_text, headers=ETAG)


PERIOD = (
    AFTER,
    BEFORE,
    Query("breakdown_by", one_of("kind", "name"), "What the series are."),
    Query("name", "delivered,failed", "Only these metrics."),
    Query("kind", "success,failure", "Only metrics of these kinds."),
    Query("instance_id", DESTINATION_ID.replace("7a00", "8a00"), "Only those of this delivery."),
)
HOG_FUNCTION = "/hog_functions/{destination_id}"

OPERATIONS = (
    Operation(
        "GET /hog_functions",
        "hog_functions_list",
        page(either(SUMMARY, DESTINATION)),
        query=(
            Query("type", "destination,internal_destination", "Of these types."),
            Query("enabled", one_of("true", "false"), "Only those that are on, or off."),
            Query("id", DESTINATION_ID, "Only these, separated by commas."),
            Query("created_by", limited(1, minimum=1), "Only those that this user made."),
            Query("created_at", "2026-05-28T20:26:40.000Z", "Only those made at this moment."),
            Query("updated_at", "2026-05-28T20:26:40.000Z", "Only those last changed at this moment."),
            Query(
                "has_draft",
                one_of("true", "false"),
                "Only those somebody prepares a change for, or the others.",
            ),
            Query("search", "ordres", "In name and description, in any case, with a slip of the pen."),
            Query(
                "filters",
                '{"events": [{"id": "order paid"}]}',
                "JSON that the destination's filter must contain.",
            ),
            Query(
                "filter_groups",
                '[{"source": "person-updates"}]',
                "A list of such JSON, of which one must fit.",
            ),
            Query("full", one_of("true", "false"), "Everything about each, as in the answer about one."),
            LIMIT,
            OFFSET,
        ),
    ),
    Operation(
        "POST /hog_functions",
        "hog_functions_create",
        _saved("It is saved."),
        body=NEW,
        query=(CHECK,),
        status=201,
    ),
    Operation(
        "GET /hog_functions/icons",
        "hog_functions_icons_list",
        [
            {
                "id": "https://example.com/icon.svg",
                "name": "HTTP Webhook",
                "url": "https://example.com/icon.svg",
            }
        ],
        query=(Query("query", "webhook", "Part of a template's name; without it nothing is found."),),
    ),
    Operation(
        "PATCH /hog_functions/rearrange",
        "hog_functions_rearrange_partial_update",
        [SUMMARY],
        body=Shape(
            "Rearrangement",
            {"orders": by_key({DESTINATION_ID: maybe(1)})},
            request=True,
            required=("orders",),
        ),
    ),
    Operation(f"GET {HOG_FUNCTION}", "hog_functions_retrieve", Answer(DESTINATION, headers=ETAG)),
    Operation(
        f"PATCH {HOG_FUNCTION}",
        "hog_functions_partial_update",
        _saved("It is saved."),
        body=CHANGE,
        query=(CHECK,),
        headers=(IF_MATCH,),
        others=STALE,
    ),
    Operation(
        f"PUT {HOG_FUNCTION}",
        "hog_functions_update",
        _saved("It is saved."),
        body=CHANGE,
        query=(CHECK,),
        headers=(IF_MATCH,),
        others=STALE,
    ),
    Operation(f"DELETE {HOG_FUNCTION}", "hog_functions_destroy", KEPT, status=405),
    Operation(f"POST {HOG_FUNCTION}/pause", "hog_functions_pause", DESTINATION),
    Operation(
        f"POST {HOG_FUNCTION}/resume",
        "hog_functions_resume",
        DESTINATION,
        body=Shape(
            "Resume",
            {
                "rate": maybe(
                    limited(50.0, exclusiveMinimum=0, maximum=100000, description="How many a second.")
                ),
                "order": one_of(*ORDERS),
            },
            request=True,
        ),
    ),
    Operation(f"POST {HOG_FUNCTION}/discard", "hog_functions_discard", DESTINATION, status=202),
    Operation(
        f"GET {HOG_FUNCTION}/logs",
        "hog_functions_logs_list",
        page(LINE),
        query=(
            Query("level", "WARN,ERROR", "Lines of these levels."),
            Query("instance_id", DESTINATION_ID.replace("7a00", "8a00"), "Lines of this delivery."),
            AFTER,
            BEFORE,
            SEARCH,
            Query("limit", limited(50, minimum=1, maximum=500), "How many at most."),
            OFFSET,
        ),
    ),
    Operation(
        f"GET {HOG_FUNCTION}/metrics",
        "hog_functions_metrics_retrieve",
        {"labels": ["2026-05-28"], "series": [{"name": "success", "values": [12]}]},
        query=(Query("interval", one_of("day", "hour", "week"), "How long each bar is."), *PERIOD),
    ),
    Operation(
        f"GET {HOG_FUNCTION}/metrics/totals",
        "hog_functions_metrics_totals_retrieve",
        {"totals": by_key({"success": 12})},
        query=PERIOD,
    ),
)
