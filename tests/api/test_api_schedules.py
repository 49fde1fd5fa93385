"""Scheduled destinations over the API: how they are shown, a tick by hand, runs of all kinds, trials and back-tests on persons.

Workers are not there: see the simulation of ticking.
"""

from __future__ import annotations

import uuid

import orjson
import pytest

from hedgerow.delivery.state import pack_globals
from hedgerow.people.identity import person_uuid
from hedgerow.replay import ticking
from support.asgi import call

PRO = {"key": "plan", "value": "pro", "operator": "exact", "type": "person"}
HOG = "fetch('https://example.com/hook', {'body': {'mail': person.properties.email, 'event': event.event}})"
SYNC = {
    "type": "destination", "name": "Sync", "enabled": True, "hog": HOG, "filters": {"properties": [PRO]},
    "schedule": {"cron": "0 9 * * *", "timezone": "Europe/Berlin"},
}  # fmt: skip
PERSON = "INSERT INTO persons (id, project_id, uuid, properties, created_at) VALUES (?, 1, ?, ?, 0)"
WHEN = "2026-05-28T20:26:40.000Z"
POINT = "INSERT INTO person_distinct_ids (project_id, distinct_id, person_id) VALUES (1, ?, ?)"


def person(api, number, **properties):
    """A person in the store."""
    name = f"user-{number}"

    def work(connection):
        text = orjson.dumps(properties).decode()
        connection.execute(PERSON, (number, person_uuid(1, name), text))
        connection.execute(POINT, (name, number))

    api.state.write_now(work)
    return name


def sync(api, **fields):
    """A destination with a schedule."""
    answer = api.call("POST", "hog_functions/", {**SYNC, **fields})
    assert answer.status == 201, answer.body
    return answer.json


def tick(api, owner, expected=201, **body):
    answer = api.call("POST", f"hog_functions/{owner}/ticks/", body)
    assert answer.status == expected, answer.body
    return answer.json


def test_a_schedule_is_shown_with_its_next_ticks(api):
    """In the zone's wall time; one that is switched off has none. What is shown may be sent back."""
    made = sync(api)
    assert made["schedule"] == {
        "cron": "0 9 * * *", "timezone": "Europe/Berlin", "only_changed": False, "rate": None,
        "next": ["2026-05-29T07:00:00.000Z", "2026-05-30T07:00:00.000Z", "2026-05-31T07:00:00.000Z"],
        "last": None, "waits": None,
    }  # fmt: skip
    assert made["filters"]["source"] == "schedule"
    path = f"hog_functions/{made['id']}/"
    unchanged = api.call("PATCH", f"{path}?validate_only=true", {"schedule": made["schedule"]})
    assert unchanged.json == {"changed": False}
    assert api.call("PATCH", path, {"enabled": False}).json["schedule"]["next"] == []
    (listed,) = api.get("hog_functions/")["results"]
    assert listed["schedule"]["cron"] == "0 9 * * *"
    assert api.webhook()["schedule"] is None


def test_a_change_of_the_schedule_is_a_revision(api):
    """Drafts and diffs know it, too."""
    owner = sync(api)["id"]
    path = f"hog_functions/{owner}/"
    assert api.call("PATCH", path, {"schedule": {"every": "1h"}}).json["schedule"]["every"] == "1h"
    assert "schedule" in str(api.get(f"{path}revisions/2/diff/")["changes"])
    draft = api.call("PUT", f"{path}draft/", {"schedule": {"every": "2h"}})
    assert draft.status < 300, draft.body
    assert draft.json["schedule"]["every"] == "2h"
    assert api.get(path)["schedule"]["every"] == "1h"


def test_how_a_schedule_stands_is_told(api):
    """The last tick with its run, how many were passed over, and what one that is due waits for."""
    owner = sync(api)["id"]
    run, key = uuid.uuid4(), uuid.UUID(owner).bytes

    def work(connection):
        connection.execute(ticking.BEGIN, (key, 1, "0 9 * * * Europe/Berlin", api.now))
        told = {"tick": 1_779_951_600_000, "run": run.bytes, "passed": 3, "owner": key}
        connection.execute(ticking.RAN, told)
        connection.execute(ticking.WAIT, ("The destination is paused.", key))

    api.state.write_now(work)
    shown = api.get(f"hog_functions/{owner}/")["schedule"]
    assert shown["last"] == {"tick": "2026-05-28T07:00:00.000Z", "run": str(run), "passed_over": 3}
    assert shown["waits"] == "The destination is paused."


