"""The configuration as one set of documents: read, compared, put in place; all of it or nothing."""

from __future__ import annotations

import pytest

from hedgerow.cli.configuration.export import text_of
from hedgerow.destinations import repository
from support.api import Api
from support.store import fresh_store

HOOK = {
    "name": "Hook",
    "template": "template-webhook",
    "events": ["paid"],
    "inputs": {"url": "https://example.com/"},
}
SECRET = {
    "name": "Secret",
    "hog": "return 1",
    "inputs_schema": [{"key": "token", "type": "string", "secret": True, "required": True}],
    "inputs": {"token": "s3cret-value"},
}
ACTION = {"name": "Paid", "steps": [{"event": "paid"}]}
COHORT = {
    "name": "VIPs",
    "filters": {"properties": {"type": "OR", "values": [{"key": "plan", "type": "person", "value": "pro", "operator": "exact"}]}},
}  # fmt: skip
WANTING = {**HOOK, "filters": {"actions": ["paid"], "properties": [{"type": "cohort", "cohort": "vips"}]}}
ALL = {"destinations": {"hook": WANTING}, "actions": {"paid": ACTION}, "cohorts": {"vips": COHORT}}


@pytest.fixture
def asked(api):
    """Sends documents, and returns the changes as words."""

    def ask(what, body, status=200):
        answer = api.call("POST", f"configuration/{what}/", body)
        assert answer.status == status, answer.body
        if status != 200:
            return answer.json
        return [f"{one['change']} {one['kind']}/{one['key']}" for one in answer.json["changes"]]

    return ask


def version(api):
    return api.state.read_now(repository.config_version)


def test_what_is_new_comes_together(api, asked):
    """A destination, and the action and cohort that its filter needs; afterwards there is nothing to change."""
    before = version(api)
    expected = ["create cohorts/vips", "create actions/paid", "create destinations/hook"]
    assert asked("plan", ALL) == expected
    assert version(api) == before
    assert asked("apply", ALL) == expected
    assert api.changes == 1
    (hook,) = api.get("hog_functions/")["results"]
    (action,) = api.get("actions/")["results"]
    (cohort,) = api.get("cohorts/")["results"]
    assert hook["filters"]["actions"][0]["id"] == str(action["id"])
    assert hook["filters"]["properties"][0]["value"] == cohort["id"]
    assert asked("apply", api.get("configuration/")) == [
        "unchanged cohorts/vips", "unchanged actions/paid", "unchanged destinations/hook"
    ]  # fmt: skip
    assert api.get("configuration/")["destinations"]["hook"] == {
        **WANTING,
        "enabled": True,
        "filters": {"actions": [{"action": "paid"}], "properties": [{"type": "cohort", "cohort": "vips"}]},
        "inputs": api.get("configuration/")["destinations"]["hook"]["inputs"],
    }


def test_another_server_becomes_the_same(api, asked, tmp_path):
    """Exported here, applied there, exported there: the files are the same to the byte, and nothing is left to change."""
    (tmp_path / "there").mkdir()
    there = Api(fresh_store(tmp_path / "there"))
    api.call("POST", "actions/", ACTION)
    api.call("POST", "cohorts/", COHORT)
    api.call("POST", "cohorts/", {"name": "A list", "is_static": True, "distinct_ids": ["ada"]})
    hog = "// tabs and spaces\nif (true) {\n\tprint('x')   \n}"
    listed = {"key": "id", "type": "static-cohort", "value": [2, 1], "operator": "in"}
    acted = {"id": "1", "name": "Paid", "type": "actions", "order": 0, "properties": [listed]}
    for name, more in (("One", {"actions": [acted]}), ("One", {"properties": [listed]}), ("注册", None)):
        fields = {"name": name, "enabled": True, "hog": hog, "filters": more, "retry": "patient"}
        assert api.call("POST", "hog_functions/", fields).status == 201
    for number in range(3):
        api.webhook(
            name=f"Hook {number}",
            inputs={"url": {"value": "https://e.com"}, "body": {"value": {"secret": True}}},
        )
    here = api.get("configuration/")
    answer = there.call("POST", "configuration/apply/", here)
    assert {change["change"] for change in answer.json["changes"]} == {"create"}
    assert files(there.get("configuration/")) == files(here)
    for one in (api, there):
        plan = one.call("POST", "configuration/plan/", {**here, "prune": True}).json
        assert {change["change"] for change in plan["changes"]} == {"unchanged"}
    there.close()


