"""A whole import into a real API, and the way out again."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from hedgerow.cli.client import Client, Key
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.moving import output
from hedgerow.cli.moving.here import Here, Rehearsal
from hedgerow.cli.moving.importing import Import, Wishes
from hedgerow.cli.moving.shapes import write
from hedgerow.cli.moving.source import Instance, Place
from support.posthog import Functions, PostHog, events, field
from support.shop import furnish

KINDS = {"slack": "Slack"}


class InProcess(Client):
    """A client of an API in this process."""

    def __init__(self, api, project="1"):
        super().__init__("http://testserver", Key(api.key, "of the test"), project)
        self._api = api

    def _exchange(self, method, path, body, if_match=None):
        answer = self._api.raw(method, path, body, authorization=f"Bearer {self._api.key}")
        return answer.status, answer.body


@pytest.fixture
def client(api):
    return InProcess(api)


@pytest.fixture
def posthog():
    with PostHog() as running:
        yield running


def run(posthog, client, *, rehearse=False, **wishes):
    instance = Instance(Place.of(posthog.url), posthog.key, rest=lambda _: None, tell=lambda _: None)
    return Import(instance, (Rehearsal if rehearse else Here)(client), Wishes(**wishes)).run()


def rows(report, what="destination"):
    return {row.name: row for row in report.rows if row.what == what}


def hook(name="Hook", **more):
    return Functions()(name, "template-webhook", "x", [field("url")], {"url": "https://x.example/"}, **more)


def corner(posthog):
    """A corner of the shop, for what takes several imports."""
    furnish(posthog, "https://tool.example")
    some = ("Webhook 1", "Webhook 2", "Own 1", "Slack 1", "Regulars", "Firms", "Pixel", "Mail")
    posthog.functions = [one for one in posthog.functions if one["name"] in some]


def test_a_shop_moves_in(posthog, client, api):
    """What refers to each other still does, under the numbers of this project."""
    furnish(posthog, "https://tool.example")
    report = run(posthog, client)
    assert Counter(row.change for row in report.rows) == {"created": 40, "left": 10}
    found = {item["name"]: item for item in client.pages("hog_functions/", full="true")}
    actions = {one["name"]: one["id"] for one in client.pages("actions/")}
    cohorts = {one["name"]: one for one in client.pages("cohorts/")}
    assert found["Webhook 1"]["filters"]["actions"][0]["id"] == actions["Paid at the checkout"]
    members = found["Webhook 2"]["filters"]["properties"][0]["value"]
    assert members == [cohorts["Payers who stay"]["id"], cohorts["Friends"]["id"]]
    assert cohorts["Friends"]["distinct_ids"] == ["ada", "ada@shop", "bob"]
    assert "bytecode_error" not in found["Webhook 1"]["filters"]
    assert found["Own 1"]["fetch"] == {"calls": 3}
    assert found["Own 1"]["inputs"]["token"] == {"missing": True}
    assert found["Slack 1"]["template"]["id"] == "template-slack"
    assert not any(item["enabled"] for item in found.values())
    assert api.get("")["test_account_filters"] == posthog.project["test_account_filters"]


def test_a_rehearsal_changes_nothing_and_tells_the_same(posthog, client, api):
    """--dry-run says what an import then does."""
    corner(posthog)
    rehearsed = run(posthog, client, rehearse=True)
    assert api.get("hog_functions/")["count"] == api.get("actions/")["count"] == 0
    assert api.get("")["test_account_filters"] == []
    done = run(posthog, client)
    for one in [*rehearsed.rows, *done.rows]:
        one.id = None
    assert rehearsed.as_dict() == done.as_dict()


def test_a_second_import_brings_changes_only(posthog, client):
    """Actions, cohorts, lists and destinations are updated where they changed, and found by where they came from."""
    corner(posthog)
    run(posthog, client)
    posthog.actions[0]["name"] = "Bought"
    posthog.cohorts[1]["description"] = "They pay"
    posthog.persons[34] = posthog.persons[34][:1]
    posthog.functions[0]["hog"] = "return 1"
    report = run(posthog, client)
    changed = {(row.what, row.name) for row in report.rows if row.change == "updated"}
    assert changed == {
        ("action", "Bought"), ("cohort", "Payers"), ("cohort", "Friends"), ("destination", "Webhook 1"),
    }  # fmt: skip
    again = {row.change for row in run(posthog, client).rows}
    assert again == {"unchanged", "left"}


def test_what_is_on_comes_on_only_when_asked(posthog, client):
    """With --enable what is on there and complete is switched on; what is off, or waits for something, stays off."""
    needy = Functions()
    needy.count = 10
    posthog.functions = [
        hook("On"), {**hook("Off", enabled=False), "id": "b"},
        needy("Needy", None, "return 1", [field("token", secret=True)], {"token": ...}),
        {**hook("Odd", filters=events("x", properties=[{"key": "a", "type": "behavioral"}])), "id": "c"},
    ]  # fmt: skip
    found = rows(run(posthog, client, enable=True))
    assert {name: row.on for name, row in found.items()} == {
        "On": True,
        "Off": False,
        "Needy": False,
        "Odd": False,
    }
    assert "behavioral" in found["Odd"].faults[0]


def test_a_key_that_may_read_little_brings_what_it_may(posthog, client):
    """What it may not read is told, and what depends on it waits."""
    corner(posthog)
    posthog.forbidden = {"actions", "groups_types", "integrations"}
    report = run(posthog, client)
    assert any("No actions came" in note for note in report.notes)
    found = rows(report)
    assert "refers to the action 51" in found["Webhook 1"].faults[0]
    assert any("group:read" in note for note in found["Firms"].notes)


@pytest.mark.parametrize(
    ("projects", "said"), [([], "sees none"), ([{"id": 2, "name": "A"}, {"id": 3, "name": "B"}], r"3 \(B\)")]
)
def test_which_project_must_be_clear(posthog, client, projects, said):
    """With several and none named, all are listed."""
    posthog.projects = projects
    with pytest.raises(CommandFailed, match=said):
        run(posthog, client)


def test_a_project_that_is_not_there(posthog, client):
    """It is named in the error."""
    with pytest.raises(CommandFailed, match="no project 77"):
        run(posthog, client, project="77")


def test_options_of_this_project_stay(posthog, client, api):
    """Where it says who its test accounts are, that stays, and the difference is told."""
    corner(posthog)
    own = [{"key": "staff", "type": "person", "operator": "is_not_set", "value": None}]
    api.call("PATCH", "", {"test_account_filters": own})
    report = run(posthog, client)
    assert "which stays" in rows(report, "option")["test_account_filters"].reason
    assert api.get("")["test_account_filters"] == own


def test_the_report_says_what_to_do(posthog, client, capsys):
    """Accounts to connect with those that need them, inputs to fill in, filters to mend, and what to switch on."""
    furnish(posthog, "https://tool.example")
    output.show(run(posthog, client), dry=False, kinds=KINDS)
    printed = capsys.readouterr().out
    for said in (
        "connect  Slack (Shop): hedgerow integrations connect slack", "hubspot, which Hedgerow cannot connect yet",
        "fill in  Klaviyo 1: apiKey", "mend     Regulars: its filter refers to the cohort Seen this week",
        "enable   Webhook 1, Webhook 2, Webhook 4", "cohort By query: it is made of a HogQL query", "destinations: 34 created, 7 left behind.",
    ):  # fmt: skip
        assert said in printed, printed


def test_what_nobody_foresaw_stays_behind_alone(posthog, client):
    """A destination, an action or a cohort in a strange form is left with a reason; the others come."""
    strange = {**hook("Strange", mappings=["?"]), "id": "strange"}
    posthog.functions = [strange, hook("Plain")]
    posthog.actions = [
        {"id": 1, "name": "Odd", "steps": [{"event": "x", "properties": [5]}]},
        {"id": 2, "name": "Even", "steps": [{"event": "x"}]},
    ]
    posthog.cohorts = [
        {"id": 1, "name": "Odd", "filters": {"properties": {"type": "AND", "values": ["?", 7]}}}
    ]
    report = run(posthog, client)
    assert {row.name for row in report.rows if row.change == "created"} == {"Plain", "Even"}
    assert all(row.reason for row in report.rows if row.change == "left")


def test_an_account_that_is_not_there_cannot_be_chosen(posthog, client):
    """--account names accounts that are connected here."""
    with pytest.raises(CommandFailed, match="No account 9 is connected here"):
        run(posthog, client, accounts={71: 9})


# -------------------------------------------------------------- and out again


def test_what_is_here_goes_back_in_posthogs_form(posthog, client, api, tmp_path):
    """The files are bodies that the API takes; what has to be entered again is told; a second export writes nothing."""
    corner(posthog)
    run(posthog, client)
    done = {one.path.relative_to(tmp_path).as_posix(): one for one in write(client, tmp_path, prune=False)}
    assert done["destinations/own-1.json"].note == "to be entered there: token"
    body = json.loads((tmp_path / "destinations/webhook-1.json").read_text())
    assert "bytecode" not in json.dumps(body)
    assert "origin" not in body
    answer = api.call("POST", "hog_functions/", body)
    assert answer.status == 201, answer.body
    assert answer.json["filters"]["actions"] == body["filters"]["actions"]
    action = json.loads((tmp_path / "actions/paid-at-the-checkout.json").read_text())
    assert action["id"] == body["filters"]["actions"][0]["id"]
    refused = api.call(
        "POST", "hog_functions/", json.loads((tmp_path / "destinations/own-1.json").read_text())
    )
    assert refused.json["attr"] == "inputs__token"


def test_files_of_what_is_gone_are_removed_when_asked(client, api, tmp_path):
    """--prune removes them; without it they are left alone."""
    made = api.webhook(name="Hook", retry="quick")
    (one,) = write(client, tmp_path, prune=False)
    assert "without retry" in one.note
    assert [found.change for found in write(client, tmp_path, prune=False)] == ["unchanged"]
    api.call("PATCH", f"hog_functions/{made['id']}/", {"deleted": True})
    assert write(client, tmp_path, prune=False) == []
    assert [found.change for found in write(client, tmp_path, prune=True)] == ["removed"]
