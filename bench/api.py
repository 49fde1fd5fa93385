"""How long the API takes to answer when there is much: 1,000 destinations, a million deliveries, as many events and log lines.

A fresh instance is filled by direct SQL (made-up history cannot be had faster), then asked over HTTP, one request after the
other, like a person who looks around. Beside each endpoint stands what the same request costs when there is nothing to find: the
floor of HTTP, key check and project.

    python bench/api.py                    # all of it: about two minutes
    python bench/api.py --rows 50000       # a quick look
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import rig

LIMIT_MS = 50.0
DAY_MS = 86_400_000
SPAN_MS = 29 * DAY_MS
EVENTS = [f"event {n}" for n in range(200)]
KINDS = ("http_5xx", "timeout", "http_4xx", "thrown", "connect")
PERSONS = 100_000
BATCH = 20_000


def main() -> int:
    """Fill, ask, print; 1 when something took longer than it may."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="deliveries in the ledger")
    parser.add_argument("--destinations", type=int, default=1_000)
    parser.add_argument("--times", type=int, default=60, help="requests to each endpoint")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-api-") as folder:
        data = Path(folder)
        with rig.server(HEDGEROW_DATA_DIR=folder) as running:
            first = running.create_webhook("destination 0", "http://127.0.0.1:9/hook", {}, {})
        began = time.perf_counter()
        known = fill(data, uuid.UUID(first).bytes, chosen.destinations, chosen.rows)
        print(
            f"{chosen.destinations:,} destinations, {chosen.rows:,} deliveries, in {time.perf_counter() - began:.0f} s"
        )
        with rig.server(HEDGEROW_DATA_DIR=folder) as running:
            return report(measure(running.port, known, chosen.times))


# ---------------------------------------------------------------- filling


def fill(data: Path, first: bytes, destinations: int, rows: int) -> dict[str, str]:
    """Write the history; returns ids to ask for."""
    dice, now = random.Random(7), int(time.time() * 1000)
    state, telemetry = sqlite3.connect(data / "state.db"), sqlite3.connect(data / "telemetry.db")
    owners = copies(state, first, destinations, dice, now)
    with without_indexes(state, ("deliveries", "event_index")):
        known = ledger(state, owners, rows, dice, now)
    people(state, now)
    lines(telemetry, owners, rows, dice, now)
    state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    state.close()
    telemetry.close()
    return known


def copies(state: sqlite3.Connection, first: bytes, count: int, dice: random.Random, now: int) -> list[bytes]:
    """The one destination as often as wanted, each with a name and id of its own."""
    owners = [first] + [uuid.UUID(int=dice.getrandbits(128), version=4).bytes for _ in range(count - 1)]
    (row,) = rows_of(state, "destinations", first)
    (revision,) = rows_of(state, "destination_revisions", first)
    with state:
        for number, owner in enumerate(owners[1:], 1):
            name = f"destination {number}"
            config = json.dumps({**json.loads(revision["config"]), "name": name})
            put(state, "destinations", {**row, "id": owner, "name": name, "updated_at": now - number})
            put(state, "destination_revisions", {**revision, "destination_id": owner, "config": config})
    return owners


def rows_of(state: sqlite3.Connection, table: str, owner: bytes) -> list[dict[str, Any]]:
    key = "id" if table == "destinations" else "destination_id"
    found = state.execute(f"SELECT * FROM {table} WHERE {key} = ?", (owner,))
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def put(state: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    state.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
    )


class without_indexes:  # noqa: N801 - reads as what it does
    """Tables without their indexes for the length of a block: building them in the end is much faster."""

    def __init__(self, state: sqlite3.Connection, tables: tuple[str, ...]) -> None:
        marks = ", ".join("?" * len(tables))
        sql = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks})"
        self._state, self._indexes = state, state.execute(sql, tables).fetchall()

    def __enter__(self) -> None:
        for name, _ in self._indexes:
            self._state.execute(f"DROP INDEX {name}")

    def __exit__(self, *exc: object) -> None:
        for _, sql in self._indexes:
            self._state.execute(sql)
        self._state.commit()


