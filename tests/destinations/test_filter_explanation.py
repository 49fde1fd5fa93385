"""Filters taken apart: each condition with its verdict, its place and the value it met."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.destinations import FilterGlobals, Project
from hedgerow.destinations.filters import compile_filters, normalise
from hedgerow.destinations.filters.explanation import explain
from hedgerow.destinations.filters.wording import property_words

PROJECT = Project(
    1,
    test_account_filters=[{"key": "email", "type": "person", "operator": "not_icontains", "value": "@our.com"}],
    actions={
        "1": {"name": "Buying", "steps": [
            {"event": "$pageview", "url": "/buy"},
            {"event": "bought", "properties": [{"key": "price", "operator": "gt", "value": 10}]},
        ]},
    },
    cohorts={
        "1": {"name": "Paying", "filters": {"properties": {"type": "OR", "values": [
            {"type": "AND", "values": [{"key": "plan", "type": "person", "value": "pro"}]},
            {"key": "vip", "type": "person", "operator": "is_set", "negation": True},
        ]}}},
        "2": {"name": "Friends", "is_static": True, "persons": [], "distinct_ids": ["d-1"]},
    },
)  # fmt: skip


compile_filters(
    {"source": "events"}, PROJECT
)  # Python's limit of recursion grows with the first compilation, which Hypothesis must not see


def event(name="$pageview", **properties):
    """Filter globals of an event."""
    return FilterGlobals(
        event=name, uuid="u", timestamp="2026-01-01T00:00:00Z", distinct_id="d-1", properties=properties,
        person={"id": "p", "properties": {"email": "ada@example.com", "plan": "pro"}}, elements_chain="",
    )  # fmt: skip


def explained(filters, found=None):
    return explain(normalise(filters), PROJECT, event() if found is None else found)


def leaves(clause):
    """The conditions that have no parts, in order."""
    return [leaf for part in clause.clauses for leaf in leaves(part)] if clause.join else [clause]


def test_no_condition_is_every_event():
    """An empty filter says so."""
    assert explained(None).plain() == {"text": "every event", "matched": True}


def test_each_property_shows_the_value_it_met():
    """What was asked, where it stands, what was there, and whether that was enough."""
    whole = explained(
        {"events": [{"id": "$pageview"}],
         "properties": [{"key": "plan", "value": ["pro", "team"]}, {"key": "email", "type": "person", "operator": "icontains", "value": "@example"}]},
        event(plan="free"),
    )  # fmt: skip
    assert whole.plain() == {
        "text": "all of these hold",
        "matched": False,
        "join": "all",
        "clauses": [
            {"text": 'the event is "$pageview"', "matched": True, "place": "events__0", "actual": "$pageview"},
            {
                "text": "all of these hold", "matched": False, "place": "properties", "join": "all",
                "clauses": [
                    {"text": 'event property plan is "pro" or "team"', "matched": False, "place": "properties__0", "actual": "free"},
                    {"text": 'person property email contains "@example"', "matched": True, "place": "properties__1", "actual": "ada@example.com"},
                ],
            },
        ],
    }  # fmt: skip


def test_a_missing_property_is_null():
    """Nothing there is told as null, and every condition is judged although the first one decided."""
    whole = explained({"properties": [{"key": "a", "value": "1"}, {"key": "b", "operator": "is_not_set"}]})
    assert [(leaf.matched, leaf.actual) for leaf in leaves(whole)] == [(False, None), (True, None)]


def test_one_condition_stands_alone():
    """A filter of one condition is not wrapped up."""
    assert explained({"events": [{"id": "signup"}]}).plain() == {
        "text": 'the event is "signup"', "matched": False, "place": "events__0", "actual": "$pageview",
    }  # fmt: skip


def test_alternatives_have_their_own_properties():
    """An entry's properties count for that entry only."""
    whole = explained(
        {"events": [{"id": "$pageview", "properties": [{"key": "x", "value": "1"}]}, {"id": "signup"}]},
        event(x="2"),
    )
    assert whole.join == "any"
    assert whole.matched is False
    assert [leaf.text for leaf in leaves(whole)] == [
        'the event is "signup"',
        'the event is "$pageview"',
        'event property x is "1"',
    ]


def test_actions_are_told_by_name_and_step():
    """Steps are alternatives; each shows what it asks for."""
    whole = explained({"actions": [{"id": "1"}]}, event("bought", price=12, **{"$current_url": "https://x/"}))
    assert whole.matched is True
    assert whole.text == 'action "Buying"'
    assert [(leaf.text, leaf.matched, leaf.actual) for leaf in leaves(whole)] == [
        ('the event is "$pageview"', False, "bought"),
        ('the page\'s address contains "/buy"', False, "https://x/"),
        ('the event is "bought"', True, "bought"),
        ("event property price is greater than 10", True, 12),
    ]


