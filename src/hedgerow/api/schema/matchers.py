"""Actions and cohorts, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.operations import KEPT, LIMIT, OFFSET, Operation, Tag, page
from hedgerow.api.schema.shapes import Shape, free, limited, maybe, note

TAG = Tag(
    "Actions and cohorts", "Saved matchers that filters refer to: kinds of events, and lists of persons."
)

PERSON = "0191f3c0-1d2e-7c00-8000-5f0c6a3b9d10"
STEPS = [
    free(
        {"event": "order paid", "url": "/checkout", "url_matching": "contains"}, "All that it says must hold."
    )
]
CONDITIONS = {
    "properties": {
        "type": "AND",
        "values": [
            {
                "type": "AND",
                "values": [{"key": "plan", "type": "person", "value": "pro", "operator": "exact"}],
            }
        ],
    }
}
TIMES = {"created_at": "2026-05-28T20:26:40.000Z", "updated_at": "2026-05-28T20:26:40.000Z"}
NAMED = {
    "name": limited("Paid orders", minLength=1, maxLength=400),
    "description": "Orders that came through the checkout.",
    "deleted": False,
    "origin": note(maybe("posthog:eu.posthog.com/2/actions/3"), "Where it was imported from."),
}

ACTION = Shape(
    "Action",
    {
        "id": 3,
        **NAMED,
        "steps": STEPS,
        **TIMES,
        "created_by": free(None, "Who made it, or null."),
        "team_id": 1,
        "is_action": True,
        "tags": ["checkout"],
    },
    "An event is one of the action when any of its steps fits.",
)
ACTION_CHANGE = Shape("ActionChange", {**NAMED, "steps": STEPS}, request=True)
NEW_ACTION = Shape("NewAction", {**NAMED, "steps": STEPS}, request=True, required=("name", "steps"))

COHORT = Shape(
    "Cohort",
    {
        "id": 4,
        **NAMED,
        "filters": maybe(free(CONDITIONS, "Conditions on persons; null for a static one.")),
        "is_static": False,
        "is_calculating": False,
        "count": note(maybe(2), "How many stand on the list of a static one."),
        "person_ids": [PERSON],
        "distinct_ids": ["ada"],
        **TIMES,
        "created_by": free(None, "Who made it, or null."),
    },
)
COHORT_CHANGE = Shape("CohortChange", {**NAMED, "filters": free(CONDITIONS)}, request=True)
NEW_COHORT = Shape(
    "NewCohort",
    {
        **NAMED,
        "filters": free(CONDITIONS),
        "is_static": False,
        "_create_static_person_ids": [PERSON],
        "distinct_ids": ["ada"],
    },
    request=True,
    required=("name",),
)
MEMBERS = {"person_ids": [PERSON], "distinct_ids": ["ada"]}

ACTIONS, COHORTS = "/actions/{action_id}", "/cohorts/{cohort_id}"

OPERATIONS = (
    Operation("GET /actions", "actions_list", page(ACTION), query=(LIMIT, OFFSET)),
    Operation("POST /actions", "actions_create", ACTION, body=NEW_ACTION, status=201),
    Operation(f"GET {ACTIONS}", "actions_retrieve", ACTION),
    Operation(f"PATCH {ACTIONS}", "actions_partial_update", ACTION, body=ACTION_CHANGE),
    Operation(f"PUT {ACTIONS}", "actions_update", ACTION, body=ACTION_CHANGE),
    Operation(f"DELETE {ACTIONS}", "actions_destroy", KEPT, status=405),
    Operation("GET /cohorts", "cohorts_list", page(COHORT), query=(LIMIT, OFFSET)),
    Operation("POST /cohorts", "cohorts_create", COHORT, body=NEW_COHORT, status=201),
    Operation(f"GET {COHORTS}", "cohorts_retrieve", COHORT),
    Operation(f"PATCH {COHORTS}", "cohorts_partial_update", COHORT, body=COHORT_CHANGE),
    Operation(f"PUT {COHORTS}", "cohorts_update", COHORT, body=COHORT_CHANGE),
    Operation(f"DELETE {COHORTS}", "cohorts_destroy", KEPT, status=405),
    Operation(
        f"PATCH {COHORTS}/add_persons_to_static_cohort",
        "cohorts_add_persons_to_static_cohort",
        COHORT,
        body=Shape("MembersToAdd", MEMBERS, request=True),
    ),
    Operation(
        f"PATCH {COHORTS}/remove_person_from_static_cohort",
        "cohorts_remove_person_from_static_cohort",
        COHORT,
        body=Shape("MemberToRemove", {"person_id": PERSON, "distinct_id": "ada"}, request=True),
    ),
)
