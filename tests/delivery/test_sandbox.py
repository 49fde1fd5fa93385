"""Helper processes: what a program does to its process, it does to itself."""

import asyncio
import gc
import math
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from hedgerow.delivery.claims import Claim, ClaimError, claim
from hedgerow.delivery.invocation import Invocation
from hedgerow.delivery.judging import WAITING, Judge
from hedgerow.delivery.outgoing import measure, shaped
from hedgerow.delivery.runner import Runner
from hedgerow.delivery.sandbox import CLAIM, FILTER, Job, Sandbox, run_once
from hedgerow.delivery.sandbox_wire import LARGEST, WireError, error_in, error_out, length_of, unpack
from hedgerow.delivery.state import pack_journal, unpack_journal
from hedgerow.delivery.transport import Response
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import (
    CompiledDestination,
    Config,
    Destination,
    FilterError,
    InputError,
    Keyring,
    Project,
    Secrets,
)
from hedgerow.hog import (
    AsyncCall,
    HogError,
    HogErrorValue,
    HogMemoryLimit,
    HogSizeLimit,
    HogThrown,
    HogTimeLimit,
    Limits,
    OverBudget,
)

KEYS = Keyring(["a key that is long enough"])
NAME = str(uuid.UUID(int=9))
GLOBALS = {
    "project": {"id": 1, "name": "Test", "url": "http://h/project/1"},
    "event": {"event": "signed up", "distinct_id": "ann", "properties": {"n": 1}},
    "person": None,
    "groups": {},
}
SLOW = "let n := 0; for (let i := 0; i < 400000; i := i + 1) { n := n + i % 7 } "

LONGER = SLOW.replace("400000", "3000000")


def destination(hog="", *, inputs=None, schema=(), secrets=None, filters=None, limits=None, name=NAME):
    config = Config(
        hog=hog,
        enabled=True,
        inputs={key: {"value": value, "templating": "hog"} for key, value in (inputs or {}).items()}
        | {key: {"secret": True} for key in secrets or ()},
        inputs_schema=list(schema),
        filters=filters or {"source": "events"},
    )
    hidden = Secrets({key: {"value": value} for key, value in (secrets or {}).items()})
    compiled = CompiledDestination(Destination(name, 1, 1, config, hidden.seal(KEYS, name)), KEYS, Project(1))
    compiled.limits = limits or Limits()
    return compiled


@pytest.fixture
async def sandbox():
    made = Sandbox(size=1)
    yield made
    await made.close()


async def answer(call):
    return {"status": 200, "body": {"n": call.ordinal}}


async def test_a_run_in_a_helper_is_a_run(sandbox):
    """Inputs, calls, printed lines, values and the journal are those of a run on the event loop."""
    lines = []
    hog = "let a := fetch('http://x', {'body': {'i': inputs.i, 'at': toDate('2024-01-02')}}); print(a.body); return [a.body.n, 2]"
    job = Job(destination(hog, inputs={"i": "{event.event}!"}), GLOBALS, emit=lines.append)
    calls = []

    async def note(call):
        calls.append(call)
        return await answer(call)

    value, journal = await run_once(sandbox, job, note)
    assert value == [0, 2]
    assert [(entry.site, entry.ordinal) for entry in journal] == [(0, 0)]
    assert lines == ["{'n': 0}"]
    body = '{"i":"signed up!","at":{"__hogDate__":true,"year":2024,"month":1,"day":2}}'
    assert calls[0].args[1]["body"] == body


async def test_a_large_worker_has_slim_helpers(sandbox):
    """How much memory a worker has or had is not held against its helpers."""
    ballast = bytearray(400 << 20)
    ballast[:: 1 << 12] = b"1" * (len(ballast) >> 12)
    value, _ = await run_once(sandbox, Job(destination("return 1 + 1"), GLOBALS), answer)
    assert value == 2


