"""Trying destinations, as the document shows it."""

from __future__ import annotations

from hedgerow.api.schema.deliveries import DELIVERY_ID, EVENT_UUID, SIDE
from hedgerow.api.schema.events import EVENT
from hedgerow.api.schema.operations import AFTER, BEFORE, Answer, Operation, Query, Tag
from hedgerow.api.schema.shapes import Shape, by_key, free, limited, maybe, note, one_of

TAG = Tag("Trials", "Trying a destination on an event, saved or not, without trusting it with all of them.")

HOG_FUNCTION = "/hog_functions/{destination_id}"
CONFIGURATION = free(
    {
        "type": "destination",
        "name": "Orders to the warehouse",
        "hog": "fetch(inputs.url, {'body': event.properties})",
        "inputs_schema": [{"key": "url", "type": "string", "required": True}],
        "inputs": {"url": {"value": "https://example.com/orders"}},
        "filters": {"events": [{"id": "order paid", "type": "events"}]},
    },
    "Instead of what is saved: the fields of a destination. Those that are left out, and secrets sent as "
    '`{"secret": true}`, are as saved.',
)
ANSWERS = [free({"status": 409, "body": {"error": "already there"}})]
REQUEST = Shape(
    "TrialRequest",
    {
        "configuration": CONFIGURATION,
        "use_draft": note(False, "Try the saved draft."),
        "event_uuid": note(maybe(EVENT_UUID), "A stored event, with its person as they are now."),
        "latest": note(False, "The latest stored event that matches."),
        "sample": note(False, "An event made up so that it matches."),
        "globals": free({"event": {"event": "order paid", "properties": {"order": 7}}}, "As programs see an event."),
        "event": free("order paid", "The name of an event, or an event; with `person` and `groups`."),
        "person": free({"properties": {"email": "ada@example.com"}}),
        "groups": free({"company": "acme"}, "Groups, or their keys, by the name of their type."),
        "clickhouse_event": free(None, "An event as a row of ClickHouse."),
        "mock_async_functions": note(True, "False makes real calls: once each, without retries."),
        "mock_answers": note(
            ANSWERS,
            "What mocked calls are answered with, in turn: `status`, `headers`, `body`, or `error` for none; "
            "`url` limits one to addresses that begin so.",
        ),
        "trace": note(False, "Note every statement."),
        "invocation_id": note(maybe(DELIVERY_ID), "What the receiver sees as `webhook-id`."),
    },
    "The event comes from one of the fields after `use_draft`.",
    request=True,
)  # fmt: skip

