"""The whole way of an event, measured: SDK request in, webhook out, everything on this machine.

Load generator, server and sink are processes of their own; the egress guard is on; the webhook has three templated inputs (URL, a
header, the body). After a warm-up each case runs several rounds, and the median counts. A round is valid only if every
acknowledged event arrived at the sink within 5 seconds after its end. Beside it stands the floor: the HTTP client alone,
posting as much as it can to the same sink.

    python bench/run.py                      # 30 seconds, 3 rounds
    python bench/run.py --seconds 10 --rounds 1 --cases batches,paced
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import uvloop

from choices import http_clients
from loadgen import Plan, Report
from rig import ROOT, TOKEN, Server, ask, cpu_seconds, family, server, sink

GRACE = 5.0
RESULTS = ROOT / "bench" / "results"


@dataclass(frozen=True, slots=True)
class Case:
    """One way to load the server."""

    name: str
    what: str
    batch: int = 1
    rate: float = 0.0
    dead: bool = False


CASES = (
    Case("batches", "closed loop, batches of 20", batch=20),
    Case("single", "closed loop, single events"),
    Case("paced", "1,000 events/s, single", rate=1000),
    Case("dead", "1,000 events/s, single, beside a dead destination", rate=1000, dead=True),
)


@dataclass(slots=True)
class Round:
    """What one round showed."""

    delivered_per_second: float
    p50_ms: float
    p99_ms: float
    acknowledged: int
    refused: int
    missing: int
    repeated: int
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Whether all that was acknowledged arrived in time, and nothing was refused."""
        return self.missing == 0 and self.refused == 0 and self.acknowledged > 0


@dataclass(frozen=True)
class Loaded:
    """All of one round: what was sent and what came of it; ``arrived`` has the time of arrival, the id and the time of sending of each."""

    report: Report
    wanted: set[int]
    arrived: list[tuple[float, int, float]]
    cpu: dict[str, float]

    def judge(self) -> Round:
        """What it shows."""
        report = self.report
        first = self._first
        measured = [at for at, _ in first.values() if report.began <= at <= report.ended]
        delays = self.delays(report.began, report.ended)
        return Round(
            delivered_per_second=len(measured) / (report.ended - report.began),
            p50_ms=ranked(delays, 0.5),
            p99_ms=ranked(delays, 0.99),
            acknowledged=report.acknowledged,
            refused=len(report.refused),
            missing=len(self.wanted - first.keys()),
            repeated=len(self.arrived) - len(first),
            cpu=self.cpu,
        )

    def delays(self, began: float, ended: float) -> list[float]:
        """From sending to arrival of what was sent in a time, milliseconds, the shortest first."""
        return sorted((at - sent) * 1000 for at, sent in self._first.values() if began <= sent <= ended)

    @cached_property
    def _first(self) -> dict[int, tuple[float, float]]:
        first: dict[int, tuple[float, float]] = {}
        for at, number, sent in self.arrived:
            first.setdefault(number, (at, sent))
        return first


def ranked(delays: list[float], rank: float) -> float:
    """Of sorted delays the one that such a share of them do not exceed."""
    return delays[int(len(delays) * rank)] if delays else float("nan")


class Bench:
    """A server with its destination and a sink, loaded in rounds; ``grace`` is how late an event may arrive, in seconds."""

    grace = GRACE

    def __init__(self, running: Server, sink_port: int, sink_pid: int, options: argparse.Namespace) -> None:
        self.server = running
        self.sink_url = f"http://127.0.0.1:{sink_port}"
        self.sink_port = sink_port
        self.pids = [sink_pid]
        self.options = options
        self.next_id = 1

    def set_up(self) -> None:
        """One webhook, whose URL, header and body are templates."""
        body = {
            "text": "{event.event} by {person.name} for {event.properties.price}",
            "event": "{event}",
            "person": "{person.properties}",
        }
        headers = {"Content-Type": "application/json", "X-Person": "{person.id}"}
        self.server.create_webhook(
            "Fast", self.sink_url + "/fast?plan={event.properties.plan}", headers, body
        )

    def add_dead_destination(self) -> None:
        """A second webhook to an address that takes connections and never answers."""
        script = {"path": "/dead", "steps": [{"then": "hang"}], "forever": True}
        ask(f"{self.sink_url}/__sink__/script", "POST", script)
        self.server.create_webhook("Dead", f"{self.sink_url}/dead", {}, {"event": "{event.event}"})

    def run(self, case: Case) -> Round:
        """One round of a case."""
        return self.load(case).judge()

    def load(self, case: Case) -> Loaded:
        """One round of a case, with all that arrived."""
        plan = Plan(
            self.server.port,
            self.sink_port,
            TOKEN,
            "/fast",
            first_id=self.next_id,
            batch=case.batch,
            rate=case.rate,
            warm_up=self.options.warm_up,
            seconds=self.options.seconds,
        )
        if not case.dead:
            ask(f"{self.sink_url}/__sink__/reset", "POST", {})
        report, cpu = self._load(plan)
        wanted = set(range(self.next_id, self.next_id + report.sent)) - set(report.refused)
        self.next_id += report.sent
        return Loaded(report, wanted, self._arrivals(report, wanted), cpu)

    def _load(self, plan: Plan) -> tuple[Report, dict[str, float]]:
        command = [sys.executable, str(Path(__file__).with_name("loadgen.py"))]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asdict(plan)) + "\n")
            process.stdin.flush()
            pids = [*family(self.server.pid), *self.pids, process.pid]
            before = self._await_word(process, "measuring", pids)
            after = self._await_word(process, "measured", pids)
            report = Report(**json.loads(process.stdout.readline()))
        used = {name: (after[name] - before.get(name, 0)) / plan.seconds for name in after if name in before}
        return report, used

    @staticmethod
    def _await_word(process: subprocess.Popen[str], word: str, pids: list[int]) -> dict[str, float]:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        if said != word:
            raise RuntimeError(f"the load generator said {said!r} instead of {word!r}")
        return cpu_seconds(pids)

    def _arrivals(self, report: Report, wanted: set[int]) -> list[tuple[float, int, float]]:
        """Arrival, id and time of sending of all that came within the grace after the end."""
        deadline = report.ended + self.grace
        while True:
            marks = ask(f"{self.sink_url}/__sink__/marks?path=/fast")
            found = [(at, *_read_mark(mark)) for at, mark in marks]
            if time.monotonic() > deadline or wanted <= {number for _, number, _ in found}:
                return [
                    (at, number, sent) for at, number, sent in found if at <= deadline and number in wanted
                ]
            time.sleep(0.5)


