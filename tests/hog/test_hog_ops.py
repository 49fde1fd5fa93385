"""The operators: tables of what PostHog's VM gives, and that each is total."""

from __future__ import annotations

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdlib_support import INF, NAN, Run

from hedgerow.hog import ops
from hedgerow.hog.errors import HogDepthLimit, HogRuntimeError, HogSizeLimit
from hedgerow.hog.text import print_form
from hedgerow.hog.values import HogCallable, HogDate, HogDateTime, HogErrorValue, type_name

LOOP = [1]
LOOP.append(LOOP)
ODD = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        1.0,
        1.5,
        -0.0,
        NAN,
        INF,
        -INF,
        2**53,
        2**53 + 1,
        2**63,
        10**400,
        1e21,
        5e-324,
    ),
    *(
        "",
        "0",
        "1",
        " 1 ",
        "0x10",
        "0b1",
        "0o7",
        "0xZZ",
        "1e3",
        "true",
        "false",
        "abc",
        "\ud800",
        "😀",
        "\uffff",
        "%",
        "_",
        "(",
    ),
    *("2024-05-03", "2024-05-03T00:00Z", "NaN", "Infinity", "-Infinity", "9" * 500, "0x" + "f" * 500),
    *([], [1], ["1"], [[1]], [True], [1, 2], [1.0, NAN], (), (1,), (1, 2), LOOP, {}, {"a": 1}, {1: 2}),
    *(
        HogDate(2024, 5, 3),
        HogDate(NAN, NAN, NAN),
        HogDateTime(1714694400.0),
        HogDateTime(NAN),
        HogDateTime(0.0, "Nowhere"),
    ),
    *(HogErrorValue("E", "m"), HogCallable("f", 1, print)),
]
PLAIN = [
    *(
        ops.add,
        ops.subtract,
        ops.multiply,
        ops.divide,
        ops.modulo,
        ops.equals,
        ops.not_equals,
        ops.strict_equals,
    ),
    *(
        ops.less,
        ops.less_equal,
        ops.greater,
        ops.greater_equal,
        ops.in_,
        ops.not_in,
        ops.get_property,
        ops.same_value,
    ),
]
WITH_RUN = [
    *(
        ops.like,
        ops.not_like,
        ops.ilike,
        ops.not_ilike,
        ops.matches,
        ops.not_matches,
        ops.imatches,
        ops.not_imatches,
    ),
    ops.concat,
]


@pytest.mark.parametrize("operator", PLAIN, ids=lambda each: each.__name__)
def test_operator_is_total(operator):
    """An operator gives a Hog value or a Hog error for every pair of odd values."""
    for left, right in itertools.product(ODD, ODD):
        try:
            assert type_name(operator(left, right)) != "unknown"
        except HogRuntimeError:
            assert operator in {ops.in_, ops.not_in, ops.get_property}


@pytest.mark.parametrize("operator", WITH_RUN, ids=lambda each: each.__name__)
def test_text_operator_is_total(operator):
    """So does an operator on texts."""
    run = Run()
    for left, right in itertools.product(ODD, ODD):
        try:
            assert type(operator(run, left, right)) in {bool, str}
        except HogRuntimeError as error:
            if "regular expression" not in error.message and not isinstance(error, HogSizeLimit):
                raise


def test_opposites():
    """An operator and its negation never agree."""
    for left, right in itertools.product(ODD, ODD):
        assert ops.equals(left, right) is not ops.not_equals(left, right)
        assert ops.less(left, right) is ops.greater(right, left)
        assert ops.equals(left, right) is ops.equals(right, left)


@pytest.mark.parametrize("value", [None, False, 0, 0.0, NAN, ""])
def test_falsy(value):
    """Null, false, 0, NaN and the empty text do not hold."""
    assert ops.truthy(value) is False
    assert ops.not_(value) is True


@pytest.mark.parametrize("value", [True, 1, -0.5, "0", [], {}, (), HogDate(1, 1, 1), 10**400])
def test_truthy(value):
    """Everything else holds, empty arrays and objects too."""
    assert ops.truthy(value) is True


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(
            ("", 0),
            ("  ", 0),
            ("12", 12),
            (" -1.5e2\n", -150),
            ("0x1F", 31),
            ("0b101", 5),
            ("0o17", 15),
            ("Infinity", INF),
        ),
        *(
            ("-Infinity", -INF),
            (".5", 0.5),
            ("5.", 5),
            ("+5", 5),
            ("1e400", INF),
            ("\u00a05\ufeff", 5),
            ("123456789012345678", 123456789012345678),
        ),
        *(
            ("1_0", NAN),
            ("abc", NAN),
            (".", NAN),
            ("0x", NAN),
            ("0x_1", NAN),
            ("-0x10", NAN),
            ("1e", NAN),
            ("infinity", NAN),
            ("٣", NAN),
        ),
        *(
            ([], 0),
            ([5], 5),
            (["5"], 5),
            ([[7]], 7),
            ([None], 0),
            ([True], NAN),
            ([1, 2], NAN),
            ({}, NAN),
            (None, 0),
            (True, 1),
            (LOOP, NAN),
        ),
    ],
)
def test_to_number(text, number):
    """Texts and arrays count as numbers by JavaScript's rules."""
    found = ops.to_number(text)
    assert found == number or (math.isnan(found) and math.isnan(number))


