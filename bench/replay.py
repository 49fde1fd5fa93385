"""A replay of a million logged events: how fast it goes, and what live traffic notices of it.

    python bench/replay.py [--events 1000000] [--seconds 15] [--rate 5000] [--live 500]

That many events are captured that nobody wants. Then live traffic to one destination is measured twice: alone, and while the
events are replayed for another one. It passes when the live p99 rises by less than 20 % (and 5 ms), no live event is missing, and, if
it waits for the end (``--whole``), each event has exactly one delivery.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from hold import ledger, show
from rig import Server, server, sink
from run import Bench, Case

SHARE, SLACK_MS = 0.2, 5.0
SETTLED = "SELECT count(*) FROM event_index WHERE event = 'bench past' AND ?1 IS NOT NULL"
RUN = """
SELECT count(*), count(DISTINCT event_uuid), min(updated_at), max(updated_at) FROM deliveries
WHERE destination_id = ? AND verdict = 'delivered'
"""


def fill(running: Server, wanted: int) -> float:
    """Capture events until so many are in the index; seconds it took."""
    began = time.monotonic()
    running.capture_many("bench past", wanted)
    while ledger(running, SETTLED, str(uuid.uuid4()))[0][0] < wanted:
        if time.monotonic() - began > 1800:
            raise RuntimeError("the events do not come through")
        time.sleep(0.5)
    return time.monotonic() - began


def create(running: Server, sink_port: int) -> str:
    """The destination that the past is for; its id."""
    url, body = f"http://127.0.0.1:{sink_port}/past", {"event": "{event}"}
    return running.create_destination("Past", {"url": url, "body": body}, "bench past")


def wait(running: Server, path: str, seconds: float) -> dict[str, Any]:
    """The replay when it is over, or as it is when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        item: dict[str, Any] = running.call("GET", path)
        if item["finished_at"] or time.monotonic() > deadline:
            return item
        time.sleep(1)


def main() -> int:
    """Fill, measure, judge; 1 when it did not pass."""
    options = read_options()
    live = Case("live", "At a fixed rate", rate=options.live)
    with sink("bench") as (sink_port, sink_pid), server(output=options.log) as running:
        bench = Bench(running, sink_port, sink_pid, options)
        bench.set_up()
        took = fill(running, options.events)
        print(f"logged   {options.events:,} in {took:.0f} s: {options.events / took:,.0f}/s", flush=True)
        identity = create(running, sink_port)
        quiet = bench.run(live)
        show("alone", quiet)
        path = f"/api/projects/1/hog_functions/{identity}/"
        order = {"after": "-30d", "rate": options.rate}
        replay = running.call("POST", f"{path}replay/", order)
        beside = bench.run(live)
        show(f"beside {options.rate:g}/s", beside)
        count, events, first, last = ledger(running, RUN, identity)[0]
        print(
            f"replayed {count:,} in {(last - first) / 1000:.1f} s: {count / max(1, last - first) * 1000:,.0f}/s",
            flush=True,
        )
        whole = True
        if options.whole:
            item = wait(running, f"{path}replays/{replay['id']}/", 3600)
            count, events, first, last = ledger(running, RUN, identity)[0]
            print(
                f"all      {count:,} of {events:,} events in {(last - first) / 1000:.1f} s: {item['progress']['verdicts']}"
            )
            whole = count == events == options.events
    bound = quiet.p99_ms * (1 + SHARE) + SLACK_MS
    print(f"live p99 {quiet.p99_ms:.1f} ms alone, {beside.p99_ms:.1f} ms beside it (bound {bound:.1f} ms)")
    return 0 if beside.p99_ms < bound and not (quiet.missing or beside.missing) and whole else 1


def read_options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=5000.0)
    parser.add_argument("--live", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--warm-up", type=float, default=2)
    parser.add_argument("--whole", action="store_true", help="wait until all of it is replayed")
    parser.add_argument("--log", type=Path, default=None, help="keep what the server prints in this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