def test_cohorts_and_test_accounts_are_taken_apart():
    """Conditions that others wrote down are shown as if they stood in the filter."""
    whole = explained(
        {
            "properties": [
                {"type": "cohort", "key": "id", "value": 1},
                {"type": "cohort", "key": "id", "value": 2, "operator": "not_in"},
            ],
            "filter_test_accounts": True,
        }
    )
    assert whole.matched is False
    assert [(leaf.text, leaf.matched) for leaf in leaves(whole)] == [
        ('person property plan is "pro"', True),
        ("person property vip is set", False),
        ('the person is in cohort "Friends"', True),
        ('person property email does not contain "@our.com"', True),
    ]


def test_what_cannot_be_decided_says_why():
    """An expression that fails is neither true nor false."""
    whole = explained(
        {"properties": [{"type": "hogql", "key": "properties.n + jsonParse('{') = 1"}]}, event(n=1)
    )
    assert whole.matched is None
    assert whole.error


def test_an_expression_shows_its_value():
    """Free expressions have no property to show, so their own value is."""
    whole = explained({"properties": [{"type": "hogql", "key": "properties.n + 1"}]}, event(n=1))
    assert (whole.matched, whole.actual) == (True, 2)


def test_long_values_are_cut():
    """An explanation stays readable whatever an event holds."""
    whole = explained({"properties": [{"key": "x", "value": "1"}]}, event(x=["y" * 10_000]))
    assert len(whole.plain()["actual"]) < 1_100


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"key": "a", "operator": "between", "value": [1, 2]}, "event property a is between 1 and 2"),
        ({"key": "a", "operator": "is_set"}, "event property a is set"),
        ({"key": "n", "type": "group", "group_type_index": 0, "value": "x"}, 'group 0 property n is "x"'),
        ({"key": "event", "type": "event_metadata", "operator": "regex", "value": "^a"}, 'event\'s event matches "^a"'),
        ({"key": "a", "value": list("abcdefg")}, 'event property a is "a" or "b" or "c" or "d" or "e" or one of 2 more'),
        ({"key": "properties.x = 1", "type": "hogql"}, "properties.x = 1"),
    ],
)  # fmt: skip
def test_conditions_in_words(item, words):
    """A condition reads as a sentence."""
    assert property_words(item) == words


VALUES = st.sampled_from(["1", "pro", "true", 1, 0, 2.5, True, "ada@example.com"])
CONDITIONS = st.one_of(
    st.fixed_dictionaries({
        "key": st.sampled_from(["a", "b", "plan", "email"]), "type": st.sampled_from(["event", "person"]),
        "operator": st.sampled_from(["exact", "is_not", "icontains", "not_icontains", "is_set", "is_not_set", "gt", "lte"]),
        "value": st.sampled_from(["1", "pro", 1, 2.5, "ada@example.com"]),
    }),
    st.just({"type": "hogql", "key": "jsonParse(properties.a) = 1"}),
    st.sampled_from([{"type": "cohort", "value": 1}, {"type": "cohort", "value": 2, "negation": True}, {"type": "flag", "key": "f"}]),
)  # fmt: skip
GROUPS = st.recursive(
    st.lists(CONDITIONS, max_size=3),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["AND", "OR"]), "values": st.lists(CONDITIONS | inner.filter(lambda g: isinstance(g, dict)), max_size=3)}
    ),
    max_leaves=4,
)  # fmt: skip
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "events": st.lists(st.fixed_dictionaries({"id": st.sampled_from(["$pageview", "b", None]), "properties": GROUPS}), max_size=3),
        "actions": st.sampled_from([[], [{"id": "1"}]]),
        "properties": GROUPS,
        "filter_test_accounts": st.booleans(),
    },
)  # fmt: skip
EVENTS = st.builds(
    event,
    st.sampled_from(["$pageview", "b", "bought"]),
    a=VALUES,
    b=VALUES,
    price=st.sampled_from([1, 100]),
)


@given(FILTERS, EVENTS)
@settings(max_examples=150, deadline=None)
def test_the_parts_add_up_to_the_filters_own_verdict(filters, found):
    """An explanation never says otherwise than the filter that decides."""
    compiled = compile_filters(normalise(filters), PROJECT)
    try:
        verdict = compiled.matches(found)
    except Exception:
        verdict = None
    assert explained(filters, found).matched is verdict
