"""A program resumed from its journal does what it would have done without the interruption."""

import copy

import pytest

from hedgerow.hog import (
    AsyncCall,
    HogDiverged,
    HogError,
    HogFetchLimit,
    Host,
    JournalEntry,
    Limits,
    compile_program,
)
from support.hog_programs import GLOBALS, Programs
from support.hog_values import canonical

LIMITS = Limits(fetches=30, log_lines=1000, string=20_000, cpu_ms=5000)


class World:
    """A host whose clock moves with every look, and which remembers what was printed."""

    def __init__(self, journal=(), *, start=1000.0, printed=0):
        self.time = start
        self.lines = []
        self.host = Host(
            now=self.now,
            seed=b"invocation",
            emit=self.lines.append,
            limits=LIMITS,
            journal=journal,
            printed=printed,
        )

    def now(self):
        self.time += 1
        return self.time


def answer(call):
    """What the outside says: depends on the call's number alone, and is never the same object twice."""
    return {"status": 200 + call.ordinal, "body": {"n": call.ordinal, "list": [1, {"k": call.ordinal}]}}


def drive(program, world, steps=None):
    """Run to the end or for so many calls; gives the run, how it ended, and the calls it made."""
    execution = program.start(GLOBALS, world.host)
    calls = []
    try:
        step = execution.advance()
        while isinstance(step, AsyncCall):
            calls.append((step.name, canonical(step.args), step.site, step.ordinal))
            if steps is not None and len(calls) > steps:
                return execution, None, calls[:-1]
            execution.answer(answer(step))
            step = execution.advance()
    except HogError as error:
        return execution, (type(error).__name__, error.message), calls
    return execution, canonical(step.value), calls


@pytest.mark.parametrize("block", range(10))
def test_resuming_at_every_call_equals_the_uninterrupted_run(block):
    """200 programs, stopped before each of their calls and run again from the journal."""
    interrupted = 0
    for seed in range(block * 20, block * 20 + 20):
        program = compile_program(Programs(seed, waits=True).program())
        whole_world = World()
        _, expected, calls = drive(program, whole_world)
        for stop in range(len(calls)):
            first_world = World()
            first, _, _ = drive(program, first_world, steps=stop)
            resumed_at = 1000.0 + sum(len(entry.clock) for entry in first.journal)
            second_world = World(copy.deepcopy(first.journal), start=resumed_at, printed=first.printed)
            _, result, later = drive(program, second_world)
            assert first_world.lines + second_world.lines == whole_world.lines
            assert later == calls[stop:]
            assert result == expected
            interrupted += 1
    assert interrupted > 10


def test_half_of_the_generated_programs_end_well():
    """The programs above are worth something: many run to their end, and many wait."""
    ends = [drive(compile_program(Programs(seed, waits=True).program()), World())[1:] for seed in range(60)]
    assert sum(1 for result, _ in ends if isinstance(result, tuple) and result[0] == "list") > 30
    assert sum(1 for _, calls in ends if calls) > 30


def test_journal_results_are_not_changed_by_the_program():
    """A program that writes into an answer writes into its own copy, so that the journal replays what was answered."""
    program = compile_program("let r := fetch('u'); r.body.x := 1; r.status := 2; fetch('v'); return r")
    execution = program.start({}, Host())
    execution.advance()
    execution.answer({"status": 200, "body": {}})
    execution.advance()
    assert execution.journal[0].result == {"status": 200, "body": {}}
    execution.answer(None)
    assert execution.advance().value == {"status": 2, "body": {"x": 1}}


def test_the_clock_is_replayed_up_to_the_last_answer_and_real_after_it():
    """Readings made before an answer come from the journal; later ones from the host."""
    program = compile_program("let a := now(); fetch('u'); let b := now(); return [a, b]")
    times = iter([1.0, 2.0])
    execution = program.start({}, Host(now=lambda: next(times)))
    execution.advance()
    execution.answer(None)
    assert execution.journal[0].clock == (1.0,)
    resumed = program.start({}, Host(now=lambda: 99.0, journal=execution.journal)).advance()
    assert [moment.dt for moment in resumed.value] == [1.0, 99.0]


