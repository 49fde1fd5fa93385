"""The library: bounds on growth, nulls and wrong types, and the cases the examples do not show."""

from __future__ import annotations

import base64
import hashlib
import math
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdlib_support import INF, NAN, Run, call

from hedgerow.hog import jsontext
from hedgerow.hog.errors import HogRuntimeError, HogSizeLimit
from hedgerow.hog.values import HogDate, HogDateTime, HogErrorValue

LONG = "ab" * 5000


@pytest.mark.parametrize(
    ("name", "args"),
    [
        *(
            ("replaceAll", ("a" * 1000, "a", "b" * 1001)),
            ("replaceAll", ("a" * 1000, "", "b" * 1000)),
            ("concat", ("a" * 600_000, "a" * 600_000)),
        ),
        *(
            ("arrayStringConcat", (["a"] * 1000, "b" * 2000)),
            ("plus", ("a" * 600_000, "a" * 600_000)),
            ("base64Encode", ("a" * 900_000,)),
            ("upper", ("ß" * 600_000,)),
        ),
        *(
            ("splitByString", (",", "," * 20_000)),
            ("splitByString", ("", "a" * 20_000)),
            ("range", (20_000,)),
            ("range", (0, 1e300)),
            ("arrayPushBack", ([1] * 10_000, 1)),
        ),
        *(
            ("keys", ([1] * 20_000,)),
            ("values", ({n: n for n in range(20_000)},)),
            ("encodeURLComponent", ("é" * 300_000,)),
            ("sortableSemver", (".".join("1" * 20_000),)),
        ),
        *(
            ("jsonStringify", (["a" * 600_000] * 2,)),
            ("toString", (["a" * 600_000] * 2,)),
            ("print", ("a" * 600_000, "b" * 600_000)),
            ("formatDateTime", (HogDateTime(0.0), "%F" * 200_000)),
        ),
        *(
            ("substring", ("a" * 2_000_000, 1)),
            ("lower", ("A" * 1_100_000,)),
            ("reverse", ("A" * 1_100_000,)),
            ("trim", ("A" * 1_100_000,)),
            ("match", ("ab" * 900_000, "(a|b)*a(a|b){12}c")),
        ),
    ],
)
def test_growth_is_refused(name, args):
    """No call builds a text or array past its cap."""
    with pytest.raises(HogSizeLimit):
        call(name, *args, run=Run(string=1_000_000, items=10_000))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        *(
            ("lower", (LONG,)),
            ("upper", (LONG,)),
            ("replaceAll", (LONG, "a", "c")),
            ("splitByString", ("a", LONG)),
            ("position", (LONG, "x")),
            ("length", (LONG,)),
        ),
        *(
            ("md5Hex", (LONG,)),
            ("sha256", (LONG, "base64")),
            ("base64Encode", (LONG,)),
            ("base64Decode", (LONG,)),
            ("encodeURLComponent", (LONG,)),
            ("decodeURLComponent", ("%41" * 5000,)),
        ),
        *(
            ("arraySort", (list(range(9000)),)),
            ("arrayReverse", (list(range(9000)),)),
            ("range", (9000,)),
            ("match", (LONG, "x")),
            ("like", (LONG, "%x%y%")),
            ("ilike", (LONG, "%X%y%")),
        ),
        *(
            ("sortableSemver", (LONG,)),
            ("jsonParse", ("[" + "1," * 5000 + "1]",)),
            ("isValidJSON", (LONG,)),
            ("substring", (LONG, 2)),
            ("sha256HmacChainHex", (["k", "m"],)),
            ("formatDateTime", (HogDateTime(0.0), "%Y" * 2000)),
        ),
    ],
)
def test_long_work_looks_at_the_clock(name, args):
    """A call over much data asks the clock."""
    run = Run()
    call(name, *args, run=run)
    assert run.ticks


