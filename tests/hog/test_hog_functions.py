"""Functions as values: given to the library's loops, kept by closures, waiting for answers; and faults that are not the author's."""

from __future__ import annotations

import pytest

from hedgerow.hog import (
    AsyncCall,
    HogDepthLimit,
    HogError,
    HogInternalError,
    HogMemoryLimit,
    HogRuntimeError,
    Host,
    Limits,
    compile_filter,
    compile_program,
    print_form,
)


def run(source, globals_=None, **limits):
    """The value of a program whose calls are answered with their number, in print form."""
    limits = {"fetches": 50, "cpu_ms": 5_000, **limits}
    execution = compile_program(source).start(globals_ or {}, Host(limits=Limits(**limits)))
    step = execution.advance()
    while isinstance(step, AsyncCall):
        execution.answer({"status": step.ordinal, "url": step.args[0] if step.args else None})
        step = execution.advance()
    return print_form(step.value)


LOOPS = [
    ("arrayMap(f, [1, 2])", "[false, true]"),
    ("arrayFilter(f, [1, 2, 3])", "[2, 3]"),
    ("arrayFilter(f, {'a': 1, 'b': 2})", "[2]"),
    ("arrayExists(f, [1, 2])", "true"),
    ("arrayExists(f, [0, 1])", "false"),
    ("arrayCount(f, [1, 2, 3])", "2"),
    ("arrayReduce(g, [1, 2, 3], 10)", "16"),
    ("arrayMap(f, null)", "[]"),
]


@pytest.mark.parametrize(("call", "value"), LOOPS)
def test_loops_over_functions_in_variables(call, value):
    """What is no literal lambda is called like any function."""
    assert run(f"let f := x -> x > 1; fun g(a, b) {{ return a + b }} return {call}") == value


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("arrayMap(get, ['a', 'b'])", "[0, 1]"),
        ("arrayFilter(get, ['a', 'b', 'c'])", "['b', 'c']"),
        ("arrayExists(get, ['a', 'b', 'c'])", "true"),
        ("arrayExists(get, ['a'])", "false"),
        ("arrayCount(get, ['a', 'b', 'c'])", "2"),
        ("arrayReduce(sum, ['a', 'b', 'c'], 0)", "3"),
        ("arrayMap(u -> get(u), ['a', 'b'])", "[0, 1]"),
        ("arrayMap(f -> f('u'), [get, get])", "[0, 1]"),
        ("arrayMap(length, ['a', 'bc'])", "[1, 2]"),
        ("[pick('x').url, pick('y').url]", "['x', 'y']"),
    ],
)
def test_loops_over_functions_that_wait(call, value):
    """A function may wait for an answer at every element, wherever it comes from."""
    source = "let get := u -> fetch(u).status; fun sum(s, u) { return s + fetch(u).status } let pick := fetch"
    assert run(f"{source}; return {call}") == value


def test_library_functions_are_values():
    """They can be kept, passed and called, and still count their arguments."""
    assert (
        run("let up := upper; return [up('a'), arrayMap(f -> f('aB'), [lower, upper]), up]")
        == "['A', ['ab', 'AB'], fn<upper(1)>]"
    )
    assert run("return lower", {"lower": "a global of that name"}) == "'a global of that name'"
    with pytest.raises(HogRuntimeError, match="Function upper requires at most 1 argument"):
        run("let up := upper; return up('a', 'b')")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("let x := 5; x := x + 1; return x(1)", "Can not call a value of type integer"),
        ("let f := [x -> x][1]; return f(1, 2)", "Too many arguments. Passed 2, expected 1"),
        ("return arrayMap(5, [1])", "Can not call a value of type integer"),
        ("return arrayMap(event, [1])", "Can not call a value of type object"),
    ],
)
def test_what_can_not_be_called(source, message):
    """Values that are no functions, and too many arguments, are errors with a place."""
    with pytest.raises(HogRuntimeError, match=message) as caught:
        run(source, {"event": {}})
    assert caught.value.line == 1


CLOSURES = [
    ("for (let v in [1, 2]) { fs := arrayPushBack(fs, () -> v) }", "[2, 2]"),
    ("for (let v in [1, 2]) { fs := arrayPushBack(fs, () -> { v := v + 1; return v }) }", "[3, 4]"),
    ("for (let k, v in ['a', 'b']) { fs := arrayPushBack(fs, () -> [k, v]) }", "[[1, 'b'], [1, 'b']]"),
    ("for (let v in [1, 2]) { let own := v; fs := arrayPushBack(fs, () -> own) }", "[1, 2]"),
    ("for (let i := 0; i < 2; i := i + 1) { fs := arrayPushBack(fs, () -> i) }", "[2, 2]"),
    ("fs := arrayMap(x -> (() -> x), [1, 2])", "[1, 2]"),
    ("for (let v in [1, 2]) { fun down(n) { return n = 0 ? v : down(n - 1) } fs := arrayPushBack(fs, () -> down(2)) }", "[2, 2]"),
]  # fmt: skip


@pytest.mark.parametrize(("loop", "value"), CLOSURES)
def test_closures_keep_variables_not_values(loop, value):
    """A loop has one variable for all rounds, its body one for each."""
    assert run(f"let fs := []; {loop} return arrayMap(f -> f(), fs)") == value


def test_globals_are_copied_with_their_shape():
    """A copy to write to has the same parts, shared ones once, and the host's values stay as they are."""
    shared = {"n": 1}
    event = {"a": shared, "b": shared, "list": [shared, (1, shared)], "many": list(range(3_000))}
    source = "let e := event; e.a.n := 2; e.list[1].n := e.list[1].n + 1; return [e.a, e.b, e.list]"
    assert run(source, {"event": event}) == "[{'n': 3}, {'n': 3}, [{'n': 3}, (1, {'n': 3})]]"
    assert shared == {"n": 1}


def test_globals_that_nest_too_deep_are_refused():
    """Copying them stops at the limit."""
    deep = {}
    for _ in range(300):
        deep = {"in": deep}
    with pytest.raises(HogDepthLimit, match="Value nests deeper than 200 levels"):
        run("let e := event; e.x := 1; e.in.in.x := 2; return length(jsonStringify(e))", {"event": deep})


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (ZeroDivisionError(), HogInternalError),
        (MemoryError(), HogMemoryLimit),
        (RecursionError(), HogDepthLimit),
        (OverflowError(), HogRuntimeError),
    ],
)
def test_faults_of_the_host_become_errors_of_hog(fault, kind):
    """Whatever comes out of a mapping of globals is an error with a place, the Python error behind it."""

    class Broken(dict):
        def __getitem__(self, key):
            raise fault

    with pytest.raises(HogError) as caught:
        compile_filter("event.name = 'a'")(Broken())
    assert type(caught.value) is kind
    if kind is HogInternalError:
        assert caught.value.__cause__ is fault
        assert caught.value.message == "Internal error: ZeroDivisionError"


def test_mistakes_of_the_caller_are_python_errors():
    """A pending call must be answered before going on, and nothing else can be."""
    execution = compile_program("return fetch('u')").start({}, Host())
    with pytest.raises(RuntimeError, match="no call is pending"):
        execution.answer(None)
    execution.advance()
    with pytest.raises(RuntimeError, match="answer the pending call first"):
        execution.advance()
    assert execution.cpu_ms >= 0
