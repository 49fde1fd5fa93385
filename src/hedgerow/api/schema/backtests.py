"""Back-tests, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.deliveries import EVENT_UUID
from hedgerow.api.schema.operations import Operation, Tag
from hedgerow.api.schema.shapes import Shape, free, limited, maybe, note, one_of, optional

TAG = Tag("Back-tests", "A change, tried on events of the past beside what is live. Nothing is sent.")

ANSWER = Shape(
    "Backtest",
    {
        "live_revision": 3,
        "compared_with": one_of("draft", "configuration"),
        "scanned": note(4812, "Events that were looked at."),
        "compared": note(100, "Those that the live revision or the change wants."),
        "cursor": note(
            maybe("1780000000000.42.3"), "Where to go on; null when all that was asked for was looked at."
        ),
        "summary": {
            "same": 40,
            "differs": note(58, "Both would send, but not the same."),
            "would_send": note(1, "Only the change would send."),
            "would_not_send": note(1, "Only the live revision would."),
            "would_fail": note(0, "The change fails."),
            "repaired": note(0, "The live revision fails, the change does not."),
        },
        "changes": [{"place": "header authorization", "count": note(58, "In so many events.")}],
        "examples": [
            {
                "outcome": one_of("differs", "would_send", "would_not_send", "would_fail", "repaired"),
                "event": {
                    "uuid": EVENT_UUID,
                    "event": "order paid",
                    "distinct_id": "ada",
                    "captured_at": "2026-05-28T20:26:40.000Z",
                },
                "diff": ["--- now", "+++ then", "-Authorization: Basic", "+Authorization: Bearer"],
                "errors": ["refused"],
                "live_errors": ["refused"],
                "filters": note(
                    maybe(free({"matched": False})), "Why the one that would not send does not want it."
                ),
            }
        ],
        "person_data": "as it is now",
    },
)

OPERATIONS = (
    Operation(
        "POST /hog_functions/{destination_id}/backtest",
        "hog_functions_backtest",
        ANSWER,
        body={
            "configuration": note(
                optional(free({"hog": "fetch(inputs.url)"})), "The change; the saved draft when left out."
            ),
            "events": optional(limited(100, minimum=1, maximum=1000)),
            "after": optional("-7d"),
            "before": optional("2026-06-01T00:00:00Z"),
            "cursor": optional("1780000000000.42.3"),
        },
    ),
)
