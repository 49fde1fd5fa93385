"""What destinations cost: microseconds per event to match and to render, bytes per destination in memory.

    python bench/destinations.py

The floor beside each figure is a Python function that does the same by hand on the same event.
"""

from __future__ import annotations

import gc
import time
from pathlib import Path

from hedgerow.destinations import (
    CompiledDestination,
    Config,
    Destination,
    FilterGlobals,
    Keyring,
    Project,
    builtin,
    validate,
)
from hedgerow.destinations.filters import compile_filters

PROJECT, RING = Project(1), Keyring(["a key for benchmarks only"])
COUNT = 2000
NAME = {"id": "$pageview", "type": "events"}
FILTERS = {
    "event name": {"events": [NAME]},
    "exact": {"events": [NAME], "properties": [{"key": "plan", "value": "pro"}]},
    "one of three": {"events": [NAME], "properties": [{"key": "plan", "value": ["a", "b", "pro"]}]},
    "contains": {
        "events": [NAME],
        "properties": [{"key": "$current_url", "value": "docs", "operator": "icontains"}],
    },
    "greater": {"events": [NAME], "properties": [{"key": "n", "value": 3, "operator": "gt"}]},
    "is set": {"events": [NAME], "properties": [{"key": "email", "type": "person", "operator": "is_set"}]},
    "regex": {
        "events": [NAME],
        "properties": [{"key": "$current_url", "value": "/docs/.$", "operator": "regex"}],
    },
    "date": {"events": [NAME], "properties": [{"key": "at", "value": "-7d", "operator": "is_date_after"}]},
    "semver": {"events": [NAME], "properties": [{"key": "v", "value": "1.0", "operator": "semver_gt"}]},
}
EVENT = FilterGlobals(
    event="$pageview", uuid="u", timestamp="t", distinct_id="d",
    properties={"$current_url": "https://x.test/docs/1", "plan": "pro", "n": 5, "v": "1.2.3", "at": "2026-01-01",
                **{f"$p{i}": i for i in range(40)}},
    person={"id": "p", "properties": {"email": "ada@example.com"}},
)  # fmt: skip


def by_hand(found):
    """The floor: the exact filter, written in Python."""
    return found["event"] == "$pageview" and found["properties"].get("plan") == "pro"


def best(function, *args, rounds=20_000):
    """Microseconds of one call, the best of five measurements."""
    figures = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(rounds):
            function(*args)
        figures.append((time.perf_counter() - start) / rounds * 1e6)
    return min(figures)


def payload(number):
    return {
        "template_id": "template-webhook",
        "enabled": True,
        "inputs": {"url": {"value": f"https://x{number}.test/{{event.distinct_id}}"}},
        "filters": {
            "events": [{"id": f"event {number % 500}"}],
            "properties": [{"key": "plan", "type": "person", "value": f"plan {number}"}],
        },
    }


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def memory():
    """Bytes per destination: compiled, and after its first delivery."""
    texts = [validate(payload(i), project=PROJECT, templates=builtin()).config.encode() for i in range(COUNT)]
    gc.collect()
    before = resident()
    made = [
        CompiledDestination(Destination(str(i), 1, 1, Config.decode(text)), RING, PROJECT)
        for i, text in enumerate(texts)
    ]
    gc.collect()
    compiled = (resident() - before) / COUNT
    for destination in made:
        destination.render({"event": {"distinct_id": "d"}, "person": {}})
        destination.redact(destination.program.source)
    gc.collect()
    return compiled, (resident() - before) / COUNT


def main():
    print("match, µs per event")
    print(f"  {'floor (by hand, exact)':24}{best(by_hand, EVENT):8.2f}")
    for label, filters in FILTERS.items():
        print(f"  {label:24}{best(compile_filters(filters, PROJECT).matches, EVENT):8.2f}")
    hook = CompiledDestination(
        validate(payload(1), project=PROJECT, templates=builtin()).unsaved(1, RING), RING, PROJECT
    )
    globals_ = {"event": {"distinct_id": "d"}, "person": {}}
    print(f"render the inputs of a webhook, µs{best(hook.render, globals_):8.2f}")
    compiled, used = memory()
    print(
        f"memory per destination, kB: {compiled / 1000:.1f} compiled, {used / 1000:.1f} after its first delivery"
    )


if __name__ == "__main__":
    main()
