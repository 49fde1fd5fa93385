"""What is done over the API stands in the audit log: who, when, from where, and what was different before."""

from __future__ import annotations

import base64
import re
import secrets
import uuid

import orjson
import pytest

from hedgerow.accounts import totp
from hedgerow.api.app import ROUTERS
from support.house import PASSWORD


@pytest.fixture
def root(house):
    return house.browser("root@example.com", address="203.0.113.7")


def log(browser, path="/api/activity_log/"):
    return browser.call("GET", path).json["results"]


def done(browser, method, path, body=None, status=(200, 201, 202, 204)):
    reply = browser.call(method, f"/api/projects/1/{path}" if not path.startswith("/") else path, body)
    assert reply.status in status, (path, reply.body)
    return reply.json if reply.body else {}


def hook(browser, **more):
    body = {
        "template_id": "template-webhook",
        "name": "Hook",
        "inputs": {"url": {"value": "https://example.com/"}},
    }
    return done(browser, "POST", "hog_functions/", {**body, **more})


def test_a_change_is_told_with_all_there_is_to_know(root):
    """PostHog's form of an entry, with the address and how they came in besides."""
    made = hook(root)
    done(root, "PATCH", f"hog_functions/{made['id']}/", {"name": "New", "enabled": True})
    entry = log(root, "/api/projects/1/activity_log/")[0]
    assert (entry["scope"], entry["activity"], entry["item_id"]) == ("HogFunction", "updated", made["id"])
    assert (entry["user"]["email"], entry["actor"], entry["via"]) == (
        "root@example.com",
        "root@example.com",
        "session",
    )
    assert (entry["ip"], entry["team_id"], entry["is_system"]) == ("203.0.113.7", 1, False)
    changes = {change["field"]: (change["before"], change["after"]) for change in entry["detail"]["changes"]}
    assert changes["name"] == ("Hook", "New")
    assert changes["enabled"] == (False, True)


CONNECTED = """
INSERT INTO integrations (id, project_id, kind, external_id, created_at, updated_at) VALUES (60, 1, 'slack', 'T1', 0, 0)
"""
ILL = """
INSERT INTO alert_incidents (id, project_id, rule_id, rule_name, kind, subject, opened_at, told_at, opening)
VALUES (x'0191f3c01d2e4a0080005f0c6a3b9d10', 1, 1, 'A', 'state', '', 0, 0, '{"text": "", "value": null, "evidence": {}}')
"""
WINDOW = {"window_start": "2026-05-28T00:00:00Z", "window_end": "2026-05-29T00:00:00Z"}
# What is done, and the entry that it leaves. Braces stand for ids of what ``given`` has made.
WRITES = [
    ("POST /hog_functions", {"name": "A", "hog": "return 1"}, "HogFunction created"),
    ("PATCH /hog_functions/{hook}", {"name": "B"}, "HogFunction updated"),
    ("PUT /hog_functions/{hook}", {"name": "B"}, "HogFunction updated"),
    (
        "POST /configuration/apply",
        {"destinations": {"a": {"name": "A", "hog": "return 1"}}},
        "HogFunction created",
    ),
    ("PATCH /hog_functions/{hook}", {"deleted": True}, "HogFunction deleted"),
    ("POST /hog_functions/{hook}/pause", {}, "HogFunction paused"),
    ("POST /hog_functions/{hook}/resume", {"order": "all"}, "HogFunction resumed"),
    ("POST /hog_functions/{hook}/discard", {}, "HogFunction discarded"),
    ("PATCH /hog_functions/rearrange", {"orders": {"{hook}": 3}}, "HogFunction updated"),
    ("PUT /hog_functions/{hook}/draft", {"name": "B"}, "HogFunction draft_saved"),
    ("PATCH /hog_functions/{hook}/draft", {"name": "B"}, "HogFunction draft_saved"),
    ("DELETE /hog_functions/{drafted}/draft", {}, "HogFunction draft_discarded"),
    ("POST /hog_functions/{drafted}/draft/publish", {}, "HogFunction published"),
    ("POST /hog_functions/{edited}/revisions/1/rollback", {}, "HogFunction rolled_back"),
    ("POST /hog_functions/{hook}/rerun", {"filter": WINDOW}, "HogFunction rerun"),
    ("POST /deliveries/rerun", {"filters": {"verdict": "failed"}}, "HogFunction rerun"),
    ("POST /actions", {"name": "A", "steps": [{"event": "x"}]}, "Action created"),
    ("PATCH /actions/{action}", {"name": "B"}, "Action updated"),
    ("PUT /actions/{action}", {"name": "B"}, "Action updated"),
    ("PATCH /actions/{action}", {"deleted": True}, "Action deleted"),
    ("POST /cohorts", {"name": "A", "is_static": True}, "Cohort created"),
    ("PATCH /cohorts/{cohort}", {"name": "B"}, "Cohort updated"),
    ("PUT /cohorts/{cohort}", {"name": "B"}, "Cohort updated"),
    ("PATCH /cohorts/{cohort}/add_persons_to_static_cohort", {"distinct_ids": ["ada"]}, "Cohort updated"),
    ("PATCH /cohorts/{cohort}/remove_person_from_static_cohort", {"distinct_id": "bob"}, "Cohort updated"),
    ("DELETE /integrations/{integration}", {}, "Integration deleted"),
    ("POST /alerts", {"name": "A", "kind": "state"}, "Alert created"),
    ("PATCH /alerts/{alert}", {"name": "B"}, "Alert updated"),
    ("DELETE /alerts/{alert}", {}, "Alert deleted"),
    ("POST /alerts/{alert}/test", {}, "Alert tested"),
    ("POST /alerts/incidents/{incident}/acknowledge", {}, "AlertIncident acknowledged"),
    ("DELETE /persons/{person}", {}, "Person deleted"),
    ("PATCH /", {"name": "B", "anonymize_ips": True}, "Project updated"),
    ("PATCH /reset_token", {}, "Project rotated_token"),
    ("DELETE /", {}, "Project deleted"),
    ("POST /api/projects", {"name": "C"}, "Project created"),
    ("POST /invites", {"target_email": "x@example.com", "role": "viewer"}, "OrganizationInvite created"),
    ("DELETE /invites/{invite}", {}, "OrganizationInvite deleted"),
    ("PATCH /members/eve@example.com", {"role": "viewer"}, "OrganizationMembership updated"),
    ("DELETE /members/eve@example.com", {}, "OrganizationMembership deleted"),
    ("PATCH /api/users/eve@example.com", {"first_name": "Eve"}, "User updated"),
    ("DELETE /api/users/eve@example.com", {}, "User deleted"),
    ("POST /api/users/eve@example.com/reset_link", {}, "User made_reset_link"),
    ("PATCH /api/users/@me", {"first_name": "R"}, "User updated"),
    ("POST /api/users/@me/password", {"current_password": PASSWORD, "password": "a different one"}, "User changed_password"),
    ("DELETE /api/users/@me/sessions", {}, "User ended_sessions"),
    ("POST /api/logout", {}, "User logged_out"),
    ("POST /api/login", {"email": "eve@example.com", "password": PASSWORD}, "User logged_in"),
    ("POST /api/personal_api_keys", {"label": "k", "scopes": ["*"]}, "PersonalAPIKey created"),
    ("PATCH /api/personal_api_keys/{key}", {"label": "l"}, "PersonalAPIKey updated"),
    ("POST /api/personal_api_keys/{key}/roll", {}, "PersonalAPIKey rolled"),
    ("DELETE /api/personal_api_keys/{key}", {}, "PersonalAPIKey deleted"),
]  # fmt: skip