def test_to_number_of_endless_nesting():
    """An array that holds only itself is no number, found in bounded time."""
    endless: list = []
    endless.append(endless)
    assert math.isnan(ops.to_number(endless))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(
            (ops.add(1, "2"), "3"),
            (ops.add("a", 1), "NaN"),
            (ops.add(2**53, 1), "9007199254740992"),
            (ops.subtract(1, True), "0"),
        ),
        *(
            (ops.multiply(3, 1.5), "4.5"),
            (ops.multiply(2**40, 2**40), "1.2089258196146292e+24"),
            (ops.divide(4, 2), "2"),
        ),
        *(
            (ops.divide(1, 0), "Infinity"),
            (ops.divide(-1, 0), "-Infinity"),
            (ops.divide(0, 0), "NaN"),
            (ops.divide(NAN, 0), "NaN"),
        ),
        *(
            (ops.divide(1, -0.0), "-Infinity"),
            (ops.modulo(-7, 3), "-1"),
            (ops.modulo(-7.5, 2), "-1.5"),
            (ops.modulo(1, 0), "NaN"),
        ),
        *(
            (ops.modulo(INF, 2), "NaN"),
            (ops.modulo(5, INF), "5"),
            (ops.modulo(5.5, NAN), "NaN"),
            (ops.negate("3"), "-3"),
        ),
        *((ops.modulo(10**400, 3.5), "NaN"), (ops.add(10**400, 1), "Infinity")),
    ],
)
def test_arithmetic(value, text):
    """Arithmetic is JavaScript's, with integers kept where a double would be exact."""
    assert print_form(value) == text


@given(st.integers(-(2**53), 2**53), st.integers(-(2**53), 2**53))
def test_integer_arithmetic_is_double_arithmetic(a, b):
    """Whatever is kept as an integer is what doubles would have given."""
    for operator, exact in ((ops.add, a + b), (ops.subtract, a - b), (ops.multiply, a * b)):
        assert float(operator(a, b)) == float(exact)
    if b:
        assert ops.modulo(a, b) == math.fmod(a, b)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        *(
            (1, "1"),
            (1, 1.0),
            (16, "0x10"),
            (0, ""),
            (True, 1),
            (True, "true"),
            (False, "yes"),
            (None, None),
            ([1, 2], (1, 2)),
        ),
        *(
            (HogDate(2024, 5, 3), "2024-05-03"),
            (HogDate(2024, 5, 3), HogDateTime(1714694400.0)),
            ("2024-05-03T02:00+02:00", HogDateTime(1714694400.0)),
        ),
    ],
)
def test_equal(left, right):
    """These are equal across their types."""
    assert ops.equals(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        *(
            (None, 0),
            (None, ""),
            (None, False),
            (True, 2),
            (True, "TRUE"),
            ("a", "A"),
            ({}, {}),
            (["a"], ["a"]),
            (NAN, NAN),
        ),
        *(
            (HogDate(2024, 5, 3), "soon"),
            (HogDate(2024, 5, 3), 1714694400),
            (HogDateTime(NAN), HogDateTime(NAN)),
            ([NAN], [NAN]),
        ),
    ],
)
def test_not_equal(left, right):
    """These are not."""
    assert not ops.equals(left, right)


@pytest.mark.parametrize(
    ("left", "right", "ordered"),
    [
        *(
            (1, 2, True),
            ("1", 2, True),
            ("a", "b", True),
            ("B", "a", True),
            (False, True, True),
            (None, 1, False),
            (1, None, False),
        ),
        *(
            (NAN, 1, False),
            ("x", 1, False),
            ([1, 2], [1, 3], True),
            ([1], [1, 0], True),
            (["a"], ["b"], False),
            ({}, {}, False),
        ),
        *(
            (HogDate(2024, 5, 3), "2024-05-04", True),
            (HogDate(2024, 5, 3), "zzz", False),
            ("\uffff", "😀", False),
            ("😀", "\uffff", True),
        ),
    ],
)
def test_order(left, right, ordered):
    """Null and unlike things are never less; texts compare by UTF-16 code unit."""
    assert ops.less(left, right) is ordered


