"""Re-runs, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.deliveries import DELIVERY_ID, DESTINATION_ID
from hedgerow.api.schema.operations import LIMIT, OFFSET, Answer, Operation, Query, Tag
from hedgerow.api.schema.shapes import Shape, by_key, limited, maybe, note, one_of, optional

TAG = Tag("Second chances", "Deliveries run again, and what a change would have done to events of the past.")

RUN_ID = "0191f3c0-1d2e-7d00-8000-5f0c6a3b9d10"

RUN = Shape(
    "Run",
    {
        "id": RUN_ID,
        "kind": one_of("rerun", "replay", "schedule"),
        "state": one_of("running", "paused", "cancelling", "done", "cancelled"),
        "destination": note(maybe(DESTINATION_ID), "Whose deliveries; null when they may be several's."),
        "revision": one_of("current", "original", text="Which revision of a destination runs."),
        "rate": note(maybe(50.0), "Deliveries a second and destination; null for the default."),
        "tick": note(maybe("2026-05-28T20:26:40.000Z"), "Of a schedule's run: the moment of the schedule."),
        "created_at": "2026-05-28T20:26:40.000Z",
        "created_by": maybe("ada@example.com"),
        "finished_at": maybe("2026-05-28T20:27:40.000Z"),
        "progress": {
            "total": note(maybe(300), "How many there are to look at, once that is known."),
            "looked_at": 300,
            "selected": 298,
            "left_out": note(by_key({"delivered": 2}), "Why others are not run, by reason."),
            "persons": note(
                by_key({"as_it_was": 298, "as_it_is": 0}),
                "In a replay: of how many events the ledger had the person as it was.",
            ),
            "selecting": note(False, "Whether there is more to look at."),
            "settled": note(120, "Of the selected ones, how many have their final verdict."),
            "open": 178,
            "verdicts": by_key({"delivered": 120, "scheduled": 178}),
        },
        "waits_for": [
            {
                "destination": DESTINATION_ID,
                "reason": note("The destination is paused.", "Why nothing of the run goes to it now."),
            }
        ],
    },
    text="A re-run, a replay or a tick of a schedule, and how far it has come. It goes on by itself, also after a restart.",
)

COUNTED = Shape(
    "RerunCount",
    {
        "dry_run": True,
        "count": note(298, "How many would be run."),
        "left_out": by_key({"delivered": 2}),
        "verdicts": by_key({"failed": 298}),
        "destinations": [{"id": DESTINATION_ID, "name": maybe("Orders to the warehouse"), "count": 298}],
    },
)

FILTERS = Shape(
    "RerunFilters",
    {
        "destination": DESTINATION_ID,
        "verdict": note("failed,expired", "These two when nothing else is said."),
        "kind": "http_4xx",
        "status": "4xx",
        "event": "order paid",
        "person": "ada",
        "after": "-2h",
        "before": "2026-06-01T00:00:00Z",
        "search": "unauthorized",
    },
    request=True,
)

ORDER = Shape(
    "RerunOrder",
    {
        "ids": optional([DELIVERY_ID]),
        "filters": optional(FILTERS),
        "dry_run": note(False, "Only count."),
        "revision": one_of("current", "original"),
        "rate": limited(50.0, exclusiveMinimum=0, maximum=100_000),
        "skip_delivered": note(True, "Leave out what has arrived since."),
        "idempotency_key": "after-the-outage",
    },
    request=True,
    text="Either `ids` or `filters`; filters are those of the list of deliveries.",
)

UNDER_WAY = Answer(
    {
        "type": "invalid_request",
        "code": "already_running",
        "detail": f"This selection is being run already, by run {RUN_ID}. Wait until it is over, or cancel it.",
        "attr": maybe("idempotency_key"),
        "run": optional(RUN_ID),
    },
    "The same selection is being run already, or the idempotency key was used for something else.",
)
KEY = (
    Query("Idempotency-Key", "after-the-outage", "The same key is the same run, however often it is sent."),
)

OPERATIONS = (
    Operation(
        "POST /deliveries/rerun", "deliveries_rerun", RUN, body=ORDER, status=201, headers=KEY,
        others={
            200: Answer(COUNTED, "With `dry_run`: the count."),
            409: UNDER_WAY,
        },
    ),
    Operation("GET /reruns", "reruns_list", {"results": [RUN]}, query=(LIMIT, OFFSET)),
    Operation("GET /reruns/{run_id}", "reruns_retrieve", RUN),
    Operation("POST /reruns/{run_id}/pause", "reruns_pause", RUN),
    Operation("POST /reruns/{run_id}/resume", "reruns_resume", RUN),
    Operation("DELETE /reruns/{run_id}", "reruns_cancel", RUN),
    Operation(
        "POST /hog_functions/{destination_id}/rerun",
        "hog_functions_rerun",
        {"rerun_job_id": RUN_ID, "queued_count": 300, "skipped_count": 0},
        body={
            "filter": {
                "window_start": "2026-05-28T00:00:00Z",
                "window_end": "2026-05-29T00:00:00Z",
                "status": optional(["failed"]),
                "error_kind": optional(["http_5xx"]),
                "max_attempts": optional(limited(10, minimum=1, maximum=255)),
                "max_count": optional(limited(1000, minimum=1, maximum=10_000)),
                "invocation_ids": optional([DELIVERY_ID]),
            }
        },
        others={409: UNDER_WAY},
    ),
)  # fmt: skip