DELIVERIES = """
INSERT INTO deliveries (id, project_id, destination_id, revision, partition, position, event_uuid, event, distinct_id, verdict,
  kind, error, attempts, status, duration_ms, captured_at, created_at, updated_at) VALUES (?,1,?,1,?,?,?,?,?,?,?,?,1,?,12,?,?,?)
"""
ATTEMPTS = """
INSERT INTO delivery_attempts (delivery_id, number, ordinal, at, duration_ms, method, url, status, error, request, response)
VALUES (?, 1, 0, ?, 12, 'POST', 'http://127.0.0.1:9/hook', ?, NULL, '{"headers":{},"body":"{}"}', ?)
"""
INDEX = "INSERT INTO event_index VALUES (?, ?, 1, ?, ?, ?, ?)"


def ledger(
    state: sqlite3.Connection, owners: list[bytes], rows: int, dice: random.Random, now: int
) -> dict[str, str]:
    """Deliveries over 29 days: 96 of 100 went well, and of those that did not the tool's answer is kept."""
    known: dict[str, str] = {}
    for start in range(0, rows, BATCH):
        made = [
            delivery(owners, rows, number, dice, now) for number in range(start, min(rows, start + BATCH))
        ]
        with state:
            state.executemany(DELIVERIES, [row for row, _ in made])
            state.executemany(INDEX, [(row[2], row[3], row[4], row[5], row[6], row[11]) for row, _ in made])
            state.executemany(ATTEMPTS, [attempt for _, attempt in made if attempt])
        row = made[-1][0]
        known = {
            "delivery": str(uuid.UUID(bytes=row[0])),
            "destination": str(uuid.UUID(bytes=owners[1])),
            "event_uuid": str(uuid.UUID(bytes=row[4])),
            "event": row[5],
            "person": row[6],
            "middle": known.get("middle") or (str(uuid.UUID(bytes=row[0])) if start >= rows // 2 else ""),
        }
    return known


def delivery(
    owners: list[bytes], rows: int, number: int, dice: random.Random, now: int
) -> tuple[tuple[Any, ...], Any]:
    at = now - SPAN_MS + SPAN_MS * number // rows
    identity = ((at << 80) | (8 << 76) | (2 << 62) | number).to_bytes(16, "big")
    failed, held = dice.random() < 0.03, dice.random() < 0.002
    kind = dice.choice(KINDS) if failed else None
    status = {"http_5xx": 503, "http_4xx": 404}.get(kind or "") or (None if failed else 200)
    verdict = "failed" if failed else "masked" if held else "delivered"
    error = f"The tool answered with status {status} for order {number}" if failed else None
    row = (
        identity, dice.choice(owners), number % 16, number * 4096, dice.randbytes(16), dice.choice(EVENTS),
        f"person {dice.randrange(PERSONS)}", verdict, kind, error, status, at, at, at,
    )  # fmt: skip
    answer = json.dumps({"headers": {}, "body": f"no stock left of item {number}"}) if failed else None
    return row, (identity, at, status, answer) if failed else None


def people(state: sqlite3.Connection, now: int) -> None:
    """Persons, and names seen."""
    with state:
        state.executemany(
            "INSERT INTO persons (id, project_id, uuid, properties, created_at) VALUES (?, 1, ?, ?, ?)",
            (
                (n, uuid.UUID(int=n, version=4).bytes, json.dumps({"email": f"{n}@example.com"}), now)
                for n in range(1, PERSONS)
            ),
        )
        state.executemany(
            "INSERT INTO person_distinct_ids VALUES (1, ?, ?)",
            ((f"person {n}", n) for n in range(1, PERSONS)),
        )
        state.executemany(
            "INSERT INTO event_definitions VALUES (1, ?, ?, ?)", ((name, now, now) for name in EVENTS)
        )
        state.executemany(
            "INSERT INTO property_definitions VALUES (1, 'event', -1, ?, 'String', ?, ?)",
            ((f"property {n}", now, now) for n in range(5000)),
        )


def lines(
    telemetry: sqlite3.Connection, owners: list[bytes], rows: int, dice: random.Random, now: int
) -> None:
    """Half of the log lines belong to one destination: the chattiest decides."""
    chatty = owners[1]

    def some() -> Iterator[tuple[Any, ...]]:
        for number in range(rows):
            owner = chatty if number % 2 else dice.choice(owners)
            level = "error" if number % 50 == 0 else "info"
            yield (
                owner,
                dice.randbytes(16),
                now - SPAN_MS // 3 + number * 10,
                level,
                f"order {number} was sent",
            )

    with without_indexes(telemetry, ("log_entries",)), telemetry:
        telemetry.executemany(
            "INSERT INTO log_entries (project_id, destination_id, delivery_id, at, level, message) VALUES (1, ?, ?, ?, ?, ?)",
            some(),
        )


# -------------------------------------------------------------- measuring


def endpoints(known: dict[str, str]) -> dict[str, str]:
    """What is asked, by what it is called."""
    one, rows = f"hog_functions/{known['destination']}", "deliveries/"
    return {
        "floor: a list with nothing in it": "actions/",
        "destinations": "hog_functions/?limit=100",
        "destinations, page 10": "hog_functions/?limit=100&offset=900",
        "destinations, in full": "hog_functions/?limit=100&full=true",
        "destinations, searched": "hog_functions/?search=destination%2077",
        "one destination": f"{one}/",
        "deliveries": rows,
        "deliveries behind a cursor": f"{rows}?cursor={known['middle']}",
        "deliveries of a destination": f"{rows}?destination={known['destination']}",
        "deliveries with a verdict": f"{rows}?verdict=failed",
        "deliveries of a rare verdict": f"{rows}?verdict=masked",
        "deliveries of a kind": f"{rows}?kind=timeout",
        "deliveries with a status": f"{rows}?status=404",
        "deliveries of a class": f"{rows}?status=5xx",
        "deliveries of an event's name": f"{rows}?event={quote(known['event'])}",
        "deliveries of an event": f"{rows}?event_uuid={known['event_uuid']}",
        "deliveries of a person": f"{rows}?person={quote(known['person'])}",
        "deliveries of a day": f"{rows}?after=-15d&before=-14d",
        "failures of a destination in a week": f"{rows}?destination={known['destination']}&verdict=failed&after=-7d",
        "deliveries of nobody": f"{rows}?person=nobody",
        "one delivery": f"{rows}{known['delivery']}/",
        "log lines": f"{one}/logs/",
        "log lines of a level": f"{one}/logs/?level=ERROR",
        "log lines, page 10": f"{one}/logs/?offset=450",
        "log lines of an hour": f"{one}/logs/?after=-7d&before=-6d",
        "counts by the hour": f"{one}/metrics/?after=-7d&interval=hour",
        "counts": f"{one}/metrics/totals/",
        "persons": "persons/",
        "a person by distinct id": f"persons/?distinct_id={quote(known['person'])}",
        "event definitions": "event_definitions/",
        "property definitions": "property_definitions/?search=property%204",
    }


SEARCHES = {
    "text in errors": "deliveries/?search=status%20503",
    "text in a tool's answer": "deliveries/?search=no%20stock%20left",
    "text that stands nowhere": "deliveries/?search=zebra&verdict=failed",
    "log lines with a text": "{one}/logs/?search=order%20777",
}


def measure(port: int, known: dict[str, str], times: int) -> dict[str, tuple[float, float, float, bool]]:
    """Milliseconds by endpoint: middle, 95th of 100, worst, and whether the bound holds for it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found = {}
    for name, path in endpoints(known).items():
        found[name] = (*timed(connection, path, times), True)
    for name, path in SEARCHES.items():
        whole = path.format(one=f"hog_functions/{known['destination']}")
        found[name] = (*timed(connection, whole, max(3, times // 10)), False)
    return found


def timed(connection: http.client.HTTPConnection, path: str, times: int) -> tuple[float, float, float]:
    spent = []
    for turn in range(times + 2):
        began = time.perf_counter()
        connection.request("GET", f"/api/projects/1/{path}", headers={"Authorization": f"Bearer {rig.KEY}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        if turn > 1:
            spent.append((time.perf_counter() - began) * 1000)
    spent.sort()
    return statistics.median(spent), spent[int(len(spent) * 0.95) - 1], spent[-1]


def report(found: dict[str, tuple[float, float, float, bool]]) -> int:
    """Print the table; 1 when an endpoint is over its bound."""
    print(f"\n{'':40} {'p50':>8} {'p95':>8} {'worst':>8}   milliseconds")
    for name, (middle, late, worst, bound) in found.items():
        mark = (
            "  <-- over 50" if bound and late > LIMIT_MS else "" if bound else "  (no bound: it reads texts)"
        )
        print(f"{name:40} {middle:8.1f} {late:8.1f} {worst:8.1f}{mark}")
    return int(any(bound and late > LIMIT_MS for _, late, _, bound in found.values()))


if __name__ == "__main__":
    sys.exit(main())