def test_between():
    """Both ends count; with a null neither between nor not between is true."""
    assert ops.between(2, 1, 2)
    assert not ops.between(3, 1, 2)
    assert ops.not_between(3, 1, 2)
    assert not ops.between(None, 1, 2)
    assert not ops.not_between(None, 1, 2)
    assert not ops.not_between(1, None, 2)


def test_strict_equality_does_not_convert():
    """Dates are values, containers have identity, numbers are one domain."""
    assert ops.strict_equals(1, 1.0)
    assert not ops.strict_equals(1, True)
    assert not ops.strict_equals(1, "1")
    assert ops.strict_equals(HogDate(2024, 1, 1), HogDate(2024, 1, 1))
    assert not ops.strict_equals([], [])
    assert ops.strict_equals(LOOP, LOOP)
    assert ops.same_value(NAN, NAN)


def test_membership():
    """Elements, parts of texts, keys; nothing is in null, and a number holds nothing."""
    assert ops.in_(1, [1.0])
    assert ops.in_(NAN, [NAN])
    assert not ops.in_("1", [1])
    assert ops.in_("a", ("a",))
    assert ops.in_("b", "abc")
    assert not ops.in_(1, "1")
    assert ops.in_("a", {"a": 1})
    assert not ops.in_([], {"a": 1})
    assert not ops.in_("a", None)
    assert ops.not_in("a", None)
    with pytest.raises(HogRuntimeError, match="integer"):
        ops.in_(1, 5)


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        *(
            ("abc", "b", True),
            ("abc", "a%c", True),
            ("abc", "c%a", False),
            ("abc", "a_c", True),
            ("a\nb", "a%b", False),
            ("a\nab", "a%b", True),
        ),
        *(
            ("a\nb", "a\nb", True),
            ("", "%", True),
            ("a.c", "a.c", True),
            ("abc", "a.c", False),
            ("a%b", "a\\%b", False),
            ("a\\xb", "a\\%b", True),
        ),
        *(
            (None, "null", False),
            ("a", None, False),
            (12, "1%", True),
            ("aab", "a%ab", True),
            ("x%%y", "x%%%y", True),
            ("a", "", True),
        ),
    ],
)
def test_like(text, pattern, found):
    """LIKE searches without an anchor, within one line, everything but % and _ literal."""
    run = Run()
    assert ops.like(run, text, pattern) is found
    assert ops.not_like(run, text, pattern) is not found


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("ABC", "b", True),
        ("ÀB", "àb", True),
        ("K", "\u212a", True),
        ("\u212a", "k", True),
        ("abc", "A%C", True),
        ("abc", "A_D", False),
    ],
)
def test_ilike(text, pattern, found):
    """ILIKE folds case, beyond ASCII too."""
    assert ops.ilike(Run(), text, pattern) is found
    assert ops.not_ilike(Run(), text, pattern) is not found


@given(st.text("ab%_\n.", max_size=12), st.text("ab%_\n.", max_size=6))
def test_like_is_the_naive_matcher(text, pattern):
    """LIKE by search gives what a backtracking matcher gives."""
    naive = "".join({"%": "[^\n]*", "_": "[^\n]"}.get(char) or re.escape(char) for char in pattern)
    assert ops.like(Run(), text, pattern) is (re.search(naive, text) is not None)
    assert ops.ilike(Run(), text.upper(), pattern) is (re.search(naive, text, re.IGNORECASE) is not None)


def test_like_stays_quick():
    """A pattern that would ruin a backtracking matcher is answered at once, and many lines look at the clock."""
    run = Run()
    assert not ops.like(run, "a" * 100_000, "%a" * 30 + "%b%")
    assert not ops.like(run, "ab\n" * 5_000, "a%b%c")
    assert run.ticks > 10


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("abc", "^a.c$", True),
        ("abc", "", False),
        ("", "a", False),
        (None, "a", False),
        ("abc", None, False),
        ("a\nb", "a.b", False),
        ("é", "^.$", True),
    ],
)
def test_matches(text, pattern, found):
    """A regular expression is searched for; nothing matches an empty side."""
    assert ops.matches(Run(), text, pattern) is found
    assert ops.not_matches(Run(), text, pattern) is not found


def test_matches_in_either_case():
    """The starred forms fold case."""
    assert ops.imatches(Run(), "ABC", "b")
    assert not ops.not_imatches(Run(), "ABC", "b")


@pytest.mark.parametrize("pattern", ["(", "a{2000}", "(?=a)", "\\1", "\ud800", "[z-a]"])
def test_bad_pattern(pattern):
    """What RE2 refuses is a run-time error."""
    with pytest.raises(HogRuntimeError, match="Invalid regular expression"):
        ops.matches(Run(), "a", pattern)


