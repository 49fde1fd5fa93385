"""Every filter operator against every kind of value: one table per operator, and rules that hold for all of them."""

import functools
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.destinations import FilterGlobals, Project, ValidationError
from hedgerow.destinations.filters import compile_filters, validate_filters
from hedgerow.destinations.filters.operators import NEGATIVE, OPERATORS
from hedgerow.destinations.project import PathCleaning
from hedgerow.hog import Host

MISSING = "<missing>"
NOW = 1_700_000_000  # 2023-11-14T22:13:20Z
PROJECT = Project(1, path_cleaning=(PathCleaning(r"/\d+", "/:id"), PathCleaning("/+$", "")))


@functools.cache
def compiled(operator, wanted):
    """One property filter, compiled once for all the values it is tried on."""
    item = {"key": "p", "type": "event", "operator": operator, "value": json.loads(wanted)}
    return compile_filters({"properties": [item]}, PROJECT)


def matches(value, operator, wanted):
    """Whether a property of this value passes one property filter."""
    properties = {} if value is MISSING else {"p": value}
    found = FilterGlobals(event="e", properties=properties, person=None, distinct_id="d")
    return compiled(operator, json.dumps(wanted)).matches(found, Host(now=lambda: NOW))


def check(operator, rows):
    """Each row: the filter's value, values that match, values that do not."""
    wrong = [
        (wanted, value, expected)
        for wanted, yes, no in rows
        for value, expected in [*((v, True) for v in yes), *((v, False) for v in no)]
        if matches(value, operator, wanted) is not expected
    ]
    assert wrong == []


EQUALITY = [
    ("pro", ["pro"], ["Pro", "prod", "", MISSING, None, 0, False, True, ["pro"], {"pro": 1}]),
    ("5", ["5", 5, 5.0], ["5.0", "05", 55, True, False, MISSING, None, [5]]),
    (5, [5, 5.0, "5", "5.0", " 5 "], ["five", 6, True, None, MISSING, [], [5], {}]),
    (0, [0, 0.0, "0"], ["", "  ", None, MISSING, [], "a"]),
    ("", [""], [0, False, None, MISSING, " ", []]),
    (True, [True, "true", 1], [False, "false", "yes", 0, None, MISSING, []]),
    ("true", [True, "true"], [False, "True", 1, None, MISSING]),
    (False, [False, "false", 0], [True, "", None, MISSING, "foo"]),
    ("false", [False, "false"], [True, 0, None, MISSING, "foo"]),
    ("2024-01-01", ["2024-01-01"], ["2024-01-01T00:00:00Z", 1704067200, MISSING]),
    ("%", ["%"], ["a", ""]),
    ("Infinity", ["Infinity"], ["Inf", 1]),
]


def test_exact():
    """A value equals the same text, or the same number or boolean in either spelling; nothing else."""
    check("exact", EQUALITY)


@pytest.mark.parametrize("operator", ["exact", "in"])
def test_lists_and_single_values_compare_alike(operator):
    """A list matches exactly what one of its members matches."""
    samples = [value for wanted, yes, no in EQUALITY for value in [*yes, *no]]
    for one, other in itertools.combinations([row[0] for row in EQUALITY], 2):
        for value in samples:
            alone = matches(value, "exact", one) or matches(value, "exact", other)
            assert matches(value, operator, [one, other]) is alone, (value, one, other)


def test_icontains():
    """The text holds the value in any case; wildcards mean themselves; nothing is in what is missing."""
    check(
        "icontains",
        [
            ("Docs", ["the docs", "DOCS", "docs"], ["doc", "", MISSING, None, 5]),
            ("50%", ["now 50% off"], ["50 percent", "500", "5050x"]),
            ("a_b", ["xA_By"], ["acb", "ab"]),
            ("null", ["not NULL"], [MISSING, None]),
            ("ul", ["rule"], [MISSING, None]),
            (12, [12, "a12b", 3124], [1, 2, "1 2"]),
            ("tru", [True, "true"], [False]),
            (["x", "y"], ["ax", "by"], ["z", MISSING]),
            ("STRASSE", ["strasse"], ["stra"]),
            ("É", ["café"], ["cafe"]),
        ],
    )


def test_regex():
    """RE2 anywhere in the text; the empty and the missing match nothing."""
    check(
        "regex",
        [
            (r"^a\d+$", ["a1", "a22"], ["ba1", "a", MISSING, None, ""]),
            ("a|b", ["xax", "b"], ["c"]),
            (["^a", "z$"], ["ab", "yz"], ["b"]),
            (r"^\d+$", [12, "12"], [MISSING]),
        ],
    )


def test_orders():
    """Numbers by value even when kept as texts; other texts by their characters; what is missing has no order."""
    check(
        "gt",
        [(5, [6, 5.1, "6", "10"], [5, "5", 4, MISSING, None, "many", [], {}]), ("9", ["10", 10], ["8", 9])],
    )
    check("gte", [(5, [5, "5", 6], [4, MISSING, None, ""])])
    check("min", [(5, [5, "5", 6], [4, MISSING, None])])
    check("lt", [(5, [4, "4", -1, "-1"], [5, 6, MISSING, None, "", " ", "x", [], {}, "many"])])
    check("lte", [(0, [0, "0", -1], [1, MISSING, None, ""]), ("b", ["a", "b"], ["c", MISSING, None, 1])])
    check("max", [(5, [5, 4], [6, MISSING])])
    check("lt", [([5, 10], [7], [11])])


