"""Whole filters: how their parts combine, where properties are found, what an index may know of them."""

import pytest

from hedgerow import hog
from hedgerow.destinations import FilterError, FilterGlobals, PathCleaning, Project, ValidationError
from hedgerow.destinations.filters import Condition, compile_filters, expression, normalise, validate_filters

PROJECT = Project(
    1,
    test_account_filters=[{"key": "email", "type": "person", "operator": "not_icontains", "value": "@our.com"}],
    actions={
        "1": {"steps": [{"event": "$pageview", "url": "/pricing", "url_matching": "contains"}, {"event": "signup"}]},
        "2": {"steps": [{"event": "$autocapture", "selector": "button.buy", "text": "Buy", "href": "/buy"}]},
        "3": {"steps": [{"url": "^https://x", "url_matching": "regex", "properties": [{"key": "a", "value": "1"}]}]},
        "4": {"steps": []},
        "5": {"steps": [{"url": "(", "url_matching": "regex"}]},
        "6": {"steps": [{"tag_name": "form", "url": "https://x/", "url_matching": "exact"}]},
    },
    cohorts={
        "1": {"filters": {"properties": {"type": "OR", "values": [
            {"type": "AND", "values": [
                {"key": "plan", "type": "person", "value": "pro", "operator": "exact"},
                {"key": "banned", "type": "person", "operator": "is_set", "value": "is_set", "negation": True},
            ]},
            {"type": "AND", "values": [{"type": "cohort", "value": 2}]},
        ]}}},
        "2": {"is_static": True, "persons": ["person-2"]},
        "3": {"filters": {"properties": {"type": "AND", "values": [{"type": "behavioral", "key": "x"}]}}},
        "4": {"filters": {"properties": {"type": "OR", "values": [{"type": "cohort", "value": 4}]}}},
        "5": {},
    },
)  # fmt: skip
CHAIN = (
    'span.icon:nth-child="1"nth-of-type="1";button.big.buy:attr__id="go"nth-child="2"text="Buy";'
    'a:href="/buy"text="Shop";div.card.open:attr_id="c"nth-child="3"'
)


def event(name="$pageview", person="person-1", chain="", **properties):
    """Filter globals of an event."""
    traits = {"email": "ada@example.com", "plan": "pro"}
    return FilterGlobals(
        event=name,
        uuid="u",
        timestamp="2026-01-01T00:00:00Z",
        distinct_id="d-1",
        properties=properties,
        person=None if person is None else {"id": person, "properties": traits},
        elements_chain=chain,
    )


def matches(filters, found=None):
    return compile_filters(normalise(filters), PROJECT).matches(event() if found is None else found)


def with_property(**item):
    return {"properties": [item]}


# ------------------------------------------------------------------- combining


@pytest.mark.parametrize(
    "filters", [None, {}, {"events": [], "actions": [], "properties": []}, {"events": [{"id": None}]}]
)
def test_an_empty_filter_takes_every_event(filters):
    """Nothing asked for is nothing excluded."""
    assert matches(filters)


def test_events_are_alternatives_and_properties_conditions():
    """One of the events or actions, and every property, of the whole and of the entry."""
    filters = {
        "events": [
            {"id": "a", "type": "events", "properties": [{"key": "x", "value": "1"}]},
            {"id": "b"},
            {"id": "c"},
        ],
        "properties": [{"key": "plan", "value": "pro", "type": "person"}],
    }
    assert matches(filters, event("a", x=1))
    assert not matches(filters, event("a", x=2))
    assert matches(filters, event("b"))
    assert matches(filters, event("c"))
    assert not matches(filters, event("d"))
    assert not matches(filters, event("b", person=None))


def test_groups_of_properties_nest():
    """AND and OR groups mean what they say, at any depth."""
    either = {
        "type": "OR",
        "values": [
            {"key": "x", "value": 1},
            {"type": "AND", "values": [{"key": "y", "value": 2}, {"key": "z", "value": 3}]},
        ],
    }
    assert matches({"properties": either}, event(x=1))
    assert matches({"properties": either}, event(y=2, z=3))
    assert not matches({"properties": either}, event(y=2))
    assert matches({"properties": [either, {"key": "w", "value": 4}]}, event(x=1, w=4))
    assert matches({"properties": {"type": "OR", "values": []}})


def test_own_traffic_is_left_out_when_asked():
    """The project's test-account filters count only for filters that say so."""
    ours = event()
    ours["person"] = {"id": "p", "properties": {"email": "me@our.com"}}
    assert matches({"filter_test_accounts": False}, ours)
    assert not matches({"filter_test_accounts": True}, ours)
    assert matches({"filter_test_accounts": True})


