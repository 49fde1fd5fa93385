"""Who may do what: every operation of the API, for everybody who could try it.

The operations are taken from the application. What each of them needs stands here once more, so that a slip in a router shows, and
so that a new operation cannot be forgotten: add a line for it to ``NEEDS``.
"""

from __future__ import annotations

import secrets
import uuid

import pytest
from fastapi.routing import APIRoute

from hedgerow.accounts import Role, roles
from hedgerow.api.access import GUARDS
from hedgerow.api.app import ROUTERS
from support.house import House

# operation, scopes (what the route looks at besides follows the comma), who: anonymous, anybody (with an account), viewer, editor, owner (of the project), instance (its owner).
# With a plus: in person, no key of theirs will do.
NEEDS = """
POST   /api/login                                                        -                       anonymous
POST   /api/links/preview                                                -                       anonymous
POST   /api/links/join                                                   -                       anonymous
POST   /api/links/reset                                                  -                       anonymous
GET    /api/public_hog_function_templates                                -                       anonymous
GET    /api/public_hog_function_templates/{template_id}                  -                       anonymous
POST   /api/logout                                                       user:write              anybody+
GET    /api/users/@me                                                    user:read               anybody
PATCH  /api/users/@me                                                    user:write              anybody
POST   /api/users/@me/password                                           user:write              anybody+
GET    /api/users/@me/sessions                                           user:read               anybody+
DELETE /api/users/@me/sessions                                           user:write              anybody+
DELETE /api/users/@me/sessions/{session_id}                              user:write              anybody+
GET    /api/users/@me/two_factor_status                                  user:read               anybody
POST   /api/users/@me/two_factor_start_setup                             user:write              anybody+
POST   /api/users/@me/two_factor_validate                                user:write              anybody+
POST   /api/users/@me/two_factor_backup_codes                            user:write              anybody+
POST   /api/users/@me/two_factor_disable                                 user:write              anybody+
GET    /api/personal_api_keys                                            user:read               anybody+
POST   /api/personal_api_keys                                            user:write              anybody+
GET    /api/personal_api_keys/{key_id}                                   user:read               anybody+
PATCH  /api/personal_api_keys/{key_id}                                   user:write              anybody+
POST   /api/personal_api_keys/{key_id}/roll                              user:write              anybody+
DELETE /api/personal_api_keys/{key_id}                                   user:write              anybody+
GET    /api/users                                                        user:read               instance
GET    /api/users/{user_id}                                              user:read               instance
PATCH  /api/users/{user_id}                                              user:write              instance+
DELETE /api/users/{user_id}                                              user:write              instance+
POST   /api/users/{user_id}/reset_link                                   user:write              instance+
GET    /api/activity_log                                                 activity_log:read       instance
GET    /api/organizations                                                organization:read       anybody
GET    /api/organizations/{organization_id}                              organization:read       anybody
GET    /api/organizations/{organization_id}/projects                     project:read            anybody
GET    /api/projects                                                     project:read            anybody
POST   /api/projects                                                     project:write           instance
GET    /                                                                 project:read            viewer
PATCH  /                                                                 project:write           owner
DELETE /                                                                 project:write           owner
PATCH  /reset_token                                                      project:write           owner
GET    /members                                                          organization_member:read  viewer
PATCH  /members/{user_id}                                                organization_member:write owner
DELETE /members/{user_id}                                                organization_member:write viewer
GET    /invites                                                          organization_member:read  owner
POST   /invites                                                          organization_member:write owner+
DELETE /invites/{invite_id}                                              organization_member:write owner
GET    /activity_log                                                     activity_log:read       owner
GET    /hog_functions                                                    hog_function:read       viewer
POST   /hog_functions                                                    hog_function:write      editor
GET    /hog_functions/icons                                              hog_function:read       viewer
GET    /hog_functions/icon                                               hog_function:read       viewer
PATCH  /hog_functions/rearrange                                          hog_function:write      editor
GET    /hog_functions/{destination_id}                                   hog_function:read       viewer
PUT    /hog_functions/{destination_id}                                   hog_function:write      editor
PATCH  /hog_functions/{destination_id}                                   hog_function:write      editor
DELETE /hog_functions/{destination_id}                                   hog_function:write      editor
POST   /hog_functions/{destination_id}/enable_backfills                  hog_function:write      editor
GET    /hog_functions/{destination_id}/revisions                         hog_function:read       viewer
GET    /hog_functions/{destination_id}/revisions/{revision}              hog_function:read       viewer
GET    /hog_functions/{destination_id}/revisions/{revision}/diff         hog_function:read       viewer
POST   /hog_functions/{destination_id}/revisions/{revision}/restore      hog_function:write      editor
POST   /hog_functions/{destination_id}/revisions/{revision}/rollback     hog_function:write      editor
GET    /hog_functions/{destination_id}/draft                             hog_function:read       viewer
PATCH  /hog_functions/{destination_id}/draft                             hog_function:write      editor
PUT    /hog_functions/{destination_id}/draft                             hog_function:write      editor
DELETE /hog_functions/{destination_id}/draft                             hog_function:write      editor
POST   /hog_functions/{destination_id}/discard_draft                     hog_function:write      editor
GET    /hog_functions/{destination_id}/draft/diff                        hog_function:read       viewer
POST   /hog_functions/{destination_id}/publish                           hog_function:write      editor
POST   /hog_functions/{destination_id}/draft/publish                     hog_function:write      editor
POST   /hog_functions/{destination_id}/pause                             hog_function:write      editor
POST   /hog_functions/{destination_id}/resume                            hog_function:write      editor
POST   /hog_functions/{destination_id}/discard                           hog_function:write      editor
GET    /hog_functions/{destination_id}/logs                              hog_function:read       viewer
GET    /hog_functions/{destination_id}/metrics                           hog_function:read       viewer
GET    /hog_functions/{destination_id}/metrics/totals                    hog_function:read       viewer
POST   /hog_functions/{destination_id}/invocations                       hog_function:write      editor
GET    /hog_functions/{destination_id}/matching_events                   hog_function:read,event:read,person:read viewer
POST   /hog_functions/{destination_id}/matching_events                   hog_function:read,event:read,person:read viewer
POST   /hog_functions/{destination_id}/rerun                             hog_function:write,person:read,group:read editor
GET    /hog_function_templates                                           hog_function:read       viewer
GET    /hog_function_templates/{template_id}                             hog_function:read       viewer
GET    /deliveries                                                       hog_function:read       viewer
GET    /deliveries/{delivery_id}                                         hog_function:read       viewer
POST   /deliveries/rerun                                                 hog_function:write,person:read,group:read editor
GET    /reruns                                                           hog_function:read       viewer
GET    /reruns/{run_id}                                                  hog_function:read       viewer
POST   /reruns/{run_id}/pause                                            hog_function:write      editor
POST   /reruns/{run_id}/resume                                           hog_function:write      editor
DELETE /reruns/{run_id}                                                  hog_function:write      editor
GET    /configuration                                                    hog_function:read,action:read,cohort:read viewer
POST   /configuration/plan                                               hog_function:write      editor
POST   /configuration/apply                                              hog_function:write      editor
GET    /actions                                                          action:read             viewer
POST   /actions                                                          action:write            editor
GET    /actions/{action_id}                                              action:read             viewer
PUT    /actions/{action_id}                                              action:write            editor
PATCH  /actions/{action_id}                                              action:write            editor
DELETE /actions/{action_id}                                              action:write            editor
GET    /cohorts                                                          cohort:read             viewer
POST   /cohorts                                                          cohort:write            editor
GET    /cohorts/{cohort_id}                                              cohort:read             viewer
PUT    /cohorts/{cohort_id}                                              cohort:write            editor
PATCH  /cohorts/{cohort_id}                                              cohort:write            editor
PATCH  /cohorts/{cohort_id}/add_persons_to_static_cohort                 cohort:write            editor
PATCH  /cohorts/{cohort_id}/remove_person_from_static_cohort             cohort:write            editor
DELETE /cohorts/{cohort_id}                                              cohort:write            editor
GET    /events                                                           event:read              viewer
GET    /events/tail                                                      event:read              viewer
GET    /events/values                                                    event:read              viewer
GET    /events/{event_uuid}                                              event:read              viewer
GET    /events/{event_uuid}/explain                                      hog_function:read       viewer
POST   /query                                                            query:read              viewer
GET    /persons                                                          person:read             viewer
GET    /persons/deletions                                                person:read             viewer
GET    /persons/{person_id}                                              person:read             viewer
DELETE /persons/{person_id}                                              person:write            editor
GET    /persons/{person_id}/export                                       person:read             viewer
GET    /groups_types                                                     group:read              viewer
GET    /groups                                                           group:read              viewer
GET    /groups/{type_index}/{group_key}                                  group:read              viewer
GET    /ingestion_warnings                                               ingestion_warning:read  viewer
GET    /event_definitions                                                event_definition:read   viewer
GET    /event_definitions/{definition_id}                                event_definition:read   viewer
GET    /property_definitions                                             property_definition:read viewer
GET    /property_definitions/{definition_id}                             property_definition:read viewer
GET    /deliveries/{delivery_id}/trace                                   hog_function:read       viewer
POST   /hog_functions/{destination_id}/replay                            hog_function:write      editor
GET    /hog_functions/{destination_id}/replays                           hog_function:read       viewer
GET    /hog_functions/{destination_id}/replays/{run_id}                  hog_function:read       viewer
DELETE /hog_functions/{destination_id}/replays/{run_id}                  hog_function:write      editor
POST   /hog_functions/{destination_id}/replays/{run_id}/pause            hog_function:write      editor
POST   /hog_functions/{destination_id}/replays/{run_id}/resume           hog_function:write      editor
POST   /hog_functions/{destination_id}/ticks                             hog_function:write      editor
GET    /runs                                                             hog_function:read       viewer
GET    /runs/{run_id}                                                    hog_function:read       viewer
DELETE /runs/{run_id}                                                    hog_function:write      editor
POST   /runs/{run_id}/pause                                              hog_function:write      editor
POST   /runs/{run_id}/resume                                             hog_function:write      editor
POST   /hog_functions/{destination_id}/backtest                          hog_function:write      editor
GET    /alerts                                                           alert:read              viewer
POST   /alerts                                                           alert:write             editor
GET    /alerts/incidents                                                 alert:read              viewer
GET    /alerts/incidents/{incident_id}                                   alert:read              viewer
POST   /alerts/incidents/{incident_id}/acknowledge                       alert:write             editor
GET    /alerts/{alert_id}                                                alert:read              viewer
PATCH  /alerts/{alert_id}                                                alert:write             editor
DELETE /alerts/{alert_id}                                                alert:write             editor
POST   /alerts/{alert_id}/test                                           alert:write             editor
GET    /integrations                                                     integration:read        viewer
POST   /integrations                                                     integration:write       editor
GET    /integrations/kinds                                               integration:read        viewer
GET    /integrations/authorize                                           integration:write       editor
GET    /integrations/{integration_id}                                    integration:read        viewer
DELETE /integrations/{integration_id}                                    integration:write       editor
GET    /integrations/{integration_id}/channels                           integration:read        viewer
"""
# Pages and documents, without anything of a project in them.
OPEN = {
    "/", "/project/{rest}", "/project.js", "/login", "/join", "/reset", "/entrance.js", "/api/schema", "/api/schema/{name}", "/api/docs",
    "/api/docs/{name}", "/integrations/{kind}/callback",  # asks for itself who comes back
}  # fmt: skip

