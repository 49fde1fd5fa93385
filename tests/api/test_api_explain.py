"""Explaining an event over the API: which condition failed, what would be sent, what was, and what comes next."""

from __future__ import annotations

import uuid

import pytest

from hedgerow.delivery.state import pack_globals
from hedgerow.events import Event
from hedgerow.people import Change, fold
from support.asgi import call

SECRET = "sk-canary-27182818"
CONFIG = {
    "type": "destination", "name": "Payments", "enabled": True,
    "hog": "fetch('https://example.com/pay', {'headers': {'Authorization': inputs.token}, 'body': {'who': person.properties.email}})",
    "inputs_schema": [{"key": "token", "type": "string", "secret": True}], "inputs": {"token": {"value": SECRET}},
    "filters": {"events": [{"id": "paid", "type": "events"}], "properties": [{"key": "plan", "value": "pro", "operator": "exact"}]},
}  # fmt: skip


@pytest.fixture(autouse=True)
def trying(api, helpers):
    """Let the API use them, and let there be somebody to pay."""
    api.helpers = helpers
    known = Event(
        str(uuid.uuid4()),
        "$set",
        "ada",
        {"$set": {"email": "ada@example.com"}},
        "2026-05-28T20:26:40.000Z",
        api.now,
    )
    api.state.write_now(lambda c: fold(c, [Change(1, known)]))


def explained(api, event, query="", status=200):
    """The answer, on the loop that the helper belongs to."""
    headers = {"authorization": f"Bearer {api.key}"}
    runner, sandbox = api.helpers
    own, api.services.trials.sandbox = api.services.trials.sandbox, sandbox
    answer = runner.run(
        call(api.app.app, "GET", f"/api/projects/1/events/{event}/explain/?{query}", None, headers)
    )
    api.services.trials.sandbox = own
    assert answer.status == status, answer.body
    return answer.json


def payments(api, **fields):
    """A saved destination's id."""
    answer = api.call("POST", "hog_functions/", {**CONFIG, **fields})
    assert answer.status == 201, answer.body
    api.now += 1000
    return answer.json["id"]


def settle(api):
    """Live delivery is through with everything."""
    api.state.write_now(
        lambda c: c.execute("INSERT OR REPLACE INTO positions (partition, settled_to) SELECT DISTINCT partition, 1 << 40 FROM event_index")
    )  # fmt: skip


def test_a_condition_that_failed_is_shown_with_the_value_it_saw(api):
    """The answer says filtered, and beside each condition what the event had."""
    owner = payments(api)
    *_, event = api.capture("paid", plan="free")
    (one,) = explained(api, event, f"destination={owner}")["destinations"]
    assert (one["verdict"], one["filters"]["matched"], one["invocations"]) == ("filtered", False, [])
    seen = str(one["filters"]["filter"])
    assert "'actual': 'free'" in seen
    assert "properties__0" in seen


def test_what_would_be_sent_is_shown_without_secrets(api):
    """Rendered inputs and the request, with the person as they are now; nothing is sent."""
    owner = payments(api)
    *_, event = api.capture("paid", plan="pro")
    answer = explained(api, event, f"destination={owner}")
    (one,) = answer["destinations"]
    assert (one["verdict"], answer["event"]["person_data"]) == ("pending", "as it is now")
    (request,) = one["invocations"][0]["requests"]
    assert request["url"] == "https://example.com/pay"
    assert "ada@example.com" in request["request"]["body"]
    assert SECRET not in str(answer)
    settle(api)
    assert explained(api, event, f"destination={owner}")["destinations"][0]["verdict"] == "wanted"


def test_the_person_is_as_they_were_where_the_ledger_has_them(api):
    """What was kept with a failed delivery is what programs are shown."""
    owner = payments(api)
    delivery = api.deliver(owner, "paid", "failed", error="It answered 401.", status=401)
    row = api.get("deliveries/")["results"][0]
    event = row["event"]["uuid"]
    kept = {
        "event": {"event": "paid", "uuid": event, "distinct_id": "ada", "properties": {"plan": "pro"}, "timestamp": ""},
        "person": {"id": "x", "name": "Ada", "properties": {"email": "old@example.com"}}, "groups": {}, "project": {"id": 1, "name": "Shop", "url": "http://x/project/1"},
    }  # fmt: skip
    place = "SELECT partition, position, ? FROM deliveries WHERE id = ?"
    api.state.write_now(
        lambda c: c.execute(
            f"INSERT INTO delivery_payloads {place}", (pack_globals(kept), uuid.UUID(delivery).bytes)
        )
    )
    answer = explained(api, event, f"destination={owner}")
    (one,) = answer["destinations"]
    assert answer["event"]["person_data"] == "as it was"
    assert (one["verdict"], one["because"]) == ("failed", "It is failed: It answered 401.")
    assert "old@example.com" in one["invocations"][0]["requests"][0]["request"]["body"]
    assert [item["id"] for item in one["deliveries"]] == [delivery]


