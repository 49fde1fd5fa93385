"""Export, apply somewhere else, export again: the same to the byte; and a plan then says that nothing would change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hedgerow import hog
from hedgerow.cli.configuration import yamltext
from hedgerow.configuration.keys import KINDS
from hedgerow.configuration.planning import plan
from hedgerow.configuration.portray import portray
from hedgerow.configuration.snapshot import Snapshot, empty
from hedgerow.destinations import Project, builtin
from hedgerow.destinations.model import Destination
from hedgerow.destinations.references import References
from hedgerow.destinations.secrets import Keyring

hog.compile_filter("true")  # the compiler raises Python's recursion limit, once, outside of the tests

PROJECT = Project(1, "Shop")
KEYRING = Keyring(["k" * 32], references=References(["DESTINATION_"]))
PLAIN = st.text(st.characters(exclude_characters="{}\\", exclude_categories=("Cs",)), max_size=20)
WORDS = st.text("abc XYZ-_.:#'\"!|>@`%&*?,[]\t\n0é漢", min_size=1, max_size=12).filter(str.strip)
SPECIAL = st.sampled_from(
    [
        {"secret": True}, {"missing": True}, {"value": 1}, {"from_env": "A"}, {"account": "x"}, {"templating": "hog"},
        {}, {"value": {"value": 2}}, "2026-01-02", "yes", "null", "1_000", "0o7", "=", "<<", "12:30:45", "1e3", ".5", "~", "- a",
    ]
)  # fmt: skip
JSON = st.recursive(
    SPECIAL | PLAIN | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
CONDITION = st.one_of(
    st.builds(
        lambda key, value: {"key": key, "type": "event", "value": value, "operator": "exact"}, WORDS, PLAIN
    ),
    st.just({"type": "cohort", "cohort": "vips", "operator": "not_in"}),
    st.just({"type": "cohort", "cohort": ["vips", "list"]}),
)
EVENT = st.one_of(
    WORDS,
    st.builds(lambda name, some: {"id": name, "properties": some}, WORDS, st.lists(CONDITION, max_size=2)),
    st.just({"id": None}),
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "actions": st.lists(st.sampled_from(["paid", {"action": "paid"}, {"action": "seen", "properties": []}]), max_size=2),
        "properties": st.lists(CONDITION, max_size=2),
        "filter_test_accounts": st.booleans(),
    },
)  # fmt: skip
COMMON = {
    "threshold": st.just({"count": 2, "window": 60}),
    "digest": st.just({"key": "{person.id}", "interval": 60}),
    "description": WORDS,
    "enabled": st.booleans(),
    "events": st.lists(EVENT, max_size=3),
    "filters": FILTERS,
    "retry": st.sampled_from(["quick", [1, 2.5]]),
    "rate_limit": st.just({"per_second": 2}),
    "ordering": st.sampled_from(["person", "distinct_id"]),
    "sampling": st.just({"percentage": 50, "by": "person"}),
    "masking": st.just({"hash": "{person.id}", "ttl": 60}),
    "execution_order": st.integers(0, 9),
    "icon_url": st.just("https://example.com/i.png"),
}
WEBHOOK = st.fixed_dictionaries(
    {
        "name": WORDS,
        "template": st.just("template-webhook"),
        "inputs": st.fixed_dictionaries(
            {"url": st.just("https://example.com/{event.event}")},
            optional={"body": st.dictionaries(WORDS, JSON, max_size=3), "debug": st.booleans()},
        ),
    },
    optional=COMMON,
)
FORM = [
    {"key": "token", "type": "string", "secret": True, "required": True},
    {"key": "any", "type": "json", "label": "Anything"},
]
OWN = st.fixed_dictionaries(
    {
        "name": WORDS,
        "inputs_schema": st.just(FORM),
        "inputs": st.fixed_dictionaries(
            {"token": st.sampled_from([{"from_env": "DESTINATION_1_T"}, "a secret"])},
            optional={"any": JSON.map(lambda value: {"value": value})},
        ),
        "hog": st.sampled_from(["return 1", "let a := 1\n\n\tprint('x  ')   \nreturn a\n", "// comment: a # b\nfetch('https://e.com')\n"]),
    },
    optional=COMMON
    | {
        "mappings": st.lists(
            st.fixed_dictionaries(
                {"name": WORDS},
                optional={"events": st.lists(EVENT, max_size=2), "filters": FILTERS, "disabled": st.booleans()},
            ),
            max_size=2,
            unique_by=lambda one: one["name"],
        )
    },
)  # fmt: skip
DEFINED = {
    "cohorts": {
        "vips": {
            "name": "VIPs",
            "filters": {
                "properties": {"type": "OR", "values": [{"key": "plan", "type": "person", "value": "pro", "operator": "exact"}]}
            },
        },
        "list": {"name": "A list", "static": True},
        "both": {"name": "Both", "filters": {"properties": {"type": "AND", "values": [{"type": "cohort", "cohort": "vips"}]}}},
    },
    "actions": {
        "paid": {"name": "Paid", "steps": [{"event": "paid", "properties": [{"type": "cohort", "cohort": "vips"}]}]},
        "seen": {"name": "Paid", "description": "Another of this name.", "steps": [{"event": "$pageview", "url": "/x"}]},
    },
}  # fmt: skip


def planned(snapshot, wanted):
    return plan(snapshot, wanted, templates=builtin(), keyring=KEYRING)


def applied(found):
    """The snapshot that a server has after it applied a plan."""
    things, keys = {kind: {} for kind in KINDS}, {kind: {} for kind in KINDS}
    for place, change in enumerate(found.changes):
        then = change.then
        if change.kind == "destinations":
            identity = f"01900000-0000-7000-8000-{place:012d}"
            then = Destination(identity, 1, 1, then.config, then.secrets.seal(KEYRING, identity))
        things[change.kind][str(then.id)] = then
        keys[change.kind][str(then.id)] = change.key
    return Snapshot(PROJECT, 1, things, keys, keys)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(st.one_of(WEBHOOK, OWN), min_size=1, max_size=3))
def test_what_is_applied_comes_out_as_it_went_in(some):
    """On this server and on another one, through YAML and back; a filter may be refused, then nothing is promised."""
    wanted = {**DEFINED, "destinations": {f"d{place}": one for place, one in enumerate(some)}}
    for one in wanted["destinations"].values():
        one.setdefault("enabled", False)  # what is off may have filters that no event can meet
        if one["enabled"]:
            one.pop("filters", None)
            one["events"] = ["paid"]
    here = applied(planned(empty(PROJECT), wanted))
    documents = portray(here, builtin())
    assert planned(here, documents).empty
    assert planned(here, wanted).empty
    text = yamltext.dump(documents)
    assert yamltext.value_of(yamltext.compose(text)) == documents
    for one in documents["destinations"].values():
        if one.get("inputs", {}).get("token") == {"secret": True}:
            one["inputs"]["token"] = "told again"  # the other server has never heard it
    there = applied(planned(empty(replace(PROJECT, id=7)), documents))
    assert yamltext.dump(portray(there, builtin())) == text


@pytest.mark.parametrize("filters", [{}, {"filters": {"properties": [{"type": "cohort", "cohort": "vips"}]}}])
@pytest.mark.parametrize("schedule", [{"every": "15m"}, {"cron": "0 9 * * *", "timezone": "Europe/Berlin"}])
def test_a_schedule_needs_no_source(schedule, filters):
    """A schedule says where the persons come from; a file need not say it again, also where there is the destination already."""
    one = {"name": "Nightly", "hog": "return 1", "schedule": schedule, **filters}
    wanted = {**DEFINED, "destinations": {"nightly": one}}
    here = applied(planned(empty(PROJECT), wanted))
    documents = portray(here, builtin())
    assert documents["destinations"]["nightly"].get("filters") == filters.get("filters")
    assert planned(here, wanted).empty
    assert planned(here, documents).empty


@settings(max_examples=100, deadline=None, phases=[Phase.generate])
@given(st.dictionaries(WORDS, JSON, max_size=3) | st.text(st.characters(exclude_categories=("Cs",))))
def test_yaml_loses_nothing(value):
    """Whatever JSON can hold comes back as it was, to the last space."""
    assert yamltext.value_of(yamltext.compose(yamltext.dump({"x": value}))) == {"x": value}


def test_programs_are_block_text():
    """With tabs, and with spaces at the end of a line, which other writers of YAML put in quotes."""
    assert (
        yamltext.dump({"hog": "if (a) {\n\tprint('é')   \n}\n"})
        == "hog: |\n  if (a) {\n  \tprint('é')   \n  }\n"
    )