@pytest.mark.parametrize(
    ("name", "args", "value"),
    [
        *(
            ("length", ("a😀",), 3),
            ("length", ({},), None),
            ("length", (5,), None),
            ("substring", ("a😀b", 2, 2), "😀"),
            ("substring", ("abc", 0), ""),
            ("substring", ("abc", 2, -1), ""),
            ("substring", (5, 1), ""),
            ("substring", ("abc", "x"), ""),
        ),
        *(
            ("position", ("a😀b", "b"), 4),
            ("position", ("abc", ""), 1),
            ("position", (None, "a"), 0),
            ("positionCaseInsensitive", (None, "a"), 0),
            ("positionCaseInsensitive", ("aBC", "Bc"), 2),
        ),
        *(
            ("trim", (None,), None),
            ("trim", ("  a\t ",), "a\t"),
            ("trim", ("aaa", "a"), ""),
            ("trim", ("abc", "ab"), ""),
            ("trim", ("abc", 5), ""),
            ("trimLeft", ("xax", "x"), "ax"),
            ("trimRight", ("xax", "x"), "xa"),
        ),
        *(
            ("splitByString", (",", None), None),
            ("splitByString", (",", ""), [""]),
            ("splitByString", ("", "ab"), ["a", "b"]),
            ("splitByString", (",", "a,b", 0), []),
            ("splitByString", (",", "a,b", -1), ["a", "b"]),
        ),
        *(
            ("replaceOne", ("aXX", "X", "$&"), "a$&X"),
            ("replaceAll", (None, "a", "b"), None),
            ("replaceAll", ("a1", 1, 2), "a2"),
            ("replaceOne", (None, "a", "b"), None),
        ),
        *(
            ("extractRegex", ("abc", "(x)?b"), ""),
            ("extractRegex", (None, "a"), ""),
            ("extractRegex", ("a", None), ""),
            ("multiSearchAnyCaseInsensitive", (None, ["a"]), 0),
            ("multiSearchAnyCaseInsensitive", ("a", "a"), 0),
        ),
        *(
            ("base64Decode", ("YW Jj\n",), "abc"),
            ("base64Decode", ("Y",), ""),
            ("base64Decode", ("-_-_",), "\ufffd" * 3),
            ("base64Decode", ("ZZZ=ZZZ",), "e\ufffd"),
            ("tryBase64Decode", (5,), ""),
        ),
        *(
            ("encodeURLComponent", ("a!'()*~-_.",), "a!'()*~-_."),
            ("encodeURLComponent", (None,), "null"),
            ("tryDecodeURLComponent", ("%ff",), None),
            ("decodeURLComponent", ("é%20\ud800",), "é \ud800"),
            ("decodeURLComponent", ("a+b",), "a+b"),
        ),
        *(
            ("toInt", (True,), None),
            ("toInt", ("-12x",), -12),
            ("toInt", (" -0x10",), -16),
            ("toInt", ([7, 8],), 7),
            ("toInt", (NAN,), None),
            ("toInt", (INF,), None),
            ("toInt", (HogDate(1970, 1, 3),), 2),
        ),
        *(
            ("toInt", (HogDateTime(1.5),), 1),
            ("toInt", (HogDateTime(NAN),), None),
            ("toInt", ("9007199254740993",), 9007199254740993),
            ("toInt", ("1" * 30,), float("1" * 30)),
            ("toInt", (10**30,), 10**30),
        ),
        *(
            ("toFloat", ("Infinity",), INF),
            ("toFloat", (NAN,), None),
            ("toFloat", (HogDate(1970, 1, 3),), 2),
            ("toFloat", (HogDateTime(1.5),), 1.5),
            ("toFloat", (HogDateTime(NAN),), None),
            ("toFloat", ("-.5e1x",), -5),
        ),
        *(
            ("floor", (None,), 0),
            ("round", (INF,), INF),
            ("round", (1e300,), 1e300),
            ("floor", (-0.5,), -1),
            ("range", ("x",), []),
            ("range", (0.5, 3), [0.5, 1.5]),
            ("min2", (1, None), 1),
            ("max2", (None, None), None),
        ),
        *(
            ("indexOf", ("abc", "a"), 0),
            ("indexOf", ((1, 2), 2), 2),
            ("has", ((1, NAN), NAN), True),
            ("has", ("abc", "a"), False),
            ("keys", (None,), []),
            ("values", ((1, 2),), [1, 2]),
        ),
        *(
            ("arrayPopFront", (None,), []),
            ("arrayPushFront", ((1,), 0), [0, 1]),
            (
                "arraySort",
                (["b", 2, None, "a", True, NAN, 1.5, HogDate(1970, 1, 2), HogDateTime(0.0)],),
                None,
            ),
        ),
        *(
            ("arrayStringConcat", ("abc",), ""),
            ("arrayStringConcat", ([], ","), ""),
            ("arrayStringConcat", ([[1, 2], True, {}],), "1,2true[object Object]"),
            ("sortableSemver", (1.5,), [1, 5]),
            ("sortableSemver", ([],), []),
        ),
        *(
            ("JSONHas", ({"a": None}, "a"), True),
            ("JSONHas", ([1], -1), True),
            ("JSONHas", ([1], 2), False),
            ("JSONHas", ([1], 0), False),
            ("JSONHas", ("[1", 1), False),
            ("JSONHas", (None, 1), False),
            ("JSONHas", ({"a": "[1]"}, "a", 1), True),
        ),
        *(
            ("JSONLength", ("[1, 2]",), 2),
            ("JSONLength", (None, "a"), 0),
            ("JSONExtractBool", ({"a": 1}, "a"), False),
            ("JSONExtractString", ({"a": None}, "a"), None),
            ("JSONExtractString", ({"a": [1, 2]}, "a"), "1,2"),
        ),
        *(
            ("JSONExtractArrayRaw", ("{}",), None),
            ("JSONExtract", ({"a": (1, 2)}, "a", -1, "Int"), 2),
            ("JSONExtractInt", ("{}", "a"), None),
            ("JSONExtractFloat", ([" 2.5x"], 1), 2.5),
            ("jsonParse", (None,), None),
            ("jsonStringify", ([1], "x"), "[1]"),
        ),
        *(
            ("isIPAddressInRange", ("10.0.0.1", "10.0.0.1"), False),
            ("isIPAddressInRange", ("::1", "::1/129"), False),
            ("isIPAddressInRange", ("fe80::1%eth0", "fe80::/10"), True),
            ("isIPAddressInRange", ("10.0.0.01", "10.0.0.0/8"), False),
        ),
        *(
            ("isIPAddressInRange", (None, "::/0"), False),
            ("isIPAddressInRange", ("1" * 100, "::/0"), False),
            ("isIPAddressInRange", ("1.2.3.4", "1.2.3.4/٣"), False),
            ("inCohort", (1, "x"), False),
            ("inCohort", (None, [None]), True),
        ),
        *(
            ("md5", (None,), None),
            ("sha256HmacChainHex", (None,), None),
            ("sha1", ("é", "binary"), hashlib.sha1("é".encode()).digest().decode("latin-1")),
            ("multiIf", (0, 1, 0, 2, 3), 3),
            ("coalesce", (None, False), False),
        ),
        *(
            ("plus", (None, 1), 1),
            ("plus", ([1], 2), "12"),
            ("in", (1, "1"), False),
            ("if", ("", 1, 2), 2),
            ("isNotNull", (None,), False),
            ("startsWith", ("abc", None), False),
        ),
    ],
)
def test_call(name, args, value):
    """Odd arguments give what PostHog's VM gives, or what the table of differences says."""
    found = call(name, *args)
    if name == "arraySort":
        value = [1.5, 2, found[2], "a", "b", True, HogDateTime(0.0), HogDate(1970, 1, 2), None]
        assert math.isnan(found[2])
    assert found == value
    assert type(found) is type(value) or isinstance(found, float | int)


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        *(
            ("lower", (5,), r"lower\(\) needs a string, not a value of type integer"),
            ("trim", ([],), "trim"),
            ("base64Encode", (None,), "null"),
            ("md5", ("a", "utf7"), "knows the encodings hex"),
            ("sha1", ("a", 5), "encodings"),
        ),
        *(
            ("md5Hex", (5,), "needs a string"),
            ("sha256HmacChainHex", (["k"],), "at least two"),
            ("sha256HmacChainHex", ("kk",), "at least two"),
            ("sha1HmacChain", (["k", 1],), "needs a string"),
        ),
        *(
            ("assumeNotNull", (None,), "Value is null"),
            ("multiIf", (1, 2, 3, 4), "in turn"),
            ("inCohort", (1, None), r"inCohort\(\) requires"),
            ("notInCohort", (1, None), r"notInCohort\(\)"),
            ("decodeURLComponent", ("%",), "broken"),
            ("encodeURLComponent", ("\ud800",), "surrogate"),
        ),
        *(
            ("jsonParse", ("{",), "Invalid JSON"),
            ("dateAdd", ("eon", 1, HogDate(2024, 1, 1)), "Unsupported interval unit: eon"),
            ("dateAdd", (None, 1, None), "null"),
            ("dateAdd", ("day", 1, 5), "Expected a Date"),
        ),
        *(
            ("dateDiff", ("eon", 1, 2), "Unsupported unit for dateDiff: eon"),
            ("dateTrunc", ("week", HogDateTime(0.0)), "dateTrunc: week"),
            ("dateTrunc", ("day", HogDate(1, 1, 1)), "Expected a DateTime for dateTrunc"),
        ),
        *(
            ("extract", ("week", HogDate(1, 1, 1)), "Unknown extract part: week"),
            ("toTimeZone", (HogDate(1, 1, 1), "UTC"), "Expected a DateTime"),
            ("formatDateTime", ("x", "%Y"), "Expected a DateTime"),
            ("formatDateTime", (HogDateTime(0.0), 5), "needs a string"),
        ),
    ],
)
def test_refusal(name, args, message):
    """What cannot be done says why."""
    with pytest.raises(HogRuntimeError, match=message):
        call(name, *args)