PROJECT = "/api/projects/{project_id}"
ROLES = ("viewer", "editor", "owner")


def _needs():
    found = {}
    for line in NEEDS.strip().splitlines():
        method, path, scope, who = line.split()
        whole = path if path.startswith("/api") else (PROJECT + path).removesuffix("/")
        found[method, whole] = (scope, who)
    return found


def _routes():
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods):
                yield method, route.path.replace(":path}", "}"), route


NEEDED = _needs()
ROUTES = {(method, path): route for method, path, route in _routes() if path not in OPEN}
GUARDED = {key: value for key, value in NEEDED.items() if value[1] != "anonymous" and key in ROUTES}
IN_PROJECT = {key: value for key, value in GUARDED.items() if key[1].startswith(PROJECT)}


def guard_of(route):
    """What a route declares."""
    return next((GUARDS[item.call] for item in route.dependant.dependencies if item.call in GUARDS), None)


def ident(value):
    return " ".join(value) if isinstance(value, tuple) else None


def test_each_operation_has_a_line():
    """A new operation says here who may do it, before anybody does."""
    assert sorted(set(ROUTES) - set(NEEDED)) == [], "operations without a line in NEEDS"
    assert sorted(set(NEEDED) - set(ROUTES)) == [], "lines without an operation"