async def test_errors_come_back_as_they_were(sandbox):
    """Kind, message, place, hint and stack of an error survive the way."""
    with pytest.raises(HogThrown) as thrown:
        await run_once(
            sandbox, Job(destination("fun f() { throw Error('no', {'a': 1}) }\nf()"), GLOBALS), answer
        )
    assert (thrown.value.message, thrown.value.line, len(thrown.value.trace)) == ("no", 1, 2)
    with pytest.raises(InputError) as failed:
        await run_once(sandbox, Job(destination("1", inputs={"i": "{nowhere}"}), GLOBALS), answer)
    assert failed.value.key == "i"


async def test_a_run_whose_helper_was_needed_elsewhere_is_replayed(sandbox):
    """A helper is not held while a request is under way: the run goes on from its journal, and prints nothing twice."""
    lines = []
    hog = "print('one', now()); let a := fetch('http://x'); print('two'); let b := fetch('http://y'); return a.body.n + b.body.n"
    first = sandbox.start(Job(destination(hog), GLOBALS, seed=b"1", emit=lines.append))
    for _ in range(2):
        call = await first.advance()
        value, _ = await run_once(sandbox, Job(destination("return 5"), GLOBALS), answer)
        assert value == 5
        first.answer({"status": 200, "body": {"n": call.ordinal + 1}})
    assert (await first.advance()).value == 3
    assert [line.split()[0] for line in lines] == ["one", "two"]
    assert len(first.journal[0].clock) == 1


class Heartbeat:
    """Beats every millisecond; remembers how late it was, how long this thread computed meanwhile, and what helpers spent."""

    async def __aenter__(self):
        self.late, self.busy, self.spent, self.what = [], [], [], ""
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()

    async def _beat(self):
        while True:
            began, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            self.late.append((time.perf_counter() - began - 0.001) * 1000)
            self.busy.append(((time.thread_time() - cpu) * 1000, self.what))

    def p99(self):
        return sorted(self.late)[int(len(self.late) * 0.99)]


HOSTILE = {
    "loop": "while (true) { }",
    "strings": "let s := 'é'; for (let i := 0; i < 20; i := i + 1) { s := s || s } while (true) { lower(s) }",
    "regex": "let s := 'a'; for (let i := 0; i < 20; i := i + 1) { s := s || s } while (true) { s =~ '(a+)+b' }",
    "hoard": "let a := []; while (true) { a := [a, range(1000), upper('abc')] }",
    "sorting": "let a := arrayMap(x -> x * 7919 % 99991, range(99000)); while (true) { arraySort(a) }",
    "json": "let a := range(90000); while (true) { jsonParse(jsonStringify(a)) }",
    "recursion": "fun f(n) { return arrayMap(x -> f(x), [n]) } f(1)",
    "bomb in a body": "let a := ['leaf']; for (let i := 0; i < 60; i := i + 1) { a := [a, a] } fetch('http://x', {'body': a})",
    "bomb in an event": "let a := ['leaf']; for (let i := 0; i < 60; i := i + 1) { a := [a, a] } postHogCapture({'event': 'x', 'properties': {'a': a}})",
    "bomb as a value": SLOW
    + "let a := ['leaf']; for (let i := 0; i < 60; i := i + 1) { a := [a, a] } return a",
    "printing": "while (true) { print(range(50000)) }",
}


class Network:
    def __init__(self) -> None:
        self.requests = []

    async def send(self, request):
        self.requests.append(request)
        return Response(200, {}, b'{"n":1}')


def runner(sandbox):
    network = Network()
    world = World(
        now=time.time,
        chance=random.Random(1),
        log=None,
        store=None,
        transport=network,
        sealer=KEYS,
        sandbox=sandbox,
    )
    return Runner(world, Options()), network


def invocation(number=1, globals_=GLOBALS):
    identity = number.to_bytes(16, "big")
    return Invocation(
        identity, 1, uuid.UUID(NAME).bytes, 1, "", "", 0, 1, identity, "e", "ann", 1, 1, globals_
    )