def test_json_depth_is_a_limit_for_paths_too():
    """A path through text that nests too deep meets the limit instead of leading nowhere."""
    with pytest.raises(HogRuntimeError) as caught:
        call("JSONHas", "[" * 5000 + "]" * 5000, 1)
    assert caught.value.kind == "limit_depth"


def test_errors_are_values():
    """Errors have a type, a message and a payload, with defaults."""
    made = call("HogError", "T", "m", {"a": 1})
    assert (made.type, made.message, made.payload) == ("T", "m", {"a": 1})
    assert call("Error").message == "An error occurred"
    assert call("HogError", None).type == "Error"
    assert call("RetryError", 5).message == "5"
    assert isinstance(call("NotImplementedError"), HogErrorValue)


def test_print_joins_with_spaces():
    """One printed line holds the print forms of all arguments."""
    run = Run()
    call("print", "a", 1, ["b"], None, run=run)
    assert run.lines == ["a 1 ['b'] null"]


@given(st.text())
def test_url_encoding_round_trip(text):
    """What is encoded for a URL is plain, and decodes to itself."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        return
    encoded = call("encodeURLComponent", text)
    assert encoded == urllib.parse.quote(text, safe="!'()*~-_.")
    assert call("decodeURLComponent", encoded) == text
    assert call("base64Decode", call("base64Encode", text)) == text
    assert call("base64Encode", text) == base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("shift", range(4))
def test_long_urls_are_decoded_in_pieces(shift):
    """Where a piece ends makes no difference, even inside a character."""
    text = "x" * (32_768 - 5 + shift) + "😀é" * 20_000 + "end"
    assert call("decodeURLComponent", urllib.parse.quote(text)) == text
    mixed = "x" * (32_768 - 3 + shift) + "é%20" * 30_000
    assert call("decodeURLComponent", mixed) == mixed.replace("%20", " ")


@given(st.lists(st.integers() | st.floats(allow_nan=False) | st.text()))
def test_sort_is_an_order(items):
    """Sorting keeps the items and is the reverse of reverse sorting."""
    ordered = call("arraySort", items)
    assert sorted(map(repr, ordered)) == sorted(map(repr, items))
    assert call("arrayReverseSort", items) == ordered[::-1]


@pytest.mark.parametrize(
    "name", ["has", "indexOf", "in", "less", "max2", "minus", "inCohort", "floor", "toInt", "keys"]
)
def test_searches_look_at_the_clock(name):
    """A call that goes through a large argument asks the clock, even when it builds nothing."""
    run, large = Run(), [1] * 9000
    args = {
        "in": (2, large),
        "inCohort": (2, large),
        "floor": ("1" * 9000,),
        "toInt": ("1" * 9000,),
        "keys": (large,),
    }
    call(name, *args.get(name, (large, 2)), run=run)
    assert run.ticks


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.0, NAN, True, None, 'é"\n', {}]},
        {1: 2},
        [[[[[[[[[[1]]]]]]]]]],
        list(range(300)),
        ["x" * 300],
        [HogDate(1, 1, 1)],
    ],
)
def test_both_ways_of_writing_json_agree(value):
    """The short way for small values writes what the careful walk writes."""
    assert jsontext.stringify(Run(), value) == jsontext._Writer(Run(), 0).write(value)