@pytest.mark.parametrize("operation", sorted(NEEDED), ids=ident)
def test_each_operation_declares_what_its_line_says(operation):
    """The declaration in the router and the table agree, and the scope is one that keys can have."""
    scope, who = NEEDED[operation]
    scope = scope.partition(",")[0]
    guard = guard_of(ROUTES[operation])
    if who == "anonymous":
        assert guard is None
        return
    assert guard is not None
    least = Role.named(who.rstrip("+"))
    assert (guard.scope, guard.role, guard.session_only) == (scope, least, who.endswith("+"))
    assert guard.instance_owner is who.startswith("instance")
    assert roles.is_scope(scope)


# ------------------------------------------------------------------- the matrix


@pytest.fixture
def house(api):
    """Two projects: everybody's, and another with an owner of its own."""
    made = House(api)
    for role in ROLES:
        made.user(f"{role}@example.com", role)
    made.user("stranger@example.com", "owner", project=made.other.id)
    made.user("instance@example.com", is_owner=True)
    return made


# Ids of nothing: who may not do something is told so before anything is looked for.
NOTHING = {
    "action_id": "77", "integration_id": "77", "alert_id": "77", "cohort_id": "77", "session_id": "77", "invite_id": "77", "key_id": "77", "type_index": "0",
    "group_key": "nothing", "revision": "1", "version": "1", "template_id": "template-webhook", "user_id": "nobody@example.com",
}  # fmt: skip