def test_the_truth_of_an_expression_counts():
    """An expression need not give a boolean."""
    assert matches(with_property(key="1", type="hogql"))
    assert not matches(with_property(key="''", type="hogql"))
    assert matches(
        with_property(key="length(properties.name)", type="hogql"),
        event(name_="x") | {"properties": {"name": "x"}},
    )


def test_a_filter_that_throws_says_so():
    """A failure is an error with its place, not a silent non-match."""
    with pytest.raises(FilterError):
        matches(with_property(key="jsonParse('{')", type="hogql"))


# ------------------------------------------------------------------ where it looks


@pytest.mark.parametrize(
    ("item", "found", "expected"),
    [
        ({"key": "a.b", "value": "x"}, event(**{"a.b": "x"}), True),
        ({"key": "a.b", "value": "x"}, event(a={"b": "x"}), False),
        ({"key": "it's \"odd\" \\ {x}", "value": "'; drop"}, event(**{"it's \"odd\" \\ {x}": "'; drop"}), True),
        ({"key": "email", "type": "person", "value": "ada@example.com"}, event(), True),
        ({"key": "email", "type": "person", "value": "ada@example.com"}, event(person=None), False),
        ({"key": "distinct_id", "type": "person", "value": "d-1"}, event(), True),
        ({"key": "event", "type": "event_metadata", "value": ["$pageview", "x"]}, event(), True),
        ({"key": "distinct_id", "type": "event_metadata", "operator": "icontains", "value": "D-"}, event(), True),
        ({"key": "$group_0", "type": "event_metadata", "operator": "is_not_set"}, event(), True),
        ({"key": "$group_0", "type": "event_metadata", "value": "acme"}, event() | {"$group_0": "acme"}, True),
        ({"key": "tier", "type": "group", "group_type_index": 2, "value": "gold"}, event(), False),
        ({"key": "tier", "type": "group", "group_type_index": 2, "value": "gold"},
         FilterGlobals(event() | {"group_2": {"properties": {"tier": "gold"}}}), True),
        ({"key": "$feature/flag", "type": "feature", "value": "on"}, event(**{"$feature/flag": "on"}), True),
        ({"key": "some-flag", "type": "flag", "value": "on"}, event(), True),
        ({"key": "$elements_chain", "operator": "icontains", "value": "BUTTON"}, event(chain=CHAIN), True),
        ({"key": "href", "type": "element", "value": "/buy"}, event(chain=CHAIN), True),
        ({"key": "text", "type": "element", "value": "Shop"}, event(chain=CHAIN), True),
        ({"key": "text", "type": "element", "operator": "is_not", "value": "Shop"}, event(chain=CHAIN), False),
        ({"key": "text", "type": "element", "operator": "is_not", "value": "Shop"}, event(), True),
        ({"key": "text", "type": "element", "operator": "icontains", "value": ["zzz", "uy"]}, event(chain=CHAIN), True),
        ({"key": "selector", "type": "element", "value": "div.card > a > button.buy"}, event(chain=CHAIN), True),
        ({"key": "selector", "type": "element", "operator": "is_not", "value": "form"}, event(chain=CHAIN), True),
        ({"key": "tag_name", "type": "element", "value": ["form", "button"]}, event(chain=CHAIN), True),
        ({"key": "$exception_types", "value": "TypeError"}, event(**{"$exception_types": ["A", "TypeError"]}), True),
        ({"key": "$exception_types", "value": "TypeError", "operator": "is_not"}, event(**{"$exception_types": ["A", "TypeError"]}), False),
        ({"key": "$exception_types", "value": "TypeError"}, event(), False),
        ({"key": "$exception_types", "operator": "is_set"}, event(**{"$exception_types": []}), True),
        ({"key": "properties.a = 1 and person.properties.plan = 'pro'", "type": "hogql"}, event(a=1), True),
        ({"key": "arrayExists(x -> x = 'Buy', elements_chain_texts)", "type": "hogql"}, event(chain=CHAIN), True),
    ],
)  # fmt: skip
def test_where_properties_are_found(item, found, expected):
    """Each type of property is looked for in its own place; keys may hold anything."""
    assert matches({"properties": [item]}, FilterGlobals(found)) is expected


def test_dotted_keys_lead_into_activity_log_entries():
    """Of the one internal event whose properties are objects, and only of that one."""
    only = {
        "events": [{"id": "$activity_log_entry_created"}],
        "properties": [{"key": "detail.name", "value": "x"}],
    }
    found = event("$activity_log_entry_created", detail={"name": "x"})
    assert matches(only, found)
    assert compile_filters(only, PROJECT).conditions == ()
    both = {**only, "events": [*only["events"], {"id": "other"}]}
    assert not matches(both, found)


