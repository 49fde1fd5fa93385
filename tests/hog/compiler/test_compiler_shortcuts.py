"""What the compiler does to whole statements and functions to be quick changes nothing that a program or its author sees."""

import pytest

from hedgerow.hog import AsyncCall, HogError, Host, Limits, compile_program, compile_template_set
from support.hog_values import ODD, canonical, outcome

SMALL_FUNCTION = """
fun clean(x, other) {
  if (typeof(x) = 'string') { return trim(x) }
  if (empty(x)) { if (other) { return other } else { return 'none' } }
  return typeof(x) in ['array', 'object'] ? jsonStringify(x) : x
}
"""


def run(source, globals_, **options):
    execution = compile_program(source, **options).start(globals_, Host(limits=Limits(fetches=10)))
    step = execution.advance()
    while isinstance(step, AsyncCall):
        execution.answer(step.args[0])
        step = execution.advance()
    return step.value


def assert_same(source, globals_):
    fast, slow = (
        outcome(lambda only=only: run(source, globals_, helpers_only=only)) for only in (False, True)
    )
    assert fast == slow, (source, globals_)


@pytest.mark.parametrize(
    "source",
    [
        f"{SMALL_FUNCTION} return [clean(a), clean(a ?? b, b), clean(), clean(clean(a, b), clean(b))]",
        f"{SMALL_FUNCTION} let t := a; let out := []; for (let v in [a, b, t]) {{ out := [out, clean(v, t)] }} return out",
        "let f := (x, y) -> x || y; return [f(a, b), f(f(b, a)), f(a), f(1, f(2, b))]",
        "fun half(x) { return x / 2 } let n := half(3); return [n, half(n), half(a), half(1) || b]",
        "fun pick(x) { return x.abc ?? b.abc } return [pick(a), pick(b), pick(pick(a))]",
        "return [a.abc, a.length, a.x, b.y.z, b.y.w, b.y.abc, b.y.length]",
        "let read := () -> [a.abc, a.message]; return [read(), a.abc, a.type, a.length]",
        "let out := []; for (let k, v in a) { out := arrayPushBack(out, [k, v]) } return out",
        "let out := []; for (let v in a) { out := arrayPushBack(out, v) } return out",
        "let o := {}; for (let k, v in a) { o[k] := v; o.last := k } o[b] := a; return o",
        "let o := {'k': b}; let p := a; for (let k, v in o) { o[v] := p; o[f'{k}-{v}'] := 1 } return o",
        """let i := 0; let j := 1; let k := 0; j := j - 3; k := k + i; let out := []
        while (i < 3) { out := [out, f'i{i}', f'{j}', 'k' || k, j || k] i := i + 1; j := j + 1 } return out""",
        "let n := 1000; let out := ''; while (n < 1060) { out := f'{n}'; n := n + 40 } return [out, f'a{n}', f'{n} b {n} c']",
        "let p := a; let out := []; p.x := b; p[b] := 1; p.x := 2; p.y := p.x; return [p, typeof(p)]",
        "let out := []; for (let i := 0; i < 3; i := i + 1) { out := [out, f'n{i}'] } return [out, a]",
        "let out := []; for (let i := 1021; i <= 1023; i := i + 1) { out := [out, f'n{i}'] } return out",
        "let out := []; for (let i := 1022; i < 1026; i := i + 2) { out := [out, f'n{i}'] } return out",
        "let out := []; for (let i := 0; i <= 1024; i := i + 512) { out := [out, f'n{i}'] } return out",
        "let fs := []; for (let i := 0; i < 1000; i := i + 600) { fs := arrayPushBack(fs, () -> f'{i}') } return fs[1]()",
        "let i := 0; let f := () -> f'{i}'; for (; i < 9; i := i + 2000) { print(f()) } return [f(), f'{i}']",
        "let out := ''; for (let i := 0; i < 9; i := i + 2000) { i := i + 2000; out := out || f'{i}' } return out",
        "let out := ''; for (let i := 0; i < 9; i := i + 2000) { if (i = 0) { i := 3000 } out := out || i } return out",
        """let i := 0; fun f(n) { for (; i < 9; i := i + 2000) { if (n > 0) { f(n - 1) } return f'{i}' } return f'past {i}' }
        return [f(2), f(1), i]""",
        "let f := x -> { x.v := b; x.w := 1; return x } return f(a)",
        "if (typeof(a) = 'string') { return [trim(a), upper(a), length(a), a || 'x', a = 'x', a.x, a[1], a + 1] } return lower(b)",
        "let x := a; let y := typeof(x) = 'string' ? trim(x) || lower(x) : x; x := 1; return [x, y]",
        "let x := a; if (typeof(x) = 'string') { x := b; return [x, x || 'y', x = 'abc'] } return x",
        "let f := (x) -> typeof(x) = 'string' ? arrayMap(y -> x || y, [a, b]) : x; return f(a)",
        "let o := {}; for (let k, v in a) { k := v; o[k] := 1 } return o",
        "let o := {}; for (let k, v in a) { o[k] := v; o[lower(toString(k))] := v } return o",
        "let list := [a, b]; for (let v in list) { list[3] := 'more' } return list",
    ],
)
def test_shortcuts_of_statements(source):
    """Inlined functions, globals looked up beforehand, loops without a copy and known objects agree with the helpers."""
    for a in ODD:
        for b in (*ODD[::7], {"abc": 1, "y": {"z": 2, "abc": "x"}}, {"y": [1, 2]}):
            assert_same(source, {"a": a, "b": b})