def files(documents):
    return {
        (kind, key): text_of(kind, key, one) for kind, some in documents.items() for key, one in some.items()
    }


@pytest.mark.parametrize(
    ("documents", "places"),
    [
        ({**ALL, "destinations": {"hook": WANTING, "bad": {"name": "Bad", "hog": "let a :="}}}, ["destinations/bad hog"]),
        ({"destinations": {"hook": WANTING}}, ["destinations/hook filters__actions__0__action"]),
        ({**ALL, "actions": {"paid": {"name": "Paid"}}}, ["actions/paid steps", "destinations/hook filters__actions__0__action"]),
        ({"destinations": {"h": {**HOOK, "inputs": {"ulr": "x"}}}}, ["destinations/h inputs__ulr"]),
        ({"destinations": {"h": {**HOOK, "enbaled": True}}}, ["destinations/h enbaled"]),
        ({"destinations": {"h": {**HOOK, "inputs": {}}}}, ["destinations/h inputs__url"]),
        ({"destinations": {"h": {**HOOK, "inputs": {"url": {"secret": True}}}}}, ["destinations/h inputs__url"]),
        ({"destinations": {"h": {**SECRET, "inputs": {"token": {"secret": True}}}}}, ["destinations/h inputs__token"]),
        ({"destinations": {"h": {**HOOK, "template": "template-nope"}}}, ["destinations/h template"]),
        ({"destinations": {"../h": HOOK, "h": 3}}, ["destinations/../h None", "destinations/h None"]),
        ({"cohorts": {"me": {"name": "Me", "filters": {"properties": {"type": "OR", "values": [{"type": "cohort", "cohort": "me"}]}}}}}, ["cohorts/me filters"]),
    ],
)  # fmt: skip
def test_what_is_wrong_changes_nothing(api, asked, documents, places):
    """All faults are told at once, with their places; what is in order besides is not put in place either."""
    before = version(api)
    for what in ("plan", "apply"):
        refused = asked(what, documents, 400)
        assert [f"{one['kind']}/{one['key']} {one['attr']}" for one in refused["errors"]] == places
        assert refused["code"] == "invalid_configuration"
    assert version(api) == before
    assert api.get("hog_functions/")["count"] == api.get("actions/")["count"] == 0