def filled(path, ids, project="1"):
    """A path with something for each of its places."""
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    for name in names:
        value = project if name == "project_id" else ids.get(name, str(uuid.UUID(int=7)))
        path = path.replace("{" + name + "}", str(value))
    return path


def allowed(reply):
    """Whether it was let through, whatever became of it then."""
    assert reply.status < 500, reply.body
    return reply.status not in {401, 403}


@pytest.mark.parametrize("operation", sorted(GUARDED), ids=ident)
def test_the_matrix(house, operation):
    """Anonymous, stranger, viewer, editor, owner, instance owner; each in person and by key, with and without the scope."""
    method, path = operation
    scopes, who = GUARDED[operation]
    scope = scopes.partition(",")[0]
    in_person, least, target = who.endswith("+"), who.rstrip("+"), filled(path, NOTHING)
    of_project = path.startswith(PROJECT)
    other_scope = "cohort:read" if not scope.startswith("cohort") else "action:read"

    assert house.browser().call(method, target, {}).status == 401
    assert house.browser().call(method, target, {}, authorization="Bearer phx_unknown").status == 401
    if of_project:
        reply = house.browser("stranger@example.com").call(method, target, {})
        assert (reply.status, reply.json["detail"]) == (404, "Project not found.")
        key = house.key("stranger@example.com", "*")
        assert house.with_key(key, method, target, {}).status == (403 if in_person else 404)
    for person in ("viewer", "editor", "owner", "instance"):
        email = f"{person}@example.com"
        wanted = may(person, least)
        lacking = house.with_key(house.key(email, other_scope), method, target, {})
        assert lacking.status == 403
        assert scope in lacking.json["detail"]
        if scope.endswith(":write"):
            reading = house.key(email, scope.replace(":write", ":read"))
            assert house.with_key(reading, method, target, {}).status == 403
        if of_project:
            elsewhere = house.key(email, "*", projects=[house.other.id])
            assert house.with_key(elsewhere, method, target, {}).status == (403 if in_person else 404)
        forged = house.browser(email).call(method, target, {}, forge=True)
        assert allowed(forged) is (wanted and method == "GET"), (person, forged.body)
        by_key = house.with_key(house.key(email, *scopes.split(",")), method, target, {})
        assert gone(by_key) or allowed(by_key) is (wanted and not in_person), (person, by_key.body)
        present = house.browser(email).call(method, target, {})
        assert gone(present) or allowed(present) is wanted, (person, present.body)


def may(person, least):
    """Whether somebody is enough of something."""
    order = ("anybody", "viewer", "editor", "owner", "instance")
    return order.index(person) >= order.index(least)


