"""Every fast form gives what its helper gives, for all pairs of odd values and for every way the compiler may know an operand."""

import pytest

from hedgerow.hog import Host, compile_filter, compile_program
from hedgerow.hog.compiler.forms import OPERATORS
from hedgerow.hog.compiler.intrinsics import INTRINSICS
from support.hog_values import ODD, canonical, outcome

LITERALS = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "2",
    "-1",
    "1.0",
    "0.5",
    "-1.5",
    "9007199254740993",
    "''",
    "'1'",
    "'abc'",
    "'%abc%'",
    "'%'",
    "'a_c'",
    "'true'",
    "'2024-02-29'",
    "[]",
    "['abc', '1']",
    "['abc', 1]",
    "{'abc': 1}",
]
TYPED = ["i", "j", "f", "g", "n", "t", "s", "x", "y", "3", "0", "2.5", "'3'", "true", "null", "length('ab')"]
PREAMBLE = """
let i := 3; i := i + 1
let j := 0
let f := 2.5; f := f * 2
let g := 0.0
let n := x * 1.5 + y
let t := 1 < 2
let s := '4'; s := s || ''
"""


def both(source):
    return compile_filter(source), compile_filter(source, helpers_only=True)


def run(source, globals_, *, helpers_only):
    return compile_program(source, helpers_only=helpers_only).start(globals_, Host()).advance().value


def assert_same(source, globals_):
    fast, slow = (
        outcome(lambda only=only: run(source, globals_, helpers_only=only)) for only in (False, True)
    )
    assert fast == slow, (source, globals_)


@pytest.mark.parametrize("op", OPERATORS)
def test_operators_of_unknown_operands(op):
    """A form that knows nothing of its operands agrees with its helper on every pair."""
    fast, slow = both(f"a {op} b")
    for a in ODD:
        for b in ODD:
            scope = {"a": a, "b": b}
            assert outcome(lambda: fast(scope)) == outcome(lambda: slow(scope)), (a, b)  # noqa: B023


@pytest.mark.parametrize("op", OPERATORS)
def test_operators_of_nested_operands(op):
    """Operands that need temporaries are evaluated once, in order, whichever branch is taken."""
    fast, slow = both(f"(p.a ?? p.a) {op} (q['b'] ?? q.b)")
    for a in ODD[::5]:
        for b in ODD:
            scope = {"p": {"a": a}, "q": {"b": b}}
            assert outcome(lambda: fast(scope)) == outcome(lambda: slow(scope)), (a, b)  # noqa: B023


@pytest.mark.parametrize("op", OPERATORS)
def test_operators_with_a_constant(op):
    """A constant on either side lets the compiler choose a shorter form, which still agrees."""
    for literal in LITERALS:
        for source in (f"a {op} {literal}", f"{literal} {op} a"):
            fast, slow = both(source)
            for a in ODD:
                scope = {"a": a}
                assert outcome(lambda: fast(scope)) == outcome(lambda: slow(scope)), (source, a)  # noqa: B023


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize(("x", "y"), [(1.5, 2**53), ("1", None)])
def test_operators_of_known_kinds(op, x, y):
    """What inference proves of locals changes no result."""
    rights = ["s", "'3'"] if op in {"in", "not in"} else TYPED
    for left in TYPED:
        source = f"{PREAMBLE} return [{', '.join(f'{left} {op} {right}' for right in rights)}]"
        assert_same(source, {"x": x, "y": y})


@pytest.mark.parametrize(
    "source",
    [
        "a ? 1 : 2",
        "not a",
        "-a",
        "a and b",
        "a or b",
        "a ?? b",
        "a is null",
        "a is not null",
        "a || b",
        "f'{a}'",
        "f'{a}-{b}'",
        "a || '' || b || 1",
        "a.abc",
        "a.length",
        "a['abc']",
        "a[b]",
        "(a ?? a)[b ?? b]",
        "a[1]",
        "a[-1]",
        "a[2.5]",
        "a.message.x",
        "a between 0 and b",
        "a not between b and 1",
        "if(a, 1, b)",
        "multiIf(a, 1, b, 2, 3)",
        "ifNull(a, b)",
        "{a: b}",
        "typeof(a) = 'string'",
        "typeof(a) != 'array'",
        "typeof(a) = 'integer'",
        "typeof(a ?? a) in ['object', 'tuple', 'boolean']",
        "typeof(a) not in ['array']",
        "typeof(a) in ['array', 'date']",
        "typeof(a) = 'string' = (typeof(b) = 'object') || 'x'",
        *(f"{name}(a)" for name in INTRINSICS),
    ],
)
def test_other_expressions(source):
    """Everything else that has a fast form agrees with the helpers as well."""
    fast, slow = both(source)
    for a in ODD:
        for b in ODD[::2] if "b" in source.replace("abc", "").replace("between", "") else [None]:
            scope = {"a": a, "b": b}
            assert outcome(lambda: fast(scope)) == outcome(lambda: slow(scope)), (a, b)  # noqa: B023


@pytest.mark.parametrize("key", ["k", "1", "'abc'", "i", "-1", "x"])
def test_writing(key):
    """Writing to a property does the same to every value, or fails the same way."""
    source = f"let i := 0; i := i + 1; let k := key; let x := 'a' || k; let t := target; t[{key}] := 'new'; return t"
    for target in ODD:
        for value in ODD[::2]:
            scope = {"target": target, "key": value}
            assert_same(source, scope)


def test_inference_keeps_doubles_exact():
    """A product that leaves the exact range of integers is the double that PostHog's VM computes."""
    source = "let x := 1; for (let i := 0; i < 30; i := i + 1) { x := x * 1103 + 12345 } return x"
    expected = 1.0
    for _ in range(30):
        expected = expected * 1103 + 12345
    assert canonical(run(source, {}, helpers_only=False)) == canonical(expected)
    assert canonical(run(source, {}, helpers_only=True)) == canonical(expected)
