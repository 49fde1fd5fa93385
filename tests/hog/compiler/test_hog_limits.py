"""What an attacker would try: nothing a program does may take the process down, reach Python or outlive its limits."""

import gc
import sys
import time

import pytest

from hedgerow.hog import (
    AsyncCall,
    HogCompileError,
    HogDepthLimit,
    HogError,
    HogLimitError,
    HogMemoryLimit,
    HogRuntimeError,
    HogSizeLimit,
    HogTimeLimit,
    Host,
    Limits,
    compile_filter,
    compile_program,
    compile_template,
    compile_template_set,
)

SHORT = Limits(cpu_ms=100, memory=16 * 1024 * 1024)


def run(source, globals_=None, limits=SHORT, **host):
    execution = compile_program(source).start(globals_ or {}, Host(limits=limits, **host))
    step = execution.advance()
    while isinstance(step, AsyncCall):
        execution.answer(None)
        step = execution.advance()
    return step.value


ENDLESS = {
    "loop": "while (true) { }",
    "for": "for (;;) { let a := 1 }",
    "recursion of two": "fun f(n) { if (n = 0) { return 0 } return f(n - 1) + f(n - 1) } return f(60)",
    "tree of calls": "fun a0(x) { return x }\n"
    + "\n".join(f"fun a{n}(x) {{ return a{n - 1}(x) + a{n - 1}(x) }}" for n in range(1, 40))
    + "\nreturn a39(1)",
    "closures": "let f := x -> x; while (true) { let g := f; f := x -> 1 }",
    "nested library loops": "let a := range(50000); return arrayMap(x -> arrayMap(y -> arrayCount(z -> z = x, a), a), a)",
    "library loops over functions": "let a := range(50000); let f := x -> x; while (true) { arrayMap(f, a) }",
    "sorting": "let a := arrayMap(x -> toString(x * 7919 % 99991), range(99000)); while (true) { arraySort(a) }",
    "splitting": "let s := 'ab'; for (let i := 0; i < 14; i := i + 1) { s := s || s } while (true) { splitByString('a', s) }",
    "case": "let s := 'é'; for (let i := 0; i < 20; i := i + 1) { s := s || s } while (true) { lower(s) }",
    "like": "let s := 'a'; for (let i := 0; i < 18; i := i + 1) { s := s || s } while (true) { s like '%a%a%a%a%a%b%' }",
    "regex": "let s := 'a'; for (let i := 0; i < 16; i := i + 1) { s := s || s } while (true) { s =~ '(a+)+b' }",
    "catching": "while (true) { try { throw Error('x') } catch (e) { } }",
    "throwing deep": "fun f(n) { if (n = 0) { throw Error('x') } return f(n - 1) } while (true) { try { f(500) } catch (e) { } }",
    "json": "let a := range(20000); while (true) { jsonParse(jsonStringify(a)) }",
    "printing to text": "let a := range(50000); while (true) { toString(a) }",
    "iterating": "let d := {}; for (let i := 0; i < 20000; i := i + 1) { d[toString(i)] := i } while (true) { for (let k, v in d) { } }",
    "suspending loop": "let f := () -> sleep(1); while (true) { if (false) { f() } }",
    "arithmetic": "let x := 3; while (true) { x := x * x }",
    "equality": "let a := range(50000); let b := range(50000); while (true) { a = b }",
    "membership": "let a := range(99000); while (true) { 1 in a; 'x' in a; 3 not in a }",
    "dates": "while (true) { formatDateTime(toDateTime(1709209800), '%Y-%m-%d %H:%i:%S') }",
}


@pytest.mark.usefixtures("young_heap")
@pytest.mark.parametrize("name", ENDLESS)
def test_endless_programs_are_stopped_in_time(name):
    """CPU time is limited wherever it is spent, and the run ends within 100 ms of its limit."""
    program = compile_program(ENDLESS[name])
    execution = program.start({}, Host(limits=SHORT))
    start = time.thread_time()
    with pytest.raises(HogLimitError) as caught:
        execution.advance()
    spent = (time.thread_time() - start) * 1000
    assert spent < 200
    assert isinstance(caught.value, HogTimeLimit)
    assert caught.value.line is not None