@pytest.mark.parametrize(
    "source",
    [
        "let x := 1\nreturn [nowhere.a, nowhere.b, nowhere.c]",
        "if (false) { return [nowhere.a, nowhere.b, nowhere.c] }\nreturn nowhere.d.e",
        "let f := () -> nowhere.a.b\nlet g := () -> [nowhere.a.b, nowhere.a.c]\nreturn f()",
        "fun f(x) { return decodeURLComponent(x) }\nlet y := 'ok'\nreturn [f(y),\n f('%')]",
        "fun f(x) {\n  if (x > 1) {\n    return decodeURLComponent('%' || x) }\n  return 1\n}\nfun g(y) { let z := y; return f([z]) || f(z)  }\nreturn [g(1), g(2)]",
        "let f := x -> nowhere\nreturn f(1) || f(2)",
    ],
)
def test_errors_are_told_alike(source):
    """Message, place and stack of an error are those of the code as it is written."""
    told = []
    for only in (False, True):
        with pytest.raises(HogError) as caught:
            run(source, {"event": 1}, helpers_only=only)
        told.append((caught.value.render(), caught.value.span, caught.value.trace))
    assert told[0] == told[1]


def test_globals_that_are_not_read_need_not_be_there():
    """What is looked up beforehand is missed only where the program reads it."""
    source = "if (ask) { return [nowhere.a, nowhere.b.c, nowhere.b.d, nowhere.b.e] } return 'fine'"
    assert run(source, {"ask": False}) == "fine"
    with pytest.raises(HogError, match="Global variable not found: nowhere"):
        run(source, {"ask": True})


def test_loops_that_wait_go_through_a_copy():
    """What a host does to its globals while a loop waits does not reach the loop."""
    world = {"a": {"x": 1, "y": 2}}
    execution = compile_program("let n := []; for (let k, v in a) { n := [n, fetch(k)] } return n").start(
        world, Host(limits=Limits(fetches=10))
    )
    step = execution.advance()
    while isinstance(step, AsyncCall):
        world["a"][f"new {step.args[0]}"] = 3
        execution.answer(step.args[0])
        step = execution.advance()
    assert step.value == [[[], "x"], "y"]


def test_templates_look_up_what_they_read_often():
    """In a set of templates the globals are looked up once, whatever they are; errors name the input."""
    items = {key: f"{{person.properties.{key}}}" for key in ("a", "b", "c", "d")}
    items["all"] = "{person.properties}-{inputs.a}{inputs.b}{inputs.c}{inputs.d}"
    for properties in ODD:
        world = {"person": {"properties": properties}}
        fast, slow = (
            outcome(lambda only=only: compile_template_set(items, helpers_only=only).render(world))  # noqa: B023
            for only in (False, True)
        )
        assert canonical(fast) == canonical(slow)
    with pytest.raises(HogError) as caught:
        compile_template_set(items).render({})
    assert (caught.value.key, caught.value.column) == ("a", 2)


def test_objects_grow_to_the_limit_of_their_run():
    """Entries written by generated code count as those of the helper do."""
    source = (
        "let o := {}; let p := o; for (let i := 0; i < 12; i := i + 1) { o[f'{i}'] := i; p.x := i } return o"
    )
    assert len(run(source, {})) == 13
    for only in (False, True):
        program = compile_program(source, helpers_only=only)
        with pytest.raises(HogError, match="at most 10 entries"):
            program.start({}, Host(limits=Limits(items=10))).advance()
