"""Keys, users, members and projects: what their owners see of them and do with them."""

from __future__ import annotations

import pytest

from hedgerow.accounts.emptying import SETTLED_MS, Emptier
from support.house import PASSWORD, House

KEYS = "/api/personal_api_keys/"
ME = "/api/users/@me/"


@pytest.fixture
def root(house):
    return house.browser("root@example.com")


@pytest.fixture
def eve(house):
    return house.browser("eve@example.com")


# ------------------------------------------------------------------------ keys


def made_key(browser, **fields):
    reply = browser.call("POST", KEYS, {"label": "laptop", "scopes": ["*"], **fields})
    assert reply.status == 201, reply.body
    return reply.json


def test_a_key_is_shown_once(eve):
    """Its value comes with its making, never again; what is listed tells it from others."""
    made = made_key(eve, scopes=["person:read", "person:read", "hog_function:write"])
    listed = eve.call("GET", KEYS).json["results"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert (listed[0]["value"], listed[0]["mask_value"]) == (None, f"phx_...{made['value'][-4:]}")
    assert listed[0]["scopes"] == ["person:read", "hog_function:write"]
    assert eve.call("GET", f"{KEYS}{made['id']}/").json == listed[0]


def test_the_last_use_of_a_key_is_known(house, eve):
    """To the minute, whatever it was used for."""
    made = made_key(eve)
    assert made["last_used_at"] is None
    house.with_key(made["value"], "GET", "/api/projects/1/")
    assert eve.call("GET", f"{KEYS}{made['id']}/").json["last_used_at"] == "2026-05-28T20:26:40.000Z"


def test_a_key_ends_when_it_is_deleted_or_rolled(house, eve):
    """At once; after rolling the new value has the scopes of the old."""
    made = made_key(eve, scopes=["project:read"])
    rolled = eve.call("POST", f"{KEYS}{made['id']}/roll/").json
    values = [made["value"], rolled["value"]]
    assert [house.with_key(one, "GET", "/api/projects/1/").status for one in values] == [401, 200]
    assert house.with_key(rolled["value"], "GET", "/api/projects/1/persons/").status == 403
    assert eve.call("DELETE", f"{KEYS}{made['id']}/").status == 200
    assert house.with_key(rolled["value"], "GET", "/api/projects/1/").status == 401


def test_a_key_ends_with_its_user(house, root, eve):
    """Switched off or deleted."""
    key = made_key(eve)["value"]
    root.call("PATCH", "/api/users/eve@example.com/", {"is_active": False})
    assert house.with_key(key, "GET", "/api/projects/1/").status == 401
    root.call("PATCH", "/api/users/eve@example.com/", {"is_active": True})
    assert house.with_key(key, "GET", "/api/projects/1/").status == 200
    root.call("DELETE", "/api/users/eve@example.com/")
    assert house.with_key(key, "GET", "/api/projects/1/").status == 401


def test_keys_of_others_do_not_exist(house, root, eve):
    """Not even for an owner of the instance, nor the operator's for anybody but the operator."""
    made = made_key(eve)
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "roll/"), ("DELETE", "")):
        assert root.call(method, f"{KEYS}{made['id']}/{path}", {}).status == 404
    operator = house.key(None, "*")
    assert eve.call("GET", KEYS).json["count"] == 1
    assert {one["user_id"] for one in house.with_key(operator, "GET", KEYS).json["results"]} == {None}


def test_a_key_makes_no_keys(house, eve):
    """Nor sessions' business: a key that leaks cannot outlive its end."""
    key = made_key(eve)["value"]
    for method, path, body in (
        ("POST", KEYS, {"label": "more", "scopes": ["*"]}),
        ("GET", KEYS, None),
        ("POST", f"{ME}password/", {"current_password": PASSWORD, "password": "a different one"}),
        ("GET", f"{ME}sessions/", None),
    ):
        assert house.with_key(key, method, path, body).status == 403


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({"label": ""}, "label"), ({"label": "x" * 41}, "label"), ({"label": 1}, "label"), ({"scopes": []}, "scopes"),
        ({"scopes": "x"}, "scopes"), ({"scopes": ["hog_function"]}, "scopes"), ({"scopes": ["hog_function:delete"]}, "scopes"),
        ({"scopes": ["nothing:read"]}, "scopes"), ({"scopes": [1]}, "scopes"), ({"scoped_teams": [2]}, "scoped_teams"),
        ({"scoped_teams": [True]}, "scoped_teams"), ({"scoped_teams": [2**60]}, "scoped_teams"), ({"scoped_teams": "1"}, "scoped_teams"),
    ],
)  # fmt: skip
def test_wrong_fields_of_a_key_are_named(eve, fields, attr):
    """400 with the field, never a 500."""
    reply = eve.call("POST", KEYS, {"label": "laptop", "scopes": ["*"], **fields})
    assert (reply.status, reply.json["attr"]) == (400, attr)


