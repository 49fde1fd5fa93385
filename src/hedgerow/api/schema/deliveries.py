"""The ledger, as the document shows it."""

from __future__ import annotations

from hedgerow.api.schema.operations import (
    AFTER,
    BEFORE,
    CURSOR,
    LIMIT,
    SEARCH,
    Operation,
    Query,
    Tag,
    cursored,
)
from hedgerow.api.schema.shapes import Shape, by_key, free, maybe, note, one_of

TAG = Tag("Deliveries", "What became of each event, for each destination that wanted it.")

DELIVERY_ID = "0191f3c0-1d2e-8a00-8000-5f0c6a3b9d10"
DESTINATION_ID = "0191f3c0-1d2e-7a00-8000-5f0c6a3b9d10"
EVENT_UUID = "0191f3c0-1d2e-7b00-8000-5f0c6a3b9d10"

DELIVERY = Shape(
    "Delivery",
    {
        "id": DELIVERY_ID,
        "destination": {
            "id": DESTINATION_ID,
            "name": maybe("Orders to the warehouse"),
            "revision": note(3, "The revision that ran."),
        },
        "mapping": note(maybe("order"), "The mapping that wanted the event, where there are several."),
        "run": note(maybe("replay-7"), "The re-run or replay that asked for it; null for live traffic."),
        "event": {"uuid": EVENT_UUID, "name": "order paid", "distinct_id": "ada"},
        "verdict": one_of(
            "failed", "delivered", "masked", "counted", "digested", "duplicate", "expired", "discarded", "superseded",
            "running", "retrying", "held", "scheduled",
            text="`running`, `retrying`, `held` and `scheduled` are still open; the others are final.",
        ),
        "kind": note(maybe("http_5xx"), "What kind of failure it was."),
        "error": maybe("example.com answered with status 503"),
        "attempts": 3,
        "status": note(maybe(503), "HTTP status of the last response."),
        "duration_ms": maybe(41),
        "captured_at": "2026-05-28T20:26:40.000Z",
        "created_at": "2026-05-28T20:26:40.020Z",
        "updated_at": "2026-05-28T20:26:45.321Z",
        "next_at": note(maybe("2026-05-28T20:27:40.000Z"), "When it is tried next."),
        "carrier": note(maybe(None), "Of an event in a summary: the delivery that carries it; its own id where that is this one."),
    },
)  # fmt: skip

LINE = Shape(
    "LogLine",
    {
        "log_source_id": DESTINATION_ID,
        "instance_id": note(maybe(DELIVERY_ID), "The delivery that said it."),
        "timestamp": "2026-05-28T20:26:45.321Z",
        "level": one_of("ERROR", "WARN", "INFO", "DEBUG", "LOG"),
        "message": "example.com answered with status 503",
    },
)

SIDE = maybe(
    free(
        {"headers": {"content-type": "application/json"}, "body": '{"order":7}'},
        "Headers and body, secrets redacted.",
    )
)

REQUEST = {
    "number": note(1, "Which attempt it belongs to."),
    "ordinal": note(0, "Which call of the program it was."),
    "at": "2026-05-28T20:26:45.280Z",
    "duration_ms": 41,
    "method": "POST",
    "url": "https://example.com/orders",
    "status": maybe(503),
    "error": maybe("The connection was refused."),
    "request": SIDE,
    "response": SIDE,
}

DETAILS = Shape(
    "DeliveryDetails",
    {
        "requests": [REQUEST],
        "logs": [LINE],
        "globals": note(
            maybe(by_key({"event": free({"event": "order paid"})})), "What the program saw, if it was kept."
        ),
    },
    like=DELIVERY,
)

OPERATIONS = (
    Operation(
        "GET /deliveries",
        "deliveries_list",
        cursored(DELIVERY),
        query=(
            Query("destination", DESTINATION_ID, "Of this destination."),
            Query(
                "verdict",
                "failed,retrying",
                "With any of these verdicts; `open` and `final` stand for several.",
            ),
            Query("kind", "timeout", "Failures of this kind."),
            Query("status", "5xx", "With this HTTP status, or one of this class."),
            Query("event", "order paid", "Of events with this name."),
            Query("event_uuid", EVENT_UUID, "Of this event."),
            Query("carrier", DELIVERY_ID, "In the summary that this delivery carries."),
            Query("person", "ada", "Of this person: their UUID, or any of their distinct ids."),
            AFTER,
            BEFORE,
            SEARCH,
            LIMIT,
            CURSOR,
        ),
    ),
    Operation("GET /deliveries/{delivery_id}", "deliveries_retrieve", DETAILS),
)
