"""Members and invitations, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.operations import LIMIT, OFFSET, Operation, Tag, page
from hedgerow.api.schema.shapes import Shape, maybe, note, one_of
from hedgerow.api.schema.users import LINK, ROLE, ROLES, SUCCESS, USER_ID, USER_SUMMARY

TAG = Tag("Members", "Who is what in a project: viewers read, editors write, owners are in charge of it.")

MEMBER = Shape(
    "Member",
    {
        "id": USER_ID,
        "user": USER_SUMMARY,
        **ROLE,
        "joined_at": "2026-05-28T20:26:40.000Z",
        "updated_at": "2026-05-28T20:26:40.000Z",
        "is_2fa_enabled": False,
        "last_login": maybe("2026-05-28T20:26:40.000Z"),
    },
)
INVITATION = Shape(
    "Invitation",
    {
        "id": 4,
        "target_email": "grace@example.com",
        **ROLE,
        "is_owner": note(False, "Whether they will own the instance as well."),
        "is_expired": False,
        "created_by": "ada@example.com",
        "created_at": "2026-05-28T20:26:40.000Z",
        "expires_at": "2026-05-31T20:26:40.000Z",
    },
)

OPERATIONS = (
    Operation("GET /members", "members_list", page(MEMBER), query=(LIMIT, OFFSET)),
    Operation(
        "PATCH /members/{user_id}",
        "members_partial_update",
        MEMBER,
        body=Shape("MemberChange", {"role": one_of(*ROLES)}, request=True, required=("role",)),
    ),
    Operation("DELETE /members/{user_id}", "members_destroy", SUCCESS),
    Operation("GET /invites", "invites_list", page(INVITATION), query=(LIMIT, OFFSET)),
    Operation(
        "POST /invites",
        "invites_create",
        Shape("NewInvitation", {"link": LINK.fields["link"]}, like=INVITATION),
        body=Shape(
            "Invite",
            {"target_email": "grace@example.com", "role": one_of(*ROLES), "is_owner": False},
            request=True,
            required=("target_email", "role"),
        ),
        status=201,
    ),
    Operation("DELETE /invites/{invite_id}", "invites_destroy", SUCCESS),
)
