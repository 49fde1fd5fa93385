"""Runs of all kinds, and ticks of schedules, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.deliveries import DESTINATION_ID
from hedgerow.api.schema.operations import LIMIT, OFFSET, Answer, Operation, Query, Tag
from hedgerow.api.schema.replays import COUNTED
from hedgerow.api.schema.reruns import RUN, UNDER_WAY
from hedgerow.api.schema.shapes import Shape, limited, note, one_of

TAG = Tag(
    "Runs", "What runs again, or by itself on a schedule: how far it has come; to pause, resume or cancel it."
)

WISH = Shape(
    "TickOrder",
    {
        "dry_run": note(False, "Only count the persons."),
        "rate": limited(50.0, exclusiveMinimum=0, maximum=100_000),
    },
    request=True,
)

OPERATIONS = (
    Operation(
        "GET /runs", "runs_list", {"results": [RUN]},
        query=(
            Query("kind", one_of("rerun", "replay", "schedule"), "Only runs of this kind."),
            Query("destination", DESTINATION_ID, "Only runs of this destination alone."),
            LIMIT, OFFSET,
        ),
    ),
    Operation("GET /runs/{run_id}", "runs_retrieve", RUN),
    Operation("POST /runs/{run_id}/pause", "runs_pause", RUN),
    Operation("POST /runs/{run_id}/resume", "runs_resume", RUN),
    Operation("DELETE /runs/{run_id}", "runs_cancel", RUN),
    Operation(
        "POST /hog_functions/{destination_id}/ticks", "hog_functions_tick", RUN, body=WISH, status=201,
        others={
            200: Answer(COUNTED, "With `dry_run`: the count."),
            202: Answer(COUNTED, "With `dry_run`: as far as it was counted within some seconds."),
            409: UNDER_WAY,
        },
    ),
)  # fmt: skip