def test_between():
    """Both ends belong to it; a missing value is neither inside nor outside."""
    check("between", [([1, 3], [1, 2, 3, "2", 2.5], [0, 4, MISSING, None, "x", [2]])])
    check("not_between", [([1, 3], [0, 4, "4"], [1, 2, 3, MISSING, None, "x"])])
    check("between", [(["1", "3"], [2], [4])])


def test_is_set():
    """Set is everything but null; the empty text is set."""
    present = ["", 0, False, [], {}, "x"]
    check("is_set", [(None, present, [MISSING, None]), ("is_set", present, [MISSING, None])])
    check("is_not_set", [(None, [MISSING, None], present)])


def test_dates():
    """Texts that are dates compare as instants; other values never do."""
    junk = [MISSING, None, "", "soon", 5, True, [], {}]
    check(
        "is_date_before",
        [("2024-01-02", ["2024-01-01", "2024-01-01T23:59:59Z"], ["2024-01-02", "2025-01-01", *junk])],
    )
    check(
        "is_date_after",
        [("2024-01-02", ["2024-01-03", "2024-01-02T00:00:01Z"], ["2024-01-02", "2023-01-01", *junk])],
    )
    check("is_date_exact", [("2024-01-02", ["2024-01-02", "2024-01-02T00:00:00Z"], ["2024-01-03", *junk])])
    check(
        "is_date_after", [("2024-01-02T10:00:00+02:00", ["2024-01-02T08:00:01Z"], ["2024-01-02T08:00:00Z"])]
    )


@pytest.mark.parametrize(
    ("age", "just_before", "just_after"),
    [
        ("-10s", "2023-11-14T22:13:09Z", "2023-11-14T22:13:11Z"),
        ("-5M", "2023-11-14T22:08:19Z", "2023-11-14T22:08:21Z"),
        ("-3h", "2023-11-14T19:13:19Z", "2023-11-14T19:13:21Z"),
        ("-7d", "2023-11-07T22:13:19Z", "2023-11-07T22:13:21Z"),
        ("-2w", "2023-10-31T22:13:19Z", "2023-10-31T22:13:21Z"),
        ("-1m", "2023-10-14T22:13:19Z", "2023-10-14T22:13:21Z"),
        ("-1q", "2023-08-14T22:13:19Z", "2023-08-14T22:13:21Z"),
        ("-1y", "2022-11-14T22:13:19Z", "2022-11-14T22:13:21Z"),
    ],
)
def test_relative_dates_are_relative_to_the_event(age, just_before, just_after):
    """An age counts back from the moment of matching, in every unit."""
    assert matches(just_before, "is_date_before", age)
    assert not matches(just_after, "is_date_before", age)
    assert matches(just_after, "is_date_after", age)
    assert not matches(just_before, "is_date_after", age)


def test_relative_dates_move_on():
    """The same compiled filter gives another answer a day later."""
    filters = {"properties": [{"key": "p", "operator": "is_date_after", "value": "-7d"}]}
    recent = compile_filters(filters, PROJECT)
    found = FilterGlobals(properties={"p": "2023-11-08"}, event="e", person=None)
    assert recent.matches(found, Host(now=lambda: NOW))
    assert not recent.matches(found, Host(now=lambda: NOW + 2 * 86_400))


def test_exactly_so_long_ago_means_that_day():
    """An exact age asks for the day, since no event hits the millisecond."""
    check(
        "is_date_exact",
        [("-1d", ["2023-11-13", "2023-11-13T23:59:59Z"], ["2023-11-14", "2023-11-12T23:59:59Z", MISSING])],
    )


VERSIONS = [
    "0.9",
    "1",
    "1.0.0",
    "1.0.1",
    "1.2",
    "1.2.3",
    "1.2.3-beta.9",
    "v1.2.3",
    "1.2.10",
    "1.10.0",
    "2.0.0.1",
    "10.0",
]


def test_semver():
    """Versions compare by number, part by part; without one there is neither order nor equality."""
    junk = [MISSING, None, "", "none", [], {}, True]
    check("semver_eq", [("1.2.3", ["1.2.3", "v1.2.3", "1.2.3-beta.9", "1.2.3.0"], ["1.2.30", "1.2", *junk])])
    check("semver_neq", [("1.2.3", ["1.2.30", "1.2", *junk], ["1.2.3", "v1.2.3"])])
    check("semver_gt", [("1.2", ["1.2.3", "1.10", "2"], ["1.2.0", "1.1.9", *junk])])
    check("semver_gte", [("1.2", ["1.2.0", "1.2", "1.3"], ["1.1.9", *junk])])
    check("semver_lt", [("1.10", ["1.9.9", "1.2", "0.1"], ["1.10.0", "2", *junk])])
    check("semver_lte", [("1.10", ["1.10.0", "1.9"], ["1.10.1", *junk])])
    check(
        "semver_tilde",
        [("1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2", *junk]), ("1", ["1.9"], ["2.0", "0.9"])],
    )
    check(
        "semver_caret",
        [
            ("1.2.3", ["1.2.3", "1.9"], ["2.0.0", "1.2.2", *junk]),
            ("0.2.3", ["0.2.9"], ["0.3.0", "1.0"]),
            ("0.0.3", ["0.0.3"], ["0.0.4"]),
        ],
    )
    check(
        "semver_wildcard",
        [
            ("1.*", ["1.0.0", "1.99"], ["2.0", "0.9", *junk]),
            ("1.2.*", ["1.2.0", "1.2.9"], ["1.3.0"]),
            ("1.2.3.*", ["1.2.3.5"], ["1.2.4"]),
        ],
    )