HOARDERS = {
    "arrays": "let a := []; while (true) { a := [a, [1, 2, 3], [4]] }",
    "objects": "let a := []; while (true) { a := [a, {'x': 1, 'y': {'z': 2}}] }",
    "keys": "let all := []; let d := {}; for (let i := 0; true; i := i + 1) { d[f'key {i}'] := i; "
    "if (i % 50000 = 0) { all := arrayPushBack(all, d); d := {} } }",
    "strings": "let a := []; let s := 'x'; for (let i := 0; i < 12; i := i + 1) { s := s || s } while (true) { a := [a, s || 'y'] }",
    "short strings": "let a := []; for (let i := 0; true; i := i + 1) { a := [a, f'text number {i}'] }",
    "closures": "let a := []; while (true) { let x := [1, 2, 3, 4]; a := [a, () -> x] }",
    "numbers": "let a := []; for (let i := 0.5; true; i := i + 1) { a := [a, i] }",
    "copies": "let a := []; while (true) { let e := event; e.x := 1; a := [a, e] }",
    "library": "let a := []; while (true) { a := [a, range(1000), upper('abc'), splitByString(',', 'a,b,c')] }",
    "frames": "fun f(n) { let a := range(5000); if (n = 0) { return 0 } return f(n - 1) + length(a) } return f(900)",
    "suspended": "fun f(n) { let a := range(5000); if (n = 0) { fetch('u'); return 0 } return f(n - 1) + length(a) } return f(900)",
    "errors": "let e := Error('x'); while (true) { e := Error('x', [e, [1, 2, 3]]) }",
    "generated loops": "let a := []; while (true) { a := [a, arrayMap(x -> {'x': x}, range(100))] }",
}


@pytest.mark.parametrize("name", HOARDERS)
def test_hoarding_programs_are_stopped(name):
    """Memory is charged where values grow, whatever they grow in."""
    limits = Limits(cpu_ms=5000, memory=8 * 1024 * 1024)
    with pytest.raises(HogMemoryLimit) as caught:
        run(HOARDERS[name], {"event": {"a": 1, "b": {"c": [1, 2]}}}, limits)
    assert caught.value.line is not None


def test_makers_of_garbage_run_on():
    """What is no longer reachable does not count, however much of it there was."""
    source = "let n := 0; for (let i := 0; i < 60000; i := i + 1) { let a := [i, {'x': f'{i}'}]; n := n + length(a) } return n"
    assert run(source, limits=Limits(cpu_ms=5000, memory=4 * 1024 * 1024)) == 120_000


GROWERS = {
    "doubling": "let s := 'a'; while (true) { s := s || s }",
    "doubling in a template": "let s := 'a'; while (true) { s := f'{s}{s}{s}{s}{s}{s}{s}{s}{s}{s}{s}' }",
    "doubling by concat": "let s := 'a'; while (true) { s := concat(s, s) }",
    "replacing": "let s := 'aaaaaaaa'; while (true) { s := replaceAll(s, 'a', 'aaaaaaaaaa') }",
    "joining": "let a := range(1000); let s := 'x'; while (true) { s := arrayStringConcat(arrayMap(x -> s, a), s) }",
    "range": "return range(1000000000)",
    "range between": "return range(1, 1e300)",
    "array by index": "let a := []; a[1000000000] := 1; return a",
    "shared leaves printed": "let a := ['leaf']; for (let i := 0; i < 60; i := i + 1) { a := [a, a] } print(a)",
    "shared leaves as text": "let a := ['leaf']; for (let i := 0; i < 60; i := i + 1) { a := [a, a] } return f'x{a}'",
    "shared leaves as JSON": "let a := ['leaf']; for (let i := 0; i < 60; i := i + 1) { a := [a, a] } return jsonStringify(a)",
    "base64": "let s := 'aaaa'; while (true) { s := base64Encode(s) }",
    "urls": "let s := '%%%%'; while (true) { s := encodeURLComponent(s) }",
    "pushing": "let a := range(99990); while (true) { a := arrayPushBack(a, 1) }",
}


@pytest.mark.usefixtures("young_heap")
@pytest.mark.parametrize("name", GROWERS)
def test_growing_values_are_stopped(name):
    """No value grows past its cap, and none is built before it is refused."""
    start = time.thread_time()
    with pytest.raises(HogLimitError) as caught:
        run(GROWERS[name], limits=Limits(cpu_ms=400))
    assert isinstance(caught.value, HogSizeLimit | HogMemoryLimit | HogTimeLimit | HogDepthLimit)
    assert time.thread_time() - start < 0.6


