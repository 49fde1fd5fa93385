"""The history of destinations and their drafts, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.destinations import (
    CHANGE,
    DESTINATION,
    HOG_FUNCTION,
    IF_MATCH,
    STALE,
    WRITTEN,
)
from hedgerow.api.schema.operations import LIMIT, OFFSET, Answer, Operation, Query, Tag, page
from hedgerow.api.schema.shapes import Shape, free, maybe, note, one_of, optional

TAG = Tag(
    "Revisions",
    "What a destination was, what it is going to be, and the way back: every change is a revision.",
)

REVISION = Shape(
    "Revision",
    {
        "number": 3,
        "current": True,
        "author": maybe("ada@example.com"),
        "author_id": maybe(1),
        "created_at": "2026-05-28T20:26:40.000Z",
        "message": maybe("A better address"),
        "enabled": True,
        "changes": note(["inputs.url"], "What differs from the revision before."),
    },
)
WHOLE = Shape(
    "RevisionWithConfiguration",
    {
        "configuration": free(
            {"name": "Orders to the warehouse"}, "The destination as it was, secrets hidden."
        )
    },
    like=REVISION,
)
DIFF = Shape(
    "Diff",
    {
        "revision": note("3", "What is looked at."),
        "against": note("2", "What it is compared with."),
        "changes": [
            {
                "attr": note("inputs__url__value", "Where, as errors name it."),
                "change": one_of("changed", "added", "removed"),
                "before": free("https://example.com/order"),
                "after": free("https://example.com/orders"),
                "secret": note(False, "Whether its values are kept back."),
                "lines": note(maybe(["@@ -1 +1 @@", "-old", "+new"]), "Of a text of several lines."),
            }
        ],
        "text": note(
            "inputs.url.value:\n  - https://example.com/order\n  + https://example.com/orders", "For people."
        ),
    },
)
DRAFT = Shape(
    "Draft",
    {
        "draft": {
            "version": note(2, "How often it was saved."),
            "base": note(3, "The revision it began from."),
            "author": maybe("ada@example.com"),
            "message": maybe("A better address"),
            "created_at": "2026-05-28T20:26:40.000Z",
            "updated_at": "2026-05-28T20:26:40.000Z",
            "changes": note(["inputs.url"], "What publishing it would change."),
            "clashes": note(["hog"], "What others changed too since it began."),
            "etag": note('"draft-1780000000000.2-on-3"', "The header once more."),
        }
    },
    like=DESTINATION,
)
ON = {"ETag": '"revision-4"'}
DRAFT_ON = {"ETag": '"draft-1780000000000.2-on-3"'}
CLASH = {
    **STALE,
    409: Answer(
        {
            "type": "invalid_request",
            "code": "conflict",
            "detail": "Revisions since 2, from which this draft began, changed hog too (the present one is 3). …",
            "attr": maybe("hog"),
        },
        "Draft and destination went different ways.",
    ),
}
IF_DRAFT = Query(
    "If-Match", '"draft-1780000000000.2-on-3"', "Only if draft and destination are still these; else 412."
)
AGAINST = Query(
    "against", "current", "What to compare with: a number, `current`, `draft`, or 0 for nothing at all."
)
WHY = {"message": optional("It was better before")}

OPERATIONS = (
    Operation(
        f"GET {HOG_FUNCTION}/revisions", "hog_functions_revisions_list", page(REVISION), query=(LIMIT, OFFSET)
    ),
    Operation(f"GET {HOG_FUNCTION}/revisions/{{revision}}", "hog_functions_revisions_retrieve", WHOLE),
    Operation(
        f"GET {HOG_FUNCTION}/revisions/{{revision}}/diff",
        "hog_functions_revisions_diff_retrieve",
        DIFF,
        query=(AGAINST,),
    ),
    Operation(
        f"POST {HOG_FUNCTION}/revisions/{{revision}}/rollback",
        "hog_functions_revisions_rollback_create",
        Answer(DESTINATION, "It is as it was.", headers=ON),
        body=Shape("Rollback", {"keep_secrets": optional(False), **WHY}, request=True),
        headers=(IF_MATCH,),
        others=STALE,
    ),
    Operation(
        f"GET {HOG_FUNCTION}/draft",
        "hog_functions_draft_retrieve",
        Answer(DRAFT, headers=DRAFT_ON),
        others={409: CLASH[409]},
    ),
    Operation(
        f"PUT {HOG_FUNCTION}/draft",
        "hog_functions_draft_update",
        Answer(DRAFT, "It is saved.", headers=DRAFT_ON),
        body=Shape("DraftChange", {**WRITTEN, "base": optional(3)}, request=True),
        headers=(
            IF_DRAFT,
            Query("If-None-Match", "*", "Only if there is no draft yet; else 412."),
        ),
        others=CLASH,
    ),
    Operation(
        f"PATCH {HOG_FUNCTION}/draft",
        "hog_functions_draft_partial_update",
        Answer(DRAFT, "It is saved.", headers=DRAFT_ON),
        body=CHANGE,
        headers=(IF_DRAFT,),
        others=CLASH,
    ),
    Operation(
        f"DELETE {HOG_FUNCTION}/draft",
        "hog_functions_draft_destroy",
        Answer(None, "It is gone."),
        status=204,
        headers=(IF_DRAFT,),
        others=CLASH,
    ),
    Operation(
        f"GET {HOG_FUNCTION}/draft/diff",
        "hog_functions_draft_diff_retrieve",
        DIFF,
        query=(AGAINST,),
        others={409: CLASH[409]},
    ),
    Operation(
        f"POST {HOG_FUNCTION}/draft/publish",
        "hog_functions_draft_publish_create",
        Answer(DESTINATION, "It is live.", headers=ON),
        body=Shape("Publishing", {"overwrite": optional(False), **WHY}, request=True),
        headers=(IF_DRAFT,),
        others=CLASH,
    ),
)
