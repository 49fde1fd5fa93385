"""Accounts at vendors, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.operations import LIMIT, OFFSET, SEARCH, Answer, Operation, Query, Tag, page
from hedgerow.api.schema.shapes import Shape, free, maybe, note

TAG = Tag(
    "Integrations", "Accounts at vendors that destinations use. Their tokens are sealed and never shown."
)

ACCOUNT = Shape(
    "Integration",
    {
        "id": 3,
        "kind": "slack",
        "config": free({"team.id": "T1", "team.name": "Acme"}, "What programs see of it besides the token."),
        "display_name": "Acme",
        "errors": note("", "`TOKEN_REFRESH_FAILED`: it has to be connected again."),
        "failures": note(
            0, "How often in a row its token could not be renewed: it still works, but for how long?"
        ),
        "created_at": "2026-05-28T20:26:40.000Z",
        "created_by": maybe(free({"id": 1, "email": "ada@example.com"}, "Who connected it.")),
        "expires_at": note(
            maybe("2026-05-28T21:26:40.000Z"), "When the token ends; it is renewed ahead of that."
        ),
        "refreshed_at": maybe("2026-05-28T20:26:40.000Z"),
    },
)
ONE = "/integrations/{integration_id}"
KIND = Query("kind", "slack", "Which kind of account.")

OPERATIONS = (
    Operation("GET /integrations", "integrations_list", page(ACCOUNT), query=(KIND, LIMIT, OFFSET)),
    Operation(
        "POST /integrations",
        "integrations_create",
        ACCOUNT,
        body=Shape(
            "NewIntegration",
            {
                "kind": "slack",
                "config": free(
                    {"access_token": "xoxb-..."},
                    "`access_token`, or `code` and `state`, or `key` of a service account.",
                ),
            },
            request=True,
            required=("kind",),
        ),
        status=201,
    ),
    Operation(
        "GET /integrations/kinds",
        "integrations_kinds",
        [
            {
                "kind": "slack",
                "label": "Slack",
                "connect": note(["oauth", "token"], "`oauth`, `token`, `service_account`."),
                "token_label": maybe("Bot User OAuth Token (xoxb-...)"),
            }
        ],
    ),
    Operation(
        "GET /integrations/authorize",
        "integrations_authorize",
        Answer(
            None,
            "To the vendor's page.",
            headers={"location": "https://slack.com/oauth/v2/authorize?client_id=1"},
        ),
        query=(
            Query("kind", "slack", "Which kind of account.", required=True),
            Query("next", "/project/1", "Where to go when it is done: a path on this server."),
        ),
        status=302,
        others={
            200: Answer(
                {"url": "https://slack.com/oauth/v2/authorize?client_id=1"}, "When JSON is asked for."
            )
        },
    ),
    Operation(f"GET {ONE}", "integrations_retrieve", ACCOUNT),
    Operation(f"DELETE {ONE}", "integrations_destroy", status=204),
    Operation(
        f"GET {ONE}/channels",
        "integrations_channels",
        {
            "channels": [
                {
                    "id": "C1",
                    "name": "general",
                    "is_private": False,
                    "is_member": True,
                    "is_ext_shared": False,
                    "is_private_without_access": False,
                }
            ],
            "count": 1,
            "lastRefreshedAt": "2026-05-28T20:26:40.000Z",
        },
        query=(
            SEARCH,
            Query("channel_id", "C1", "Only this one."),
            Query("force_refresh", "true", "Ask Slack anew."),
            LIMIT,
            OFFSET,
        ),
    ),
)