def test_the_clock_says_the_same_when_the_journal_is_carried_on():
    """A journal that a resumed run continues has the readings of both parts."""
    program = compile_program("let a := now(); fetch('u'); let b := now(); fetch('v'); return [a, b, now()]")
    first = program.start({}, Host(now=lambda: 1.0))
    first.advance()
    first.answer(None)
    second = program.start({}, Host(now=lambda: 2.0, journal=first.journal))
    second.advance()
    second.answer(None)
    assert [entry.clock for entry in second.journal] == [(1.0,), (2.0,)]
    last = program.start({}, Host(now=lambda: 3.0, journal=second.journal)).advance()
    assert [moment.dt for moment in last.value] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("source", "journal"),
    [
        ("fetch('u')", [JournalEntry(site=5, ordinal=0, result=None)]),
        ("fetch('u')", [JournalEntry(site=0, ordinal=3, result=None)]),
        (
            "fetch('u')",
            [JournalEntry(site=0, ordinal=0, result=None), JournalEntry(site=0, ordinal=1, result=None)],
        ),
        ("let t := now(); fetch('u')", [JournalEntry(site=0, ordinal=0, result=None)]),
        ("return 1", [JournalEntry(site=0, ordinal=0, result=None)]),
    ],
)
def test_another_path_than_the_journal_tells_is_told(source, journal):
    """A replay that asks for something else, or for more, or ends too early, fails as diverged."""
    with pytest.raises(HogDiverged):
        compile_program(source).start({}, Host(journal=journal)).advance()


def test_calls_beyond_the_limit_fail_at_their_place():
    """One call more than allowed is an error with a position, which the program cannot catch."""
    program = compile_program("for (let i := 0; i < 3; i := i + 1) {\n try { fetch('u') } catch { } }")
    execution = program.start({}, Host(limits=Limits(fetches=2)))
    for _ in range(2):
        execution.advance()
        execution.answer(None)
    with pytest.raises(HogFetchLimit) as caught:
        execution.advance()
    assert caught.value.line == 2
    assert execution.journal[-1].ordinal == 1


def test_only_fetches_count_as_fetches():
    """Sleeping and capturing leave the fetches alone; all calls together have a bound of their own, in a replay as well."""
    program = compile_program("while (true) { sleep(1) postHogCapture({'event': 'e'}) }")
    execution = program.start({}, Host(limits=Limits(fetches=1, async_steps=7)))
    for _ in range(7):
        assert isinstance(execution.advance(), AsyncCall)
        execution.answer(None)
    with pytest.raises(HogFetchLimit, match="7"):
        execution.advance()
    with pytest.raises(HogFetchLimit, match="7"):
        program.start({}, Host(limits=Limits(fetches=1, async_steps=7), journal=execution.journal)).advance()


def test_fetches_of_earlier_parts_count():
    """A run that goes on from a journal has as many fetches left as it had before."""
    program = compile_program("fetch('a') sleep(1) fetch('b')")
    limits = Limits(fetches=1)
    execution = program.start({}, Host(limits=limits))
    for _ in range(2):
        execution.advance()
        execution.answer(None)
    again = program.start({}, Host(limits=limits, journal=execution.journal))
    with pytest.raises(HogFetchLimit):
        again.advance()


def test_random_values_depend_on_the_seed_alone():
    """The same invocation draws the same numbers, another one draws others."""
    program = compile_program("return [randomFloat(), generateUUIDv4(), generateUUIDv4()]")
    one, again, other = (program.start({}, Host(seed=seed)).advance().value for seed in (b"1", b"1", b"2"))
    assert one == again != other
    assert one[1] != one[2]
    assert 0 <= one[0] < 1


def test_calls_suspend_from_any_depth():
    """From functions within functions, lambdas in library loops, values of functions, conditions and catch blocks."""
    source = """
    fun inner(u) { return fetch(u) }
    fun outer(u) { try { throw Error('x') } catch { return inner(u) } }
    let f := fetch
    let g := u -> outer(u)
    let seen := [outer('a'), f('b'), g('c')]
    let mapped := arrayMap(u -> outer(u), ['d', 'e'])
    let held := arrayFilter(g, ['f'])
    let folded := arrayReduce((s, u) -> s || fetch(u), ['g', 'h'], '')
    let some := arrayExists(u -> fetch(u) = 'k', ['i', 'k', 'never'])
    let count := arrayCount(u -> { return fetch(u) = 'l' }, ['l', 'm'])
    if (fetch('n') = 'n') { while (fetch('o') != 'o') { } }
    let h := (s, u) -> s || g(u)
    return [seen, mapped, held, folded, some, count, arrayReduce(h, ['p'], ''), arrayExists(g, ['q']), arrayCount(g, ['r'])]
    """
    execution = compile_program(source).start({}, Host(limits=Limits(fetches=100)))
    step = execution.advance()
    asked = []
    while isinstance(step, AsyncCall):
        asked.append(step.args[0])
        execution.answer(step.args[0])
        step = execution.advance()
    assert asked == list("abcdefghiklmnopqr")
    assert step.value == [["a", "b", "c"], ["d", "e"], ["f"], "gh", True, 1, "p", True, 1]


def test_misuse_of_a_run_is_refused():
    """Answering without a call, and advancing without an answer, are mistakes of the host."""
    execution = compile_program("fetch('u')").start({}, Host())
    with pytest.raises(RuntimeError):
        execution.answer(1)
    execution.advance()
    with pytest.raises(RuntimeError):
        execution.advance()
