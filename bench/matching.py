"""What one event costs to match beside 10, 1,000 and 10,000 destinations, and what these cost a worker.

    python bench/matching.py

One destination in a hundred is a candidate for the event (its event name fits) and none of them wants it in the end. The floor
beside each figure calls as many filters written in Python by hand.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hedgerow.delivery.configuration import Configuration
from hedgerow.delivery.matching import wanted_by
from hedgerow.delivery.source import RepositorySource
from hedgerow.destinations import Keyring, Project, Secrets, builtin, repository, validate
from hedgerow.destinations.globals import filter_globals
from hedgerow.events import Event
from hedgerow.hog import Host
from hedgerow.people import Folded
from hedgerow.people.model import PersonState
from hedgerow.store import Database, migrate

SIZES = (10, 1_000, 10_000)
NAMES = 100
EVENT = Event(
    "0191f0a0-0000-7000-8000-000000000001", "event 7", "user-1",
    {"$current_url": "https://example.com/docs/1", "plan": "free", "n": 5, **{f"p{i}": f"value {i}" for i in range(30)}},
    "2026-01-02T03:04:05.000Z", 1_767_323_045_000,
)  # fmt: skip
PERSON = PersonState(
    "0191f0a0-0000-7000-8000-000000000002", {"email": "ada@example.com"}, 0, is_identified=True
)
FOLDED = Folded(person=PERSON, properties=EVENT.properties, groups={}, dropped=None, warnings=[])

HOST = Host(patience_ms=5)


def prepare(folder: Path, count: int) -> tuple[Database, Keyring]:
    """A data folder with so many webhooks, each with a filter of its own."""
    migrate(folder)
    keyring = Keyring.load("", folder)
    store = Database(folder / "state.db", synchronous="OFF")
    payload = {
        "name": "hook", "enabled": True, "template_id": "template-webhook",
        "inputs": {"url": {"value": "https://example.com/{event.distinct_id}"}},
    }  # fmt: skip
    config = validate(payload, project=Project(1), templates=builtin()).config

    def work(connection: Any) -> None:
        connection.execute(
            "INSERT INTO projects (id, name, token, created_at) VALUES (1, 'Bench', 'phc_bench', 0)"
        )
        for number in range(count):
            own = replace(config, name=f"hook {number}", filters=filters(number, count))
            repository.create(connection, 1, own, Secrets(), keyring=keyring, now=number)

    store.write_now(work)
    return store, keyring


def filters(number: int, count: int) -> dict[str, Any]:
    """One in a hundred takes the event's name; nobody is content with its properties."""
    name = 7 if count < NAMES and number == 0 else number % NAMES + (count < NAMES) * 100
    return {
        "source": "events",
        "events": [{"id": f"event {name}", "type": "events"}],
        "properties": [{"key": "n", "value": 1000 + number, "operator": "gt", "type": "event"}],
    }


def best(work: Callable[[], object]) -> float:
    """Microseconds of one call: the median of seven rounds."""
    rounds = []
    for _ in range(7):
        start, calls = time.perf_counter(), 0
        while (spent := time.perf_counter() - start) < 0.15:
            work()
            calls += 1
        rounds.append(spent / calls * 1e6)
    return statistics.median(rounds)


def resident() -> int:
    """Bytes in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def by_hand(limit: int) -> Callable[[Any], bool]:
    """The same filter, written in Python."""
    return lambda found: found["event"] == "event 7" and (found["properties"].get("n") or 0) > limit


def measure(count: int) -> None:
    """Load, match, print."""
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        store, keyring = prepare(Path(folder), count)
        gc.collect()
        before, start = resident(), time.perf_counter()
        configuration = Configuration(RepositorySource(keyring))
        store.read_now(configuration.refresh)
        loaded = time.perf_counter() - start
        gc.collect()
        size = (resident() - before) / count
        offer = configuration.plans[1].offer("events")
        assert offer is not None
        candidates = offer.candidates(filter_globals(EVENT, FOLDED))

        def match() -> None:
            found = filter_globals(EVENT, FOLDED)
            assert not wanted_by(offer.candidates(found), found, "events", HOST, [])

        tests = [by_hand(1000 + number) for number in range(len(candidates))]
        floor = best(lambda: [test(found) for found in (filter_globals(EVENT, FOLDED),) for test in tests])
        print(
            f"{count:>13,}{len(candidates):>12}{best(match):>10.1f}{floor:>9.1f}{loaded:>12.2f}{size / 1000:>12.1f}",
            flush=True,
        )
        store.close()


def main() -> None:
    """Print a line for each number of destinations."""
    print(
        f"{'destinations':>13}{'candidates':>12}{'µs/event':>10}{'by hand':>9}{'load, s':>12}{'kB each':>12}"
    )
    for count in SIZES:
        measure(count)


if __name__ == "__main__":
    main()
