"""The audit log, as the document shows it."""

from __future__ import annotations

from hedgerow.api.schema.operations import AFTER, BEFORE, LIMIT, Operation, Query, Tag, cursored
from hedgerow.api.schema.shapes import Shape, free, maybe, note, one_of
from hedgerow.api.schema.users import USER_SUMMARY

TAG = Tag(
    "Audit log", "Who changed what, when, and from where. Secrets are told to have changed, never shown."
)

ENTRY = Shape(
    "AuditEntry",
    {
        "id": 12,
        "created_at": "2026-05-28T20:26:40.000Z",
        "team_id": note(maybe(1), "The project; null: about the instance."),
        "user": maybe(USER_SUMMARY),
        "actor": note(
            "ada@example.com", "Whoever did it: an email address, or the label of the operator's key."
        ),
        "via": one_of("session", "key", "link", "system"),
        "ip": maybe("203.0.113.7"),
        "activity": "updated",
        "scope": "HogFunction",
        "item_id": note(maybe("3"), "A number or a UUID, as the thing has."),
        "detail": {
            "name": maybe("Orders to the warehouse"),
            "changes": [
                {
                    "type": "HogFunction",
                    "action": one_of("changed", "created", "deleted"),
                    "field": "enabled",
                    "before": free(False),
                    "after": free(True),
                }
            ],
        },
        "is_system": False,
    },
)
QUERY = (
    Query("scope", "HogFunction", "About this kind of thing."),
    Query("item_id", "0191f3c0-1d2e-7a00-8000-5f0c6a3b9d10", "About this one."),
    Query("activity", "updated", "What was done."),
    Query("user", "ada@example.com", "Who did it, as `actor` names them."),
    AFTER,
    BEFORE,
    LIMIT,
    Query("cursor", "12", "Where to go on: take the address in `next` as it is."),
)

OPERATIONS = (
    Operation("GET /activity_log", "activity_log_list", cursored(ENTRY), query=QUERY),
    Operation("GET /api/activity_log", "activity_log_list_all", cursored(ENTRY), query=QUERY),
)