async def suffered(sandbox, attempt):
    """The heartbeat while every hostile program runs."""
    run, _ = runner(sandbox)
    hostile = {
        name: destination(hog, limits=Limits(cpu_ms=200), name=str(uuid.UUID(int=number + 100 * attempt)))
        for number, (name, hog) in enumerate(HOSTILE.items())
    }
    assert all(compiled.program for compiled in hostile.values())
    gc.collect()
    async with Heartbeat() as heart:
        for number, (name, compiled) in enumerate(hostile.items()):
            heart.what = name
            pids, began = sandbox.pids(), cpu_of(sandbox)
            outcome = await run.run(invocation(number), compiled)
            if name != "bomb as a value":
                assert outcome.verdict == "failed", name
                assert outcome.kind.startswith("limit_"), name
            if sandbox.pids() == pids:  # no fresh one, whose start would count
                heart.spent.append((cpu_of(sandbox) - began, name))
    return heart


@pytest.mark.usefixtures("young_heap")
async def test_no_hostile_program_stalls_the_event_loop(sandbox, capsys):
    """Each is given up after a few milliseconds, ends in a helper within 100 ms of its limit, and the loop beats on.

    What counts is each thread's own time. A machine that is busy with other things makes that longer too, now here and now there: of each
    program the best of three counts.
    """
    await run_once(
        sandbox, Job(destination("return 1"), GLOBALS), answer
    )  # starting a helper is not what is measured, nor is compiling
    busy: dict[str, float] = {}
    spent: dict[str, float] = {}
    beats = math.inf
    for attempt in range(1, 4):
        heart = await suffered(sandbox, attempt)
        improve(busy, heart.busy)
        improve(spent, heart.spent)
        beats = min(beats, heart.p99())
        with capsys.disabled():
            print(
                f"\nevent loop late by at most {max(heart.late):.1f} ms, p99 {heart.p99():.1f} ms; busiest {max(heart.busy)}"
            )
        if max(busy.values()) < 20 and beats < 50 and max(spent.values(), default=0) < 0.3:
            break
    assert beats < 50
    assert {name: ms for name, ms in busy.items() if ms >= 20} == {}
    assert {name: seconds for name, seconds in spent.items() if seconds >= 0.3} == {}
    assert all(resident_mb(pid) < 700 for pid in sandbox.pids())


def improve(best, measured):
    """Keep of each program the lower one: the worst of this attempt, or the best so far."""
    for name in {name for _, name in measured}:
        worst = max(value for value, one in measured if one == name)
        best[name] = min(worst, best.get(name, worst))


def cpu_of(sandbox):
    pids = sandbox.pids()
    if not pids or sys.platform != "linux":
        return 0.0
    return time.clock_gettime((~pids[0] << 3) | 2)