def gone(reply):
    """The one before may have deleted the project, which is to be let through as well."""
    return reply.status == 404 and b"Project not found" in reply.body


# ------------------------------------------------------------- between projects


class Furnished:
    """The other project with one of everything."""

    def __init__(self, house):
        self.house, self.project = house, house.other.id
        self.key = house.key(None, "*")
        self.ids = dict(NOTHING)

    def call(self, method, path, body=None, status=(200, 201)):
        reply = self.house.with_key(self.key, method, f"/api/projects/{self.project}/{path}", body)
        assert reply.status in status, (path, reply.body)
        return reply.json

    def furnish(self):
        house, api = self.house, self.house.api
        made = self.call("POST", "hog_functions/", {
            "template_id": "template-webhook", "name": "Hook", "inputs": {"url": {"value": "https://example.com/"}}, "enabled": True,
        })  # fmt: skip
        self.call("PATCH", f"hog_functions/{made['id']}/", {"name": "Hook 2"})
        self.call("PUT", f"hog_functions/{made['id']}/draft/", {"name": "Draft"})
        action = self.call("POST", "actions/", {"name": "Signed up", "steps": [{"event": "signed_up"}]})
        cohort = self.call("POST", "cohorts/", {"name": "Few", "is_static": True})
        alert = self.call("POST", "alerts/", {"name": "Ill", "kind": "state"})
        invite = self.call("POST", "invites/", {"target_email": "x@example.com", "role": "viewer"})
        _, _, event = api.capture("signed_up")
        delivery = api.deliver(made["id"])
        person = uuid.uuid4()
        rows = {
            "INSERT INTO persons (id, project_id, uuid, created_at) VALUES (50, ?, ?, 0)": (
                self.project,
                person.bytes,
            ),
            "INSERT INTO person_distinct_ids VALUES (?, 'ada', 50)": (self.project,),
            "INSERT INTO group_types VALUES (?, 'company', 0)": (self.project,),
            "INSERT INTO groups VALUES (?, 0, 'acme', '{}', 0, 0)": (self.project,),
            "INSERT INTO integrations (id, project_id, kind, external_id, created_at, updated_at) VALUES (60, ?, 'slack', 'T1', 0, 0)": (
                self.project,
            ),
            "INSERT INTO alert_incidents (id, project_id, rule_id, rule_name, kind, subject, opened_at, told_at, opening)"
            """ VALUES (?, ?, 1, 'Ill', 'state', '', 0, 0, '{"text": "", "value": null, "evidence": {}}')""": (
                person.bytes,
                self.project,
            ),
            "UPDATE deliveries SET project_id = ?": (self.project,),
            "UPDATE event_index SET project_id = ?": (self.project,),
        }
        for sql, values in rows.items():
            house.state.write_now(lambda c, sql=sql, values=values: c.execute(sql, values))
        self.ids |= {
            "destination_id": made["id"], "delivery_id": delivery, "event_uuid": event, "person_id": str(person),
            "action_id": action["id"], "integration_id": "60", "cohort_id": cohort["id"], "invite_id": invite["id"], "group_key": "acme",
            "user_id": "stranger@example.com", "alert_id": str(alert["id"]), "incident_id": str(person),
        }  # fmt: skip
        return self

    def everything(self):
        """Every row of the store that belongs to the project or to what is in it."""

        def work(conn):
            tables = [
                row[0]
                for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            ]
            found = {}
            for table in tables:
                names = [row[0] for row in conn.execute("SELECT name FROM pragma_table_info(?)", (table,))]
                if "project_id" in names:
                    sql = f"SELECT * FROM {table} WHERE project_id = ? ORDER BY 1, 2"
                    found[table] = [tuple(row) for row in conn.execute(sql, (self.project,))]
                elif "destination_id" in names:
                    own = uuid.UUID(self.ids["destination_id"]).bytes
                    sql = f"SELECT * FROM {table} WHERE destination_id = ? ORDER BY 1, 2"
                    found[table] = [tuple(row) for row in conn.execute(sql, (own,))]
            return found

        return self.house.state.read_now(work)


def reaches_something(path):
    return "{" in path.removeprefix(PROJECT) and "template_id" not in path


