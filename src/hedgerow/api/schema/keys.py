"""Personal API keys, as the document shows them."""

from __future__ import annotations

from hedgerow.api.keys import LONGEST_LABEL
from hedgerow.api.schema.operations import LIMIT, OFFSET, Operation, Tag, page
from hedgerow.api.schema.shapes import Shape, limited, maybe, note
from hedgerow.api.schema.users import SUCCESS

TAG = Tag(
    "Personal API keys", "Keys of one's own: made and changed by their owner in a session, not by a key."
)

SCOPES = note(["hog_function:write", "person:read"], "What it may do; `*` is everything that its owner may.")
PROJECTS = note(maybe([1]), "Ids of the projects it is limited to; null: all of its owner's.")
KEY = Shape(
    "PersonalApiKey",
    {
        "id": 3,
        "label": "laptop",
        "mask_value": "phx_...3Fkq",
        "value": note(maybe("phx_…"), "Only where it is new."),
        "user_id": maybe(1),
        "scopes": SCOPES,
        "scoped_teams": PROJECTS,
        "created_at": "2026-05-28T20:26:40.000Z",
        "last_used_at": note(maybe("2026-05-28T20:26:40.000Z"), "To the minute."),
    },
)
FIELDS = {
    "label": limited("laptop", minLength=1, maxLength=LONGEST_LABEL),
    "scopes": SCOPES,
    "scoped_teams": PROJECTS,
}
ONE = "/api/personal_api_keys/{key_id}"

OPERATIONS = (
    Operation("GET /api/personal_api_keys", "personal_api_keys_list", page(KEY), query=(LIMIT, OFFSET)),
    Operation(
        "POST /api/personal_api_keys",
        "personal_api_keys_create",
        KEY,
        body=Shape("NewPersonalApiKey", FIELDS, request=True, required=("label", "scopes")),
        status=201,
    ),
    Operation(f"GET {ONE}", "personal_api_keys_retrieve", KEY),
    Operation(
        f"PATCH {ONE}",
        "personal_api_keys_partial_update",
        KEY,
        body=Shape("PersonalApiKeyChange", FIELDS, request=True),
    ),
    Operation(f"POST {ONE}/roll", "personal_api_keys_roll", KEY),
    Operation(f"DELETE {ONE}", "personal_api_keys_destroy", SUCCESS),
)