# Operations that are no GET and still have no row above.
UNWRITTEN = {
    "POST /query": "reads",
    "POST /configuration/plan": "reads",
    "POST /integrations": "tests of integrations",
    "POST /api/links/preview": "reads",
    "POST /hog_functions/{destination_id}/matching_events": "reads",
    "POST /hog_functions/{destination_id}/invocations": "a trial in a world of its own; real calls are told of",
    "POST /hog_functions/{destination_id}/backtest": "a trial in a world of its own",
    "POST /hog_functions/{destination_id}/enable_backfills": "always refuses",
    "DELETE /hog_functions/{destination_id}": "always refuses",
    "DELETE /actions/{action_id}": "always refuses",
    "DELETE /cohorts/{cohort_id}": "always refuses",
    "POST /hog_functions/{destination_id}/discard_draft": "another name of DELETE draft",
    "POST /hog_functions/{destination_id}/publish": "another name of draft/publish",
    "POST /hog_functions/{destination_id}/revisions/{revision}/restore": "another name of rollback",
    "DELETE /api/users/@me/sessions/{session_id}": "as of all sessions",
    "POST /api/links/join": "below",
    "POST /api/links/reset": "below",
    "POST /api/users/@me/two_factor_start_setup": "of no effect until it is confirmed",
    "POST /api/users/@me/two_factor_validate": "below",
    "POST /api/users/@me/two_factor_backup_codes": "below",
    "POST /api/users/@me/two_factor_disable": "below",
    "POST /reruns/{run_id}/pause": "tests of runs",
    "POST /reruns/{run_id}/resume": "tests of runs",
    "DELETE /reruns/{run_id}": "tests of runs",
    "POST /hog_functions/{destination_id}/replay": "tests of runs",
    "POST /hog_functions/{destination_id}/replays/{run_id}/pause": "tests of runs",
    "POST /hog_functions/{destination_id}/replays/{run_id}/resume": "tests of runs",
    "DELETE /hog_functions/{destination_id}/replays/{run_id}": "tests of runs",
    "POST /hog_functions/{destination_id}/ticks": "tests of schedules",
    "POST /runs/{run_id}/pause": "tests of runs",
    "POST /runs/{run_id}/resume": "tests of runs",
    "DELETE /runs/{run_id}": "tests of runs",
}


