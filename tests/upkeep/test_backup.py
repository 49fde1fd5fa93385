"""Backups of an instance that runs: whole, of one moment, and brought back without anything lost or sent twice."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from hedgerow.log.segments import Segments
from hedgerow.settings import load
from hedgerow.store import open_connection
from hedgerow.telemetry import Batch
from hedgerow.upkeep.doctor import examine
from hedgerow.upkeep.restore import restore
from support.background import BackgroundSink
from support.people import people
from support.people_model import PeopleModel
from support.server import Server
from support.server import eventually as at_once
from support.sink import Step

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180), pytest.mark.xdist_group("test_backup.py")]
FINAL = {"delivered", "failed"}
PARTITIONS = 16
# Looking costs processor time that the servers need.
eventually = partial(at_once, seconds=60.0, pause=0.2)


class Load(threading.Thread):
    """Sends batches until it is told to stop, and remembers how many events were acknowledged."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.sent = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set() and self.sent < 3000:
            batch = [event(self.sent + n) for n in range(10)]
            status, _ = self.server.call("POST", "/batch/", {"api_key": self.server.token, "batch": batch})
            assert status == 200
            self.sent += 10
            time.sleep(0.03)

    def stop(self) -> int:
        self.stopping.set()
        self.join(30)
        return self.sent


def event(number: int) -> dict:
    """The event of a number: mostly plain ones, now and then one that makes two ids one person."""
    identify = {"$anon_distinct_id": f"anon-{number}"} if number % 50 == 0 else {}
    return {
        "event": "$identify" if identify else "bought",
        "distinct_id": f"user-{number % 7}",
        "uuid": str(uuid.UUID(int=number, version=4)),
        "properties": {"$set": {"latest": number, f"n{number % 13}": number}, "n": number, **identify},
    }


class Copy:
    """A data folder that nobody uses at the moment, as plain data."""

    def __init__(self, folder: Path) -> None:
        state, telemetry = open_connection(folder / "state.db"), open_connection(folder / "telemetry.db")
        self.positions = {p: (f, s) for p, f, s in state.execute(
            "SELECT partition, folded_to, settled_to FROM positions")}  # fmt: skip
        self.people = {ids: person["properties"] for ids, person in people(state).items()}
        self.rows = {
            (destination.hex(), str(uuid.UUID(bytes=event))): (verdict, attempts)
            for destination, event, verdict, attempts in state.execute(
                "SELECT destination_id, event_uuid, verdict, attempts FROM deliveries"
            )
        }
        self.verdicts = Counter(
            (destination, verdict) for (destination, _), (verdict, _) in self.rows.items()
        )
        self.counted = self._counted(state, telemetry)
        state.close()
        telemetry.close()
        segments = Segments(folder / "events", PARTITIONS)
        segments.hours()
        self.records = {
            partition: segments.read(partition, 0, records=100_000, size=1 << 30)
            for partition in range(PARTITIONS)
        }
        segments.close()

    @staticmethod
    def _counted(state, telemetry) -> Counter:
        """Deliveries that telemetry knows of, those included that are on their way to it."""
        found = Counter()
        for destination, name, count in telemetry.execute(
            "SELECT destination_id, name, count FROM metrics_hourly WHERE hour = 0 AND kind IN ('success', 'failure')"
        ):
            found[destination.hex(), name] += count
        ((mark,),) = telemetry.execute(
            "SELECT coalesce(max(seq), 0) FROM marks WHERE source = 'telemetry_outbox'"
        )
        for (body,) in state.execute("SELECT body FROM telemetry_outbox WHERE seq > ?", (mark,)):
            for (_, destination, _, kind, name), count in Batch.decode(body).metrics.items():
                if kind in {"success", "failure"}:
                    found[destination.hex(), name] += count
        return found

    def events(self) -> list[str]:
        """Uuids of all that was sent, in the order of the log."""
        everything = sorted((r for some in self.records.values() for r in some), key=lambda r: r.position)
        decoded = [record.decode() for record in everything]
        return [event.uuid for event in decoded if not event.internal]

    def folded(self) -> PeopleModel:
        """People as they must be after the records that were folded."""
        model = PeopleModel()
        for partition, records in self.records.items():
            for record in records:
                event = record.decode()
                if record.position <= self.positions.get(partition, (0, 0))[0] and not event.internal:
                    model.feed(event)
        return model


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """An instance that is backed up under load, restored elsewhere, and started there."""
    folder = tmp_path_factory.mktemp("backup")
    with BackgroundSink() as sink, Server(folder / "original") as original:
        good = original.webhook(f"{sink.url}/good", body={"uuid": "{event.uuid}"})
        shaky = original.webhook(f"{sink.url}/shaky", body={"uuid": "{event.uuid}"})
        paused = original.webhook(f"{sink.url}/paused", body={"uuid": "{event.uuid}"})
        original.api("POST", f"hog_functions/{paused}/pause/", {})
        sink.script("/shaky", *[Step(status=503) for _ in range(30)])
        load = Load(original)
        load.start()
        eventually(lambda: len(sink.requests) > 100)
        before = load.sent
        made = original.cli("backup", str(folder / "one.tar.zst"))
        assert made.returncode == 0, made.stderr
        after = load.sent
        load.stop()
        yield {
            "folder": folder, "sink": sink, "original": original, "before": before, "after": after,
            "ids": {"good": good, "shaky": shaky, "paused": paused},
        }  # fmt: skip