RECURSIONS = {
    "itself": "fun f(n) { return f(n + 1) } f(1)",
    "in turns": "let g := null; fun f(n) { return g(n + 1) } g := n -> f(n); f(1)",
    "lambda": "let f := n -> f(n + 1); f(1)",
    "through a library loop": "fun f(n) { return arrayMap(x -> f(x), [n]) } f(1)",
    "through a library function": "let f := null; f := n -> arrayMap(f, [n]); f(1)",
    "through reduce": "let f := null; f := (a, n) -> arrayReduce(f, [n], a); f(1, 2)",
    "itself as argument": "let f := g -> g(g); f(f)",
    "waiting": "fun f(n) { if (n < 0) { fetch('u') } return f(n + 1) } f(1)",
    "waiting through a library function": "let f := null; f := n -> { if (n < 0) { fetch('u') } return arrayMap(f, [n]) }; f(1)",
    "a value of the library": "let m := arrayMap; let f := null; f := n -> m(f, [n]); f(1)",
    "in catches": "fun f(n) { try { throw Error('x') } catch (e) { return f(n + 1) } } f(1)",
}


@pytest.mark.parametrize("name", RECURSIONS)
def test_deep_recursion_is_an_error_of_depth(name):
    """A thousand nested calls are the limit, by whatever way they nest, and the error has a place and a stack."""
    with pytest.raises(HogDepthLimit) as caught:
        run(RECURSIONS[name], limits=Limits(cpu_ms=5000))
    assert caught.value.line is not None
    assert caught.value.trace


def test_depth_is_exact():
    """999 nested calls pass; depth left by an error that was caught is given back."""
    deep = "fun f(n) { if (n = 0) { throw Error('x') } return f(n - 1) }\n"
    again = "for (let i := 0; i < 5; i := i + 1) { try { f(900) } catch (e) { } } return 'ok'"
    assert run(deep + again, limits=Limits(cpu_ms=5000)) == "ok"
    count = "fun f(n) { if (n = 0) { return 0 } return 1 + f(n - 1) } return f(%d)"
    assert run(count % 999, limits=Limits(cpu_ms=5000)) == 999
    with pytest.raises(HogDepthLimit):
        run(count % 1000, limits=Limits(cpu_ms=5000))


def failure_kind(work):
    """The kind of the Hog error that some work ends with; None when it ends well."""
    try:
        work()
    except HogError as error:
        return error.kind
    return None


def nest(start, middle, end, count):
    return start * count + middle + end * count


DEEP_SOURCES = {
    "parentheses": "return " + nest("(", "1", ")", 20_000),
    "brackets": "return " + nest("[", "1", "]", 20_000),
    "braces": nest("{", "", "}", 20_000),
    "objects": "return " + nest("{'a': ", "1", "}", 10_000),
    "lambdas": "return " + nest("x -> ", "1", "", 10_000),
    "not": "return " + nest("not ", "1", "", 10_000),
    "minus": "return " + nest("- ", "x", "", 10_000),
    "functions": nest("fun f() { ", "", " }", 5_000),
    "ifs": nest("if (true) { ", "", " }", 5_000),
    "else ifs": nest("if (false) { } else ", "{ }", "", 20_000),
    "whiles": nest("while (true) { ", "", " }", 5_000),
    "some whiles": nest("while (true) { ", "return 1", " }", 30),
    "some tries": nest("try { ", "return 1", " } catch { }", 30),
    "some for-ins": nest("for (let x in [1]) { ", "return 1", " }", 40),
    "conditionals": "return " + nest("true ? 1 : ", "2", "", 20_000),
    "calls": "let f := () -> f; return f" + "()" * 10_000,
    "indexes": "let a := []; return a" + "[1]" * 10_000,
    "properties": "return event" + ".a" * 10_000,
    "templates": "return " + nest("f'{", "1", "}'", 3_000),
    "coalescing": "return " + " ?? ".join(["null"] * 20_000),
    "mixed operators": "return 1" + " + 1 || 'x'" * 10_000,
}


@pytest.mark.parametrize("name", DEEP_SOURCES)
def test_deep_sources_compile_or_are_refused(name):
    """Nesting in the source ends in a value or in an error with a message, never in a fault of Python."""
    kinds = {"syntax", "compile", "limit_depth", "limit_time", "runtime", None}
    assert failure_kind(lambda: run(DEEP_SOURCES[name], {"event": {"a": None}}, Limits(cpu_ms=2000))) in kinds


