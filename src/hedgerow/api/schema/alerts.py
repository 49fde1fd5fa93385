"""Alerts and incidents, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.operations import LIMIT, OFFSET, Operation, Query, Tag, page
from hedgerow.api.schema.shapes import Shape, free, maybe, note, one_of

TAG = Tag(
    "Alerts", "Rules about deliveries; an incident is told once when it begins, and once when it is over."
)

HOOK = "0191f3c0-1d2e-7a00-8000-5f0c6a3b9d10"
TELLER = "0191f3c0-1d2e-7a00-8000-5f0c6a3b9d11"
KINDS = one_of(
    "failure_rate", "state", "backlog", "held", "integration",
    text="What is watched: the share of failed deliveries, the health of destinations, the age of the oldest waiting event, the number "
    "of held deliveries, accounts that have to be connected again.",
)  # fmt: skip
FIELDS = {
    "enabled": True,
    "destination_id": note(maybe(HOOK), "The only destination that is watched; null: each of the project."),
    "together": note(maybe(False), "Whether all destinations are watched as one instead of each on its own."),
    "threshold": note(
        maybe(0.5),
        "From where on it is an incident: a share, seconds, or a number of deliveries, after the kind.",
    ),
    "window_s": note(maybe(600), "How far back results count."),
    "min_count": note(maybe(20), "With fewer results in the window nothing is decided."),
    "states": note(
        maybe([one_of("quarantined", "degraded", "disabled")]), "Which states of health are an incident."
    ),
    "calm_s": note(120, "How long all must be well until an incident is over."),
    "remind_s": note(
        maybe(3600), "After so long without an acknowledgement an open incident is told again; null: never."
    ),
    "destinations": note([TELLER], "Destinations that get it as an event, whatever their filters."),
    "emails": note(["ops@example.com"], "Who gets a mail."),
}
ALERT = Shape(
    "Alert",
    {
        "id": 3,
        "name": "Failing deliveries",
        "kind": KINDS,
        **FIELDS,
        "open_incidents": 0,
        "problems": note(["The destination Ops channel is switched off."], "Why somebody is not told."),
        "created_at": "2026-05-28T20:26:40.000Z",
        "updated_at": "2026-05-28T20:26:40.000Z",
        "created_by": maybe(free({"id": 1, "email": "ada@example.com"}, "Who made it.")),
    },
)
NEW = Shape(
    "NewAlert",
    {"name": "Failing deliveries", "kind": KINDS, **FIELDS},
    request=True,
    required=("name", "kind"),
)
CHANGED = Shape("ChangedAlert", {"name": "Failing deliveries", **FIELDS}, request=True)
INCIDENT = Shape(
    "AlertIncident",
    {
        "id": "0191f3c0-1d2e-4a00-8000-5f0c6a3b9d10",
        "alert": {"id": 3, "name": "Failing deliveries", "kind": KINDS},
        "state": one_of("resolved", "open"),
        "subject": note(maybe(HOOK), "Id of the destination or number of the account; null: all together."),
        "subject_name": "Ops webhook",
        "text": "Ops webhook: 60 % of 20 deliveries failed within 10 min.",
        "value": maybe(0.6),
        "evidence": free({"results": 20, "failed": 12, "window_s": 600}, "The numbers behind it."),
        "opened_at": "2026-05-28T20:26:40.000Z",
        "resolved_at": maybe("2026-05-28T20:46:40.000Z"),
        "resolution": note(
            maybe("recovered"),
            "`recovered`; `gone`: what it was about is; `withdrawn`: the alert was changed or removed.",
        ),
        "resolution_text": maybe("Ops webhook: 2 % of 240 deliveries failed within 10 min."),
        "acknowledged_at": maybe("2026-05-28T20:30:00.000Z"),
        "acknowledged_by": maybe("ada@example.com"),
        "mails": [
            {
                "recipient": "ops@example.com",
                "subject": "[Hedgerow] Ops webhook: 60 % of 20 deliveries failed within 10 min",
                "created_at": "2026-05-28T20:26:40.000Z",
                "sent_at": maybe("2026-05-28T20:26:41.000Z"),
                "next_try_at": note(
                    maybe("2026-05-28T20:26:45.000Z"), "Null once it is sent, or given up after a day."
                ),
                "attempts": 1,
                "error": note("", "What the mail server said last."),
            }
        ],
    },
)
TRIED = {
    "event_uuid": note("0191f3c0-1d2e-5a00-8000-5f0c6a3b9d10", "Of the event `$alert_test`."),
    "destinations": [{"destination_id": TELLER, "sent": True, "error": ""}],
    "emails": [{"recipient": "ops@example.com", "sent": True, "error": ""}],
}
ONE, INCIDENTS = "/alerts/{alert_id}", "/alerts/incidents"

OPERATIONS = (
    Operation("GET /alerts", "alerts_list", page(ALERT), query=(LIMIT, OFFSET)),
    Operation("POST /alerts", "alerts_create", ALERT, body=NEW, status=201),
    Operation(
        f"GET {INCIDENTS}",
        "alerts_incidents_list",
        page(INCIDENT),
        query=(
            Query("alert", "3", "Only those of this alert."),
            Query("state", "open", "`open` or `resolved`."),
            LIMIT,
            OFFSET,
        ),
    ),
    Operation(f"GET {INCIDENTS}/{{incident_id}}", "alerts_incidents_retrieve", INCIDENT),
    Operation(f"POST {INCIDENTS}/{{incident_id}}/acknowledge", "alerts_incidents_acknowledge", INCIDENT),
    Operation(f"GET {ONE}", "alerts_retrieve", ALERT),
    Operation(f"PATCH {ONE}", "alerts_partial_update", ALERT, body=CHANGED),
    Operation(f"DELETE {ONE}", "alerts_destroy", status=204),
    Operation(f"POST {ONE}/test", "alerts_test", TRIED),
)