def restored(story, name: str) -> Server:
    """A server, not started yet, whose data folder came out of the backup."""
    server = Server(story["folder"] / name, HEDGEROW_HOLD_DRAIN_PER_SECOND="5000")
    restore(story["folder"] / "one.tar.zst", server.data)
    return server


def test_the_backup_shows_one_moment(story):
    """Log, positions, people, verdicts and counts belong together, and nothing acknowledged before it is missing."""
    copy = Copy(restored(story, "looked-at").data)
    events = copy.events()
    assert story["before"] <= len(events) <= story["after"] + 10
    assert events == [event(n)["uuid"] for n in range(len(events))]
    for partition, (folded, settled) in copy.positions.items():
        last = max((record.position for record in copy.records[partition]), default=0)
        assert settled <= folded <= last
    everybody = {tuple(sorted(p.ids)): p.properties for p in copy.folded().everybody}
    assert copy.people == everybody
    for destination in map(_hex, story["ids"].values()):
        for partition, records in copy.records.items():
            settled = copy.positions.get(partition, (0, 0))[1]
            decoded = [record.decode() for record in records if record.position <= settled]
            assert all((destination, event.uuid) in copy.rows for event in decoded if not event.internal)
    final = {key: count for key, count in copy.verdicts.items() if key[1] in FINAL}
    assert sum(final.values()) == sum(copy.counted.values())


def _hex(identity: str) -> str:
    return uuid.UUID(identity).hex


def test_the_doctor_finds_a_running_server_well(story):
    """It answers, its workers are up, and nothing is behind."""
    original = story["original"]
    found = examine(load(data_dir=original.data, port=original.port, disk_reserve_bytes=0))
    said = {finding.check: finding for finding in found}
    assert said["server"].text.endswith("is ready; all workers are up.")
    assert {said[check].level for check in ("port", "schema", "databases", "keys", "server")} == {"ok"}


def test_a_restored_instance_sends_nothing_until_it_is_told_to(story):
    """It holds what was in flight and what it reads anew; let go, each event is delivered, and none that was already."""
    sink, original, ids = story["sink"], story["original"], story["ids"]
    eventually(lambda: set(_rows(original, ids["good"]).values()) == {"delivered"})
    original.stop()
    heir = restored(story, "heir")
    first = Copy(heir.data)
    seen = len(sink.requests)
    events = set(first.events())
    with heir:
        eventually(lambda: len(_rows(heir, ids["good"])) == len(events))
        eventually(lambda: set(_rows(heir, ids["good"]).values()) <= {"delivered", "held"})
        assert "hedgerow_standby 1" in heir.call("GET", "/metrics")[1]
        assert "standing by: nothing is sent" in heir.output()
        heir.send("fresh", "newcomer")
        eventually(lambda: len(_rows(heir, ids["good"])) == len(events) + 1)
        assert len(sink.requests) == seen
        assert heir.cli("standby", "off").stdout == "The instance sends.\n"
        eventually(lambda: set(_rows(heir, ids["good"]).values()) == {"delivered"})
        assert set(_rows(heir, ids["paused"]).values()) == {"held"}
    times = Counter(json.loads(request.body)["uuid"] for request in sink.at("/good"))
    delivered = {name for (where, name), (verdict, _) in first.rows.items()
                 if where == _hex(ids["good"]) and verdict == "delivered"}  # fmt: skip
    assert delivered
    assert all(times[name] == 1 for name in delivered)
    assert all(times[name] <= 2 for name in times)
    identities = {}
    for request in sink.at("/good"):  # what both sent can be told by its id
        identities.setdefault(json.loads(request.body)["uuid"], set()).add(request.headers["webhook-id"])
    assert all(len(found) == 1 for found in identities.values())


def _rows(server: Server, destination: str) -> dict[str, str]:
    connection = open_connection(server.data / "state.db")
    try:
        found = connection.execute(
            "SELECT event_uuid, verdict FROM deliveries WHERE destination_id = ?",
            (uuid.UUID(destination).bytes,),
        )
        return {str(uuid.UUID(bytes=name)): verdict for name, verdict in found}
    finally:
        connection.close()