def test_semver_order_is_an_order():
    """Of two versions exactly one of less, equal and greater holds."""
    for left, right in itertools.product(VERSIONS, VERSIONS):
        told = [matches(left, f"semver_{how}", right.removesuffix("-beta.9")) for how in ("lt", "eq", "gt")]
        assert told.count(True) == 1, (left, right, told)


def test_cleaned_paths():
    """The project's rules are applied to both sides."""
    check(
        "is_cleaned_path_exact",
        [
            ("/users/7/", ["/users/9", "/users/1/"], ["/users", "/users/x", MISSING, None, 5, []]),
            (["/a/1", "/b"], ["/a/2", "/b/"], ["/c"]),
        ],
    )


ANY_VALUE = st.one_of(
    st.just(MISSING),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False) | st.text(max_size=8)
        | st.sampled_from(["1.2.3", "2024-01-01", "true", "false", "0", "-5", " ", "%", "_", "\ud800"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
        max_leaves=4,
    ),
)  # fmt: skip

SAMPLE = {
    "between": [1, 3], "not_between": [1, 3], "is_set": None, "is_not_set": None, "is_cleaned_path_exact": "/a",
    "is_date_exact": "2024-01-01", "is_date_before": "-7d", "is_date_after": "2024-01-01", "semver_wildcard": "1.*",
}  # fmt: skip


@given(value=ANY_VALUE, operator=st.sampled_from(sorted(OPERATORS)))
def test_every_operator_is_total(value, operator):
    """Whatever a property holds, each operator answers true or false."""
    assert matches(value, operator, SAMPLE.get(operator, "1.2.3")) in (True, False)


@given(value=ANY_VALUE, operator=st.sampled_from(sorted(NEGATIVE)))
def test_negative_operators_are_exact_opposites(value, operator):
    """A negative operator is true exactly where its twin is false, so also for a missing property."""
    assert matches(value, operator, "1.2.3") is not matches(value, NEGATIVE[operator], "1.2.3")


@pytest.mark.parametrize("operator", sorted(OPERATORS - {"is_set", "is_not_set"} - set(NEGATIVE)))
def test_a_missing_property_passes_no_positive_operator(operator):
    """What is not there is not less, not equal, not anything."""
    if operator != "not_between":
        assert not matches(MISSING, operator, SAMPLE.get(operator, "1.2.3"))
        assert not matches(None, operator, SAMPLE.get(operator, "1.2.3"))


@pytest.mark.parametrize(
    ("operator", "value", "said"),
    [
        ("exact", None, "incomplete"),
        ("exact", [], "incomplete"),
        ("exact", {"a": 1}, "texts, numbers and booleans"),
        ("icontains", "", "empty text"),
        ("regex", "(", "no valid regular expression"),
        ("regex", "(?=a)", "no valid regular expression"),
        ("gt", True, "number or a text"),
        ("between", [1], "two numbers"),
        ("between", [3, 1], "must not be greater"),
        ("between", "1", "two numbers"),
        ("is_date_before", "soon", "no date"),
        ("is_date_after", 5, "written as text"),
        ("semver_eq", "one", "no version"),
        ("semver_wildcard", "1.2.3", "wildcard"),
        ("equals", "a", "no operator 'equals'"),
        ("icontain", "a", "Did you mean 'icontains'"),
        ("exact", list(range(1001)), "at most 1000"),
    ],
)
def test_what_cannot_be_judged_is_refused_when_saved(operator, value, said):
    """An incomplete or impossible filter is an error with its place, never a silent non-match."""
    filters = {"properties": [{"key": "p", "type": "event", "operator": operator, "value": value}]}
    with pytest.raises(ValidationError, match=said) as caught:
        validate_filters(filters, PROJECT)
    assert caught.value.attr.startswith("filters__properties__0__")


def test_a_filter_that_cannot_run_may_be_kept_while_it_is_off():
    """A destination that is off keeps its unfinished filter, with the fault told."""
    filters = {"properties": [{"key": "p", "operator": "regex", "value": "("}]}
    kept = validate_filters(filters, PROJECT, strict=False)
    assert kept["properties"] == filters["properties"]
    assert "no valid regular expression" in kept["bytecode_error"]
    assert "bytecode_error" not in json.dumps(validate_filters({}, PROJECT))
