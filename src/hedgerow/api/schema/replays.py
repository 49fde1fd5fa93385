"""Replays, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.operations import LIMIT, OFFSET, Answer, Operation, Tag
from hedgerow.api.schema.reruns import KEY, RUN, RUN_ID, UNDER_WAY
from hedgerow.api.schema.shapes import Shape, by_key, free, limited, maybe, note, optional

TAG = Tag("Replays", "Events of the log, brought to a destination that did not get them.")

PERSONS = "Events of which the ledger kept the person have it as it was; the others have it as it is now."

REPLAY = Shape(
    "Replay",
    {
        "wanted": free(
            {"after": 1, "before": 2, "filters": None, "skip_delivered": True}, "What was asked for."
        ),
        "notes": note([PERSONS], "What to know of it."),
    },
    like=RUN,
)

COUNTED = Shape(
    "ReplayCount",
    {
        "dry_run": True,
        "id": RUN_ID,
        "complete": note(
            True, "Whether everything was looked at; otherwise ask for the replay with this id."
        ),
        "count": note(4812, "How many deliveries it would make."),
        "looked_at": 12_430,
        "total": maybe(12_430),
        "left_out": note(by_key({"filtered": 7000, "delivered": 618}), "Why the others are not, by reason."),
        "persons": by_key({"as_it_was": 12, "as_it_is": 4800}),
        "notes": [PERSONS],
    },
)

ORDER = Shape(
    "ReplayOrder",
    {
        "after": note("-7d", "Events captured later than this."),
        "before": note("2026-06-01T00:00:00Z", "Events captured earlier than this; now when left out."),
        "filters": note(
            optional(free({"properties": [{"key": "plan", "value": "pro"}]})),
            "What they must match besides the destination's own filter.",
        ),
        "dry_run": note(False, "Only count."),
        "rate": limited(50.0, exclusiveMinimum=0, maximum=100_000),
        "skip_delivered": note(True, "Leave out what the destination has got."),
        "idempotency_key": "since-friday",
    },
    request=True,
    required=("after",),
)

PATH = "/hog_functions/{destination_id}"

OPERATIONS = (
    Operation(
        f"POST {PATH}/replay", "hog_functions_replay", REPLAY, body=ORDER, status=201, headers=KEY,
        others={
            200: Answer(COUNTED, "With `dry_run`: the count."),
            202: Answer(COUNTED, "With `dry_run`: as far as it was counted within some seconds."),
            409: UNDER_WAY,
        },
    ),
    Operation(f"GET {PATH}/replays", "replays_list", {"results": [RUN]}, query=(LIMIT, OFFSET)),
    Operation(f"GET {PATH}/replays/{{run_id}}", "replays_retrieve", REPLAY),
    Operation(f"POST {PATH}/replays/{{run_id}}/pause", "replays_pause", REPLAY),
    Operation(f"POST {PATH}/replays/{{run_id}}/resume", "replays_resume", REPLAY),
    Operation(f"DELETE {PATH}/replays/{{run_id}}", "replays_cancel", REPLAY),
)  # fmt: skip
