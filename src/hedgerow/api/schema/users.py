"""Users, as the document shows them."""

from __future__ import annotations

from typing import Any

from hedgerow.accounts.passwords import LONGEST, SHORTEST
from hedgerow.api.schema.operations import LIMIT, OFFSET, Answer, Operation, Tag, page
from hedgerow.api.schema.organizations import SUMMARY
from hedgerow.api.schema.projects import PROJECT
from hedgerow.api.schema.shapes import Shape, limited, maybe, note, one_of

TAG = Tag("Users", "One's own account, and what owners of the instance do about others'.")

USER_ID = "4fd7a1de-5c0e-4c3b-9d5a-6a1c0b5d2f11"
PASSWORD = limited("correct horse battery", minLength=SHORTEST, maxLength=LONGEST)
ROLES = ("editor", "viewer", "owner")
ROLE = {
    "role": maybe(one_of(*ROLES)),
    "level": note(maybe(8), "The same as a number: 1 viewer, 8 editor, 15 owner."),
}
SUCCESS = {"success": True}

USER_SUMMARY = Shape(
    "UserSummary",
    {
        "id": 1,
        "uuid": USER_ID,
        "distinct_id": USER_ID,
        "first_name": "Ada",
        "last_name": "",
        "email": "ada@example.com",
        "is_email_verified": maybe(True),
        "hedgehog_config": maybe("none"),
        "role_at_organization": maybe("engineering"),
    },
)
USER = Shape(
    "User",
    {
        "is_owner": note(
            True, "Owns the instance: an owner in every project, in charge of users and projects."
        ),
        "is_active": note(True, "May come in."),
        "is_2fa_enabled": False,
        "date_joined": "2026-05-28T20:26:40.000Z",
        "last_login": maybe("2026-05-28T20:26:40.000Z"),
    },
    like=USER_SUMMARY,
)
ME = {
    "id": maybe(1),
    "uuid": maybe(USER_ID),
    "email": maybe("ada@example.com"),
    "first_name": maybe("Ada"),
    "label": note("laptop", "How the key is called, or the email address of a session's user."),
    "scopes": ["*"],
    "is_owner": True,
    "organization": SUMMARY,
    "team": note(maybe(PROJECT), "What `@current` means."),
    "projects": [{"id": 1, "name": "Shop", **ROLE}],
}
LINK = Shape(
    "OneTimeLink",
    {
        "link": "https://hedgerow.example.com/reset#VZ8…",
        "target_email": "ada@example.com",
        "expires_at": "2026-05-31T20:26:40.000Z",
    },
    "A link that works once. It is shown this once.",
)
CODES = {"success": True, "recovery_codes": ["abcd-efgh-ijkl-mnop"]}
PROOF = {"current_password": "correct horse battery"}


def error(code: str, detail: str, text: str, kind: str = "invalid_request") -> Answer:
    """A refusal of an operation's own."""
    return Answer(_example(kind, code, detail), text)


def _example(kind: str, code: str, detail: str) -> dict[str, Any]:
    return {"type": kind, "code": code, "detail": detail, "attr": maybe("token")}


LAST_OWNER = error(
    "conflict",
    "This is the last owner of the instance. Make somebody else an owner first.",
    "Nobody would be left to run the instance.",
)

OPERATIONS = (
    Operation("GET /api/users/@me", "users_me_retrieve", ME),
    Operation(
        "PATCH /api/users/@me",
        "users_me_partial_update",
        USER,
        body=Shape(
            "MyChange", {"first_name": limited("Ada", maxLength=200), "set_current_team": 1}, request=True
        ),
    ),
    Operation(
        "POST /api/users/@me/password",
        "users_me_password",
        SUCCESS,
        body=Shape(
            "PasswordChange",
            {**PROOF, "password": PASSWORD},
            request=True,
            required=("current_password", "password"),
        ),
    ),
    Operation(
        "GET /api/users/@me/two_factor_status",
        "users_me_two_factor_status",
        {"is_enabled": True, "recovery_codes_left": 10},
    ),
    Operation(
        "POST /api/users/@me/two_factor_start_setup",
        "users_me_two_factor_start_setup",
        {
            "success": True,
            "otpauth_url": "otpauth://totp/Hedgerow:ada%40example.com?digits=6&secret=JBSWY3DPEHPK3PXP&algorithm=SHA1",
            "secret": "JBSWY3DPEHPK3PXP",
        },
        body=PROOF,
    ),
    Operation(
        "POST /api/users/@me/two_factor_validate",
        "users_me_two_factor_validate",
        CODES,
        body={"token": "123456"},
    ),
    Operation(
        "POST /api/users/@me/two_factor_backup_codes", "users_me_two_factor_backup_codes", CODES, body=PROOF
    ),
    Operation("POST /api/users/@me/two_factor_disable", "users_me_two_factor_disable", SUCCESS, body=PROOF),
    Operation("GET /api/users", "users_list", page(USER), query=(LIMIT, OFFSET)),
    Operation("GET /api/users/{user_id}", "users_retrieve", USER),
    Operation(
        "PATCH /api/users/{user_id}",
        "users_partial_update",
        USER,
        body=Shape(
            "UserChange",
            {
                "first_name": limited("Ada", maxLength=200),
                "email": "ada@example.com",
                "is_active": True,
                "is_owner": False,
                "is_2fa_enabled": note(one_of(False), "Only away: people switch theirs on themselves."),
            },
            request=True,
        ),
        others={409: LAST_OWNER},
    ),
    Operation("DELETE /api/users/{user_id}", "users_destroy", SUCCESS, others={409: LAST_OWNER}),
    Operation("POST /api/users/{user_id}/reset_link", "users_reset_link", LINK, status=201),
)
