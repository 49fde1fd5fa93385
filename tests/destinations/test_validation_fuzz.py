"""Whatever comes in from outside is either accepted or refused with a reason; nothing else ever happens."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow import hog
from hedgerow.destinations import (
    CompiledDestination,
    Config,
    Destination,
    FilterError,
    FilterGlobals,
    Keyring,
    PathCleaning,
    Project,
    ValidationError,
    builtin,
    validate,
)
from hedgerow.destinations.filters import compile_filters
from hedgerow.destinations.filters.operators import OPERATORS
from hedgerow.destinations.schema import TYPES
from hedgerow.destinations.validation import WRITABLE

RING = Keyring(["k" * 32])
PROJECT = Project(
    1,
    path_cleaning=(PathCleaning("[0-9]+", r"\1:id"),),
    test_account_filters=[{"key": "email", "type": "person", "operator": "is_set", "value": None}],
    actions={"1": {"steps": [{"event": "a", "selector": "a > b", "url": "x_%"}]}},
    cohorts={"1": {"is_static": True, "persons": ["p"]}},
)
hog.compile_filter("true")  # the compiler raises Python's recursion limit, once, outside of the tests
WORDS = st.sampled_from(
    ["a", "event", "properties", "{event}", "{", "{{ a }}", "{inputs.a}", "$x", "1.2.3", "-7d", "2024-01-01", "(", "true", "5", "", "%_",
     "hog", "liquid", "AND", "OR", "\ud800", "a\0b", "template-webhook", "********", "a.b-c", "OR 1", "arrayMap(x -> x, [1])"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.sampled_from(["value", "secret", "id"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def mostly(strategy):
    """Usually what belongs there, now and then anything."""
    return st.one_of(strategy, strategy, strategy, JSON)


KINDS = [
    "event",
    "person",
    "group",
    "event_metadata",
    "element",
    "hogql",
    "cohort",
    "feature",
    "flag",
    "session",
    "workflow_variable",
]
PROPERTY = st.fixed_dictionaries(
    {},
    optional={
        "key": mostly(st.sampled_from(["a", "$exception_types", "event", "selector", "text", "distinct_id", "properties.a = 1", "$elements_chain"])),
        "type": mostly(st.sampled_from(KINDS)),
        "operator": mostly(st.sampled_from(sorted(OPERATORS))),
        "value": mostly(SCALARS | st.lists(SCALARS, max_size=3)),
        "group_type_index": mostly(st.integers(0, 5)),
        "negation": mostly(st.booleans()),
    },
)  # fmt: skip
GROUPED = mostly(
    st.lists(mostly(PROPERTY), max_size=3)
    | st.fixed_dictionaries({"type": mostly(st.sampled_from(["AND", "OR"])), "values": mostly(st.lists(mostly(PROPERTY), max_size=2))})
)  # fmt: skip
ENTRY = st.fixed_dictionaries(
    {"id": mostly(st.sampled_from(["a", "b", "1"]))}, optional={"properties": GROUPED}
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "source": mostly(st.sampled_from(["events", "person-updates"])),
        "events": mostly(st.lists(mostly(ENTRY), max_size=2)),
        "actions": mostly(st.lists(mostly(ENTRY), max_size=2)),
        "properties": GROUPED,
        "filter_test_accounts": mostly(st.booleans()),
    },
)
FIELD = st.fixed_dictionaries(
    {"key": mostly(st.sampled_from(["a", "b"])), "type": mostly(st.sampled_from(TYPES))},
    optional=dict.fromkeys(
        ("required", "secret", "hidden", "default", "templating", "choices", "label"), JSON
    ),
)
ITEM = st.fixed_dictionaries(
    {"value": JSON}, optional={"secret": JSON, "templating": mostly(st.sampled_from(["hog", "liquid"]))}
)
INPUTS = mostly(st.dictionaries(st.sampled_from(["a", "b", "url"]), mostly(ITEM), max_size=2))
MAPPING = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "name": JSON,
        "inputs_schema": mostly(st.lists(FIELD, max_size=2)),
        "inputs": INPUTS,
        "filters": FILTERS,
    },
)
SPECIAL = {
    "type": st.sampled_from(["destination", "internal_destination"]),
    "hog": st.sampled_from(["return 1", "let x := ", "fetch('http://x')"]),
    "inputs_schema": st.lists(FIELD, max_size=3),
    "inputs": INPUTS,
    "filters": FILTERS,
    "mappings": st.lists(mostly(MAPPING), max_size=2),
    "template_id": st.sampled_from(["template-webhook", None]),
}
PAYLOAD = st.fixed_dictionaries(
    {}, optional={name: mostly(SPECIAL.get(name, JSON)) for name in sorted(WRITABLE)}
)

VALUES = st.none() | SCALARS | st.lists(SCALARS, max_size=2)


@settings(max_examples=150, deadline=None)
@given(mostly(PAYLOAD))
def test_any_payload_is_accepted_or_refused(payload):
    """And what is accepted can be stored, read back and compiled."""
    try:
        valid = validate(payload, project=PROJECT, templates=builtin())
    except ValidationError as error:
        assert error.detail  # noqa: PT017 - either end is fine
        return
    again = Config.decode(valid.config.encode())
    sealed = valid.secrets.seal(RING, "x")
    compiled = (
        CompiledDestination(Destination("x", 1, 1, again, sealed), RING, PROJECT) if again.enabled else None
    )
    if compiled:
        compiled.redact("text")


@settings(max_examples=300, deadline=None)
@given(filters=mostly(FILTERS), value=VALUES, name=st.sampled_from(["a", "b"]))
def test_any_filter_is_refused_or_answers(filters, value, name):
    """A filter that was accepted gives true or false, or fails as a filter does."""
    try:
        payload = {"hog": "return 1", "enabled": True, "filters": filters}
        clean = validate(payload, project=PROJECT, templates={}).config.filters
    except ValidationError as error:
        assert (error.attr or "filters").startswith("filters")  # noqa: PT017 - either end is fine
        return
    found = FilterGlobals(
        event=name, properties={"a": value, "$exception_types": value}, person={"id": "p", "properties": {"a": value}},
        distinct_id="d", uuid="u", timestamp="2024-01-01T00:00:00Z", elements_chain='a:text="x"',
    )  # fmt: skip
    compiled = compile_filters(clean, PROJECT)
    try:
        answer = compiled.matches(found)
    except FilterError:
        return
    assert answer in (True, False)
    if answer and compiled.event_names is not None:
        assert name in compiled.event_names
    if answer:
        for condition in compiled.conditions:
            holder = found["properties"] if condition.scope == "event" else found["person"]["properties"]
            assert holder.get(condition.key) in condition.values


LEAVES = st.sampled_from([{"key": "yes", "value": "y"}, {"key": "no", "value": "y"}])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["AND", "OR"]), "values": st.lists(inner, min_size=1, max_size=4)}
    ),
    max_leaves=12,
)


def truth(tree):
    """What a tree of groups should say."""
    if "key" in tree:
        return tree["key"] == "yes"
    return (all if tree["type"] == "AND" else any)(truth(item) for item in tree["values"])


@given(TREES)
def test_groups_are_logic(tree):
    """Any nesting of AND and OR means exactly that."""
    found = FilterGlobals(event="e", properties={"yes": "y"}, person=None)
    assert compile_filters({"properties": [tree]}, PROJECT).matches(found) is truth(tree)
