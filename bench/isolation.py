"""Fifty healthy destinations, with and without a dead one beside them that has 100,000 deliveries waiting.

    python bench/isolation.py [--pairs 5] [--seconds 10] [--waiting 100000] [--rate 300]

Two servers, one calm and one with the dead destination, are measured in turn while the other is stopped: first at a fixed rate, for
the latency from sending to arrival, then as fast as it goes. That is done twice, for half the time and in the order A B B A, so that
a machine that grows faster or slower favours neither. The dead destination takes connections and never answers. It passes when the
median of the pairs stays within the bounds printed at the end. It is valid when nothing was refused, all that was acknowledged
arrived, and so many deliveries still waited at the end. It takes about six minutes, and gives up after seven.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from rig import TOKEN, Server, ask, family, server, sink
from run import Bench, Case, Round

HEALTHY = 50
# Flat out the window is full at the end; what is in it must arrive, but this is no measurement of how soon.
PATIENCE = 10.0
# A server that was stopped has its timers to catch up with before it is measured.
SETTLE_S = 1.0
FILL_S, BUDGET_S = 150.0, 420.0
# A few of those that wait fail for good while the others are measured.
SPARE = 1.02
FLAT_OUT = Case("flat out", "As fast as it goes", batch=20)
MORE_P99, MORE_P99_MS, LESS_THROUGHPUT = 0.10, 15.0, 0.10
OPEN = "SELECT COUNT(*) FROM deliveries WHERE verdict IN ('running', 'retrying', 'scheduled', 'held')"


def create_webhook(running: Server, name: str, url: str, filters: dict[str, Any]) -> None:
    """Create and enable a webhook."""
    inputs = {"url": url, "method": "POST", "body": {"event": "{event}"}, "headers": {}, "debug": False}
    payload = {
        "type": "destination", "name": name, "enabled": True, "template_id": "template-webhook",
        "inputs": {key: {"value": value} for key, value in inputs.items()}, "filters": filters,
    }  # fmt: skip
    running.call("POST", "/api/projects/1/hog_functions/", payload)


def set_up(running: Server, sink_port: int) -> None:
    """Fifty webhooks, each for its share of the load."""
    for number in range(HEALTHY):
        urls = [f"https://example.com/products/{page}" for page in range(number, 1000, HEALTHY)]
        filters = {"events": [{"id": "bench viewed"}], "properties": [{"key": "$current_url", "value": urls}]}
        create_webhook(running, f"Healthy {number}", f"http://127.0.0.1:{sink_port}/fast", filters)


def bury(running: Server, port: int, waiting: int) -> None:
    """A dead destination, and so many events for it."""
    create_webhook(running, "Dead", f"http://127.0.0.1:{port}/", {"events": [{"id": "bench dead"}]})
    end = time.monotonic() + FILL_S
    wanted = int(waiting * SPARE)
    for start in range(0, wanted, 500):
        send(running, [dead_event(n) for n in range(start, min(start + 500, wanted))], end)
    while (found := count_open(running)) < waiting:
        if time.monotonic() > end:
            raise RuntimeError(f"only {found} deliveries wait for the dead destination")
        time.sleep(0.5)


def dead_event(number: int) -> dict[str, Any]:
    """An event for the dead destination alone."""
    return {
        "event": "bench dead", "distinct_id": f"user-{number % 5000}", "uuid": str(uuid.uuid4()),
        "properties": {"n": number},
    }  # fmt: skip


def send(running: Server, events: list[dict[str, Any]], end: float) -> None:
    """Send a batch, again when capture says that the worker is too far behind."""
    while True:
        try:
            ask(f"http://127.0.0.1:{running.port}/batch/", "POST", {"api_key": TOKEN, "batch": events})
        except RuntimeError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return


def count_open(running: Server) -> int:
    """Open rows of the ledger."""
    with contextlib.closing(
        apsw.Connection(str(running.data / "state.db"), apsw.SQLITE_OPEN_READONLY)
    ) as connection:
        connection.set_busy_timeout(5000)
        return int(connection.execute(OPEN).get)


@contextlib.contextmanager
def dead_end() -> Iterator[int]:
    """A port where connections are made and nobody ever answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        yield int(listener.getsockname()[1])


