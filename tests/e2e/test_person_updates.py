"""Destinations that are told of persons instead of events."""

from __future__ import annotations

import asyncio
import json

import pytest

from support.server import Server, eventually
from support.sink import Sink

BODY = {
    "event": "{event.event}",
    "who": "{event.distinct_id}",
    "id": "{person.id}",
    "plan": "{person.properties.plan}",
}


@pytest.mark.e2e
@pytest.mark.xdist_group("heavy")
async def test_each_change_of_a_person_is_told_once(tmp_path):
    """Who asks for person updates gets one for each event that changed a person, and nothing else."""
    async with Sink() as sink:
        with Server(tmp_path / "instance") as server:
            await asyncio.to_thread(scenario, server, sink)


def scenario(server: Server, sink: Sink) -> None:
    payload = {
        "name": "people", "template_id": "template-webhook", "enabled": True,
        "filters": {"source": "person-updates", "properties": [
            {"key": "plan", "type": "person", "value": ["pro", "free"], "operator": "exact"}]},
        "inputs": {"url": {"value": f"{sink.url}/people"}, "body": {"value": BODY}},
    }  # fmt: skip
    server.api("POST", "hog_functions/", payload)
    server.send(
        "$pageview", "ada", **{"$set": {"plan": "trial"}}
    )  # makes a person whom the filter leaves out
    eventually(lambda: server.api("GET", "events/?event=%24person_updated")["results"], 15)
    server.send("$set", "ada", **{"$set": {"plan": "pro"}})
    eventually(lambda: len(sink.requests) == 1, 15)
    server.send("$set", "ada", **{"$set": {"plan": "pro"}})  # changes nothing
    server.send("$pageview", "ada")
    server.send("$set", "ada", **{"$set": {"plan": "free"}})
    eventually(lambda: len(sink.requests) == 2, 15)
    first, second = (json.loads(request.body) for request in sink.requests)
    assert (first["event"], first["plan"], second["plan"]) == ("$person_updated", "pro", "free")
    assert first["who"] == first["id"] == second["id"]
    eventually(lambda: [row["verdict"] for row in server.deliveries()] == ["delivered"] * 2, 15)
    row = server.deliveries(event="$person_updated")[0]
    assert (row["event"]["distinct_id"], row["verdict"]) == ("ada", "delivered")
