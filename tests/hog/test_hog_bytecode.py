"""The bytecode emitter: its exact output for small forms, and its meaning on PostHog's own VM."""

from __future__ import annotations

import json

import pytest
from hogvm_runner import missing, run_all

from hedgerow.hog.bytecode import Op, emit_bytecode
from hedgerow.hog.errors import HogCompileError
from hedgerow.hog.parser import parse_expression, parse_program, parse_template

EXACT = [
    ("event = '$pageview'", [Op.STRING, "$pageview", Op.STRING, "event", Op.GET_GLOBAL, 1, Op.EQ]),
    ("a.b.c", [Op.STRING, "c", Op.STRING, "b", Op.STRING, "a", Op.GET_GLOBAL, 3]),
    ("a?.b", [Op.STRING, "a", Op.GET_GLOBAL, 1, Op.STRING, "b", Op.GET_PROPERTY_NULLISH]),
    ("1 - 2.5", [Op.FLOAT, 2.5, Op.INTEGER, 1, Op.MINUS]),
    ("-a", [Op.STRING, "a", Op.GET_GLOBAL, 1, Op.INTEGER, 0, Op.MINUS]),
    ("not true", [Op.TRUE, Op.NOT]),
    ("true and null", [Op.TRUE, Op.NULL, Op.AND, 2]),
    ("f(1) || 's'", [Op.INTEGER, 1, Op.CALL_GLOBAL, "f", 1, Op.STRING, "s", Op.CALL_GLOBAL, "concat", 2]),
    ("1 ?? 2", [Op.INTEGER, 1, Op.JUMP_IF_STACK_NOT_NULL, 3, Op.POP, Op.INTEGER, 2]),
    ("true ? 1 : 2", [Op.TRUE, Op.JUMP_IF_FALSE, 4, Op.INTEGER, 1, Op.JUMP, 2, Op.INTEGER, 2]),
    ("x -> x", [Op.CALLABLE, "lambda", 1, 0, 3, Op.GET_LOCAL, 0, Op.RETURN, Op.CLOSURE, 0]),
    ("[1, (2,)]", [Op.INTEGER, 1, Op.INTEGER, 2, Op.TUPLE, 1, Op.ARRAY, 2]),
    ("{'a': 1}", [Op.STRING, "a", Op.INTEGER, 1, Op.DICT, 1]),
    ("a is not null", [Op.NULL, Op.STRING, "a", Op.GET_GLOBAL, 1, Op.NOT_EQ]),
    ("f'x'", [Op.STRING, "x"]),
    ("f''", [Op.STRING, ""]),
]


@pytest.mark.parametrize(("source", "code"), EXACT)
def test_small_expressions_have_the_known_code(source, code):
    """Simple forms come out operation for operation as PostHog emits them."""
    assert emit_bytecode(parse_expression(source)) == ["_H", 1, *code]


def test_an_endless_chain_of_mixed_operators_is_a_clear_error():
    """What is too deep for the emitter is a Hog error."""
    with pytest.raises(HogCompileError, match="too many operators"):
        emit_bytecode(parse_expression("a" + " + b || c" * 2000))


def test_code_is_plain_json():
    """The code holds numbers, strings and booleans only."""
    code = emit_bytecode(parse_program("let a := 1; let f := () -> a; return [f(), inf, nan, -1.5e3]"))
    assert json.loads(json.dumps(code, allow_nan=False)) == code
    assert all(type(item) in {str, int, float, bool} for item in code)


def test_operands_that_could_act_are_skipped():
    """`and` and `or` become jumps where evaluating all operands would show."""
    call = [Op.CALL_GLOBAL, "f", 0]
    both = [Op.TRUE, Op.JUMP_IF_FALSE, 8, *call, Op.JUMP_IF_FALSE, 3, Op.TRUE, Op.JUMP, 1, Op.FALSE]
    assert emit_bytecode(parse_expression("true and f()"))[2:] == both
    either = [
        Op.TRUE,
        Op.NOT,
        Op.JUMP_IF_FALSE,
        9,
        *call,
        Op.NOT,
        Op.JUMP_IF_FALSE,
        3,
        Op.FALSE,
        Op.JUMP,
        1,
        Op.TRUE,
    ]
    assert emit_bytecode(parse_expression("true or f()"))[2:] == either