def test_every_write_is_known_here():
    """A new operation that changes something gets a row in ``WRITES``, or a reason in ``UNWRITTEN``."""
    tried = [operation for operation, _, _ in WRITES]
    missing = []
    for router in ROUTERS:
        for route in router.routes:
            path = route.path.removeprefix("/api/projects/{project_id}") or "/"
            form = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path))
            for method in sorted(route.methods - {"GET"}):
                known = any(re.fullmatch(f"{method} {form}", one) for one in tried)
                if not known and f"{method} {path}" not in UNWRITTEN:
                    missing.append(f"{method} {path}")
    assert missing == []


def drafted(root):
    made = hook(root)["id"]
    done(root, "PUT", f"hog_functions/{made}/draft/", {"name": "D"})
    return made


def edited(root):
    made = hook(root)["id"]
    done(root, "PATCH", f"hog_functions/{made}/", {"name": "E"})
    return made


def given(house, root, names):
    """Make what a path speaks of."""
    person = uuid.uuid4()
    make = {
        "hook": lambda: hook(root)["id"],
        "drafted": lambda: drafted(root),
        "edited": lambda: edited(root),
        "action": lambda: done(root, "POST", "actions/", {"name": "N", "steps": [{"event": "x"}]})["id"],
        "cohort": lambda: done(
            root, "POST", "cohorts/", {"name": "N", "is_static": True, "distinct_ids": ["bob"]}
        )["id"],
        "invite": lambda: done(root, "POST", "invites/", {"target_email": "y@example.com", "role": "viewer"})[
            "id"
        ],
        "key": lambda: done(root, "POST", "/api/personal_api_keys/", {"label": "n", "scopes": ["*"]})["id"],
        "alert": lambda: done(root, "POST", "alerts/", {"name": "N", "kind": "state"})["id"],
        "incident": lambda: (
            house.state.write_now(lambda c: c.execute(ILL)) and "0191f3c0-1d2e-4a00-8000-5f0c6a3b9d10"
        ),
        "integration": lambda: house.state.write_now(lambda c: c.execute(CONNECTED) and 60),
        "person": lambda: (
            house.state.write_now(
                lambda c: c.execute(
                    "INSERT INTO persons (id, project_id, uuid, created_at) VALUES (9, 1, ?, 0)",
                    (person.bytes,),
                )
            )
            and person
        ),
    }
    return {name: make[name]() for name in names}


@pytest.mark.parametrize(
    ("operation", "body", "entry"), WRITES, ids=[f"{op} {entry}" for op, _, entry in WRITES]
)
def test_each_write_leaves_one_entry(house, root, operation, body, entry):
    """With who, when and from where; a second time without a change leaves no second one for an update."""
    method, _, path = operation.partition(" ")
    names = [
        part.partition("}")[0] for part in (path + repr(body)).split("{") if "}" in part and part[0].isalpha()
    ]
    made = given(house, root, names)
    whole = path.format(**made)
    for name, value in made.items():
        body = orjson.loads(orjson.dumps(body).decode().replace("{" + name + "}", str(value)))
    before = len(house.audited())
    done(root, method, whole if whole.startswith("/api") else whole.lstrip("/"), body)
    assert [f"{scope} {activity}" for activity, scope in house.audited()[before:]] == [entry]
    row = house.state.read_now(
        lambda c: c.execute("SELECT actor, address, at FROM audit ORDER BY id DESC").fetchone()
    )
    assert row == (body.get("email", "root@example.com"), "203.0.113.7", house.now)