def resident_mb(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


async def test_a_slow_program_runs_from_the_top_elsewhere(sandbox):
    """What is over its budget leaves no trace of its first beginning; its revision goes to a helper at once."""
    run, network = runner(sandbox)
    hog = "print('start'); " + SLOW + "fetch('https://x.test/'); print('end', n)"
    compiled, one = destination(hog), invocation()
    outcome = await run.run(one, compiled)
    assert outcome.verdict == "delivered", outcome.error
    assert [line.message for line in outcome.lines] == ["start", "end 1199997"]
    assert len(network.requests) == 1
    assert sandbox.takes(compiled)
    assert not sandbox.takes(compiled, FILTER)
    again = await run.run(invocation(2), compiled)
    assert [line.message for line in again.lines] == ["start", "end 1199997"]


async def test_a_program_that_turns_slow_keeps_its_calls(sandbox):
    """What was fetched before it was over its budget is not fetched again, and lines are logged once."""
    run, network = runner(sandbox)
    outcome = await run.run(
        invocation(),
        destination(
            "print('a'); fetch('https://x.test/1'); print('b'); " + SLOW + "fetch('https://x.test/2')"
        ),
    )
    assert outcome.verdict == "delivered", outcome.error
    assert [request.url[-1] for request in network.requests] == ["1", "2"]
    assert [line.message for line in outcome.lines] == ["a", "b"]


async def test_secrets_stay_hidden_when_they_were_rendered_elsewhere(sandbox):
    """Secret inputs reach the program in the helper, and are redacted in what it prints."""
    run, network = runner(sandbox)
    schema = [{"key": "token", "type": "string", "secret": True}]
    hog = SLOW + "print('it is', inputs.token); fetch('https://x.test/', {'headers': {'A': inputs.token}})"
    compiled = destination(hog, schema=schema, secrets={"token": "hunter2-hunter2"})
    outcome = await run.run(invocation(), compiled)
    assert network.requests[0].headers["A"] == "hunter2-hunter2"
    assert "hunter2" not in outcome.lines[0].message


async def test_a_program_that_reads_the_clock_before_it_sleeps_resumes():
    """A long sleep keeps the readings of the clock before it, in the journal that is stored."""
    run, _ = runner(None)
    compiled, one = destination("let t := now(); sleep(30); print('woke', t = t)"), invocation()
    first = await run.run(one, compiled)
    assert first.verdict == "scheduled"
    one.journal, one.tries, one.printed = unpack_journal(pack_journal(one, KEYS), one.id, KEYS)
    second = await run.run(one, compiled)
    assert (second.verdict, second.error) == ("delivered", None)


# -------------------------------------------------------------------- losses


async def interrupted(sandbox, number, hog, limits=None):
    """Run a program, and send a signal to its helper while it does."""
    run = asyncio.create_task(run_once(sandbox, Job(destination(hog, limits=limits), GLOBALS), answer))
    while not sandbox.pids():  # noqa: ASYNC110 (processes set no events)
        await asyncio.sleep(0.01)
    (pid,) = sandbox.pids()
    await asyncio.sleep(0.1)
    os.kill(pid, number)
    return pid, run


async def test_a_helper_that_dies_costs_only_a_second_try(sandbox):
    """Its run begins anew in a fresh helper."""
    await run_once(sandbox, Job(destination("return 1"), GLOBALS), answer)
    pid, run = await interrupted(sandbox, signal.SIGKILL, LONGER + "return 7", Limits(cpu_ms=5000))
    assert (await run)[0] == 7
    assert sandbox.pids() != [pid]


async def test_a_helper_that_is_stopped_is_given_up(sandbox):
    """It gets no processor, is killed after a while, and its run begins anew."""
    await run_once(sandbox, Job(destination("return 1"), GLOBALS), answer)
    began = time.monotonic()
    _, run = await interrupted(sandbox, signal.SIGSTOP, LONGER + "return 7", Limits(cpu_ms=1500))
    assert (await run)[0] == 7
    assert time.monotonic() - began < 60


async def test_a_helper_lost_twice_is_a_verdict(sandbox):
    """Then the run failed by its time limit."""
    await run_once(sandbox, Job(destination("return 1"), GLOBALS), answer)
    first, run = await interrupted(sandbox, signal.SIGKILL, "while (true) { }", Limits(cpu_ms=30_000))
    while sandbox.pids() in ([], [first]):  # noqa: ASYNC110 (processes set no events)
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    os.kill(sandbox.pids()[0], signal.SIGKILL)
    with pytest.raises(HogTimeLimit, match="twice"):
        await run


async def test_a_crash_is_blamed_on_the_program(sandbox):
    """A program whose process aborts is not tried again: it is said to have taken too much memory."""
    await run_once(sandbox, Job(destination("return 1"), GLOBALS), answer)
    _, run = await interrupted(sandbox, signal.SIGABRT, "while (true) { }", Limits(cpu_ms=30_000))
    with pytest.raises(HogMemoryLimit, match="SIGABRT"):
        await run


async def test_a_helper_short_of_memory_is_no_danger():
    """Past its address space a program fails with an error of memory, and the next one runs."""
    small = Sandbox(size=1, memory=128 * 2**20)
    hog = "let a := []; while (true) { a := [a, range(1000), upper('abc')] }"
    try:
        with pytest.raises(HogError) as caught:
            await run_once(
                small, Job(destination(hog, limits=Limits(cpu_ms=5000, memory=2**30)), GLOBALS), answer
            )
        assert caught.value.kind in {"limit_memory", "internal"}
        assert (await run_once(small, Job(destination("return 1"), GLOBALS), answer))[0] == 1
    finally:
        await small.close()


async def test_a_cancelled_run_leaves_no_busy_helper(sandbox):
    """Who stops waiting stops the program too."""
    run = asyncio.create_task(
        run_once(sandbox, Job(destination("while (true) { }", limits=Limits(cpu_ms=60_000)), GLOBALS), answer)
    )
    while not sandbox.pids():  # noqa: ASYNC110 (processes set no events)
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert (await run_once(sandbox, Job(destination("return 1"), GLOBALS), answer))[0] == 1


ORPHAN = """
import asyncio, sys
sys.path.insert(0, {folder!r})
from test_sandbox import GLOBALS, Job, Limits, Sandbox, answer, destination, run_once
async def main():
    sandbox = Sandbox(size=1)
    await run_once(sandbox, Job(destination("return 1"), GLOBALS), answer)
    print(sandbox.pids()[0], flush=True)
    await run_once(sandbox, Job(destination("while (true) {{ }}", limits=Limits(cpu_ms=60_000)), GLOBALS), answer)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a helper ends when its program does")
def test_helpers_die_with_their_parent():
    """Even in the middle of an endless program, and however the parent ends."""
    code = ORPHAN.format(folder=str(Path(__file__).parent))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        helper = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
    deadline = time.monotonic() + 5
    while is_running(helper):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def test_destinations_take_turns():
    """One with many slow runs does not keep another waiting behind all of them."""
    sandbox, order = Sandbox(size=1), []

    async def go(name, hog):
        compiled = destination(hog, name=str(uuid.UUID(int=name)))
        await run_once(sandbox, Job(compiled, GLOBALS), answer)
        order.append(name)

    try:
        await asyncio.gather(*[go(1, SLOW) for _ in range(5)], go(2, "return 1"))
        assert order.index(2) <= 2
    finally:
        await sandbox.close()


# ------------------------------------------------------------------- filters


def looping():
    """A filter that takes long where the event says so."""
    text = "arrayCount(x -> arrayCount(y -> arrayCount(z -> z = x, properties.n), properties.n) > 0, properties.n) >= 0"
    return {"source": "events", "properties": [{"type": "hogql", "key": text, "value": None}]}


def found(size):
    return {"event": "e", "properties": {"n": list(range(size))}, "person": None, "distinct_id": "a"}


async def test_a_filter_that_takes_long_is_asked_elsewhere(sandbox):
    """The event loop gives it up; a helper answers, with the same answer; quick ones stay where they are."""
    judge = Judge(world_of(sandbox))
    compiled = destination(filters=looping())
    assert judge.judge([compiled], found(3), "events") == ([(compiled, [""])], [])
    wanted, later = judge.judge([compiled], found(70), "events")
    assert (wanted, later) == ([], [compiled])
    answers = asyncio.Queue()
    judge.later(compiled, found(70), lambda one, what: answers.put_nowait((one, what)))
    assert await asyncio.wait_for(answers.get(), 20) == (compiled, [""])
    assert judge.judge([compiled], found(3), "events") == ([], [compiled])


async def test_a_filter_that_never_ends_is_an_error(sandbox):
    """It fails at its own limit, and no more than so many records wait for it."""
    judge = Judge(world_of(sandbox))
    compiled = destination(filters=looping())
    answers = asyncio.Queue()
    for _ in range(WAITING):
        judge.later(compiled, found(500), lambda _one, what: answers.put_nowait(what))
    assert isinstance(await asyncio.wait_for(answers.get(), 20), FilterError)
    for _ in range(2):
        judge.later(compiled, found(500), lambda _one, what: answers.put_nowait(what))
    sandbox.divert(compiled, FILTER)
    ((_, refusal),), later = judge.judge([compiled], found(3), "events")
    assert isinstance(refusal, FilterError)
    assert later == []
    await judge.stop()


def masked(template):
    compiled = destination(inputs={"to": "{event.properties.shop}"})
    config = replace(compiled.destination.config, masking={"hash": template, "ttl": 60, "threshold": None})
    return CompiledDestination(replace(compiled.destination, config=config), KEYS, Project(1))


COUNTED = "arrayCount(x -> arrayCount(y -> arrayCount(z -> z = x, event.properties.n), event.properties.n) > 0, event.properties.n)"


def shopping(size, shop="Ulm"):
    return {**GLOBALS, "event": {"event": "paid", "properties": {"n": list(range(size)), "shop": shop}}}


async def claimed_later(judge, one, compiled):
    answers = asyncio.Queue()
    judge.claim_later(one, compiled, lambda who, what: answers.put_nowait((who, what)))
    who, what = await asyncio.wait_for(answers.get(), 20)
    assert who is one
    return what


@pytest.mark.parametrize("template", [f"{{{COUNTED}}}", f"{{inputs.to}}{{{COUNTED}}}"])
async def test_a_mask_that_takes_long_is_worked_out_elsewhere(sandbox, template):
    """The event loop gives it up; a helper finds the same hash; after that it is asked at once, until it proves quick."""
    judge, compiled = Judge(world_of(sandbox)), masked(template)
    assert isinstance(judge.claim(invocation(1, shopping(3)), compiled), Claim)
    slow = invocation(2, shopping(65))
    with pytest.raises(OverBudget):
        judge.claim(slow, compiled)
    expected = claim(slow, compiled, time.time())
    assert await claimed_later(judge, slow, compiled) == expected
    with pytest.raises(OverBudget):
        judge.claim(invocation(3, shopping(3)), compiled)
    assert isinstance(await claimed_later(judge, invocation(3, shopping(3)), compiled), Claim)
    assert isinstance(judge.claim(invocation(4, shopping(3)), compiled), Claim)


async def test_a_mask_that_fails_elsewhere_fails_as_here(sandbox):
    """Hash, inputs and limits each by their name; and no more than so many deliveries wait for a mask."""
    judge = Judge(world_of(sandbox))
    for template, kind in (
        ("{jsonParse('{')}", "masking"),
        (f"{{{COUNTED}}}", "masking"),
        ("{inputs.to}{nowhere}", "masking"),
    ):
        compiled = masked(template)
        answer = await claimed_later(judge, invocation(1, shopping(2000)), compiled)
        assert isinstance(answer, ClaimError), template
        assert answer.kind == kind
    assert await claimed_later(judge, invocation(1, shopping(1, "")), masked("{inputs.to}")) is None
    compiled = masked(f"{{{COUNTED}}}")
    for number in range(WAITING):
        judge.claim_later(invocation(number, shopping(3)), compiled, lambda _who, _what: None)
    sandbox.divert(compiled, CLAIM)
    with pytest.raises(ClaimError, match="too many deliveries wait"):
        judge.claim(invocation(99, shopping(3)), compiled)
    await judge.stop()


def world_of(sandbox):
    return World(
        now=time.time,
        chance=random.Random(1),
        log=None,
        store=None,
        transport=None,
        sealer=KEYS,
        sandbox=sandbox,
    )


# ---------------------------------------------------------------------- wire


def test_what_a_call_hands_out_is_measured():
    """Shared and self-containing values count as often as they would be written."""
    bomb = ["leaf"]
    for _ in range(60):
        bomb = [bomb, bomb]
    itself = []
    itself.append(itself)
    assert not measure(bomb)
    assert not measure(itself)
    assert not measure("x" * 10**8)
    assert not measure([{"k" * 10**6: 1}] * 100)
    assert not measure([{7: 1, "k" * 10**6: 1}] * 100)
    assert measure({"a": [1, "x", HogErrorValue("E", "m", [1])]}, 15)
    assert not measure({"a": [1, "x", HogErrorValue("E", "m", [1])]}, 14)
    with pytest.raises(HogSizeLimit):
        shaped(AsyncCall("fetch", ["u", {"body": bomb}], 0, 0))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"is":1}', b"\xff", b'{"kind":"call"}'])
def test_a_helper_that_talks_nonsense_is_understood_as_such(body):
    """Nothing it sends is taken for more than it is."""
    with pytest.raises(WireError):
        unpack(body)


def test_messages_have_a_longest_length():
    """A header that announces more is not believed."""
    with pytest.raises(WireError):
        length_of((LARGEST + 1).to_bytes(4, "big"))


def test_an_error_that_is_none_is_not_raised():
    """Kinds that do not exist, and fields of the wrong type."""
    good = error_out(HogTimeLimit("slow"))
    assert isinstance(error_in(good), HogTimeLimit)
    for bad in (
        {},
        {"kind": "hog"},
        {**good, "of": "SystemExit"},
        {**good, "span": ["a"]},
        {**good, "trace": [1]},
    ):
        with pytest.raises(WireError):
            error_in(bad)


async def test_filters_are_explained_in_a_helper(sandbox):
    """Each condition with the value it met."""
    filters = {"source": "events", "properties": [{"key": "n", "operator": "gt", "value": 1}]}
    found = {"event": "signed up", "properties": {"n": 1}, "person": None, "distinct_id": "ann"}
    told = await sandbox.explain(destination(filters=filters), found)
    clause = {
        "text": "event property n is greater than 1",
        "matched": False,
        "place": "properties__0",
        "actual": 1,
    }
    assert told == {"matched": False, "error": None, "wanted": [], "filter": clause, "mappings": None}
    told = await sandbox.explain(destination(filters=filters), {**found, "properties": {"n": 2}})
    assert (told["matched"], told["wanted"]) == (True, [""])
    told = await sandbox.explain(destination(filters=filters), found, stream="internal")
    assert told["filter"]["clauses"][0]["actual"] == "internal"


async def test_many_events_are_judged_at_one_go(sandbox):
    """Each by itself: one that cannot be decided takes nothing from the others."""
    free = "properties.n = 2 or jsonParse(properties.text) = 1"
    one = destination(filters={"source": "events", "properties": [{"type": "hogql", "key": free}]})
    events = [{"n": 2}, {"n": 3, "text": "{"}, {"n": 3, "text": "2"}]
    found = [{"event": "e", "properties": each, "person": None, "distinct_id": "d"} for each in events]
    assert await sandbox.matches(one, found) == [[""], None, []]


async def test_a_run_can_be_traced_afterwards(sandbox):
    """Each statement with what it changed, up to where the run got; calls are answered from its journal."""
    hog = "let a := fetch(inputs.u)\nfor (let i := 0; i < 2; i := i + 1) {\n  a := i\n}\nlet b := fetch(inputs.u)"
    job = Job(destination(hog, inputs={"u": "http://x/{event.properties.n}"}), GLOBALS)
    run = sandbox.start(job)
    await run.advance()
    run.answer({"status": 201})
    await run.advance()
    trace = await sandbox.trace(replace(job, journal=run.journal))
    assert [step["line"] for step in trace["steps"]][:3] == [1, 2, 3]
    assert trace["steps"][0]["changed"] == {"a": "{'status': 201}"}
    assert trace["complete"]
    assert "fetch" in trace["error"]


async def test_helpers_that_nobody_needs_go_home():
    """After a while without work their memory is given back; the next run starts another."""
    sandbox = Sandbox(size=1, idle_s=0.05)
    try:
        assert (await run_once(sandbox, Job(destination("return 1"), GLOBALS), answer))[0] == 1
        for _ in range(500):
            if not sandbox.pids():
                break
            await asyncio.sleep(0.01)
        assert sandbox.pids() == []
        assert (await run_once(sandbox, Job(destination("return 2"), GLOBALS), answer))[0] == 2
    finally:
        await sandbox.close()


async def test_all_inputs_are_told_on_request(sandbox):
    """Usually only those that must be redacted leave a helper; a trial shows them all."""
    told = []
    job = Job(
        destination("return 1", inputs={"n": "{event.properties.n}"}),
        GLOBALS,
        rendered=told.append,
        show=True,
    )
    run = sandbox.start(job)
    await run.advance()
    assert (told, run.value) == ([{"n": 1}], 1)
    assert run.used_ms >= 0
