"""Alerts over the API."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hedgerow.alerts.model import FIELDS, STATES
from hedgerow.api.alerts import CONDITION
from hedgerow.settings import Settings
from support.alerts import Letterbox, refused
from support.api import Api, Application, Tidy
from support.store import fresh_store


def with_services(api, **other):
    """The same API with other services."""
    api.services = replace(api.services, **other)
    api.app = Tidy(Application(api.services), api.services)


@pytest.fixture
def api(tmp_path):
    """A fresh API with a mail server."""
    made = Api(fresh_store(tmp_path))
    with_services(made, post=Letterbox())
    yield made
    made.close()


def alert(api, **fields):
    """A new alert."""
    answer = api.call("POST", "alerts/", {"name": "Ill", "kind": "state", **fields})
    assert answer.status == 201, answer.body
    return answer.json


def incident(api, rule, **columns):
    """An incident of an alert; answers its id."""
    row = {
        "id": b"\x07" * 16, "project_id": 1, "rule_id": rule, "rule_name": "Ill", "kind": "state", "subject": "",
        "opened_at": api.now, "told_at": api.now, "opening": '{"text": "It is ill.", "value": null, "evidence": {}}', **columns,
    }  # fmt: skip
    sql = f"INSERT INTO alert_incidents ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
    api.state.write_now(lambda c: c.execute(sql, tuple(row.values())))
    return "07070707-0707-0707-0707-070707070707"


def test_an_alert_is_made_shown_changed_and_removed(api):
    """What is left out has its default, and what is not named stays."""
    made = alert(api, kind="failure_rate", name="Failing", emails=["ops@example.com"])
    assert {name: made[name] for name in CONDITION} == {
        "destination_id": None, "together": False, "threshold": 0.5, "window_s": 600, "min_count": 20, "states": None,
    }  # fmt: skip
    assert (made["open_incidents"], made["problems"], made["enabled"]) == (0, [], True)
    assert api.get(f"alerts/{made['id']}/") == made
    changed = api.call("PATCH", f"alerts/{made['id']}/", {"threshold": 0.1, "remind_s": 3600}).json
    assert (changed["threshold"], changed["remind_s"], changed["emails"]) == (0.1, 3600, ["ops@example.com"])
    assert api.call("PATCH", f"alerts/{made['id']}/", {"remind_s": None}).json["remind_s"] is None
    assert api.get("alerts/")["count"] == 1
    assert api.call("DELETE", f"alerts/{made['id']}/").status == 204
    assert api.call("GET", f"alerts/{made['id']}/").status == 404


def test_the_fields_are_those_of_the_rules():
    """No kind has a field that the API does not show."""
    assert set(CONDITION) == {name for fields in FIELDS.values() for name in fields}
    assert set(FIELDS["state"]["states"]) < set(STATES)


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"kind": "state"}, "name"),
        ({"name": "A"}, "kind"),
        ({"name": "A", "kind": "state", "treshold": 1}, "treshold"),
        ({"name": "A", "kind": "state", "enabled": "yes"}, "enabled"),
        ({"name": "A", "kind": "backlog", "threshold": -1}, "threshold"),
        ({"name": "A", "kind": "state", "destination_id": "0191f3c0-1d2e-7a00-8000-5f0c6a3b9d10"}, "destination_id"),
        ({"name": "A", "kind": "state", "destinations": ["0191f3c0-1d2e-7a00-8000-5f0c6a3b9d10"]}, "destinations"),
        ({"name": "A", "kind": "state", "emails": ["nobody"]}, "emails"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(api, body, attr):
    """The answer names the field."""
    answer = api.call("POST", "alerts/", body)
    assert (answer.status, answer.json["attr"]) == (400, attr)


def test_a_destination_is_not_told_about_itself(api):
    """An alert about one destination that tells the same one would be silent when it matters."""
    hook = api.webhook()["id"]
    body = {"name": "A", "kind": "state", "destination_id": hook, "destinations": [hook]}
    assert api.call("POST", "alerts/", body).json["attr"] == "destinations"


def test_another_kind_is_another_alert(api):
    """The kind stays as it is."""
    made = alert(api)
    assert api.call("PATCH", f"alerts/{made['id']}/", {"kind": "state"}).status == 200
    assert api.call("PATCH", f"alerts/{made['id']}/", {"kind": "held"}).json["attr"] == "kind"


def test_without_a_mail_server_nobody_is_promised_mails(tmp_path):
    """An address is refused, with the setting that is missing; what had one says what is wrong."""
    api = Api(fresh_store(tmp_path))
    try:
        answer = api.call("POST", "alerts/", {"name": "A", "kind": "state", "emails": ["ops@example.com"]})
        assert (answer.status, answer.json["attr"]) == (400, "emails")
        assert "HEDGEROW_SMTP_HOST" in answer.json["detail"]
    finally:
        api.close()


def test_the_operator_says_where_mails_may_go(api):
    """Addresses and domains that are not allowed are refused; what was there before may stay."""
    kept = alert(api, emails=["old@elsewhere.example"])
    settings = Settings(smtp_recipients=("@Shop.example", "boss@example.com"))
    with_services(api, settings=settings)
    for email, status in (
        ("ops@shop.example", 201),
        ("Boss@example.com", 201),
        ("ops@sub.shop.example", 400),
        ("x@example.com", 400),
    ):
        assert api.call("POST", "alerts/", {"name": "A", "kind": "state", "emails": [email]}).status == status
    change = {"emails": ["old@elsewhere.example", "ops@shop.example"]}
    assert api.call("PATCH", f"alerts/{kept['id']}/", change).status == 200


def test_problems_are_told(api):
    """An alert says when somebody whom it names would not hear of it."""
    hook = api.webhook(name="Channel", enabled=True)["id"]
    made = alert(api, destinations=[hook])
    assert made["problems"] == []
    api.call("PATCH", f"hog_functions/{hook}/", {"enabled": False})
    assert api.get(f"alerts/{made['id']}/")["problems"] == ["The destination Channel is switched off."]
    api.call("PATCH", f"hog_functions/{hook}/", {"deleted": True})
    assert "was deleted" in api.get(f"alerts/{made['id']}/")["problems"][0]


def test_a_test_tells_everybody_and_says_what_came_of_it(api):
    """A mail that is refused and a destination that is off are told; the others get theirs."""
    on, off = api.webhook(enabled=True)["id"], api.webhook(name="Off", enabled=False)["id"]
    made = alert(api, destinations=[on, off], emails=["ops@example.com", "gone@example.com"])
    api.services.post.faults = [refused("550 no such user")]
    found = api.call("POST", f"alerts/{made['id']}/test/").json
    assert [(one["destination_id"], one["sent"], one["error"]) for one in found["destinations"]] == [
        (on, True, ""), (off, False, "The destination Off is switched off."),
    ]  # fmt: skip
    assert sorted((one["sent"], one["error"]) for one in found["emails"]) == [
        (False, "550 no such user"),
        (True, ""),
    ]
    (mail,) = api.services.post.messages
    assert mail["Subject"] == "[Hedgerow] Test: This is what the alert Ill looks like"
    rows = api.state.read_now(lambda c: list(c.execute("SELECT payload FROM internal_outbox")))
    assert len(rows) == 1
    assert found["event_uuid"].encode() in rows[0][0]


def test_tests_are_limited(api, monkeypatch):
    """Nobody floods a stranger's mailbox by trying out."""
    monkeypatch.setattr("hedgerow.api.alerts.TESTS", 2)
    made = alert(api, emails=["ops@example.com"])
    answers = [api.call("POST", f"alerts/{made['id']}/test/").status for _ in range(3)]
    assert answers == [200, 200, 429]