def test_pattern_and_text_are_bounded():
    """A huge pattern, or a heavy one on a long text, is refused before it runs."""
    with pytest.raises(HogSizeLimit, match="at most"):
        ops.matches(Run(), "a", "a" * 10_001)
    with pytest.raises(HogSizeLimit, match="too heavy"):
        ops.matches(Run(), "ab" * 500_000, "[ab]*a[ab]{200}c")
    with pytest.raises(HogSizeLimit, match="too heavy"):
        ops.like(Run(), "ab" * 1_000_000, "_" * 100 + "x")


def test_lone_surrogates_can_be_searched():
    """Half a character does not break a search."""
    assert ops.matches(Run(), "a\ud800b", "a.b")


def test_concat():
    """Null vanishes, dates show as ISO, containers as source; the sum of lengths is checked first."""
    assert (
        ops.concat(Run(), "a", None, 1.0, True, [1, "x"], HogDate(2024, 5, 3)) == "a1true[1, 'x']2024-05-03"
    )
    with pytest.raises(HogSizeLimit):
        ops.concat(Run(string=5), "abc", "def")


def test_reading_properties():
    """Arrays count from 1 and from -1; what is not there is null."""
    items = ["a", "b", "c"]
    assert [
        ops.get_property(items, key) for key in (1, -1, 3, 4, -4, 1.0, 1.5, "1", "length", True, NAN, INF)
    ] == [*("a", "c", "c", None, None, "a", None, None, 3, None, None, None)]
    assert ops.get_property({"a": 1}, "a") == 1
    assert ops.get_property({"a": 1}, []) is None
    assert ops.get_property(None, "a") is None
    assert ops.get_property("abc", "length") is None
    with pytest.raises(HogRuntimeError, match="start from index 1"):
        ops.get_property(items, 0)


def test_fields_of_dates_and_errors():
    """Dates, datetimes and errors show their fields and nothing of Python."""
    assert ops.get_property(HogDate(2024, 5, 3), "month") == 5
    assert ops.get_property(HogDateTime(1.5, "UTC"), "zone") == "UTC"
    assert ops.get_property(HogErrorValue("E", "m", 1), "payload") == 1
    for value in (HogDate(2024, 5, 3), HogDateTime(1.5), HogErrorValue("E", "m"), HogCallable("f", 0, print)):
        assert ops.get_property(value, "__class__") is None
        assert ops.get_property(value, "impl") is None
        assert ops.get_property(value, 1) is None


def test_writing_properties():
    """Objects take any plain key; arrays grow with nulls and count from either end."""
    run, items, target = Run(items=10), [1], {}
    ops.set_property(run, items, 3, "c")
    ops.set_property(run, items, -1, "d")
    assert items == [1, None, "d"]
    ops.set_property(run, target, "a", 1)
    ops.set_property(run, target, "a", 2)
    assert target == {"a": 2}
    for index in (11, 1e300):
        with pytest.raises(HogSizeLimit):
            ops.set_property(run, items, index, 1)


@pytest.mark.parametrize(
    ("target", "key", "message"),
    [
        *(
            ([1], 0, "start from index 1"),
            ([1], -2, "start from index 1"),
            ([1], "x", "Can not set `x` on an array"),
            ([1], 1.5, "whole numbers"),
        ),
        *(
            ([1], NAN, "whole numbers"),
            (None, "b", "on a value of type null"),
            ("s", 1, "a property"),
            ((1,), 1, "tuple"),
            ({}, [], "array can not be the key"),
        ),
    ],
)
def test_refused_writes(target, key, message):
    """What cannot be written says why."""
    with pytest.raises(HogRuntimeError, match=message):
        ops.set_property(Run(), target, key, 1)


def test_dict_keys():
    """The later of two equal keys wins in the place of the first; all NaNs are one key."""
    assert list(ops.make_dict(Run(), "b", 1, "a", 2, "b", 3).items()) == [("b", 3), ("a", 2)]
    assert len(ops.make_dict(Run(), NAN, 1, float("nan"), 2)) == 1


def test_iteration_is_over_a_copy():
    """Arrays, tuples and objects can be gone through, nothing else; keys of arrays start at 0."""
    items = [1, 2]
    values = ops.iterate_values(items)
    items.append(3)
    assert values == [1, 2]
    assert ops.iterate_values({"a": 1}) == [1]
    assert ops.iterate_values("abc") == ops.iterate_values(None) == []
    assert ops.iterate_items(("x",)) == [(0, "x")]
    assert ops.iterate_items({"a": 1}) == [("a", 1)]
    assert ops.iterate_items(5) == []


def test_concat_of_deep_values():
    """Text of a value that nests without end is an error, not a crash."""
    deep: list = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(HogDepthLimit):
        ops.concat(Run(), "", deep)
