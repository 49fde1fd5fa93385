"""How values look, as Hog source, as text and as JSON."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdlib_support import INF, NAN, Run

from hedgerow.hog import jsontext, utf16
from hedgerow.hog.context import UNMETERED, Unmetered, watch
from hedgerow.hog.errors import HogDepthLimit, HogRuntimeError, HogSizeLimit
from hedgerow.hog.jsontext import to_json
from hedgerow.hog.text import js_text, number_text, print_form, print_text, to_text
from hedgerow.hog.values import HogCallable, HogDate, HogDateTime, HogErrorValue, type_name

LOOP: list = ["a"]
LOOP.append(LOOP)
BOX: dict = {}
BOX["self"] = BOX
LIVE = HogErrorValue("E", "m")
LIVE.payload = [LIVE]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *(
            (1, "1"),
            (1.0, "1"),
            (1.5, "1.5"),
            (1e21, "1e+21"),
            (1e-7, "1e-7"),
            (1e-6, "0.000001"),
            (123456789012345680000.0, "123456789012345680000"),
        ),
        *(
            (-0.0, "0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e300, "1e+300"),
            (5e-324, "5e-324"),
            (2.0**69, "590295810358705700000"),
        ),
        *(
            (2**53 + 1, "9007199254740993"),
            (10**21, "1e+21"),
            (-(10**400), "-Infinity"),
            (NAN, "NaN"),
            (INF, "Infinity"),
            (-INF, "-Infinity"),
        ),
        *(
            (-1.5e-10, "-1.5e-10"),
            (123.456e-9, "1.23456e-7"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
        ),
    ],
)
def test_number_text(number, text):
    """Numbers look as JavaScript shows them, integers with all their digits."""
    assert number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_reads_back(number):
    """The text of a double is the text of that double only."""
    assert float(number_text(number)) == number


@pytest.mark.parametrize(
    ("value", "shown", "text"),
    [
        *(
            (None, "null", "null"),
            (True, "true", "true"),
            ("it's", "'it\\'s'", "it's"),
            ([1, "a", [2]], "[1, 'a', [2]]", "[1, 'a', [2]]"),
        ),
        *(
            ((), "tuple()", "tuple()"),
            ((1,), "tuple(1)", "tuple(1)"),
            ((1, 2), "(1, 2)", "(1, 2)"),
            ({"a": {}, 1: None}, "{'a': {}, 1: null}", "{'a': {}, 1: null}"),
        ),
        *(
            (HogDate(2024, 5, 3), "Date(2024, 5, 3)", "2024-05-03"),
            (HogDate(NAN, NAN, NAN), "Date(NaN, NaN, NaN)", "NaN-NaN-NaN"),
        ),
        (HogDateTime(1714739696.0), "DateTime(1714739696.0, 'UTC')", "2024-05-03T12:34:56.000Z"),
        (
            HogDateTime(1714739696.1239, "Europe/Berlin"),
            "DateTime(1714739696.1239, 'Europe/Berlin')",
            "2024-05-03T14:34:56.123+02:00",
        ),
        *(
            (HogDateTime(NAN), "DateTime(NaN.0, 'UTC')", "null"),
            (HogDateTime(0.0, "No/Where"), "DateTime(0.0, 'No/Where')", "null"),
        ),
        *(
            (HogErrorValue("E", "m"), "E('m')", "E('m')"),
            (HogErrorValue("E", "m", {"a": 1}), "E('m', {'a': 1})", "E('m', {'a': 1})"),
        ),
        *(
            (HogErrorValue("E", "m", 0), "E('m')", "E('m')"),
            (HogCallable("lambda", 1, print), "fn<lambda(1)>", "fn<lambda(1)>"),
        ),
        *(
            (LOOP, "['a', null]", "['a', null]"),
            (BOX, "{'self': null}", "{'self': null}"),
            (LIVE, "E('m', [null])", "E('m', [null])"),
        ),
        ("\b\f\r\n\t\0\v\\", "'\\b\\f\\r\\n\\t\\0\\v\\\\'", "\b\f\r\n\t\0\v\\"),
        (object(), "null", "null"),
    ],
)
def test_forms(value, shown, text):
    """A value has a print form and a text form; inside itself it is null."""
    assert print_form(value) == shown
    assert to_text(Run(), value) == text
    assert print_text(Run(), value) == (value if isinstance(value, str) else shown)


def test_shared_parts_show_in_full():
    """Only what contains itself is cut, not what occurs twice."""
    part = [1]
    assert print_form([part, part]) == "[[1], [1]]"
    assert to_json([part, part]) == "[[1],[1]]"


def test_deep_and_long_values_are_refused():
    """Depth and length are bounded, the length before anything is joined, and doubling structures end early."""
    deep: list = []
    for _ in range(300):
        deep = [deep]
    wide: list = ["x"]
    for _ in range(24):
        wide = [wide, wide]
    for show in (print_text, to_text, jsontext.stringify, js_text):
        with pytest.raises(HogDepthLimit):
            show(Run(), deep)
        with pytest.raises(HogSizeLimit):
            show(Run(string=10_000), wide)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ("a", "a"),
        (1.0, "1"),
        (True, "true"),
        ([1, None, [2, "x"]], "1,,2,x"),
        ({}, "[object Object]"),
        (HogDate(2024, 5, 3), "2024-05-03"),
        (LOOP, "a,"),
        ([], ""),
    ],
)
def test_js_text(value, text):
    """Some functions read arguments as JavaScript's String does."""
    assert js_text(Run(), value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(
            (6.0, "6"),
            (2**63, "9223372036854775808"),
            (1e21, "1e+21"),
            (NAN, "null"),
            (-INF, "null"),
            (True, "true"),
            (None, "null"),
            ('é\u2028\x7f\x01"', '"é\u2028\x7f\\u0001\\""'),
        ),
        *(
            ("\ud800", '"\\ud800"'),
            ([], "[]"),
            ({}, "{}"),
            ((1, 2), "[1,2]"),
            ({"b": 1, 2: 2, None: 3}, '{"b":1,"2":2,"null":3}'),
            (LOOP, '["a",null]'),
            (BOX, '{"self":null}'),
        ),
        *(
            (HogCallable("f", 1, print), '"fn<f(1)>"'),
            (HogDate(2024, 5, 3), '{"__hogDate__":true,"year":2024,"month":5,"day":3}'),
            (object(), "null"),
        ),
        (HogDateTime(1.5), '{"__hogDateTime__":true,"dt":1.5,"zone":"UTC"}'),
        (HogErrorValue("E", "m", [1]), '{"__hogError__":true,"type":"E","message":"m","payload":[1]}'),
    ],
)
def test_json(value, text):
    """JSON has JavaScript's numbers; dates and errors are marked objects."""
    assert to_json(value) == text