def test_a_tick_by_hand_is_a_run_and_there_is_one_at_a_time(api):
    """It begins at once, in the audit log; a second one answers with the run that is under way."""
    owner = sync(api, schedule={"every": "1h", "rate": 7})["id"]
    for number in range(3):
        person(api, number + 1)
    run = tick(api, owner)
    assert (run["kind"], run["destination"], run["state"], run["rate"]) == ("schedule", owner, "running", 7)
    assert run["tick"] == "2026-05-28T20:26:40.000Z"
    assert run["progress"]["total"] == 3
    assert tick(api, owner, 409)["run"] == run["id"]
    (entry, *_) = api.get("activity_log/?scope=HogFunction")["results"]
    assert entry["activity"] == "ticked"
    assert api.call("DELETE", f"runs/{run['id']}/").json["state"] == "cancelling"


def test_a_tick_of_what_cannot_have_one_is_refused(api):
    """No schedule, or switched off."""
    assert tick(api, api.webhook()["id"], 400)["attr"] == "schedule"
    assert tick(api, sync(api, enabled=False)["id"], 400)["attr"] == "enabled"
    assert tick(api, sync(api)["id"], 400, rates=1)["attr"] == "rates"
    assert tick(api, str(uuid.uuid4()), 404)


def test_events_are_not_replayed_to_a_schedule(api):
    """It says what to do instead."""
    answer = api.call("POST", f"hog_functions/{sync(api)['id']}/replay/", {"after": "-1h"})
    assert (answer.status, answer.json["attr"]) == (400, "schedule")


def test_runs_of_all_kinds_are_listed_and_steered(api):
    """By kind and by destination; a run of any kind is paused, resumed and cancelled in the same way."""
    owner, other = sync(api)["id"], api.webhook()["id"]
    ticked = tick(api, owner)
    api.deliver(other, "paid", "failed", kind="http_4xx", status=401)
    again = api.call("POST", "deliveries/rerun/", {"filters": {}}).json
    api.now += 1
    replayed = api.call("POST", f"hog_functions/{other}/replay/", {"after": "-1h"}).json
    listed = api.get("runs/")["results"]
    assert [one["id"] for one in listed] == [
        replayed["id"],
        *sorted([ticked["id"], again["id"]], reverse=True),
    ]
    assert [one["id"] for one in api.get("runs/?kind=rerun")["results"]] == [again["id"]]
    assert [one["id"] for one in api.get(f"runs/?destination={owner}")["results"]] == [ticked["id"]]
    assert api.call("GET", "runs/?kind=party").status == 400
    for one in (ticked, again, replayed):
        path = f"runs/{one['id']}/"
        assert api.call("POST", f"{path}pause/").json["state"] == "paused"
        assert api.call("POST", f"{path}resume/").json["state"] == "running"
        assert api.get(path)["kind"] == one["kind"]
    assert api.call("GET", f"runs/{uuid.uuid4()}/").status == 404


# ------------------------------------------------------------------ trials and back-tests


@pytest.fixture
def asked(api, helpers):
    """Ask for something that runs Hog, on the loop that the helper belongs to."""

    def ask(path, **body):
        runner, sandbox = helpers
        headers = {"authorization": f"Bearer {api.key}"}
        own, api.services.trials.sandbox = api.services.trials.sandbox, sandbox
        answer = runner.run(call(api.app.app, "POST", f"/api/projects/1/{path}", body, headers))
        api.services.trials.sandbox = own
        assert answer.status == 200, answer.body
        return answer.json

    return ask


def test_a_scheduled_destination_is_tried_on_a_person(api, asked):
    """On the newest that its filters choose, or on one made up; the event is the schedule's own."""
    owner = sync(api)["id"]
    for number, plan in enumerate(["pro", "pro", "free"], 1):
        person(api, number, plan=plan, email=f"{number}@example.com")
    for choice, mail in (({"latest": True}, "2@example.com"), ({"sample": True}, "ada@example.com")):
        tried = asked(f"hog_functions/{owner}/invocations/", **choice)
        assert tried["status"] == "success", tried
        (sent,) = tried["invocations"][0]["requests"]
        assert orjson.loads(sent["request"]["body"]) == {"mail": mail, "event": "$schedule"}
    found = asked(f"hog_functions/{owner}/matching_events/")
    assert [one["distinct_id"] for one in found["results"]] == ["user-2", "user-1"]
    assert {one["event"] for one in found["results"]} == {"$schedule"}