LONG_SOURCES = {
    "sum": ("return " + " + ".join(["1"] * 2_000), 2_000),
    "sum of unknowns": ("return " + " + ".join(["event.n"] * 1_000), 2_000),
    "difference": ("let a := 2.5; return a" + " - 1" * 3_000, -2997.5),
    "and": ("return " + " and ".join(["event.n = 2"] * 2_000), True),
    "or": ("return " + " or ".join(["event.n = 3"] * 2_000), False),
    "concat": ("return " + " || ".join(["event.n"] * 2_000), "2" * 2_000),
    "comparison": ("return " + " = ".join(["1"] * 3_001), True),
    "coalesce": ("return " + " ?? ".join(["event.x"] * 2_000) + " ?? 7", 7),
    "statements": ("let x := 0;" + "x := x + 1;" * 2_000 + "return x", 2_000),
    "array": ("return length([" + "1," * 20_000 + "])", 20_000),
    "multiIf": ("return multiIf(" + "event.n = 3, 1, " * 100 + "5)", 5),
}


@pytest.mark.parametrize(
    ("compile_", "source"),
    [
        (compile_program, "return '" + "a" * 102_400 + "'"),
        (compile_program, "return '" + "é" * 51_200 + "'"),
        (compile_filter, "1" + " + 1" * 30_000),
        (compile_template, "a" * 2**20 + "{event}"),
    ],
)
def test_sources_have_a_greatest_size(compile_, source):
    """A source that is too long is refused at once, and told so."""
    with pytest.raises(HogCompileError, match="bytes"):
        compile_(source)


@pytest.mark.parametrize("name", LONG_SOURCES)
def test_long_sources_work(name):
    """Length is no problem: chains of thousands of operators mean what short ones mean."""
    source, value = LONG_SOURCES[name]
    assert run(source, {"event": {"n": 2}}, Limits(cpu_ms=5000)) == value