REACHING = sorted(key for key in IN_PROJECT if reaches_something(key[1]))


@pytest.fixture
def furnished(house):
    return Furnished(house).furnish()


@pytest.mark.parametrize("operation", REACHING, ids=ident)
def test_nothing_of_another_project_is_reached(house, furnished, operation):
    """With the ids of another project's things, an owner reads nothing and changes nothing."""
    method, path = operation
    before = furnished.everything()
    owner = house.browser("owner@example.com")
    for body in ({}, {"name": secrets.token_hex(4), "role": "viewer", "deleted": True}):
        reply = owner.call(method, filled(path, furnished.ids), body)
        assert reply.status in {400, 404, 405}, reply.body
        if method == "GET":
            assert reply.status == 404, reply.body
    assert furnished.everything() == before


READABLE = [
    key
    for key in REACHING
    if key[0] == "GET"
    and not {"run_id", "definition_id"} & set(key[1].strip("}").replace("}", "{").split("{"))
]


@pytest.mark.parametrize(
    "operation", [key for key in READABLE if not key[1].endswith("/channels")], ids=ident
)
def test_the_ids_are_real(furnished, operation):
    """The control: in their own project the same ids lead to something."""
    method, path = operation
    reply = furnished.house.with_key(
        furnished.key, method, filled(path, furnished.ids, str(furnished.project))
    )
    assert reply.status == 200, reply.body


def test_lists_show_nothing_of_another_project(house, furnished):
    """Every list of the first project is empty, whatever the other one has."""
    owner = house.browser("owner@example.com")
    lists = [path for method, path in IN_PROJECT if method == "GET" and "{" not in path.removeprefix(PROJECT)]
    own = (
        "/members",
        "/activity_log",
        "hog_function_templates",
        "/tail",
        PROJECT,
        "/icon",
        "/icons",
        "/integrations/kinds",
        "/authorize",
    )
    for path in sorted(lists):
        if not path.endswith(own):
            answer = owner.call("GET", filled(path, {})).json
            found = answer.get("results", []) if isinstance(answer, dict) else answer
            assert found == [], path


def test_at_current_is_a_project_of_ones_own(house):
    """For a stranger it is their project; whoever has none has no current one; the choice must be one's own."""
    stranger = house.browser("stranger@example.com")
    assert stranger.call("GET", "/api/projects/@current/").json["id"] == house.other.id
    assert stranger.call("PATCH", "/api/users/@me/", {"set_current_team": 1}).status == 400
    assert [one["id"] for one in stranger.call("GET", "/api/projects/").json["results"]] == [house.other.id]
    house.user("nobody@example.com")
    assert house.browser("nobody@example.com").call("GET", "/api/projects/@current/").status == 404
    instance = house.browser("instance@example.com")
    assert instance.call("PATCH", "/api/users/@me/", {"set_current_team": house.other.id}).status == 200
    assert instance.call("GET", "/api/projects/@current/").json["id"] == house.other.id


def test_a_role_counts_from_the_next_request(house):
    """Sessions and keys remember no rights."""
    editor, key = house.browser("editor@example.com"), house.key("editor@example.com", "*")
    payload = {"name": "One", "steps": [{"event": "signed_up"}]}
    assert editor.call("POST", "/api/projects/1/actions/", payload).status == 201
    owner = house.browser("owner@example.com")
    assert (
        owner.call("PATCH", "/api/projects/1/members/editor@example.com/", {"role": "viewer"}).status == 200
    )
    assert editor.call("POST", "/api/projects/1/actions/", payload).status == 403
    assert house.with_key(key, "POST", "/api/projects/1/actions/", payload).status == 403
    assert owner.call("DELETE", "/api/projects/1/members/editor@example.com/").status == 200
    assert editor.call("GET", "/api/projects/1/actions/").status == 404


def test_everybody_may_leave_and_nobody_is_thrown_out(house):
    """A viewer takes themselves out of a project, and nobody else."""
    viewer = house.browser("viewer@example.com")
    assert viewer.call("DELETE", "/api/projects/1/members/owner@example.com/").status == 403
    assert viewer.call("DELETE", "/api/projects/1/members/viewer@example.com/").status == 200
    assert viewer.call("GET", "/api/projects/1/").status == 404
