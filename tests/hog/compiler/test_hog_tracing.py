"""A traced run tells which lines ran and what they changed, and changes nothing else."""

from hedgerow.hog import HogThrown, Host, Limits, compile_program, trace_program
from support.hog_programs import GLOBALS, Programs
from support.hog_values import canonical, outcome

SOURCE = """let total := 0
fun double(x) {
  return x * 2
}
for (let item in [1, 2]) {
  if (item = 2) {
    total := total + double(item)
  }
}
let seen := {'a': 1}
seen.b := total
let made := () -> seen
let r := fetch('u')
return [total, r]
"""


def test_every_line_that_ran_with_what_it_changed():
    """Steps come in order; a condition is a step; a write into an object shows the object; functions show nothing."""
    trace = trace_program(SOURCE, {}, answer=lambda call: {"asked": call.args[0]})
    lines = [(step.line, dict(step.changed)) for step in trace.steps]
    assert lines == [
        (1, {"total": "0"}),
        (2, {}),
        (5, {"item": "1"}),
        (6, {}),
        (5, {"item": "2"}),
        (6, {}),
        (3, {}),
        (7, {"total": "4"}),
        (10, {"seen": "{'a': 1}"}),
        (11, {"seen": "{'a': 1, 'b': 4}"}),
        (12, {}),
        (13, {"r": "{'asked': 'u'}"}),
        (14, {}),
    ]
    assert trace.value == [4, {"asked": "u"}]
    assert [call.name for call in trace.calls] == ["fetch"]
    assert trace.complete


def test_the_head_of_a_loop_is_shown_once_a_round():
    """What sets the variables of a loop and the test behind it are one step, whichever of them the head has."""
    heads = {
        "for (let i := 0; i < 2; i := i + 1)\n{ print(i) }": [{"i": "0"}, {"i": "1"}, {"i": "2"}],
        "for (let i := 0; i < 2;)\n{ i := i + 1 }": [{"i": "0"}, {}, {}],
        "let i := 0 for (; i < 2; i := i + 1)\n{ print(i) }": [{"i": "0"}, {}, {"i": "1"}, {"i": "2"}],
        "for (let k, v in {'a': 1, 'b': 2})\n{ print(k) }": [{"k": "'a'", "v": "1"}, {"k": "'b'", "v": "2"}],
        "let i := 0 while (i < 1)\n{ i := i + 1 }": [{"i": "0"}, {}, {}],
    }
    for source, expected in heads.items():
        steps = trace_program(source, {}).steps
        assert [dict(step.changed) for step in steps if step.line == 1] == expected, source


def test_a_failing_run_keeps_its_steps():
    """The steps up to the error are there, and the error with its place."""
    trace = trace_program("let a := 1\nthrow Error('bad')", {})
    assert [step.line for step in trace.steps] == [1, 2]
    assert isinstance(trace.error, HogThrown)
    assert trace.error.line == 2


def test_long_runs_and_large_values_are_cut():
    """Only so many steps are kept, and no value is shown at any length."""
    trace = trace_program(
        "let a := range(50000)\nfor (let i := 0; i < 20000; i := i + 1) { }",
        {},
        Host(limits=Limits(cpu_ms=5000)),
    )
    assert not trace.complete
    assert trace.steps[0].changed["a"] == "... (a large list)"
    assert trace.error is None


def test_tracing_changes_no_result():
    """Generated programs give the same value, traced or not."""
    for seed in range(500, 540):
        source = Programs(seed).program()
        host = Host(seed=b"1", limits=Limits(string=20_000, cpu_ms=5000))
        trace = trace_program(source, GLOBALS, host)
        value = outcome(
            lambda source=source, host=host: compile_program(source).start(GLOBALS, host).advance().value
        )
        if trace.error is None:
            assert canonical(trace.value) == value
        else:
            assert value == (type(trace.error).__name__, trace.error.message)
