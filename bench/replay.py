"""A replay of a million logged events: how fast it goes, and what live traffic notices of it.

    python bench/replay.py [--events 1000000] [--pairs 16] [--seconds 8] [--rate 5000] [--live 500] [--whole]

The log begins with that many events that nobody wanted. Then there is live traffic to one destination, without a break, and beside it
the events are replayed for another one: on and off by turns, in pairs whose order alternates, so that a machine that grows faster or
slower favours neither. At last the replay goes on with no live traffic. It passes when the live p99 of a turn beside the replay is
less than 20 % above that of the turn alone of the same pair, in the median, and no live event is missing. ``--whole`` waits for the
end, and wants each event delivered exactly once.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import past
from hold import ledger
from rig import Server, server, sink
from run import Bench, Case, Loaded, ranked

SHARE = 0.2
# How long a replay gets to find out how much it may do beside live traffic, before that is measured.
FIND_S = 20.0
# What the turn before left under way still arrives for so long.
SKIP_S = 1.5
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
        replay.switch(on=False)
        return replay

    def switch(self, *, on: bool) -> None:
        """Let it go on, or stop it for a while."""
        self.running.call("POST", f"{self.path}{'resume' if on else 'pause'}/")

    def speed(self, seconds: float) -> float:
        """Let it go on for a time: deliveries a second."""
        before = self.delivered()[0]
        self.switch(on=True)
        time.sleep(seconds)
        self.switch(on=False)
        time.sleep(2)  # what was under way arrives
        return (self.delivered()[0] - before) / seconds

    def delivered(self) -> tuple[int, int]:
        """Deliveries so far, and of how many events."""
        ((deliveries, events),) = ledger(self.running, RUN, self.owner)
        return deliveries, events

    def finish(self, seconds: float) -> dict[str, Any]:
        """Let it go on to its end, or until time is up."""
        self.switch(on=True)
        deadline = time.monotonic() + seconds
        while True:
            item: dict[str, Any] = self.running.call("GET", self.path)
            if item["finished_at"] or time.monotonic() > deadline:
                return item
            time.sleep(1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A part of the live traffic; monotonic seconds."""

    beside: bool
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Live traffic and the turns it was divided into, and deliveries a second of the replay in its own turns."""

    loaded: Loaded
    turns: list[Turn]
    speed: float

    def ranks(self, rank: float) -> list[tuple[float, float]]:
        """Of each pair the latency of that rank alone and beside the replay, milliseconds."""
        found = [
            (turn.beside, ranked(self.loaded.delays(turn.began, turn.ended), rank)) for turn in self.turns
        ]
        pairs = [dict(found[number : number + 2]) for number in range(0, len(found), 2)]
        return [(pair[False], pair[True]) for pair in pairs]


def measure(bench: Bench, replay: Replay, options: argparse.Namespace) -> Measured:
    """Live traffic, and beside it the replay by turns."""
    options.warm_up, options.seconds = 3.0, FIND_S + options.turn_s * (2 * options.pairs + 1)
    before = replay.delivered()[0]
    with ThreadPoolExecutor(1) as thread:
        turns = thread.submit(take_turns, replay, options)
        loaded = bench.load(Case("live", "At a fixed rate", rate=options.live))
        lasted = options.warm_up + FIND_S + options.turn_s * options.pairs
        return Measured(loaded, turns.result(), (replay.delivered()[0] - before) / lasted)


def take_turns(replay: Replay, options: argparse.Namespace) -> list[Turn]:
    """Switch the replay on and off."""
    replay.switch(on=True)
    time.sleep(options.warm_up + FIND_S)
    turns: list[Turn] = []
    for number in range(options.pairs):
        for beside in (False, True) if number % 2 else (True, False):
            began = time.monotonic()
            replay.switch(on=beside)
            time.sleep(options.turn_s)
            turns.append(Turn(beside, began + SKIP_S, time.monotonic()))
    replay.switch(on=False)
    return turns


def show(measured: Measured) -> None:
    """Print what each pair showed."""
    for quiet, busy in zip(*(measured.ranks(rank) for rank in (0.5, 0.99)), strict=True):
        print(
            f"live, alone: p50 {quiet[0]:6.1f} ms   p99 {busy[0]:6.1f} ms   beside the replay: p50 {quiet[1]:6.1f} ms"
            f"   p99 {busy[1]:6.1f} ms",
            flush=True,
        )


def tell(how: str, speed: float, options: argparse.Namespace) -> None:
    """Print how fast it went."""
    whole = options.events / max(speed, 1) / 60
    print(f"replayed {speed:,.0f}/s {how}: all {options.events:,} in {whole:,.1f} minutes", flush=True)


def judge(measured: Measured) -> bool:
    """Whether live traffic noticed too little to matter."""
    one = measured.loaded.judge()
    pairs = measured.ranks(0.99)
    rise = statistics.median(busy / quiet - 1 for quiet, busy in pairs)
    quiet, busy = (statistics.median(pair[which] for pair in pairs) for which in (0, 1))
    cpu = "  ".join(f"{who} {share:.0%}" for who, share in sorted(one.cpu.items()))
    print(
        f"live p99 {quiet:.1f} ms alone, {busy:.1f} ms beside it, medians; of the pairs {rise:+.0%} (less than {SHARE:+.0%} is wanted);"
        f" missing {one.missing}, refused {one.refused}; {cpu}"
    )
    return rise < SHARE and one.valid


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
            measured = measure(bench, replay, options)
            show(measured)
            passed = judge(measured)
            tell("beside live traffic", measured.speed, options)
            tell("with nothing beside", replay.speed(options.turn_s), options)
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
    parser.add_argument("--pairs", type=int, default=16, help="of turns alone and beside the replay")
    parser.add_argument("--seconds", dest="turn_s", type=float, default=8.0, help="of a turn")
    parser.add_argument("--whole", action="store_true", help="wait until all of it is replayed")
    parser.add_argument("--log", type=Path, default=None, help="keep what the server prints in this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
