"""Actions and cohorts: saved, used by filters, and kept while they are needed."""

from __future__ import annotations

import uuid

import pytest

from hedgerow.delivery.source import RepositorySource

MEMBER = str(uuid.UUID(int=5, version=4))
PAID = {"name": "Paid", "steps": [{"event": "paid", "url": "/checkout", "url_matching": "contains"}]}
PRO = {"properties": {"type": "OR", "values": [{"type": "AND", "values": [
    {"key": "plan", "type": "person", "value": "pro", "operator": "exact"}]}]}}  # fmt: skip


def made(api, kind, **fields):
    answer = api.call("POST", f"{kind}/", fields)
    assert answer.status == 201, answer.body
    return answer.json


def patch(api, path, **fields):
    return api.call("PATCH", path, fields)


def destination(api, **filters):
    """A live destination with these filters, as a worker compiles it after the last change."""
    api.webhook(name="Hook", enabled=True, filters=filters)
    source = RepositorySource(api.services.keyring)

    def read(c):
        projects = {one.id: one for one in source.projects(c)}
        ((identity, _),) = source.enabled(c)
        return source.current(c, [identity], projects)[identity]

    return lambda: api.state.read_now(read)


def found(**given):
    return {"event": "paid", "distinct_id": "ada", "properties": {}, "person": None, "uuid": "u", **given}


def test_an_action_is_saved_listed_and_changed(api):
    """It comes back in PostHog's shape; workers are told of every change."""
    action = made(api, "actions", **PAID)
    assert (action["name"], action["is_action"], action["team_id"]) == ("Paid", True, 1)
    assert api.get(f"actions/{action['id']}/") == action
    assert [one["id"] for one in api.get("actions/")["results"]] == [action["id"]]
    before = api.changes
    assert patch(api, f"actions/{action['id']}/", name="Bought").json["name"] == "Bought"
    assert api.changes == before + 1
    assert api.call("DELETE", f"actions/{action['id']}/").status == 405
    assert patch(api, f"actions/{action['id']}/", deleted=True).status == 200
    assert api.call("GET", f"actions/{action['id']}/").status == 404
    assert api.get("actions/")["results"] == []
    assert patch(api, f"actions/{action['id']}/", deleted=False).json["name"] == "Bought"


def test_filters_follow_their_action(api):
    """A destination takes what the action says now, without being saved again."""
    action = made(api, "actions", **PAID)
    compiled = destination(api, actions=[{"id": str(action["id"]), "type": "actions"}])
    checkout, start = ({"$current_url": f"https://x.test/{path}"} for path in ("checkout", ""))
    assert compiled().event_names == {"paid"}
    assert compiled().match(found(properties=checkout)) == [""]
    assert compiled().match(found(properties=start)) == []
    assert patch(api, f"actions/{action['id']}/", steps=[{"event": "refunded"}]).status == 200
    assert compiled().match(found(properties=checkout)) == []
    assert compiled().match(found(event="refunded")) == [""]


def test_what_is_in_use_stays(api):
    """Deleting an action that a live destination needs is refused and names it; an unused one goes."""
    action = made(api, "actions", **PAID)
    destination(api, actions=[{"id": str(action["id"]), "type": "actions"}])
    refused = patch(api, f"actions/{action['id']}/", deleted=True)
    assert refused.status == 400
    assert "Hook" in refused.json["detail"]
    assert patch(api, f"actions/{made(api, 'actions', **PAID)['id']}/", deleted=True).status == 200


def test_a_cohort_by_properties(api):
    """It is judged on the person as it is at the event."""
    cohort = made(api, "cohorts", name="Pro", filters=PRO)
    compiled = destination(api, properties=[{"key": "id", "type": "cohort", "value": cohort["id"]}])
    person = lambda plan: {"id": MEMBER, "properties": {"plan": plan}}  # noqa: E731
    assert compiled().match(found(person=person("pro"))) == [""]
    assert compiled().match(found(person=person("free"))) == compiled().match(found()) == []


def test_a_static_cohort(api):
    """Its members are persons or distinct ids; adding and removing take effect at once."""
    cohort = made(api, "cohorts", name="Friends", is_static=True, _create_static_person_ids=[MEMBER])
    compiled = destination(api, properties=[{"key": "id", "type": "cohort", "value": cohort["id"]}])
    friend, other = ({"id": one, "properties": {}} for one in (MEMBER, str(uuid.UUID(int=6))))
    assert compiled().match(found(person=friend)) == [""]
    assert compiled().match(found(person=other)) == []
    path = f"cohorts/{cohort['id']}"
    added = patch(api, f"{path}/add_persons_to_static_cohort/", distinct_ids=["ada"])
    assert (added.json["count"], added.json["distinct_ids"]) == (2, ["ada"])
    assert compiled().match(found(person=other)) == [""]
    assert patch(api, f"{path}/remove_person_from_static_cohort/", person_id=MEMBER).json["count"] == 1
    assert compiled().match(found(person=friend, distinct_id="bob")) == []
    assert patch(api, f"{path}/", deleted=True).status == 400
    assert api.call("DELETE", f"{path}/").status == 405


@pytest.mark.parametrize(
    ("kind", "fields", "attr"),
    [
        ("actions", {"steps": []}, "name"),
        ("actions", {"name": "x", "steps": {}}, "steps"),
        ("actions", {"name": "x", "steps": []}, "steps"),
        ("actions", {"name": "x", "steps": [{"url": "(", "url_matching": "regex"}]}, None),
        ("actions", {"name": "x", "description": 1, "steps": []}, "description"),
        ("cohorts", {"name": "x", "filters": {}}, None),
        ("cohorts", {"name": "x", "filters": []}, "filters"),
        ("cohorts", {"name": "x", "filters": {"properties": {"type": "AND", "values": [{"type": "behavioral"}]}}}, None),
        ("cohorts", {"name": "x", "is_static": True, "_create_static_person_ids": ["x"]}, "person_ids"),
        ("cohorts", {"name": "x", "filters": PRO, "distinct_ids": ["x"]}, "is_static"),
        ("cohorts", {"name": "x", "is_static": "x"}, "is_static"),
    ],
)  # fmt: skip
def test_what_no_filter_could_use_is_refused(api, kind, fields, attr):
    """Nothing is saved that would not compile."""
    answer = api.call("POST", f"{kind}/", fields)
    assert (answer.status, answer.json["attr"]) == (400, attr)
    assert api.get(f"{kind}/")["results"] == []


def test_scopes(api):
    """Reading and writing need the scope of the thing."""
    reader = api.make_key("action:read")
    assert api.call("GET", "actions/", key=reader).status == 200
    assert api.call("POST", "actions/", PAID, key=reader).status == 403
    assert api.call("GET", "cohorts/", key=reader).status == 403


def test_a_destination_shows_the_bytecode_of_its_actions(api):
    """What the API shows of a filter knows the project's actions."""
    action = made(api, "actions", **PAID)
    shown = api.webhook(filters={"actions": [{"id": str(action["id"]), "type": "actions"}]})
    assert shown["filters"]["bytecode"]
