"""A person who asks to be forgotten is gone, to the last byte, while events keep coming in."""

from __future__ import annotations

import json

import pytest

from support.server import Server, eventually

# In a name, an address and a property: whatever is kept of the person has one of them in it.
CANARY = "canary7f3a"
ALSO_KNOWN_AS = f"anonymous-{CANARY}"


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A server that retries once, after a second."""
    with Server(tmp_path_factory.mktemp("privacy")) as running:
        yield running


def raw(server) -> dict[str, int]:
    """How often the canary stands in each file of the data folder."""
    files = [file for file in server.data.rglob("*") if file.is_file()]
    found = {str(file.relative_to(server.data)): file.read_bytes().count(CANARY.encode()) for file in files}
    return {name: count for name, count in found.items() if count}


def live(server):
    """Events of the person, a neighbour's among them, to receivers that answer well, badly and not at all."""
    for n in range(30):
        server.send("$pageview", ALSO_KNOWN_AS, page=n, email=f"{CANARY}@example.com")
    server.send(
        "$identify",
        CANARY,
        **{"$anon_distinct_id": ALSO_KNOWN_AS, "$set": {"email": f"{CANARY}@example.com"}},
    )
    for n in range(30):
        server.send("bought", CANARY, pad="x" * 300 * n, email=f"{CANARY}@example.com")
        server.send("bought", "neighbour", n=n)
    server.send("$set", "neighbour", **{"$set": {"email": "neighbour@example.com"}})


def person(server, who):
    """The person that a distinct id stands for."""
    found = server.api("GET", f"persons/?distinct_id={who}")["results"]
    return found[0] if found else None


def test_a_deleted_person_leaves_nothing(patient, sink):
    """Gone from people, events, ledger and logs at once, and from every file soon; neighbours and counts stay."""
    server = patient
    body = {"who": "{event.distinct_id}", "mail": "{person.properties.email}"}
    good = server.webhook(f"{sink.url}/good", body=body, name="Good")
    refused = server.webhook("http://127.0.0.1:9/refused", body=body, name="Refused")
    live(server)
    eventually(lambda: len(server.deliveries(person=CANARY, limit="500", verdict="delivered")) == 61)
    eventually(lambda: len(server.deliveries(person=CANARY, destination=refused, limit="500")) == 61)
    identity = person(server, CANARY)["uuid"]
    exported = server.api("GET", f"persons/{identity}/export/")
    assert sorted(exported["person"]["distinct_ids"]) == sorted([CANARY, ALSO_KNOWN_AS])
    assert len(exported["events"]) == 61
    assert {row["event"]["distinct_id"] for row in exported["deliveries"]} == {CANARY, ALSO_KNOWN_AS}
    assert raw(server)
    before = len(server.deliveries(destination=good, limit="1000", verdict="delivered"))

    status, _ = server.call("DELETE", f"/api/projects/1/persons/{identity}/?delete_events=true")
    assert status == 202
    assert person(server, CANARY) is None
    assert server.call("GET", f"/api/projects/1/persons/{identity}/")[0] == 404
    for n in range(20):
        server.send("bought", "neighbour", later=n)
    done = eventually(lambda: server.api("GET", "persons/deletions/")["results"][0]["finished_at"], 30)
    assert done
    assert raw(server) == {}
    (job,) = server.api("GET", "persons/deletions/")["results"]
    assert (job["events"], job["deliveries"]) == (61, 122)
    assert server.api("GET", f"events/?distinct_id={CANARY}")["results"] == []
    assert len(server.api("GET", "events/?distinct_id=neighbour&limit=500")["results"]) == 51
    assert person(server, "neighbour")["properties"]["email"] == "neighbour@example.com"
    assert server.deliveries(person=CANARY) == []
    delivered = eventually(
        lambda: len(server.deliveries(destination=good, limit="1000", verdict="delivered")) == before + 20
    )
    assert delivered, "what was delivered stays counted"
    assert CANARY not in json.dumps(server.deliveries(limit="1000"))
    totals = server.api("GET", f"hog_functions/{good}/metrics/totals/?breakdown_by=name")["totals"]
    assert totals["succeeded"] == before + 20


def test_who_comes_back_is_new(patient):
    """Events after a deletion make a new person, who has nothing of the old one; a crash in between changes nothing."""
    server = patient
    server.send("$set", "returning", **{"$set": {"old": True}})
    identity = eventually(lambda: person(server, "returning"))["uuid"]
    server.call("DELETE", f"/api/projects/1/persons/{identity}/?delete_events=true")
    server.stop(9)
    server.start()
    eventually(lambda: server.api("GET", "persons/deletions/")["results"][0]["finished_at"], 30)
    server.send("$set", "returning", **{"$set": {"new": True}})
    assert "old" not in eventually(lambda: person(server, "returning"))["properties"]
    assert len(server.api("GET", "events/?distinct_id=returning")["results"]) == 1


def test_without_events_only_the_person_goes(patient):
    """As PostHog does it: what happened stays, about nobody."""
    server = patient
    server.send("$set", "faceless", **{"$set": {"face": True}})
    identity = eventually(lambda: person(server, "faceless"))["uuid"]
    assert server.call("DELETE", f"/api/projects/1/persons/{identity}/")[0] == 202
    assert person(server, "faceless") is None
    assert len(server.api("GET", "events/?distinct_id=faceless")["results"]) == 1
    assert server.call("DELETE", f"/api/projects/1/persons/{identity}/")[0] == 404