def test_indented_json():
    """Indented JSON is laid out as JavaScript does it."""
    value = {"a": [], "b": {}, "c": [1, {"d": 2}]}
    assert jsontext.stringify(UNMETERED, value, 2) == json.dumps(value, indent=2)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-(2.0**53), 2.0**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_round_trip(value):
    """What is written is JSON, and is read back as it was."""
    text = to_json(value)
    assert json.loads(text) == value
    assert jsontext.parse(Run(), text) == value


NUMBERS_AND_ALIKE = (
    st.floats() | st.sampled_from([1e16, -1e16, 1e21, 1e-5, 1e-7, 6.0, -0.0]) | st.text(":,[0.e+-]}")
)


@given(
    st.lists(NUMBERS_AND_ALIKE, max_size=5) | st.dictionaries(st.text("e0:,."), NUMBERS_AND_ALIKE, max_size=5)
)
def test_the_short_way_to_json_ends_where_the_long_one_does(value):
    """Whatever is left to a fast library, numbers are JavaScript's and texts that look like them stay texts."""
    assert to_json(value) == jsontext.stringify(UNMETERED, value)


@given(st.text(alphabet='[]{},:"\\u d8019e.-+nulltrefas', max_size=30))
def test_any_text_is_json_or_an_error(text):
    """Reading never fails but with a run-time error, and validity is exactly not failing."""
    try:
        jsontext.parse(Run(), text)
        valid = True
    except HogRuntimeError:
        valid = False
    assert jsontext.is_valid(Run(), text) is valid


@pytest.mark.parametrize(
    "value",
    [
        HogDate(2024, 5, 3),
        HogDateTime(1.5, "Europe/Berlin"),
        [HogDate(1, 2, 3)],
        {"a": {"b": HogDateTime(0.0)}},
    ],
)
def test_markers_revive(value):
    """Dates survive a round trip through JSON."""
    assert jsontext.parse(Run(), to_json(value)) == value