def _read_mark(mark: str) -> tuple[int, float]:
    number, _, sent = mark.partition(":")
    return int(number), float(sent)


def floor(sink_port: int, seconds: float) -> dict[str, tuple[float, float]]:
    """What the HTTP client alone can post to the same sink, and what a bare connection can."""
    clients = {"HTTP client alone": http_clients.hedgerow, "bare connection": http_clients.bare}
    return {
        name: uvloop.run(http_clients.measure(client, sink_port, seconds)) for name, client in clients.items()
    }


def median(rounds: list[Round], value: Callable[[Round], float]) -> float:
    """The median over the rounds."""
    return statistics.median(value(one) for one in rounds)


def show(case: Case, rounds: list[Round]) -> None:
    """Print a case."""
    valid = sum(one.valid for one in rounds)
    roles = sorted({role for one in rounds for role in one.cpu})
    cpu = "  ".join(
        f"{role} {median(rounds, lambda one, role=role: one.cpu.get(role, 0)):.0%}" for role in roles
    )
    print(f"\n{case.what}")
    print(f"  delivered   {median(rounds, lambda one: one.delivered_per_second):>8,.0f} events/s")
    p50, p99 = median(rounds, lambda one: one.p50_ms), median(rounds, lambda one: one.p99_ms)
    print(f"  latency     p50 {p50:,.1f} ms   p99 {p99:,.1f} ms   from send to arrival")
    print(f"  CPU         {cpu}")
    lost, refused, repeated = (
        sum(getattr(one, key) for one in rounds) for key in ("missing", "refused", "repeated")
    )
    print(
        f"  valid       {valid} of {len(rounds)} rounds   missing {lost}, refused {refused}, repeated {repeated}",
        flush=True,
    )


def save(results: dict[str, Any], options: argparse.Namespace) -> Path:
    """Keep the figures for comparison."""
    RESULTS.mkdir(exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    record = {"at": now.isoformat(), "machine": machine, "options": vars(options), "results": results}
    path = RESULTS / f"run-{now:%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps(record, indent=2, default=str))
    return path


def read_options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--warm-up", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0, help="0: as many as the server starts by itself")
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    parser.add_argument("--log", type=Path, default=None, help="keep what the server prints in this file")
    return parser.parse_args()


def main() -> int:
    """Run the cases; 1 when a round was not valid."""
    options = read_options()
    wanted = options.cases.split(",")
    results: dict[str, Any] = {}
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}; {options.rounds} rounds of {options.seconds:g} s each"
    )
    with sink("bench") as (sink_port, sink_pid):
        for name, (rate, cpu) in floor(sink_port, 2).items():
            results[name] = {"per_second": rate, "cpu_us": cpu}
            print(f"floor: {name:<18} {rate:>8,.0f} posts/s, {cpu:.0f} us of CPU each", flush=True)
        with server(workers=options.workers, output=options.log) as running:
            bench = Bench(running, sink_port, sink_pid, options)
            bench.set_up()
            for case in (case for case in CASES if case.name in wanted):
                if case.dead:
                    bench.add_dead_destination()
                rounds = [bench.run(case) for _ in range(options.rounds)]
                show(case, rounds)
                results[case.name] = [asdict(one) | {"valid": one.valid} for one in rounds]
    print(f"\nsaved to {save(results, options).relative_to(ROOT)}")
    return 0 if all(one["valid"] for case in CASES for one in results.get(case.name, [])) else 1


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    sys.exit(main())