LOG = {
    "level": one_of("info", "debug", "warn", "error"),
    "timestamp": "2026-05-28T20:26:45.321Z",
    "message": "POST https://example.com/orders answered 200 after 34 ms.",
}
CLAUSE = free(
    {"text": 'the event is "order paid"', "matched": True, "place": "events__0", "actual": "order paid"},
    "A condition: `text`, `matched` (null when it could not be decided), `place` in the filter, the `actual` value; or "
    "several, joined by `all`, `any` or `not`, as `clauses`.",
)
EXPLANATION = Shape(
    "FilterExplanation",
    {
        "matched": maybe(True),
        "error": maybe("The filter could not be evaluated."),
        "wanted": [note("", "Ids of mappings, or one empty text without mappings.")],
        "filter": CLAUSE,
        "mappings": maybe(
            [
                {
                    "id": "3f2a9b",
                    "name": maybe("order"),
                    "disabled": False,
                    "matched": maybe(True),
                    "filter": CLAUSE,
                }
            ]
        ),
    },
    "Why a destination wants an event, or does not.",
)
RUN = Shape(
    "TriedInvocation",
    {
        "id": DELIVERY_ID,
        "mapping": maybe({"id": "3f2a9b", "name": maybe("order")}),
        "status": one_of("success", "error"),
        "kind": note(maybe("http_5xx"), "What kind of failure it was, as in the ledger."),
        "error": maybe("POST https://example.com/orders answered 503."),
        "inputs": note(by_key({"url": free("https://example.com/orders")}), "As they were rendered."),
        "requests": [
            {
                "number": 1,
                "ordinal": 0,
                "line": note(maybe(1), "The line of the program it comes from."),
                "at": "2026-05-28T20:26:45.280Z",
                "duration_ms": 34,
                "method": "POST",
                "url": "https://example.com/orders",
                "status": maybe(200),
                "error": maybe("The connection was refused."),
                "request": SIDE,
                "response": SIDE,
            }
        ],
        "captured": note([free({"event": "order forwarded"})], "Events the program would have captured."),
        "printed": ["order 7"],
        "result": free({"ok": True}, "What the program gave."),
        "hosts": ["example.com"],
        "logs": [LOG],
        "timings": {"total_ms": 36, "hog_ms": 0.4, "fetch_ms": 34},
        "trace": maybe(
            {
                "steps": [
                    {
                        "line": 1,
                        "source": "fetch(inputs.url, {'body': event.properties})",
                        "changed": by_key({"n": "1"}),
                    }
                ],
                "complete": True,
                "error": maybe("The run ended at this fetch"),
            }
        ),
    },
    "One delivery that the event asks for. Secrets are redacted throughout.",
)
ANSWER = Shape(
    "TrialAnswer",
    {
        "status": one_of("success", "error", "skipped", text="Skipped: the event does not match."),
        "result": free({"ok": True}, "What the program gave, where there is one invocation."),
        "errors": ["POST https://example.com/orders answered 503."],
        "logs": [LOG],
        "invocation_id": maybe(DELIVERY_ID),
        "globals": by_key({"event": free({"event": "order paid"})}),
        "event": {
            "uuid": note("0191f3c0-1d2e-7b00-8000-5f0c6a3b9d1", "As it was given."),
            "event": "order paid",
            "distinct_id": "ada",
            "timestamp": "2026-05-28T20:26:40.000Z",
            "origin": one_of("stored", "given", "sample"),
        },
        "mocked": True,
        "hosts": note(["example.com"], "Hosts that were really called."),
        "filters": EXPLANATION,
        "invocations": [RUN],
        "notes": note(["Live, the call that failed would be tried again."], "Where live traffic would fare differently."),
        "duration_ms": 41,
    },
)  # fmt: skip
CHOICE = Shape(
    "MatchingEvents",
    {
        "results": [
            Shape(
                "MatchingEvent",
                {"mappings": note(["3f2a9b"], "Ids of the mappings that match.")},
                like=EVENT,
            )
        ],
        "scanned": note(250, "How many events were looked at."),
        "cursor": note(maybe("1780000000000.42.0"), "Where to go on; null at the end."),
    },
    "Recent events that a destination would want, the latest first.",
)
CHOOSING = (
    Query("event", "order paid", "Only events of this name."),
    AFTER,
    BEFORE,
    Query("limit", limited(10, minimum=1, maximum=1000), "How many at most."),
    Query("cursor", "1780000000000.42.0", "Where to go on: the cursor of the page before."),
)

REFUSED = Answer(
    by_key(
        {
            "type": free("validation_error"),
            "code": free("invalid_input"),
            "detail": free("This field is required."),
            "attr": free("inputs__url"),
            "inputs": free({"url": ["This field is required."]}),
        },
        "The usual envelope; of a configuration the fault also under its field.",
    ),
    "Something in the request is wrong.",
)

UNREADABLE = Answer(
    {
        "type": "invalid_request",
        "code": "unreadable",
        "detail": "The secrets of this destination cannot be read with the keys at hand.",
        "attr": maybe("inputs"),
    },
    "The operator must give the server the key that sealed the secrets.",
)

OPERATIONS = (
    Operation(
        f"POST {HOG_FUNCTION}/invocations",
        "hog_functions_invocations",
        ANSWER,
        body=REQUEST,
        others={400: REFUSED, 409: UNREADABLE},
    ),
    Operation(
        f"GET {HOG_FUNCTION}/matching_events",
        "hog_functions_matching_events",
        CHOICE,
        query=(*CHOOSING, Query("use_draft", one_of("true", "false"), "Match the saved draft.")),
        others={409: UNREADABLE},
    ),
    Operation(
        f"POST {HOG_FUNCTION}/matching_events",
        "hog_functions_matching_events_of",
        CHOICE,
        body=Shape(
            "MatchingEventsRequest",
            {"configuration": CONFIGURATION, "use_draft": note(False, "Match the saved draft.")},
            request=True,
        ),
        query=CHOOSING,
        others={400: REFUSED, 409: UNREADABLE},
    ),
)