# ------------------------------------------------------------- actions, cohorts


def test_actions_are_inlined():
    """Any step of an action, with all that the step asks for."""
    one = {"actions": [{"id": "1", "type": "actions"}]}
    assert matches(one, event(**{"$current_url": "https://x/pricing?a"}))
    assert not matches(one, event(**{"$current_url": "https://x/PRICING"}))
    assert matches(one, event("signup"))
    assert matches({"actions": [{"id": 2}]}, event("$autocapture", chain=CHAIN))
    assert not matches({"actions": [{"id": 2}]}, event("$autocapture", chain='div:text="Buy"'))
    three = {"actions": [{"id": "3", "properties": [{"key": "b", "value": 2}]}]}
    assert matches(three, event(**{"$current_url": "https://x", "a": "1", "b": 2}))
    assert not matches(three, event(**{"$current_url": "https://x", "a": "1"}))
    assert matches({"actions": [{"id": "6"}]}, event(chain="form", **{"$current_url": "https://x/"}))


def test_cohorts_are_judged_on_the_event():
    """Person properties now, members of static lists, and cohorts within cohorts."""
    belongs = with_property(key="id", type="cohort", value=1)
    assert matches(belongs)
    assert matches(belongs, event(person="person-2") | {"person": {"id": "person-2", "properties": {}}})
    assert not matches(belongs, event() | {"person": {"id": "p", "properties": {"plan": "free"}}})
    assert not matches(
        belongs, event() | {"person": {"id": "p", "properties": {"plan": "pro", "banned": True}}}
    )
    assert not matches(with_property(key="id", type="cohort", value=1, operator="not_in"))
    assert not matches(with_property(key="id", type="cohort", value=2, negation=False), event(person=None))
    assert matches(
        with_property(key="id", type="static-cohort", value=[2, 1], negation=True), event(person=None)
    )


