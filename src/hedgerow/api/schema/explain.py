"""Explaining an event, as the document shows it."""

from __future__ import annotations

from hedgerow.api.schema.deliveries import DELIVERY, DELIVERY_ID, DESTINATION_ID, EVENT_UUID, REQUEST
from hedgerow.api.schema.operations import LIMIT, OFFSET, Operation, Query, Tag
from hedgerow.api.schema.shapes import Shape, by_key, free, maybe, note, one_of

TAG = Tag("Explaining", "Why an event went where it went, and why it did not go elsewhere.")

EXPLAINED = Shape(
    "Explanation",
    {
        "destination": {
            "id": DESTINATION_ID,
            "name": "Orders to the warehouse",
            "type": "destination",
            "enabled": True,
            "revision": maybe(3),
            "draft": False,
        },
        "verdict": note(
            "filtered",
            "The verdict of the last delivery; or `filtered`, `filter_failed`, `sampled`, `off`, `later`, `pending`, `wanted`, `broken`.",
        ),
        "because": "Its filter does not match.",
        "filters": maybe(
            free(
                {
                    "matched": False,
                    "error": None,
                    "wanted": [],
                    "filter": {
                        "text": "all of these hold",
                        "matched": False,
                        "join": "all",
                        "clauses": [
                            {
                                "text": "properties.plan is 'pro'",
                                "matched": False,
                                "place": "properties__0",
                                "actual": "free",
                            }
                        ],
                    },
                    "mappings": None,
                },
                "Every condition, whether it holds, and the value it saw.",
            )
        ),
        "sampling": maybe(
            {
                "percentage": 10,
                "by": one_of("event", "person"),
                "included": note(True, "Whether it is in the sample."),
            }
        ),
        "masking": maybe(
            free({"key": "0cc175b9c0f1b6a8", "window": None}, "What repetitions have in common.")
        ),
        "threshold": maybe(
            free(
                {
                    "count": 5,
                    "window": 600,
                    "counted": 2,
                    "would": "count",
                    "says": "It would count: 3 of 5 ...",
                },
                "How far the count of its key is, and what it would make of such an event now.",
            )
        ),
        "digest": maybe(
            free(
                {
                    "interval": 3600,
                    "summary": {"due_at": "2026-05-28T21:00:00.000Z", "gathered": 4, "delivery": DELIVERY_ID},
                    "would": "join",
                    "says": "It would join the summary due at 2026-05-28T21:00:00.000Z.",
                },
                "Which summary is open for its key, and what it would make of such an event now.",
            )
        ),
        "standing": maybe(
            {"health": "healthy", "paused": False, "closed": maybe("The destination is paused."), "held": 0}
        ),
        "invocations": note(
            maybe(free([{"inputs": {}, "requests": []}])), "What it would send as it is now; null in brief."
        ),
        "deliveries": [Shape("ExplainedDelivery", {"requests": [REQUEST]}, like=DELIVERY)],
        "schedule": [
            {
                "delivery": DELIVERY_ID,
                "attempt": 2,
                "at": note("2026-05-28T20:27:40.000Z", "A `Retry-After` may put it off."),
            }
        ],
    },
)

OPERATIONS = (
    Operation(
        "GET /events/{event_uuid}/explain",
        "events_explain",
        {
            "event": {
                "uuid": EVENT_UUID,
                "event": "order paid",
                "distinct_id": "ada",
                "timestamp": "2026-05-28T20:26:40.000Z",
                "captured_at": "2026-05-28T20:26:40.000Z",
                "properties": free({"plan": "free"}),
                "person": maybe(free({"id": EVENT_UUID, "properties": {}})),
                "person_data": one_of(
                    "as it was", "as it is now", text="Which person programs are shown here."
                ),
                "settled": note(True, "Whether live delivery is through with it."),
            },
            "destinations": [EXPLAINED],
        },
        query=(
            Query(
                "destination",
                DESTINATION_ID,
                "Everything about this one; all of them in brief when left out.",
            ),
            Query("draft", "true", "Explain the destination's draft."),
            LIMIT,
            OFFSET,
        ),
    ),
    Operation(
        "GET /deliveries/{delivery_id}/trace",
        "deliveries_trace",
        {
            "steps": [
                {
                    "line": 1,
                    "source": "let res := fetch(inputs.url)",
                    "changed": by_key({"res": "{'status': 401}"}),
                }
            ],
            "complete": note(True, "Whether all steps are shown."),
            "error": note(maybe("refused"), "How the program ended, if it failed."),
            "printed": ["answered 401"],
            "revision": 3,
            "answers": note(
                {"journal": 0, "ledger": 1, "made_up": 0}, "How many calls were answered from where."
            ),
            "person_data": one_of("as it was", "as it is now"),
        },
    ),
)