REFUSED = [
    ("let a := 1; let a := 2", "Variable `a` already declared in this scope", 17),
    ("x := 1", 'Variable "x" not declared in this scope. Can not assign to globals.', 1),
    ("event.x := 1", 'Variable "event" not declared in this scope. Can not assign to globals.', 1),
    ("fun f(a, a) {}", "Variable `a` already declared in this scope", 1),
    (
        "return a in cohort 1",
        "Can't use cohorts in real-time filters. Please inline the relevant expressions.",
        8,
    ),
]


@pytest.mark.parametrize(("source", "message", "column"), REFUSED)
def test_what_posthog_refuses_is_refused(source, message, column):
    """Errors of PostHog's compiler are ours, with the place."""
    with pytest.raises(HogCompileError) as caught:
        emit_bytecode(parse_program(source), source=source)
    assert (caught.value.message, caught.value.column) == (message, column)


RUNS = [
    ("1 + 2", "3"),
    ("return", "null"),
    ("let x := 1", "null"),
    ("let x := 1; x := x + 4; return x", "5"),
    ("fun fib(n) { if (n < 2) return n; return fib(n - 1) + fib(n - 2) } return fib(10)", "55"),
    ("let f := n -> n < 2 ? n : f(n - 1) + f(n - 2) return f(8)", "21"),
    ("let r := []; for (let k, v in {'a': 1, 'b': 2}) { r := arrayPushBack(r, (k, v)) } return r", "[('a', 1), ('b', 2)]"),
    ("let r := []; for (let v in ['x', 'y']) { let w := v; r := arrayPushBack(r, w) } return r", "['x', 'y']"),
    ("for (let x in null) { print(x) } return 'ok'", "ok"),
    ("let s := 0; for (let i := 1; i <= 3; i := i + 1) s := s + i; return s", "6"),
    ("let i := 0; for (;;) { i := i + 1; if (i > 4) return i }", "5"),
    ("let i := 0; while (i < 3) { let j := i; i := j + 1 } return i", "3"),
    ("if (false) { return 1 } else if (true) { let z := 2; return z }", "2"),
    ("if (true) let z := 1; let y := 2; return y", "2"),
    ("try { throw Error('x') } catch (e: Foo) { return 1 } catch (e) { return e.message }", "x"),
    ("try { try { throw HogError('F', 'y') } catch (q: Bar) { return 1 } } catch (z: F) { return z.message }", "y"),
    ("let a := 1; try { let b := 2; throw Error('x') } catch { a := 5 } let c := 7; return [a, c]", "[5, 7]"),
    ("let f := null; try { throw Error('kept') } catch (e) { f := () -> e.message } let c := 7; return [f(), c]", "['kept', 7]"),
    ("fun f() { try { return 1 } catch { return 2 } } try { f(); throw Error('a') } catch { return 'outer' }", "outer"),
    ("let c := 0; fun inc() { c := c + 1; return c } inc(); inc(); return c", "2"),
    ("fun mk() { let n := 0; return () -> { n := n + 1; return n } } let a := mk(); a(); let b := mk(); return [a(), b(), a()]", "[2, 1, 3]"),
    ("fun a() { let x := 1; fun b() { fun c() { x := x + 1; return x } return c() } b(); return b() } return a()", "3"),
    ("if (true); return 1", "1"),
    ("let x; x := [x]; return x", "[null]"),
    ("return [not(true), not (1 = 2)]", "[false, true]"),
    ("let g := event.x; return g = 5 and event.x > 4 and event.y.z is null and not event.y", "true"),
    ("return [[1, 2][2], {'k': [3]}['k'][1], event?.['x'], (1, 2)?.1]", "[2, 3, 5, 1]"),
    ("return 5 between 1 and 9", "true"),
    ("return null between 1 and 9", "false"),
    ("return null not between 1 and 9", "false"),
    ("return 5 not between 1 and 3", "true"),
    ("return f'{event.x} and {[1, 2]}'", "5 and [1, 2]"),
    ("return f'{event}'", "{'x': 5}"),
    ("return event?.y?.z ?? 'none'", "none"),
    ("return 'abc' =~ '^A' or 'abc' =~* '^A' and 'x' not like 'y'", "true"),
    ("let a := {'x': {'y': [1, 2]}}; a.x.y[1] := 9; a.x['q'] := 3; return a", "{'x': {'y': [9, 2], 'q': 3}}"),
    ("fun g() { return {'a': 1} } g().a := 2; return g()", "{'a': 1}"),
    ("return arrayMap(x -> x * 2, [1, 2, 3])", "[2, 4, 6]"),
    ("return case when false then 1 when true then 2 end", "2"),
    ("return [if(false, 1), multiIf(false, 1, false, 2), multiIf(false, 1, true, 2, 3), ifNull(null, 4)]", "[null, null, 2, 4]"),
    ("return [inf, -inf, nan]", "[Infinity, -Infinity, NaN]"),
    ("return (x -> y -> x + y)(1)(2)", "3"),
    ("return [and(true, 1), or(false, 0), not(1)]", "[true, false, false]"),
    ("let a := 1; { let a := a + 1; a := a + 1 } return a", "1"),
    ("return interval 2 day", "{'__hogInterval__': true, 'value': 2, 'unit': 'day'}"),
    ("let x := [1, 2, 3]; x.1 := 7; return x.1 + x[-1]", "10"),
    ("let f := (a, b) -> [a, b]; return f(1)", "[1, null]"),
    ("return " + "+".join(["1"] * 3000), "3000"),
    ("let f := x -> f return f" + "(1)" * 500 + " = f", "true"),
    ("return a" + ".b" * 500, "null"),
]  # fmt: skip


