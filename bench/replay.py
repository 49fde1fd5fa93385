"""A replay of a million logged events: how fast it goes, and what live traffic notices of it.

    python bench/replay.py [--events 1000000] [--rounds 3] [--seconds 15] [--rate 5000] [--live 500] [--whole]

The log begins with that many events that nobody wanted. Then live traffic to one destination is measured by turns: alone, and
while the events are replayed for another one. At last the replay goes on with no live traffic. It passes when the median live p99
beside the replay is less than 20 % (and 5 ms) above that of live traffic alone, and no live event is missing. ``--whole`` waits for the end, and
wants each event delivered exactly once.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import past
from hold import ledger, show
from rig import Server, server, sink
from run import Bench, Case, Round

T = TypeVar("T")

SHARE, SLACK_MS = 0.2, 5.0
# How long a replay gets to find out how much it may do beside live traffic, before that is measured.
FIND_S = 15.0
EVENT = "bench past"
RUN = """
SELECT count(*), count(DISTINCT event_uuid) FROM deliveries WHERE destination_id = ? AND verdict = 'delivered'
"""


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that goes on for as long as it is measured."""

    running: Server
    owner: str
    path: str

    @classmethod
    def order(cls, running: Server, sink_port: int, rate: float) -> Replay:
        """Make the destination that the past is for and order the replay, which waits."""
        inputs = {"url": f"http://127.0.0.1:{sink_port}/past", "body": {"event": "{event}"}}
        owner = running.create_destination("Past", inputs, EVENT)
        path = f"/api/projects/1/hog_functions/{owner}/"
        made = running.call("POST", f"{path}replay/", {"after": "-30d", "rate": rate})
        replay = cls(running, owner, f"{path}replays/{made['id']}/")
        replay.running.call("POST", f"{replay.path}pause/")
        return replay

    def beside(self, work: Callable[[], T]) -> tuple[T, float]:
        """Do something while the replay goes on: the result, and deliveries a second."""
        before, began = self.delivered()[0], time.monotonic()
        self.running.call("POST", f"{self.path}resume/")
        result = work()
        self.running.call("POST", f"{self.path}pause/")
        lasted = time.monotonic() - began
        time.sleep(2)  # what was under way arrives
        return result, (self.delivered()[0] - before) / lasted

    def delivered(self) -> tuple[int, int]:
        """Deliveries so far, and of how many events."""
        ((deliveries, events),) = ledger(self.running, RUN, self.owner)
        return deliveries, events

    def finish(self, seconds: float) -> dict[str, Any]:
        """Let it go on to its end, or until time is up."""
        self.running.call("POST", f"{self.path}resume/")
        deadline = time.monotonic() + seconds
        while True:
            item: dict[str, Any] = self.running.call("GET", self.path)
            if item["finished_at"] or time.monotonic() > deadline:
                return item
            time.sleep(1)


def measure(bench: Bench, replay: Replay, options: argparse.Namespace) -> tuple[list[Round], list[Round]]:
    """Rounds of live traffic alone and beside the replay, by turns."""
    live = Case("live", "At a fixed rate", rate=options.live)
    alone, beside = [], []
    for number in range(options.rounds):
        options.warm_up = 3.0
        alone.append(bench.run(live))
        show("alone", alone[-1])
        options.warm_up = 3.0 if number else FIND_S
        one, speed = replay.beside(lambda: bench.run(live))
        beside.append(one)
        show(f"beside {speed:,.0f}/s", one)
        tell("beside", speed, options)
    return alone, beside


def tell(how: str, speed: float, options: argparse.Namespace) -> None:
    """Print how fast it went."""
    whole = options.events / max(speed, 1) / 60
    print(f"replayed {speed:,.0f}/s {how}: all {options.events:,} in {whole:,.1f} minutes", flush=True)


def judge(alone: list[Round], beside: list[Round]) -> bool:
    """Whether live traffic noticed too little to matter."""
    quiet, busy = (statistics.median(one.p99_ms for one in rounds) for rounds in (alone, beside))
    bound, missing = quiet * (1 + SHARE) + SLACK_MS, sum(one.missing for one in alone + beside)
    rise = busy / quiet - 1
    print(
        f"live p99 {quiet:.1f} ms alone, {busy:.1f} ms beside it: {rise:+.0%} (bound {bound:.1f} ms); missing {missing}"
    )
    return busy < bound and not missing


def main() -> int:
    """Make the past, measure, judge; 1 when it did not pass."""
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="hedgerow-past-") as folder, sink("bench") as (port, pid):
        took = past.make(Path(folder), EVENT, options.events)
        print(f"logged   {options.events:,} in {took:.0f} s: {options.events / took:,.0f}/s", flush=True)
        with server(output=options.log, HEDGEROW_DATA_DIR=folder) as running:
            running.data = Path(folder)
            bench = Bench(running, port, pid, options)
            bench.set_up()
            replay = Replay.order(running, port, options.rate)
            passed = judge(*measure(bench, replay, options))
            tell("with nothing beside", replay.beside(lambda: time.sleep(options.seconds))[1], options)
            if options.whole:
                item = replay.finish(3600)
                count, events = replay.delivered()
                print(f"all      {count:,} of {events:,} events: {item['progress']['verdicts']}")
                passed &= count == events == options.events
    return 0 if passed else 1


def read_options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=5000.0)
    parser.add_argument("--live", type=float, default=500.0)
    parser.add_argument(
        "--rounds", type=int, default=3, help="of live traffic alone and beside the replay, each"
    )
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--whole", action="store_true", help="wait until all of it is replayed")
    parser.add_argument("--log", type=Path, default=None, help="keep what the server prints in this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
