"""Pausing, resuming and discarding over the API, and how a destination says how it stands."""

from __future__ import annotations

import uuid

import orjson
import pytest

from hedgerow.delivery import health, holding
from hedgerow.delivery.watcher import DEGRADED, DISABLED, QUARANTINED, Health, Step
from hedgerow.telemetry import Batch


def key(destination):
    return uuid.UUID(destination["id"]).bytes


def set_state(api, destination, state, **memory):
    """What the watcher would have written."""
    step = Step(Health(state, api.now, **memory), "change", "Half of its results failed.")
    api.state.write_now(
        lambda c: health.take_step(
            c, key(destination), step, home=0, now=api.now, evidence={"results": 40, "failed": 20}
        )
    )


def test_a_destination_that_is_well(api):
    """State 1 in PostHog's numbers, nothing held."""
    made = api.webhook(enabled=True)
    assert made["status"] == {"state": 1, "tokens": 10_000}
    assert made["held"] == {"count": 0, "oldest": None}
    assert made["health"]["state"] == "healthy"
    assert made["health"]["paused_at"] is None


@pytest.mark.parametrize(
    ("state", "number", "tokens"), [(DEGRADED, 2, 8000), (QUARANTINED, 3, 0), (DISABLED, 3, 0)]
)
def test_states_in_the_numbers_of_posthog(api, state, number, tokens):
    """Quarantine is 3 as well, and has a name of its own beside it; the evidence is there."""
    made = api.webhook(enabled=True)
    set_state(api, made, state)
    for shown in (api.get(f"hog_functions/{made['id']}/"), api.get("hog_functions/")["results"][0]):
        assert shown["status"] == {"state": number, "tokens": tokens}
        assert shown["health"]["state"] == state
        assert shown["health"]["reason"] == "Half of its results failed."
        assert shown["health"]["evidence"] == {"results": 40, "failed": 20}


def test_what_is_held_is_shown(api):
    """Count and the time of the oldest event."""
    made = api.webhook(enabled=True)
    api.deliver(made["id"], verdict="held")
    api.deliver(made["id"], verdict="held")
    api.deliver(made["id"])
    shown = api.get(f"hog_functions/{made['id']}/")["held"]
    assert shown == {"count": 2, "oldest": "2026-05-28T20:26:41.000Z"}


def test_pause_and_resume(api):
    """Workers are woken, a second pause keeps the first one's time, and the log says who did it."""
    made = api.webhook(enabled=True)
    changes = api.changes
    paused = api.call("POST", f"hog_functions/{made['id']}/pause/")
    assert paused.status == 200
    assert paused.json["health"]["paused_at"] is not None
    api.now += 5000
    again = api.call("POST", f"hog_functions/{made['id']}/pause/").json
    assert again["health"]["paused_at"] == paused.json["health"]["paused_at"]
    resumed = api.call(
        "POST", f"hog_functions/{made['id']}/resume/", {"rate": 25, "order": "latest_per_person"}
    )
    assert resumed.status == 200
    assert resumed.json["health"]["paused_at"] is None
    assert api.changes == changes + 3
    order = api.state.read_now(lambda c: holding.order_of(c, key(made)))
    assert order.sift_to == holding.last_id(api.now)
    lines = [line.message for line in told(api).lines]
    assert lines[-1] == "Resumed by test: what was held is sent at 25 a second, the latest of each person."


def told(api) -> Batch:
    batch = Batch()
    for (body,) in api.state.read_now(lambda c: c.execute("SELECT body FROM telemetry_outbox").fetchall()):
        batch.add(Batch.decode(body))
    return batch


def test_discard(api):
    """Accepted; the worker does it."""
    made = api.webhook(enabled=True)
    api.deliver(made["id"], verdict="held")
    answer = api.call("POST", f"hog_functions/{made['id']}/discard/")
    assert (answer.status, answer.json["held"]["count"]) == (202, 1)
    order = api.state.read_now(lambda c: holding.order_of(c, key(made)))
    assert order.discard_to == holding.last_id(api.now)


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"rate": 0}, "rate"),
        ({"rate": -1}, "rate"),
        ({"rate": True}, "rate"),
        ({"rate": "fast"}, "rate"),
        ({"rate": 1e9}, "rate"),
        ({"order": "newest"}, "order"),
        ({"order": ["all"]}, "order"),
        ({"speed": 3}, "speed"),
        ([], None),
    ],
)
def test_a_bad_resume_is_refused(api, body, attr):
    """And the pause goes on."""
    made = api.webhook(enabled=True)
    api.call("POST", f"hog_functions/{made['id']}/pause/")
    answer = api.call("POST", f"hog_functions/{made['id']}/resume/", body)
    assert (answer.status, answer.json["attr"]) == (400, attr)
    assert api.get(f"hog_functions/{made['id']}/")["health"]["paused_at"] is not None


@pytest.mark.parametrize("what", ["pause", "resume", "discard"])
def test_strangers_and_readers_may_not(api, what):
    """A destination that is not there is 404, a key that may only read 403."""
    made = api.webhook(enabled=True)
    assert api.call("POST", f"hog_functions/{uuid.uuid4()}/{what}/").status == 404
    reader = api.make_key("hog_function:read")
    assert api.call("POST", f"hog_functions/{made['id']}/{what}/", key=reader).status == 403


@pytest.mark.parametrize("state", [QUARANTINED, DISABLED])
def test_saving_it_enabled_ends_quarantine(api, state):
    """It is degraded then, and those who listen hear of it; saving it switched off changes nothing."""
    made = api.webhook(enabled=True)
    set_state(api, made, state, quarantines=(1, 2, 3))
    off = api.call("PATCH", f"hog_functions/{made['id']}/", {"enabled": False}).json
    assert (off["health"]["state"], off["status"]["state"]) == (state, 0)
    saved = api.call("PATCH", f"hog_functions/{made['id']}/", {"enabled": True}).json
    assert (saved["health"]["state"], saved["status"]["state"]) == (DEGRADED, 2)
    assert saved["health"]["quarantines"] == 0
    rows = api.state.read_now(lambda c: c.execute("SELECT payload FROM internal_outbox").fetchall())
    last = orjson.loads(rows[-1][0])
    assert last["event"] == "$destination_state_changed"
    properties = last["properties"]
    assert (properties["previous_state"], properties["state"]) == (state, DEGRADED)
    assert properties["destination_id"] == made["id"]


def test_what_was_shown_may_be_sent_back(api):
    """Clients that write whole objects send health and held along; they mean nothing there."""
    made = api.webhook(enabled=True)
    assert api.call("PATCH", f"hog_functions/{made['id']}/", {**made, "name": "Copy"}).status == 200