def test_odd_markers():
    """Markers with odd fields give odd dates, not crashes; errors revive too."""
    error = jsontext.parse(Run(), '{"__hogError__": true, "type": 1, "payload": [2]}')
    assert (error.type, error.message, error.payload) == ("Error", "An error occurred", [2])
    named = jsontext.parse(Run(), '{"__hogError__": true, "type": "T", "message": "m"}')
    assert (named.type, named.message) == ("T", "m")
    assert math.isnan(jsontext.parse(Run(), '{"__hogDate__": true, "year": "x"}').year)
    assert jsontext.parse(Run(), '{"__hogDateTime__": true, "dt": null, "zone": 5}').zone == "UTC"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\ud800"', "\ud800"),
        ("1e400", INF),
        ('["\ud800", 12345678901234567890123]', ["\ud800", 12345678901234567890123.0]),
        ('["\\ud800", 5]', ["\ud800", 5]),
    ],
)
def test_lenient_json(text, value):
    """What JavaScript reads is read: lone surrogates, numbers beyond doubles."""
    assert jsontext.parse(Run(), text) == value


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[1,]", "'a'", '"\\ud800', "\ufeff1", '["\ud800", NaN]', "01"]
)
def test_bad_json(text):
    """What is not JSON is a run-time error."""
    with pytest.raises(HogRuntimeError, match="Invalid JSON"):
        jsontext.parse(Run(), text)
    assert not jsontext.is_valid(Run(), text)


@pytest.mark.parametrize(
    "text", ["[" * 250 + "]" * 250, "[" * 5000 + "]" * 5000, '["\\ud800",' + "[" * 90_000]
)
def test_deep_json(text):
    """JSON that nests too deep is refused, however deep."""
    with pytest.raises(HogRuntimeError):
        jsontext.parse(Run(), text)


def test_deep_json_is_no_matter_of_validity():
    """Whether over-deep JSON is valid is not answered but refused."""
    with pytest.raises(HogDepthLimit):
        jsontext.is_valid(Run(), "[" * 5000 + "]" * 5000)


def test_long_json_looks_at_the_clock():
    """A long text, and a long walk over what it holds, look at the clock and are charged for."""
    run = Run()
    jsontext.parse(run, "[" + "{}," * 5000 + "1]")
    assert run.ticks > 3
    assert run.charged > 100_000
    before = run.ticks
    print_text(run, list(range(5000)))
    jsontext.stringify(run, list(range(5000)))
    js_text(run, list(range(5000)))
    assert run.ticks > before + 10


@pytest.mark.parametrize("text", ["", "abc", "a😀é", "\ud83d", "\uffff😀"])
def test_utf16(text):
    """Lengths and slices are those of UTF-16."""
    units = text.encode("utf-16-le", "surrogatepass")
    assert utf16.utf16_length(text) == len(units) // 2
    for start in range(4):
        for stop in (None, 1, 2, 3):
            part = units[2 * start : None if stop is None else 2 * stop].decode("utf-16-le", "surrogatepass")
            assert utf16.utf16_slice(text, start, stop) == part


@given(st.text(), st.text())
def test_utf16_order(a, b):
    """Keys order texts by code unit."""
    by_units = a.encode("utf-16-be", "surrogatepass") < b.encode("utf-16-be", "surrogatepass")
    assert (utf16.utf16_key(a) < utf16.utf16_key(b)) is by_units


def test_utf8_of_halves():
    """Half a character is replaced, two halves are joined."""
    assert utf16.utf8("a\ud800") == b"a\xef\xbf\xbd"
    assert utf16.utf8("\ud83d\ude00") == "😀".encode()


def test_type_names():
    """Every kind of value has its name; a whole double is an integer."""
    names = [
        type_name(value)
        for value in (None, True, 1, 1.0, 1.5, NAN, "", [], (), {}, HogDate(1, 1, 1), HogDateTime(0.0))
    ]
    assert names == [
        "null",
        "boolean",
        "integer",
        "integer",
        "float",
        "float",
        "string",
        "array",
        "tuple",
        "object",
        "date",
        "datetime",
    ]
    assert type_name(LIVE) == "error"
    assert type_name(HogCallable("f", 0, print)) == "function"


def test_unmetered():
    """Outside of a run nothing is limited but depth."""
    free = Unmetered()
    free.charge(10**12)
    free.check_string(10**12)
    free.check_items(10**12)
    free.print("")
    watch(free, 10**9)
    assert 0 <= free.random() < 1
    assert free.now() > 0
    assert free.uuid4() != free.uuid4()
    with pytest.raises(HogRuntimeError, match="no"):
        free.host_fault("no")
