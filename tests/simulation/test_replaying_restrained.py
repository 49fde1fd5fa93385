"""Replaying to destinations that mask, count, gather or keep the order: as if the events had come then, wherever workers die.

What happens around it is as in ``test_replaying``; the destination was made after the events came.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from hedgerow.delivery.gathering import Interval
from hedgerow.delivery.identity import delivery_id, raw, text
from hedgerow.destinations import Config
from hedgerow.events import Event
from hedgerow.replay import replaying, runs
from hedgerow.replay.replaying import Span
from hedgerow.store.database import transact
from simulation.run import PROJECT, saved
from simulation.seeds import RUNS, survive
from simulation.test_rerunning import CHUNKS, HOOK, Run, prepared  # noqa: F401 - a fixture
from simulation.world import START

LIST = (
    "fetch('https://sink.test/hook', {'body': {'uuid': event.uuid, 'uuids': arrayMap(e -> e.uuid, events)}})"
)
KEY = "{event.distinct_id}"
APART_MS = 150
INTERVAL = 1
KINDS = {
    "masking": {"masking": {"hash": KEY, "ttl": 2, "threshold": None}},
    "threshold": {"threshold": {"key": KEY, "count": 3, "window": 3600}},
    "digest": {"digest": {"key": KEY, "interval": INTERVAL, "limit": 100}, "hog": LIST},
    "digest of all": {"digest": {"key": None, "interval": INTERVAL, "limit": 100}, "hog": LIST},
    "ordering": {"ordering": "distinct_id"},
}


class Restrained(Run):
    """One seed."""

    def _events(self) -> list[Event]:
        return [
            Event(
                str(uuid.UUID(int=self.chance.getrandbits(128), version=4)), "$pageview", f"user-{number % 3}", {},
                "2026-01-02T03:04:05.000Z", int(START * 1000) + number // 2 * 2 * APART_MS,
            )
            for number in range(self.chance.randint(5, 40))
        ]  # fmt: skip

    def _ask(self) -> None:
        """Make the destination, and order the replay."""
        self.transport.refused.clear()
        self.before = dict(self._rows("", self.hook))
        self.kind = self.chance.choice(list(KINDS))
        self.target = self._make_late()
        span = Span(int(START * 1000) - 1, int(START * 1000) + 100 * APART_MS)
        self.order = runs.Order(
            PROJECT, runs.REPLAY, span.encode(), self.target, rate=self.chance.choice([None, 20.0, 500.0])
        )  # fmt: skip
        self.run = self._start()

    def _make_late(self) -> bytes:
        config = Config(**{"name": "late", "enabled": True, "hog": HOOK, **KINDS[self.kind]})
        return raw(saved(self.store.connection, config, self.keyring, now=self.now))

    # -------------------------------------------------------------- judging

    def judge(self) -> None:
        rows = {text(identity): verdict for identity, verdict in self._rows(self.run.name, self.target)}
        over = transact(self.store.connection, lambda c: runs.find(c, PROJECT, self.run.id))
        assert over.counts["verdicts"] == Counter(rows.values())
        if self.cancels and over.state == runs.CANCELLED:
            assert set(rows.values()) <= {"delivered", "masked", "counted", "digested", "discarded"}
            return
        assert (over.state, len(rows)) == (runs.DONE, len(self.events))
        expected = self._expected()
        found = {event.uuid: rows[self._name(event)] for event in self.events}
        if self.kind == "digest of all":
            assert set(found.values()) <= {"delivered", "digested"}
        else:
            assert found == expected
        if "digest" in self.kind:
            self._judge_summaries(rows)
        if self.kind == "ordering":
            self._judge_order()

    def _name(self, event: Event) -> str:
        return text(delivery_id(event.captured_at, raw(event.uuid), self.target, "", self.run.name))

    def _expected(self) -> dict[str, str]:
        """Verdicts by event, where those of a key are looked at in the order of capture."""
        said: dict[str, str] = {}
        marks: dict[str, object] = {}
        numbers: Counter[str] = Counter()
        for event in self.events:
            key, at = event.distinct_id, event.captured_at
            said[event.uuid] = getattr(self, f"_{self.kind.split()[0]}")(marks, key, at, numbers[key])
            numbers[key] += 1
        return said

    def _masking(self, marks, key: str, at: int, _nth: int) -> str:
        if key in marks and at < marks[key] + 2000:
            return "masked"
        marks[key] = at
        return "delivered"

    def _threshold(self, _marks, _key: str, _at: int, nth: int) -> str:
        return "delivered" if nth % 3 == 2 else "counted"

    def _digest(self, marks, key: str, at: int, _nth: int) -> str:
        interval = marks.get(key) and marks[key].at(at, INTERVAL * 1000)
        if interval is None:
            marks[key] = Interval(at + INTERVAL * 1000)
            return "delivered"
        marks[key] = Interval(interval.until, interval.count + 1, b"somebody")
        return "digested" if interval.count else "delivered"

    def _ordering(self, _marks, _key: str, _at: int, _nth: int) -> str:
        return "delivered"

    def _judge_summaries(self, rows: dict[str, str]) -> None:
        """Each event is in exactly one of the bodies that were accepted."""
        sent = [
            self.transport.bodies[name]["uuids"] for name, verdict in rows.items() if verdict == "delivered"
        ]
        assert Counter(one for some in sent for one in some) == Counter(event.uuid for event in self.events)

    def _judge_order(self) -> None:
        """None goes out before the one before it was accepted, whatever failed in between."""
        received: dict[str, int] = {}
        accepted: dict[str, int] = {}
        for place, (what, name) in enumerate(self.transport.story):
            (received if what == "received" else accepted).setdefault(name, place)
        lines: dict[str, list[str]] = defaultdict(list)
        for event in self.events:
            lines[event.distinct_id].append(self._name(event))
        for line in lines.values():
            assert all(accepted[one] < received[other] for one, other in pairwise(line))


@pytest.mark.simulation
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_replay_masks_counts_gathers_and_keeps_the_order(
    chunk,
    prepared,  # noqa: F811 - a fixture
    monkeypatch,
):
    """By the time of capture, in windows of its own: each event has the verdict it would have had then."""
    monkeypatch.setattr(replaying, "STEP", 4)
    survive(lambda seed: Restrained(seed, prepared), RUNS // 200, chunk, CHUNKS)