def test_a_key_can_be_changed(house, eve):
    """Label, scopes and projects; what is not named stays."""
    made = made_key(eve)
    changed = eve.call("PATCH", f"{KEYS}{made['id']}/", {"scopes": ["person:read"], "scoped_teams": [1]}).json
    assert (changed["label"], changed["scopes"], changed["scoped_teams"]) == ("laptop", ["person:read"], [1])
    assert house.with_key(made["value"], "GET", "/api/projects/1/persons/").status == 200
    assert house.with_key(made["value"], "GET", "/api/projects/1/").status == 403


def test_a_limited_key_of_an_instance_owner_is_limited(house, root):
    """It reaches its project and nothing of the instance."""
    key = made_key(root, scoped_teams=[house.other.id])["value"]
    answers = [
        house.with_key(key, "GET", path).status
        for path in ("/api/projects/2/", "/api/projects/1/", "/api/users/")
    ]
    assert answers == [200, 404, 403]
    assert [one["id"] for one in house.with_key(key, "GET", "/api/projects/").json["results"]] == [2]
    assert house.with_key(key, "POST", "/api/projects/", {"name": "More"}).status == 403


# ----------------------------------------------------------------------- users


def test_who_asks_is_told_who_they_are(house, eve):
    """A person with their projects and roles; a key of the operator by its label."""
    me = eve.call("GET", ME).json
    assert (me["email"], me["is_owner"], me["team"]["id"]) == ("eve@example.com", False, 1)
    assert me["projects"] == [{"id": 1, "name": "Shop", "role": "editor", "level": 8}]
    operator = house.with_key(house.key(None, "user:read"), "GET", ME).json
    assert (operator["label"], operator["email"], operator["scopes"]) == ("test", None, ["user:read"])
    assert house.with_key(house.key(None, "*"), "POST", f"{ME}password/", {}).status == 403


def test_users_are_found_by_address_and_uuid(root):
    """In any case of letters."""
    found = root.call("GET", "/api/users/EVE@example.com/").json
    assert root.call("GET", f"/api/users/{found['uuid']}/").json == found
    assert root.call("GET", "/api/users/nobody@example.com/").status == 404


def test_the_last_owner_stays(root):
    """Nobody can leave an instance without an owner: not by demoting, switching off or deleting."""
    for method, body in (("PATCH", {"is_owner": False}), ("PATCH", {"is_active": False}), ("DELETE", None)):
        assert root.call(method, "/api/users/root@example.com/", body).status == 409
    assert root.call("PATCH", "/api/users/eve@example.com/", {"is_owner": True}).json["is_owner"] is True
    assert root.call("PATCH", "/api/users/root@example.com/", {"is_owner": False}).status == 200
    assert root.call("GET", "/api/users/").status == 403


@pytest.mark.parametrize(
    ("fields", "attr"),
    [({"email": "root@example.com"}, "email"), ({"email": "x"}, "email"), ({"email": None}, "email"), ({"is_active": "no"}, "is_active"),
     ({"is_owner": 1}, "is_owner"), ({"first_name": 3}, "first_name"), ({"first_name": "x" * 201}, "first_name")],
)  # fmt: skip
def test_wrong_fields_of_a_user_are_named(root, fields, attr):
    """400 with the field; nothing is changed."""
    reply = root.call("PATCH", "/api/users/eve@example.com/", fields)
    assert (reply.status, reply.json["attr"]) == (400, attr)


def test_an_owner_takes_a_lost_second_factor_away(house, root, eve):
    """Then the password alone is enough again."""
    house.state.write_now(
        lambda c: c.execute("UPDATE users SET totp = x'00', totp_confirmed_at = 1 WHERE email LIKE 'eve%'")
    )
    changed = root.call("PATCH", "/api/users/eve@example.com/", {"is_2fa_enabled": False}).json
    assert changed["is_2fa_enabled"] is False
    assert house.browser().log_in("eve@example.com").status == 200


# --------------------------------------------------------------------- members


def test_members_are_listed_with_their_roles(root):
    """In PostHog's form, with the role in a word besides its number."""
    (member,) = root.call("GET", "/api/projects/1/members/").json["results"]
    assert (member["user"]["email"], member["role"], member["level"]) == ("eve@example.com", "editor", 8)
    assert (
        root.call("PATCH", "/api/projects/1/members/eve@example.com/", {"role": "king"}).json["attr"]
        == "role"
    )
    assert root.call("PATCH", "/api/projects/2/members/eve@example.com/", {"role": "owner"}).status == 404