NAMES = [
    "__builtins__",
    "__class__",
    "__import__",
    "G",
    "M",
    "H",
    "b",
    "m",
    "d",
    "t1",
    "v1",
    "f1",
    "i0",
    "xs",
    "out",
    "refuel",
    "main",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_compiler_and_of_python_are_ordinary_names(name):
    """Locals, functions and parameters may have any name; a global that is not there is not found."""
    source = f"""
    let {name} := 1
    fun other({name}) {{ {name} := {name} + 1; return {name} }}
    let list := arrayMap({name} -> {name} + 1, [1])
    for (let {name} := 0; {name} < 2; {name} := {name} + 1) {{ let inner := () -> {name}; inner() }}
    try {{ throw Error('x') }} catch ({name}) {{ list := arrayPushBack(list, {name}.message) }}
    return [{name}, other(5), list]
    """
    assert run(source) == [1, 6, [2, "x"]]
    with pytest.raises(HogRuntimeError, match="Global variable not found"):
        run(f"return {name}")
    with pytest.raises(HogCompileError, match="not implemented"):
        compile_program(f"return {name}(1)")


ESCAPES = [
    "return ''.__class__",
    "return [].__class__.__base__",
    "return {'a': 1}.__class__",
    "let f := x -> x; return f.impl",
    "let f := x -> x; return f.__globals__",
    "let f := length; return f.impl.__self__",
    "return event.__class__.__mro__",
    "return event['__class__']",
    "return toDate('2024-01-01').__init__",
    "return Error('x').__traceback__",
    "try { throw Error('x') } catch (e) { return e.with_traceback }",
    "return now().replace",
    "return 'abc'.format",
    "return (1).real",
    "return (x -> x).name",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_no_attribute_of_python_can_be_reached(source):
    """A property is a key or a documented field, never an attribute of the Python object behind the value."""
    assert run(source, {"event": {"a": 1}}) is None


def test_globals_are_never_changed():
    """The host's objects stay as they were, whichever way a program tries to write to them."""
    world = {"event": {"p": {"q": [1, {"r": 1}]}, "s": 1}, "list": [[1], {"k": 1}]}
    source = """
    let e := event; e.s := 2; e.p.q[2].r := 2
    let p := event.p; p.q := 1
    for (let k, v in event) { let w := v; if (typeof(w) = 'object') { w.x := 1 } }
    arrayMap(x -> { if (typeof(x) = 'object') { x.k := 2 } return x }, list)
    fun change(o) { o.changed := true; return o }
    change(event); change(event.p).q[1] := 9
    let d := {'e': event, 'l': [list]}; d.e.s := 3; d.l[1][1][1] := 7
    let c := event ?? list; c.s := 4
    let f := () -> event.p; let g := f(); g.q := null
    let m := arrayFilter(x -> true, list); m[2].k := 3
    let n := arrayReduce((a, x) -> x, list, event); n.k := 5
    let o := true ? event : null; o.s := 6
    let h := arrayPushBack([], event); h[1].s := 7
    let u := values(event); u[1].q := 8
    try { throw Error('x', event) } catch (err) { let pay := err.payload; pay.s := 9 }
    let t := (event, 1); let t1 := t.1; t1.s := 10
    let z := if(true, event, 1); z.s := 11
    return 1
    """
    assert run(source, world, Limits(cpu_ms=5000)) == 1
    assert world == {"event": {"p": {"q": [1, {"r": 1}]}, "s": 1}, "list": [[1], {"k": 1}]}


def test_values_that_contain_themselves():
    """A cycle prints as null where it closes, is refused where that makes no sense, and never hangs."""
    source = "let a := {'n': 1}; a.self := a; let l := [a]; l[2] := l; print(a, l); return [f'{a}.', jsonStringify(l), a = a]"
    assert run(source) == ["{'n': 1, 'self': null}.", '[{"n":1,"self":null},null]', True]


def test_deep_values_are_refused_where_they_are_walked():
    """A value nested ten thousand deep is no problem until it has to be printed or serialised."""
    source = "let a := []; for (let i := 0; i < 10000; i := i + 1) { a := [a] } "
    assert run(source + "return typeof(a)") == "array"
    for end in ("return toString(a)", "return jsonStringify(a)", "print(a)", "return a = a ? a[1] || '' : 1"):
        with pytest.raises(HogLimitError):
            run(source + end)


def test_recursion_limit_and_memory_are_left_in_order():
    """After all of that Python is as it was: no frames kept, and recursion limit high enough for the next run."""
    for source in RECURSIONS.values():
        with pytest.raises(HogDepthLimit):
            run(source, limits=Limits(cpu_ms=5000))
    gc.collect()
    assert sys.getrecursionlimit() < 20_000
    assert run("return 1") == 1


def test_filters_and_templates_have_limits_too():
    """They are metered as soon as they can loop; text is capped even when they cannot."""
    host = Host(limits=SHORT)
    with pytest.raises(HogLimitError):
        compile_filter("arrayCount(x -> arrayCount(y -> arrayCount(z -> z = x, a), a), a)")(
            {"a": list(range(5000))}, host
        )
    with pytest.raises(HogLimitError):
        compile_template("{arrayMap(x -> arrayMap(y -> x, a), a)}").render({"a": list(range(90_000))}, host)
    big = {"a": "x" * 1_000_000}
    with pytest.raises(HogSizeLimit):
        compile_template("{a}{a}{a}{a}{a}").render(big)
    with pytest.raises(HogSizeLimit):
        compile_template("{a}" * 50).render(big)
    with pytest.raises(HogError) as caught:
        compile_template_set({"fine": "x", "bad": {"k": ["{a}{a}{a}{a}{a}"]}}).render(big)
    assert caught.value.key == "bad"


def test_a_limit_cannot_be_caught():
    """Neither limits nor failures of the library are values that `catch` sees."""
    for body in (
        "while (true) { }",
        "jsonParse('{')",
        "nowhere.x",
        "let s := 'a'; while (true) { s := s || s }",
    ):
        with pytest.raises(HogRuntimeError):
            run(f"while (true) {{ try {{ {body} }} catch (e) {{ }} }}")


def test_cpu_time_is_counted_over_all_parts():
    """Each part adds to what the parts before it used."""
    spin = "for (let i := 0; i < 20000; i := i + 1) { }"
    execution = compile_program(f"for (let r := 0; r < 90; r := r + 1) {{ {spin} sleep(1) }}").start(
        {}, Host(limits=Limits(cpu_ms=60, fetches=100))
    )
    parts = 0
    with pytest.raises(HogTimeLimit):
        while isinstance(execution.advance(), AsyncCall):
            execution.answer(None)
            parts += 1
    assert parts >= 1
    assert execution.cpu_ms > 50


def test_printed_lines_are_bounded():
    """24 lines and a note; a long line is cut."""
    lines = []
    limits = Limits(log_lines=3, log_length=10)
    run(
        "for (let i := 0; i < 9; i := i + 1) { print('line', i, 'and more of it') }",
        limits=limits,
        emit=lines.append,
    )
    assert lines[:3] == [f"line {number} and... (11 more characters)" for number in range(3)]
    assert lines[3:] == ["More than 3 lines were printed; the rest is dropped"]