@pytest.mark.parametrize(
    ("filters", "attr", "said"),
    [
        ({"actions": [{"id": 99}]}, "filters__actions__0__id", "no action 99"),
        ({"actions": [{"id": 4}]}, "filters__actions__0__id", "no steps"),
        ({"actions": [{"id": 5}]}, "filters__actions__0__id", "no valid regular expression"),
        (with_property(key="id", type="cohort", value=99), "filters__properties__0__value", "no cohort 99"),
        (with_property(key="id", type="cohort", value=3), "filters__properties__0__value", "more than person properties"),
        (with_property(key="id", type="cohort", value=4), "filters__properties__0__value", "refers to itself"),
        (with_property(key="id", type="cohort", value=5), "filters__properties__0__value", "no conditions"),
        (with_property(key="", value="x"), "filters__properties__0__key", "choose a property"),
        (with_property(key="a", type="session", value="x"), "filters__properties__0__type", "not known while events arrive"),
        (with_property(key="a", type="group", value="x"), "filters__properties__0__group_type_index", "choose a group type"),
        (with_property(key="browser", type="event_metadata", value="x"), "filters__properties__0__key", "no field 'browser'"),
        (with_property(key="event = ", type="hogql"), "filters__properties__0__key", "line 1"),
        (with_property(key="evnt = 'x'", type="hogql"), "filters__properties__0__key", "no variable 'evnt'"),
        (with_property(key="fetch('http://x')", type="hogql"), "filters__properties__0__key", "fetch"),
        (with_property(key="selector", type="element", value="a:hover"), "filters__properties__0__value", "cannot be read"),
        (with_property(key="selector", type="element", value=">"), "filters__properties__0__value", "incomplete"),
        (with_property(key="selector", type="element", operator="icontains", value="a"), "filters__properties__0__operator", "exact and is_not"),
        (with_property(key="size", type="element", value="a"), "filters__properties__0__key", "selector, tag_name"),
        ({"events": [{"id": "a", "properties": [{"key": "x"}]}]}, "filters__events__0__properties__0__value", "incomplete"),
        ({"events": [{"id": 5}]}, "filters__events__0__id", "event name"),
        ({"events": "a"}, "filters__events", "list of dictionaries"),
        ({"properties": "a"}, "filters__properties", "list of filters"),
        ({"properties": {"type": "XOR", "values": []}}, "filters__properties", "AND"),
        ({"properties": ["a"]}, "filters__properties__0", "dictionary"),
        ({"source": "data-warehouse-table"}, "filters__source", "no data warehouse"),
        ({"source": "moon"}, "filters__source", "not a valid choice"),
        ({"filter_test_accounts": "yes"}, "filters__filter_test_accounts", "boolean"),
        ([], "filters", "dictionary"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(filters, attr, said):
    """Every fault names the field it is in."""
    with pytest.raises(ValidationError, match=said) as caught:
        validate_filters(filters, PROJECT)
    assert caught.value.attr == attr


@pytest.mark.parametrize(
    ("project", "filters", "said"),
    [
        (Project(1, test_account_filters=[{"key": "x"}]), {"filter_test_accounts": True}, "filter of test accounts"),
        (Project(1, path_cleaning=(PathCleaning("(", ""),)),
         with_property(key="p", operator="is_cleaned_path_exact", value="/a"), "Path rule 1"),
    ],
)  # fmt: skip
def test_faults_of_the_project_are_told_as_such(project, filters, said):
    """The reader learns that the fault is not in this filter."""
    with pytest.raises(ValidationError, match=said):
        validate_filters(filters, project)


def test_groups_nest_only_so_deep():
    """A filter cannot exhaust the stack."""
    deep = {"key": "x", "value": 1}
    for _ in range(50):
        deep = {"type": "AND", "values": [deep]}
    with pytest.raises(ValidationError, match="nested"):
        validate_filters({"properties": deep}, PROJECT)


def test_a_long_list_of_conditions_compiles():
    """A thousand values and three hundred conditions are no problem."""
    many = [{"key": f"k{i}", "operator": "is_not", "value": [str(n) for n in range(1000)]} for i in range(3)]
    many += [{"key": f"n{i}", "operator": "gt", "value": i} for i in range(300)]
    assert not matches({"properties": many})


# ----------------------------------------------------------------- stored form, index


def test_the_stored_form():
    """Unknown fields go, entries stay verbatim, and the source decides what is kept."""
    raw = {
        "events": [{"id": "a", "name": "A", "order": 0, "type": "events", "custom": [1]}],
        "actions": [],
        "bytecode": ["_H"],
        "junk": 1,
        "data_warehouse": [],
    }
    assert normalise(raw) == {"source": "events", "events": raw["events"], "actions": []}
    assert normalise({**raw, "source": "person-updates"}) == {"source": "person-updates"}
    assert normalise({**raw, "properties": [1]}, mapped=True) == {"source": "events", "properties": [1]}
    assert normalise(None) == {"source": "events"}


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, None),
        ({"events": [{"id": "a"}, {"id": "b"}]}, {"a", "b"}),
        ({"events": [{"id": "a"}, {"id": None}]}, None),
        ({"events": [{"id": "a"}], "actions": [{"id": 1}]}, {"a", "$pageview", "signup"}),
        ({"events": [{"id": "a"}], "actions": [{"id": 3}]}, None),
        ({"actions": [{"id": 2}]}, {"$autocapture"}),
    ],
)
def test_the_index_knows_the_names_of_events(filters, names):
    """The names a filter can match, or none when it may match any."""
    assert compile_filters(filters, PROJECT).event_names == (None if names is None else frozenset(names))


def test_the_index_knows_equalities():
    """Only equalities with plain texts that every event must meet."""
    filters = {
        "properties": [
            {"key": "plan", "value": ["pro", "team"], "type": "person"},
            {"key": "page", "value": "home"},
            {"key": "n", "value": "5"},
            {"key": "b", "value": "true"},
            {"key": "c", "value": "x", "operator": "icontains"},
            {"type": "OR", "values": [{"key": "d", "value": "x"}]},
        ]
    }
    assert compile_filters(filters, PROJECT).conditions == (
        Condition("person", "plan", frozenset({"pro", "team"})),
        Condition("event", "page", frozenset({"home"})),
    )
    assert (
        compile_filters(
            {"properties": {"type": "OR", "values": [{"key": "d", "value": "x"}]}}, PROJECT
        ).conditions
        == ()
    )


def test_equal_filters_share_their_code():
    """A thousand destinations with the same filter compile it once; those that depend on the project do not share."""
    filters = {"events": [{"id": "a"}]}
    assert compile_filters(filters, PROJECT) is compile_filters(dict(filters), Project(2))
    tests = {"filter_test_accounts": True}
    assert compile_filters(tests, PROJECT) is not compile_filters(tests, Project(2))


def test_a_filter_can_be_shown_as_posthogs_bytecode():
    """Every event is the constant true; everything else is an expression like any other."""
    assert hog.emit_bytecode(expression({}, PROJECT)) == ["_H", 1, 29]
    shown = hog.emit_bytecode(
        expression({"events": [{"id": "a"}], **with_property(key="x", value="y")}, PROJECT)
    )
    assert shown[:2] == ["_H", 1]
    assert {"a", "properties", "x"} <= {item for item in shown if isinstance(item, str)}