def test_a_change_is_back_tested_on_persons(api, asked):
    """Who would be sent something else, or not at all."""
    owner = sync(api)["id"]
    for number, plan in enumerate(["pro", "pro", "free", "free", "free"], 1):
        person(api, number, plan=plan, email=f"{number}@example.com")
    path = f"hog_functions/{owner}/backtest/"
    free = {"properties": [{**PRO, "value": "free"}]}
    answer = asked(path, configuration={"filters": free})
    assert {name: n for name, n in answer["summary"].items() if n} == {"would_send": 3, "would_not_send": 2}
    other = asked(path, configuration={"hog": HOG.replace("mail'", "e-mail'")}, events=1)
    assert (other["summary"]["differs"], other["compared"]) == (1, 1)
    rest = asked(path, configuration={"hog": HOG}, cursor=other["cursor"])
    assert (rest["summary"]["same"], rest["cursor"]) == (1, None)


@pytest.mark.parametrize("kept", [True, False])
def test_what_a_tick_sent_is_explained(api, helpers, kept):
    """With the person as it was where the ledger has it, else as it is now; others are not asked."""
    owner, other = sync(api)["id"], api.webhook(enabled=True)["id"]
    name = person(api, 1, plan="pro", email="new@example.com")
    event = uuid.uuid4()
    row = {
        "id": uuid.uuid4().bytes, "project_id": 1, "destination_id": uuid.UUID(owner).bytes, "revision": 1,
        "run": str(uuid.uuid4()), "partition": 0, "position": -5, "event_uuid": event.bytes, "event": "$schedule",
        "distinct_id": name, "verdict": "failed" if kept else "delivered", "captured_at": api.now,
        "created_at": api.now, "updated_at": api.now,
    }  # fmt: skip
    sql = f"INSERT INTO deliveries ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
    api.state.write_now(lambda c: c.execute(sql, tuple(row.values())))
    was = {
        "project": {"id": 1, "name": "Shop", "url": ""}, "groups": {},
        "event": {
            "event": "$schedule", "uuid": str(event), "distinct_id": name, "properties": {}, "timestamp": WHEN,
            "captured_at": WHEN,
        },
        "person": {"id": "p", "properties": {"plan": "pro", "email": "old@example.com"}},
    }  # fmt: skip
    payload = (0, -5, pack_globals(was))
    if kept:
        api.state.write_now(lambda c: c.execute("INSERT INTO delivery_payloads VALUES (?, ?, ?)", payload))
    runner, sandbox = helpers
    own, api.services.trials.sandbox = api.services.trials.sandbox, sandbox
    headers = {"authorization": f"Bearer {api.key}"}

    def told(destination):
        path = f"/api/projects/1/events/{event}/explain/?destination={destination}"
        return runner.run(call(api.app.app, "GET", path, None, headers)).json

    answer, foreign = told(owner), told(other)
    api.services.trials.sandbox = own
    shown = api.get(f"events/{event}/")
    assert (shown["uuid"], shown["event"], shown["distinct_id"]) == (str(event), "$schedule", name)
    assert [one["verdict"] for one in shown["deliveries"]] == [row["verdict"]]
    assert shown["person"]["properties"]["email"] == "new@example.com"
    (mine,), (theirs,) = answer["destinations"], foreign["destinations"]
    assert mine["verdict"] == row["verdict"]
    assert ("old@example.com" if kept else "new@example.com") in str(mine["invocations"])
    assert theirs["verdict"] == "filtered"


def test_an_event_is_explained_as_none_of_a_schedules(api, helpers):
    """It comes from the wrong stream, and that is what is said."""
    owner = sync(api, filters={})["id"]
    _, _, event = api.capture("paid")
    runner, sandbox = helpers
    own, api.services.trials.sandbox = api.services.trials.sandbox, sandbox
    headers = {"authorization": f"Bearer {api.key}"}
    path = f"/api/projects/1/events/{event}/explain/?destination={owner}"
    answer = runner.run(call(api.app.app, "GET", path, None, headers))
    api.services.trials.sandbox = own
    (told,) = answer.json["destinations"]
    assert told["verdict"] == "filtered"
    assert "it comes from the stream 'schedule'" in str(told["filters"])