@contextlib.contextmanager
def stopped(running: Server) -> Iterator[None]:
    """Keep a server from running."""
    pids = family(running.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Measured:
    """One server in a pair: at a fixed rate, and both times flat out."""

    steady: Round
    flat_out: list[Round]

    @property
    def per_second(self) -> float:
        """Deliveries, flat out."""
        return statistics.fmean(one.delivered_per_second for one in self.flat_out)


Pair = tuple[Measured, Measured]


def measure(benches: list[Bench], order: tuple[int, int], options: argparse.Namespace) -> Pair:
    """Both servers, the first of ``order`` first."""
    steady = {
        which: run(benches, which, Case("steady", "At a fixed rate", rate=options.rate), options.seconds)
        for which in order
    }
    flat_out: dict[int, list[Round]] = {which: [] for which in order}
    for which in (*order, *reversed(order)):
        flat_out[which].append(run(benches, which, FLAT_OUT, options.seconds / 2))
    return Measured(steady[0], flat_out[0]), Measured(steady[1], flat_out[1])


def run(benches: list[Bench], which: int, case: Case, seconds: float) -> Round:
    """A round of one of two servers while the other is stopped."""
    bench = benches[which]
    bench.options.seconds = seconds
    with stopped(benches[1 - which].server):
        time.sleep(SETTLE_S)
        return bench.run(case)


def show(name: str, measured: Measured) -> None:
    """Print the measurements of one server."""
    steady = measured.steady
    cpu = "  ".join(f"{role} {share:.0%}" for role, share in sorted(steady.cpu.items()))
    print(
        f"  {name:<10} p50 {steady.p50_ms:6.1f} ms   p99 {steady.p99_ms:6.1f} ms"
        f"   {measured.per_second:7,.0f} deliveries/s   at the fixed rate: {cpu}",
        flush=True,
    )


def main() -> int:
    """Measure in pairs; 1 when the dead destination is felt."""
    options = read_options()
    began = time.monotonic()
    pairs: list[Pair] = []
    with sink("bench") as (sink_port, sink_pid), dead_end() as port, server() as calm, server() as troubled:
        rounds = argparse.Namespace(warm_up=options.warm_up, seconds=options.seconds)
        benches = [Bench(running, sink_port, sink_pid, rounds) for running in (calm, troubled)]
        for bench in benches:
            bench.grace = PATIENCE
        for running in (calm, troubled):
            set_up(running, sink_port)
        with stopped(calm):
            bury(troubled, port, options.waiting)
        print(
            f"{HEALTHY} healthy destinations; {count_open(troubled):,} deliveries wait for the dead one"
            f" ({time.monotonic() - began:.0f} s)",
            flush=True,
        )
        pair_s = 0.0
        for number in range(options.pairs):
            start = time.monotonic()
            if start + pair_s > began + BUDGET_S:
                break
            pair = measure(benches, (0, 1) if number % 2 == 0 else (1, 0), options)
            pairs.append(pair)
            show("calm", pair[0])
            show("troubled", pair[1])
            pair_s = time.monotonic() - start
        still = count_open(troubled)
    print(f"{still:,} deliveries still wait; {time.monotonic() - began:.0f} s in all")
    faults = [
        *(["less time than it takes"] if len(pairs) < options.pairs else []),
        *([f"fewer than {options.waiting:,} waited at the end"] if still < options.waiting else []),
    ]
    return verdict(pairs, faults)


def verdict(pairs: list[Pair], faults: list[str]) -> int:
    """The medians of the pairs against the bounds."""
    rounds = [one for pair in pairs for measured in pair for one in (measured.steady, *measured.flat_out)]
    missing, refused = sum(one.missing for one in rounds), sum(one.refused for one in rounds)
    if missing or refused or not all(one.valid for one in rounds):
        faults = [*faults, f"{missing} did not arrive, {refused} were refused"]
    if not pairs:
        print("NOT VALID: " + "; ".join(faults))
        return 1
    rise = statistics.median(with_.steady.p99_ms - without.steady.p99_ms for without, with_ in pairs)
    share = statistics.median(with_.steady.p99_ms / without.steady.p99_ms - 1 for without, with_ in pairs)
    drop = statistics.median(1 - with_.per_second / without.per_second for without, with_ in pairs)
    print(
        f"median of {len(pairs)} pairs: p99 {rise:+.1f} ms ({share:+.0%}; at most {MORE_P99_MS:+.0f} ms or {MORE_P99:+.0%}),"
        f" throughput {-drop:+.1%} (at most {-LESS_THROUGHPUT:.0%})"
    )
    within = (rise <= MORE_P99_MS or share <= MORE_P99) and drop < LESS_THROUGHPUT
    print("NOT VALID: " + "; ".join(faults) if faults else "passed" if within else "NOT PASSED")
    return 0 if within and not faults else 1


def read_options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--warm-up", type=float, default=2)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=300, help="events a second at the fixed rate")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
