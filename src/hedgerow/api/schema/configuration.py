"""Configuration as documents, as the document shows it."""

from __future__ import annotations

from hedgerow.api.schema.operations import Answer, Operation, Tag
from hedgerow.api.schema.shapes import Shape, by_key, free, maybe, note, one_of, optional

TAG = Tag(
    "Configuration", "Destinations, actions and cohorts as files have them, read and put in place as one."
)

DESTINATION = {
    "name": "Orders to the CRM",
    "enabled": True,
    "template": "template-webhook",
    "events": ["order paid"],
    "inputs": {"url": "https://example.com/orders"},
}
ACTION = {"name": "Paid orders", "steps": [{"event": "order paid"}]}
COHORT = {"name": "VIPs", "static": True}
WORDS = "By the name of their file; the JSON Schema is at /api/schema/{}-file.json."
DOCUMENTS = {
    "destinations": by_key({"orders": free(DESTINATION)}, WORDS.format("destination")),
    "actions": by_key({"paid-orders": free(ACTION)}, WORDS.format("action")),
    "cohorts": by_key({"vips": free(COHORT)}, WORDS.format("cohort")),
}
WHOLE = Shape("Configuration", DOCUMENTS, "Everything, or what somebody wants it to be.")
WANTED = {**DOCUMENTS, "prune": note(False, "Remove what no document names.")}

KIND = one_of("destinations", "actions", "cohorts")
CHANGES = Shape(
    "ConfigurationChanges",
    {
        "changes": [
            {
                "kind": KIND,
                "key": "orders",
                "name": "Orders to the CRM",
                "change": one_of("update", "create", "remove", "unchanged"),
                "before": maybe(free(DESTINATION, "As it is; null when it is new.")),
                "after": maybe(free(DESTINATION, "As it becomes; null when it goes.")),
                "secrets": note(["inputs.token"], "Secret inputs that change; their values are never told."),
            }
        ],
        "others": [{"kind": KIND, "key": "old", "name": "What no document names, and what stays"}],
    },
)
REFUSED = Answer(
    {
        "type": "validation_error",
        "code": free("invalid_configuration"),
        "detail": "There is no input 'ulr'. Known ones: url, method. Nothing was changed.",
        "attr": maybe("destinations__orders__inputs__ulr"),
        "errors": optional(
            [
                {
                    "kind": KIND,
                    "key": "orders",
                    "attr": maybe("inputs__ulr"),
                    "detail": "There is no input 'ulr'. Known ones: url, method.",
                    "line": note(maybe(3), "Within the text that `attr` names."),
                }
            ]
        ),
    },
    "The documents contain faults, all of which are told; nothing was changed.",
)

OPERATIONS = (
    Operation("GET /configuration", "configuration_retrieve", WHOLE),
    Operation(
        "POST /configuration/plan",
        "configuration_plan",
        CHANGES,
        body=Shape("ConfigurationPlan", WANTED, request=True),
        others={400: REFUSED},
    ),
    Operation(
        "POST /configuration/apply",
        "configuration_apply",
        CHANGES,
        body=Shape("WantedConfiguration", {**WANTED, "message": "Why, for the history."}, request=True),
        others={
            400: REFUSED,
            409: Answer(
                {
                    "type": "invalid_request",
                    "code": "conflict",
                    "detail": "Somebody else is changing the configuration at the same time. Try again.",
                    "attr": maybe("name"),
                },
                "Others changed the configuration again and again while this was being checked.",
            ),
        },
    ),
)