def test_invitations_are_listed_without_their_links(house, root):
    """Who was invited by whom, as what, until when; the link is only in the answer that made it."""
    made = root.call(
        "POST", "/api/projects/1/invites/", {"target_email": "New@Example.com", "role": "viewer"}
    ).json
    (listed,) = root.call("GET", "/api/projects/1/invites/").json["results"]
    assert (listed["target_email"], listed["role"], listed["created_by"]) == (
        "new@example.com",
        "viewer",
        "root@example.com",
    )
    assert "link" not in listed
    assert made["id"] == listed["id"]
    house.pass_time(73 * 3600)
    assert root.call("GET", "/api/projects/1/invites/").json["results"][0]["is_expired"] is True


# -------------------------------------------------------------------- projects


def test_projects_are_made_renamed_and_deleted(house, root, eve):
    """Each with a token of its own; a deleted one is found nowhere."""
    made = root.call("POST", "/api/projects/", {"name": "  Third "}).json
    assert (made["name"], made["id"]) == ("Third", 3)
    assert made["api_token"].startswith("phc_")
    assert root.call("PATCH", "/api/projects/3/", {"name": "3rd"}).json["name"] == "3rd"
    assert root.call("POST", "/api/projects/", {"name": " "}).json["attr"] == "name"
    assert root.call("DELETE", "/api/projects/3/").status == 200
    assert root.call("GET", "/api/projects/3/").status == 404
    assert root.call("DELETE", "/api/projects/3/").status == 404
    assert [one["id"] for one in root.call("GET", "/api/projects/").json["results"]] == [1, 2]
    assert eve.call("POST", "/api/projects/", {"name": "x"}).status == 403


def test_the_destinations_of_a_deleted_project_stop(house, root):
    """They are deleted in the same transaction, so that what waited is discarded and nothing new is matched."""
    body = {
        "template_id": "template-webhook",
        "name": "H",
        "enabled": True,
        "inputs": {"url": {"value": "https://example.com/"}},
    }
    root.call("POST", "/api/projects/1/hog_functions/", body)
    before = house.api.changes
    root.call("DELETE", "/api/projects/1/")
    rows = house.state.read_now(lambda c: list(c.execute("SELECT enabled, deleted FROM destinations")))
    assert (rows, house.api.changes) == ([(0, 1)], before + 1)


async def test_people_of_a_deleted_project_are_removed(house):
    """Also those that late events still make; other projects keep theirs."""

    def fill(conn):
        for n in range(1200):
            conn.execute(
                "INSERT INTO persons (project_id, uuid, created_at) VALUES (1, ?, 0)",
                (n.to_bytes(16, "big"),),
            )
            conn.execute("INSERT INTO person_distinct_ids VALUES (1, ?, ?)", (f"d{n}", n))
        conn.execute("INSERT INTO persons (project_id, uuid, created_at) VALUES (2, x'01', 0)")
        conn.execute("INSERT INTO groups VALUES (1, 0, 'acme', '{}', 0, 0)")
        conn.execute("INSERT INTO deleted_projects (project_id, deleted_at) VALUES (1, ?)", (house.now,))

    house.state.write_now(fill)
    emptier = Emptier(house.state, lambda: house.now)

    async def left():
        return await house.state.read(
            lambda c: [
                c.execute(f"SELECT count(*) FROM {t}").get
                for t in ("persons", "person_distinct_ids", "groups")
            ]
        )

    await emptier.once()
    assert await left() == [1, 0, 0]
    await house.state.write(
        lambda c: c.execute("INSERT INTO persons (project_id, uuid, created_at) VALUES (1, x'05', 0)")
    )
    house.pass_time(SETTLED_MS / 1000)
    await emptier.once()
    assert await left() == [1, 0, 0]
    await emptier.once()
    assert (
        await house.state.read(lambda c: c.execute("SELECT emptied_at FROM deleted_projects").get)
        == house.now
    )


def test_a_token_is_rotated_with_a_time_of_grace(house, root):
    """The former one is told with its end; without grace it is void at once."""
    former = root.call("GET", "/api/projects/1/").json["api_token"]
    rotated = root.call("PATCH", "/api/projects/1/reset_token/", {"grace_hours": 1}).json
    assert rotated["api_token"] != former
    assert rotated["former_tokens"] == [{"api_token": former, "works_until": "2026-05-28T21:26:40.000Z"}]
    again = root.call("PATCH", "/api/projects/1/reset_token/", {"grace_hours": 0}).json
    assert [one["api_token"] for one in again["former_tokens"]] == [former]
    for hours in (-1, "1", True, 1e9, None):
        assert root.call("PATCH", "/api/projects/1/reset_token/", {"grace_hours": hours}).status == 400


def test_a_token_from_the_settings_is_not_rotated(api):
    """It would be back at the next start."""
    house = House(api, project_token="phc_shop_token")
    house.user("root@example.com", is_owner=True)
    reply = house.browser("root@example.com").call("PATCH", "/api/projects/1/reset_token/")
    assert (reply.status, reply.json["code"]) == (409, "conflict")
