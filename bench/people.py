"""People folding beside its floor: events per second that become persons, and the bare rows written to SQLite.

The mix is 60 % anonymous events, 30 % with ``$set`` and 10 % ``$identify``, in batches as a worker reads them, with a
durable commit per batch. The floor writes as many rows of the same persons in as many transactions, without reading,
deciding or merging anything.

    python bench/people.py [--events 100000] [--batch 500] [--personless] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import tempfile
import time
import uuid
from pathlib import Path

from hedgerow.events import Event
from hedgerow.people import Change, fold
from hedgerow.serve.interpreter import tune
from hedgerow.store import Connection, migrate, open_connection
from hedgerow.store.database import transact

NOON = 1_767_268_800_000
PAGE = {
    "$current_url": "https://shop.example/products/42?utm_source=mail",
    "$pathname": "/products/42",
    "$browser": "Firefox",
    "$browser_version": 131,
    "$os": "Linux",
    "$device_type": "Desktop",
    "$referrer": "$direct",
    "$referring_domain": "$direct",
    "$screen_height": 1080,
    "$screen_width": 1920,
    "$lib": "web",
    "$lib_version": "1.449.2",
    "$session_id": "01930000-0000-7000-8000-000000000000",
    "utm_source": "mail",
    "price": 12.5,
    "products": ["a", "b"],
}


def mix(count: int, *, personless: bool) -> list[Change]:
    """Events of visitors, of whom some log in."""
    chance = random.Random(7)
    users = max(1, count // 20)
    return [Change(1, _event(chance, number, users, personless=personless)) for number in range(count)]


def _event(chance: random.Random, number: int, users: int, *, personless: bool) -> Event:
    kind = chance.random()
    user = chance.randrange(users)
    name, distinct_id, properties = "$pageview", f"anonymous-{user}", dict(PAGE)
    if kind < 0.6:
        if personless:
            properties["$process_person_profile"] = False
    elif kind < 0.9:
        distinct_id = f"user-{user}"
        properties["$set"] = {"email": f"{user}@shop.example", "visits": number}
    else:
        name, distinct_id = "$identify", f"user-{user}"
        properties |= {"$anon_distinct_id": f"anonymous-{user}", "$set": {"plan": "paid"}}
    return Event(
        str(uuid.UUID(int=number)), name, distinct_id, properties, "2026-01-01T12:00:00.000Z", NOON + number
    )


def batches(items: list, size: int) -> list[list]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def timed_fold(conn: Connection, changes: list[Change], size: int) -> tuple[float, float]:
    """Seconds that passed, and seconds of the processor."""
    started, used = time.perf_counter(), time.process_time()
    for batch in batches(changes, size):
        transact(conn, lambda c, batch=batch: fold(c, batch))
    return time.perf_counter() - started, time.process_time() - used


def timed_floor(conn: Connection, rows: list, writes: int, steps: int) -> float:
    """Write rows of ``persons`` until as many were written as folding wrote, in as many transactions."""
    insert = "INSERT OR REPLACE INTO persons VALUES (?, ?, ?, ?, ?, ?, ?)"
    parts = batches([rows[number % len(rows)] for number in range(writes)], -(-writes // steps))
    started = time.perf_counter()
    for part in parts:
        transact(conn, lambda c, part=part: c.executemany(insert, part))
    return time.perf_counter() - started


def store(folder: Path) -> Connection:
    folder.mkdir()
    migrate(folder)
    return open_connection(folder / "state.db")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--personless", action="store_true", help="anonymous events carry no person profile")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    options = parser.parse_args()
    tune()  # as workers do
    changes = mix(options.events, personless=options.personless)
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        conn, bare = store(Path(folder, "folded")), store(Path(folder, "bare"))
        profile = cProfile.Profile()
        if options.profile:
            profile.enable()
        seconds, used = timed_fold(conn, changes, options.batch)
        profile.disable()
        writes = conn.total_changes()
        persons = conn.execute("SELECT * FROM persons").fetchall()
        floor = timed_floor(bare, persons, writes, len(batches(changes, options.batch)))
        conn.close()
        bare.close()
    print(
        f"folded  {options.events / seconds:>10,.0f} events/s  {seconds:6.2f} s, batches of {options.batch}, durable; "
        f"processor: {used / options.events * 1e6:.1f} us/event"
    )
    print(
        f"floor   {options.events / floor:>10,.0f} events/s  {floor:6.2f} s for its {writes:,} row writes alone"
    )
    print(f"ratio   {seconds / floor:>10.1f}")
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