def test_a_failure_in_the_middle_changes_nothing(api, asked, monkeypatch):
    """The last of three steps fails, as on a full disk: the first two are taken back."""
    monkeypatch.setattr(repository, "create", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        api.call("POST", "configuration/apply/", ALL)
    monkeypatch.undo()
    assert asked("plan", ALL) == ["create cohorts/vips", "create actions/paid", "create destinations/hook"]


def test_a_new_name_is_no_new_thing(api, asked):
    """What came from a file is found again by the file, whatever either calls it; what did not, by its name."""
    hook = api.webhook(name="Hook", enabled=True)["id"]
    assert asked("apply", {"destinations": {"mine": {**HOOK, "name": "Hook"}}}) == [
        "update destinations/mine"
    ]
    api.call("PATCH", f"hog_functions/{hook}/", {"name": "Renamed here"})
    assert list(api.get("configuration/")["destinations"]) == ["mine"]
    assert asked("apply", {"destinations": {"mine": {**HOOK, "name": "Renamed there"}}}) == [
        "update destinations/mine"
    ]
    assert [one["id"] for one in api.get("hog_functions/")["results"]] == [hook]


def test_secrets_stay_unless_a_file_says_otherwise(api, asked):
    """They are never told; a new value is a change that shows, without the value."""
    assert asked("apply", {"destinations": {"s": SECRET}}) == ["create destinations/s"]
    document = api.get("configuration/")["destinations"]["s"]
    assert document["inputs"] == {"token": {"secret": True}}
    assert asked("plan", {"destinations": {"s": document}}) == ["unchanged destinations/s"]
    assert asked("plan", {"destinations": {"s": {**document, "inputs": {}}}}) == ["unchanged destinations/s"]
    body = {"destinations": {"s": {**SECRET, "inputs": {"token": "an0ther-value"}}}}
    answer = api.call("POST", "configuration/apply/", body)
    assert answer.json["changes"][0]["secrets"] == ["inputs.token"]
    assert b"value" not in answer.body
    assert b"cret-value" not in api.call("GET", "activity_log/").body


def test_what_no_file_names_stays_or_goes(api, asked):
    """It is told of; ``prune`` removes it, in an order in which nothing loses what it needs."""
    asked("apply", ALL)
    other = api.webhook(name="By hand")["id"]
    answer = api.call("POST", "configuration/plan/", {"actions": {"paid": ACTION}}).json
    assert {f"{one['kind']}/{one['key']}" for one in answer["others"]} == {
        "destinations/hook", "destinations/by-hand", "cohorts/vips"
    }  # fmt: skip
    assert asked("apply", {"actions": {"paid": ACTION}, "prune": True}) == [
        "unchanged actions/paid", "remove destinations/hook", "remove destinations/by-hand", "remove cohorts/vips"
    ]  # fmt: skip
    assert api.get("hog_functions/")["count"] == api.get("cohorts/")["count"] == 0
    assert api.call("GET", f"hog_functions/{other}/").status == 404


def test_what_others_need_cannot_be_changed_away(api, asked):
    """A destination in no file that is on and could not go on: the plan is refused, and says which."""
    asked("apply", ALL)
    behavioural = {"properties": {"type": "OR", "values": [{"type": "behavioral", "key": "paid"}]}}
    refused = asked("apply", {"cohorts": {"vips": {"name": "VIPs", "filters": behavioural}}}, 400)
    assert [(one["kind"], one["key"]) for one in refused["errors"]] == [
        ("cohorts", "vips"), ("destinations", "hook")
    ]  # fmt: skip


def test_scopes_are_those_of_what_changes(api):
    """A key for destinations alone neither reads nor changes actions this way."""
    narrow = api.make_key("hog_function:write")
    assert api.call("GET", "configuration/", key=narrow).status == 403
    assert api.call("POST", "configuration/apply/", {"destinations": {"h": HOOK}}, key=narrow).status == 200
    for what in ("plan", "apply"):
        answer = api.call("POST", f"configuration/{what}/", {"actions": {"paid": ACTION}}, key=narrow)
        assert (answer.status, "action:write" in answer.json["detail"]) == (403, True)
    assert api.get("actions/")["count"] == 0


def test_a_change_in_between_is_seen(api, asked, monkeypatch):
    """Somebody saves while the plan is made: it is made again, and nothing of theirs is lost unseen."""
    from hedgerow.api import configuration

    real, seen = configuration.plan, []

    def slow(snapshot, *arguments, **more):
        found = real(snapshot, *arguments, **more)
        if not seen:
            api.state.write_now(repository.touch)
        seen.append(snapshot.version)
        return found

    monkeypatch.setattr(configuration, "plan", slow)
    assert asked("apply", {"destinations": {"h": HOOK}}) == ["create destinations/h"]
    assert len(seen) == 2


def test_the_schemas_are_served_to_editors(api):
    """Without a key: they are the same everywhere."""
    for name, title in (("destination", "Hedgerow destination"), ("action", "Hedgerow action"), ("cohort", "Hedgerow cohort")):  # fmt: skip
        answer = api.raw("GET", f"/api/schema/{name}-file.json")
        assert (answer.status, answer.json["title"]) == (200, title)
    assert api.raw("GET", "/api/schema/nope.json").status == 404