def test_incidents_are_listed_and_acknowledged(api):
    """By alert and state; who acknowledges first is kept."""
    made = alert(api)
    identity = incident(api, made["id"])
    assert api.get(f"alerts/{made['id']}/")["open_incidents"] == 1
    (shown,) = api.get("alerts/incidents/?state=open")["results"]
    assert (shown["id"], shown["state"], shown["text"], shown["subject"]) == (
        identity,
        "open",
        "It is ill.",
        None,
    )
    assert api.get(f"alerts/incidents/?alert={made['id'] + 1}")["count"] == 0
    assert api.get("alerts/incidents/?state=resolved")["count"] == 0
    assert api.call("GET", "alerts/incidents/?state=over").status == 400
    first = api.call("POST", f"alerts/incidents/{identity}/acknowledge/").json
    assert (first["acknowledged_by"], first["mails"]) == ("test", [])
    api.now += 5000
    assert api.call("POST", f"alerts/incidents/{identity}/acknowledge/").json == first
    assert api.call("GET", "alerts/incidents/0191f3c0-1d2e-4a00-8000-5f0c6a3b9d10/").status == 404


@pytest.mark.parametrize(
    ("change", "withdrawn"),
    [
        ({"name": "New"}, False),
        ({"calm_s": 0}, False),
        ({"emails": []}, False),
        ({"states": ["degraded"]}, True),
        ({"enabled": False}, True),
    ],
)
def test_another_condition_begins_anew(api, change, withdrawn):
    """Open incidents are withdrawn when what is watched changes, and stay when only words or targets do."""
    made = alert(api, emails=["ops@example.com"])
    identity = incident(api, made["id"])
    api.call("PATCH", f"alerts/{made['id']}/", change)
    assert api.get(f"alerts/incidents/{identity}/")["resolution"] == ("withdrawn" if withdrawn else None)


def test_a_project_has_a_bounded_number_of_alerts(api, monkeypatch):
    """So that looking at all of them stays quick."""
    monkeypatch.setattr("hedgerow.alerts.rules.MOST_RULES", 2)
    answers = [api.call("POST", "alerts/", {"name": "A", "kind": "state"}).status for _ in range(3)]
    assert answers == [201, 201, 400]
