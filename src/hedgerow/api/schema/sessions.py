"""Coming in and going out, as the document shows it."""

from __future__ import annotations

from hedgerow.api.schema.operations import Answer, Operation, Tag
from hedgerow.api.schema.shapes import Shape, limited, maybe, note, one_of
from hedgerow.api.schema.users import PASSWORD, ROLES, SUCCESS, USER, error

TAG = Tag("Logging in", "Sessions at a browser, and the links that let people in once.")

TOKEN = note("VZ8…", "The part of the link's address behind the `#`.")
IN = Shape("LoggedIn", {"success": True, "user": USER})
COOKIES = {"Set-Cookie": "hedgerow_session=…; HttpOnly; Max-Age=1209600; Path=/; SameSite=lax"}
ELSEWHERE = error(
    "permission_denied", "CSRF Failed: the request comes from another site.", "Another site made the browser ask.",
    "authentication_error",
)  # fmt: skip
SESSION = Shape(
    "Session",
    {
        "id": 7,
        "created_at": "2026-05-28T20:26:40.000Z",
        "last_used_at": "2026-05-28T20:26:40.000Z",
        "expires_at": "2026-06-11T20:26:40.000Z",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "is_current": True,
    },
)
ENDED = {"ended": 1}

OPERATIONS = (
    Operation(
        "POST /api/login",
        "login_create",
        Answer(IN, "The session has begun.", headers=COOKIES),
        body=Shape(
            "Login",
            {
                "email": "ada@example.com",
                "password": "correct horse battery",
                "token": note("123456", "Of the second factor, or a recovery code."),
            },
            request=True,
            required=("email", "password"),
        ),
        others={
            401: error(
                "2fa_required",
                "Enter the code of your second factor as well.",
                "The password is right; a `token` must come with it.",
                "authentication_error",
            ),
            403: ELSEWHERE,
        },
        anonymous=True,
    ),
    Operation("POST /api/logout", "logout_create", SUCCESS),
    Operation(
        "POST /api/links/preview",
        "links_preview",
        {
            "kind": one_of("invitation", "first_owner", "reset"),
            "target_email": maybe("ada@example.com"),
            "project": maybe({"id": 1, "name": "Shop"}),
            "role": maybe(one_of(*ROLES)),
            "expires_at": "2026-05-31T20:26:40.000Z",
            "has_account": False,
        },
        body=Shape("LinkPreview", {"token": TOKEN}, request=True, required=("token",)),
        anonymous=True,
    ),
    Operation(
        "POST /api/links/join",
        "links_join",
        Answer(IN, "They are in.", headers=COOKIES),
        body=Shape(
            "Join",
            {
                "token": TOKEN,
                "email": note("ada@example.com", "Of the first owner; others have that of their invitation."),
                "first_name": limited("Ada", maxLength=200),
                "password": PASSWORD,
            },
            request=True,
            required=("token",),
        ),
        status=201,
        others={403: ELSEWHERE},
        anonymous=True,
    ),
    Operation(
        "POST /api/links/reset",
        "links_reset",
        {"success": True, "email": "ada@example.com"},
        body=Shape(
            "Reset", {"token": TOKEN, "password": PASSWORD}, request=True, required=("token", "password")
        ),
        others={403: ELSEWHERE},
        anonymous=True,
    ),
    Operation("GET /api/users/@me/sessions", "sessions_list", {"results": [SESSION]}),
    Operation("DELETE /api/users/@me/sessions", "sessions_destroy_others", ENDED),
    Operation("DELETE /api/users/@me/sessions/{session_id}", "sessions_destroy", ENDED),
)
