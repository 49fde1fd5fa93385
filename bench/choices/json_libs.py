"""Which JSON library reads and writes events: microseconds per document, side by side.

The documents are an event of 700 bytes as an SDK sends it, a batch of 20, and the globals of a delivery (event, person, groups). Peers that are
not installed are left out:

    python bench/choices/json_libs.py
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

Codec = tuple[Callable[[bytes], Any], Callable[[Any], Any]]


def codecs() -> dict[str, Codec]:
    """What is installed: how each reads bytes and writes bytes."""
    found: dict[str, Codec] = {
        "json": (json.loads, lambda value: json.dumps(value, separators=(",", ":")).encode())
    }
    if importlib.util.find_spec("orjson"):
        import orjson

        found["orjson"] = (orjson.loads, orjson.dumps)
    if importlib.util.find_spec("msgspec"):
        import msgspec

        found["msgspec"] = (msgspec.json.Decoder().decode, msgspec.json.Encoder().encode)
    return found


def event(number: int) -> dict[str, Any]:
    """A page view of about 700 bytes."""
    return {
        "uuid": f"0193a1b2-0000-7000-8000-{number:012d}",
        "event": "$pageview",
        "distinct_id": f"user-{number}",
        "timestamp": "2026-03-01T12:30:45.123Z",
        "properties": {
            "$current_url": f"https://example.com/products/{number}?utm_source=newsletter",
            "$browser": "Chrome",
            "$browser_version": 131,
            "$os": "Mac OS X",
            "$screen_width": 1920,
            "$lib": "posthog-python",
            "$lib_version": "7.9.1",
            "price": 19.99,
            "paid": True,
            "coupon": None,
            "tags": ["spring", "größe", "sale"],
            "$set": {"email": f"user{number}@example.com", "plan": "pro"},
            "note": "x" * 160,
        },
    }


def documents() -> dict[str, Any]:
    """What is measured."""
    one = event(1)
    person = {
        "id": one["uuid"],
        "name": "user1@example.com",
        "properties": one["properties"]["$set"] | {"visits": 17},
    }
    groups = {"company": {"id": "acme", "index": 0, "properties": {"seats": 40, "name": "Acme"}}}
    return {
        "event": one,
        "batch of 20": {"api_key": "phc_x", "batch": [event(number) for number in range(20)]},
        "globals": {"event": one, "person": person, "groups": groups, "project": {"id": 1, "name": "Shop"}},
    }


def measure(call: Callable[[Any], Any], argument: Any, rounds: int) -> float:
    """Microseconds per call: the median of several rounds of about 50 ms."""
    began = time.perf_counter()
    call(argument)
    count = max(10, int(0.05 / max(time.perf_counter() - began, 1e-6)))
    results = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(count):
            call(argument)
        results.append((time.perf_counter() - began) / count * 1e6)
    return statistics.median(results)


def main() -> None:
    """Print a row per document and library."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{'document':<14} {'bytes':>6} {'library':<9} {'read us':>9} {'write us':>9}")
    for name, value in documents().items():
        text = json.dumps(value, separators=(",", ":")).encode()
        for library, (read, write) in codecs().items():
            assert read(bytes(write(value))) == value
            timings = measure(read, text, rounds), measure(write, value, rounds)
            print(f"{name:<14} {len(text):>6} {library:<9} {timings[0]:>9.2f} {timings[1]:>9.2f}")


if __name__ == "__main__":
    main()