def test_the_attempts_ahead_are_listed(api):
    """What is tried again says when, as far as that is known."""
    owner = payments(api, retry=[10, 20, 40])
    api.deliver(owner, "paid", "retrying", next_at=api.now + 5000, attempts=1)
    event = api.get("deliveries/")["results"][0]["event"]["uuid"]
    (one,) = explained(api, event, f"destination={owner}")["destinations"]
    first, second, third = one["schedule"]
    assert [item["attempt"] for item in (first, second, third)] == [2, 3, 4]
    assert first["at"] < second["at"] < third["at"]


def test_sample_masking_and_pause_are_told(api):
    """Each of what decides beside the filter has its part of the answer."""
    masking = {"hash": "{event.distinct_id}", "ttl": 60, "threshold": None}
    owner = payments(api, masking=masking, sampling={"percentage": 0.001, "by": "event"})
    *_, event = api.capture("paid", plan="pro")
    api.call("POST", f"hog_functions/{owner}/pause/", {})
    (one,) = explained(api, event, f"destination={owner}")["destinations"]
    assert (one["verdict"], one["sampling"]["included"]) == ("sampled", False)
    assert one["masking"]["window"] is None
    assert len(one["masking"]["key"]) == 32
    assert (one["standing"]["paused"], one["standing"]["closed"]) == (True, "The destination is paused.")


def test_thresholds_and_digests_are_told(api):
    """How far the count is, and which summary is open, for an event like this one if it came now."""
    owner = payments(api, threshold={"key": "{event.distinct_id}", "count": 3, "window": 600})
    *_, event = api.capture("paid", plan="pro")
    (one,) = explained(api, event, f"destination={owner}")["destinations"]
    told = one["threshold"]
    assert (told["counted"], told["would"]) == (0, "count")
    assert told["says"] == "It would count: 1 of 3 within 10 minutes."
    assert one["digest"] is None
    digest = {"key": None, "interval": 60}
    api.call("PATCH", f"hog_functions/{owner}/", {"threshold": None, "digest": digest})
    (one,) = explained(api, event, f"destination={owner}")["destinations"]
    assert (one["threshold"], one["digest"]["would"], one["digest"]["summary"]) == (None, "send", None)


def test_all_destinations_are_explained_in_brief(api):
    """Without naming one; what is switched off or broken does not hide the others."""
    payments(api, name="Wants")
    payments(api, name="Off", enabled=False)
    payments(api, name="Other", filters={"events": [{"id": "left", "type": "events"}]})
    *_, event = api.capture("paid", plan="pro")
    answer = explained(api, event)
    assert {one["destination"]["name"]: one["verdict"] for one in answer["destinations"]} == {
        "Wants": "pending", "Off": "off", "Other": "filtered",
    }  # fmt: skip
    assert all(one["invocations"] is None for one in answer["destinations"])


def test_a_draft_is_explained_on_request(api):
    """As it would be, whatever the live revision did."""
    owner = payments(api)
    api.call(
        "PATCH", f"hog_functions/{owner}/draft/", {"filters": {"events": [{"id": "left", "type": "events"}]}}
    )
    *_, event = api.capture("paid", plan="pro")
    (one,) = explained(api, event, f"destination={owner}&draft=true")["destinations"]
    assert (one["verdict"], one["destination"]["draft"], one["destination"]["revision"]) == (
        "filtered",
        True,
        None,
    )
    explained(api, event, f"destination={payments(api)}&draft=true", 404)


def test_what_is_not_there_is_not_found(api):
    """Unknown events and destinations answer 404, a text that is no uuid 400."""
    *_, event = api.capture("paid")
    explained(api, uuid.uuid4(), "", 404)
    explained(api, event, f"destination={uuid.uuid4()}", 404)
    explained(api, "x", "", 400)