def test_what_opens_doors_is_told(house, root):
    """Joining by a link, a password by a link, and each step of the second factor."""
    link = done(root, "POST", "invites/", {"target_email": "new@example.com", "role": "editor"})["link"]
    done(house.browser(), "POST", "/api/links/join/", {"token": link.partition("#")[2], "password": PASSWORD})
    link = done(root, "POST", "/api/users/new@example.com/reset_link/", {})["link"]
    body = {"token": link.partition("#")[2], "password": "a different one"}
    done(house.browser(), "POST", "/api/links/reset/", body)
    proof = {"current_password": PASSWORD}
    secret = base64.b32decode(done(root, "POST", "/api/users/@me/two_factor_start_setup/", proof)["secret"])
    code = totp.code_at(secret, house.now // 30_000).decode()
    done(root, "POST", "/api/users/@me/two_factor_validate/", {"token": code})
    done(root, "POST", "/api/users/@me/two_factor_backup_codes/", proof)
    done(root, "POST", "/api/users/@me/two_factor_disable/", proof)
    told = [
        (entry["actor"].partition("@")[0], entry["via"], entry["activity"]) for entry in reversed(log(root))
    ]
    assert told == [
        ("root", "session", "created"), ("new", "link", "joined"), ("new", "session", "logged_in"),
        ("root", "session", "made_reset_link"), ("new", "link", "reset_password"), ("root", "session", "enabled_second_factor"),
        ("root", "session", "renewed_recovery_codes"), ("root", "session", "disabled_second_factor"),
    ]  # fmt: skip


def test_no_entry_without_a_change(house, root):
    """Neither for what was refused, nor for what was only read."""
    before = house.audited()
    for method, path, body in (
        ("POST", "hog_functions/", {"hog": "return ("}),
        ("PATCH", "actions/77/", {"name": "x"}),
        ("POST", "invites/", {"target_email": "nonsense", "role": "viewer"}),
        ("PATCH", "", {"unknown": 1}),
        ("GET", "hog_functions/", None),
    ):
        done(root, method, path, body, status=(200, 400, 404))
    house.browser("eve@example.com").call("DELETE", "/api/projects/1/members/eve@example.com/", forge=True)
    assert house.audited() == before


def test_secrets_are_not_in_the_log(house, root):
    """Of passwords, codes, keys, tokens and secret inputs nothing is kept, in no form."""
    canaries = [f"canary{secrets.token_hex(8)}" for _ in range(4)]
    made = done(root, "POST", "hog_functions/", {
        "name": "S", "hog": "return 1", "inputs_schema": [{"key": "k", "type": "string", "secret": True}],
        "inputs": {"k": {"value": canaries[0]}},
    })  # fmt: skip
    done(root, "PATCH", f"hog_functions/{made['id']}/", {"inputs": {"k": {"value": canaries[1]}}})
    done(root, "PATCH", "", {"hash_salt": canaries[2]})
    done(root, "PATCH", "", {"hash_salt": canaries[3]})
    key = done(root, "POST", "/api/personal_api_keys/", {"label": "k", "scopes": ["*"]})["value"]
    link = done(root, "POST", "/api/users/eve@example.com/reset_link/", {})["link"].partition("#")[2]
    new = "a different password"
    done(root, "POST", "/api/users/@me/password/", {"current_password": PASSWORD, "password": new})
    raw = house.state.read_now(lambda c: repr(list(c.execute("SELECT * FROM audit"))))
    for secret in (*canaries, key, link, new, PASSWORD):
        assert secret not in raw
    fields = [change["field"] for entry in log(root) for change in entry["detail"]["changes"]]
    assert fields.count("hash_salt") == 2


def test_a_page_leads_to_the_next(root):
    """Everything is listed once, whatever comes in meanwhile; filters hold on every page."""
    for n in range(7):
        done(root, "POST", "actions/", {"name": f"A{n}", "steps": [{"event": "x"}]})
    path, names = "/api/projects/1/activity_log/?scope=Action&limit=3", []
    while path:
        answer = root.call("GET", path).json
        names += [entry["detail"]["name"] for entry in answer["results"]]
        hook(root)
        path = answer["next"] and answer["next"].partition("8000")[2]
    assert names == [f"A{n}" for n in reversed(range(7))]
    assert root.call("GET", "/api/activity_log/?cursor=x").status == 400
    assert root.call("GET", "/api/activity_log/?after=yesterday").status == 400


def test_a_project_sees_its_own_entries_only(house, root):
    """What concerns the instance, or another project, is its owners' alone."""
    house.user("olga@example.com", "owner")
    hook(root)
    done(root, "POST", f"/api/projects/{house.other.id}/actions/", {"name": "O", "steps": [{"event": "x"}]})
    done(root, "PATCH", "/api/users/eve@example.com/", {"first_name": "E"})
    olga = house.browser("olga@example.com")
    assert [entry["scope"] for entry in log(olga, "/api/projects/1/activity_log/")] == ["HogFunction"]
    assert {entry["scope"] for entry in log(root)} == {"HogFunction", "Action", "User"}


def test_the_operator_is_named_by_the_key(house, root):
    """A key without a user is told by its label, one with a user by the user."""
    operator, own = house.key(None, "*"), house.key("eve@example.com", "*")
    for key in (operator, own):
        house.with_key(key, "POST", "/api/projects/1/actions/", {"name": "K", "steps": [{"event": "x"}]})
    entries = log(root)
    assert [(one["actor"], one["via"], one["user"] and one["user"]["email"]) for one in entries] == [
        ("eve@example.com", "key", "eve@example.com"),
        ("test", "key", None),
    ]
    house.state.write_now(lambda c: c.execute("DELETE FROM users WHERE email = 'eve@example.com'"))
    assert log(root)[0]["actor"] == "eve@example.com"