@pytest.fixture(scope="module")
def outcomes():
    """What the VM makes of each program."""
    if reason := missing():
        pytest.skip(reason)
    questions = [
        {"bytecode": emit_bytecode(parse_program(source)), "globals": {"event": {"x": 5}, "a": {}}}
        for source, _ in RUNS
    ]
    return run_all(questions)


@pytest.mark.parametrize("index", range(len(RUNS)), ids=[source[:60] for source, _ in RUNS])
def test_programs_mean_the_same_on_posthogs_vm(outcomes, index):
    """PostHog's VM computes what the program says."""
    assert outcomes[index]["error"] is None
    assert outcomes[index]["printed"] == RUNS[index][1]


def test_skipped_operands_do_nothing_there_either():
    """The side effects of a program on PostHog's VM are those it has here; calls reach the host with their answers."""
    if reason := missing():
        pytest.skip(reason)
    source = """
        fun say(x) { print(x); return x }
        let a := say(false) and say('skipped')
        let b := say(true) or say('skipped')
        let r := fetch('https://example.com', {'method': 'GET'})
        return [a, b, r.status]
    """
    [answer] = run_all([{"bytecode": emit_bytecode(parse_program(source)), "answers": [{"status": 201}]}])
    assert answer["printed"] == "[false, true, 201]"
    assert answer["prints"] == ["false", "true"]
    assert answer["calls"] == [["fetch", ["https://example.com", {"method": "GET"}]]]


def test_templates_and_filters_leave_their_value():
    """A template with one expression keeps its type there as well, and an uncaught throw tells its type."""
    if reason := missing():
        pytest.skip(reason)
    trees = [
        parse_template("{1 + 1}"),
        parse_template("n: {1 + 1}"),
        parse_template(""),
        parse_expression("1 < 2 and 'b' in ['b']"),
    ]
    trees.append(parse_program("throw HogError('Odd', 'no')"))
    answers = run_all([{"bytecode": emit_bytecode(tree)} for tree in trees])
    assert [answer["result"] for answer in answers] == [2, "n: 2", "", True, None]
    assert answers[-1]["error"] == {
        "name": "UncaughtHogVMException",
        "message": "no",
        "type": "Odd",
        "payload": None,
    }
