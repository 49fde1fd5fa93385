"""A hold of a million deliveries: what it costs to fill, to have and to drain, and what live traffic notices of it.

    python bench/hold.py [--held 1000000] [--seconds 15] [--drain 1000]

A paused destination is sent that many events; then live traffic to another one is measured three times: with nothing
draining, while the hold drains, and while a part of it is thrown away. The worker's memory is read all the while. It passes
when that stays below 400 MB and nothing that was sent is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from rig import Server, family, role, server, sink
from run import Bench, Case, Round

LIMIT_MB = 400
LIVE = Case("live", "At a fixed rate", rate=200)
COUNTS = "SELECT verdict, count(*) FROM deliveries WHERE destination_id = ? GROUP BY verdict"
DRAINED = """
SELECT count(*), min(updated_at), max(updated_at) FROM deliveries WHERE destination_id = ? AND verdict = 'delivered'
"""


class Memory:
    """The largest resident memory that any worker had."""

    def __init__(self, running: Server) -> None:
        self.pids = [pid for pid in family(running.pid) if role(pid) == "worker"]
        self.most = 0.0
        self._stop = threading.Event()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Look at it ten times a second."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1) and self.alive:
            self.most = max(self.most, self.now())

    @property
    def alive(self) -> bool:
        """Whether they are still the processes that we began with."""
        return all(Path(f"/proc/{pid}").exists() for pid in self.pids)

    def now(self) -> float:
        """Megabytes of the largest in this moment."""
        return max(map(resident_mb, self.pids))


def resident_mb(pid: int) -> float:
    """Memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def create(running: Server, sink_port: int) -> str:
    """The destination that will hold; its id."""
    url, body = f"http://127.0.0.1:{sink_port}/held", {"event": "{event}"}
    identity = running.create_destination("Held", {"url": url, "body": body}, "bench held")
    running.call("POST", f"/api/projects/1/hog_functions/{identity}/pause/")
    return identity


def counts(running: Server, identity: str) -> dict[str, int]:
    """Deliveries of a destination by verdict, from the ledger itself."""
    return dict(ledger(running, COUNTS, identity))


def ledger(running: Server, statement: str, identity: str) -> list[tuple[Any, ...]]:
    """What the ledger says about a destination."""
    path = str(running.data / "state.db")
    with contextlib.closing(apsw.Connection(path, apsw.SQLITE_OPEN_READONLY)) as connection:
        connection.set_busy_timeout(10_000)
        return connection.execute(statement, (uuid.UUID(identity).bytes,)).fetchall()


def fill(running: Server, identity: str, wanted: int) -> float:
    """Send events until so many are held; seconds it took."""
    began = time.monotonic()
    running.capture_many("bench held", wanted)
    while (found := counts(running, identity).get("held", 0)) < wanted:
        if time.monotonic() - began > 1800:
            raise RuntimeError(f"only {found} are held")
        time.sleep(0.5)
    return time.monotonic() - began


def show(name: str, one: Round) -> None:
    """Print a round of live traffic."""
    cpu = "  ".join(f"{who} {share:.0%}" for who, share in sorted(one.cpu.items()))
    print(
        f"live, {name:<22} p50 {one.p50_ms:7.1f} ms   p99 {one.p99_ms:7.1f} ms   missing {one.missing}   {cpu}",
        flush=True,
    )


def measure(bench: Bench, running: Server, identity: str, options: argparse.Namespace) -> list[Round]:
    """The three rounds of live traffic."""
    hold = f"/api/projects/1/hog_functions/{identity}"
    quiet = bench.run(LIVE)
    show("nothing draining", quiet)

    began = time.time()
    running.call("POST", f"{hold}/resume/", {"rate": options.drain})
    draining = bench.run(LIVE)
    show(f"draining {options.drain:g}/s", draining)
    ((gone, first, last),) = ledger(running, DRAINED, identity)
    took = (last - first) / 1000
    print(
        f"drained  {gone:,} in {took:.1f} s, the first after {first / 1000 - began:.2f} s: "
        f"{gone / took:,.0f}/s of {options.drain:g}/s asked for; now {counts(running, identity)}"
    )

    running.call("POST", f"{hold}/pause/")
    running.call("POST", f"{hold}/discard/")
    began, before = time.monotonic(), counts(running, identity).get("discarded", 0)
    discarding = bench.run(LIVE)
    show("throwing away", discarding)
    thrown = counts(running, identity).get("discarded", 0) - before
    print(
        f"discarded {thrown:,} in {time.monotonic() - began:.0f} s: {thrown / (time.monotonic() - began):,.0f}/s"
    )
    return [quiet, draining, discarding]


def main() -> int:
    """Fill, measure, judge; 1 when it did not pass."""
    options = read_options()
    with sink("bench") as (sink_port, sink_pid), server(output=options.log) as running:
        memory = Memory(running)
        bench = Bench(running, sink_port, sink_pid, options)
        bench.set_up()
        identity = create(running, sink_port)
        with memory.watched():
            took = fill(running, identity, options.held)
            print(
                f"held     {options.held:,} in {took:.0f} s: {options.held / took:,.0f}/s; worker {memory.now():.0f} MB"
            )
            rounds = measure(bench, running, identity, options)
            survived = memory.alive
    missing = sum(one.missing for one in rounds)
    print(f"worker   {memory.most:.0f} MB at most (bound {LIMIT_MB} MB); live events missing: {missing}")
    return 0 if memory.most < LIMIT_MB and survived and not missing else 1


def read_options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--held", type=int, default=1_000_000)
    parser.add_argument("--drain", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--warm-up", type=float, default=2)
    parser.add_argument("--log", type=Path, default=None, help="keep what the server prints in this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
