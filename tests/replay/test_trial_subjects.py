"""What destinations are tried on: events written by hand are completed, made-up ones match, answers are given in turn."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.delivery.transport import Request, Response, TransportError
from hedgerow.destinations import (
    CompiledDestination,
    Config,
    Destination,
    Keyring,
    Project,
    ValidationError,
    filter_globals_of,
)
from hedgerow.destinations.filters import normalise
from hedgerow.replay import trial_event
from hedgerow.replay.trial import Ticks
from hedgerow.replay.trial_event import Setting
from hedgerow.replay.trial_sample import sample
from hedgerow.replay.trial_transport import Mocked, Noted, read_answers

KEYS = Keyring(["a key that is long enough"])
PROJECT = Project(1, "Shop", actions={"1": {"steps": [{"event": "bought", "url": "/thanks"}]}})
SETTING = Setting(PROJECT, "http://h", 1_780_000_000_000, {0: "company", 1: "team"})


def destination(filters=None, kind="destination", **fields):
    config = Config(type=kind, hog=fields.pop("hog", "return 1"), filters=normalise(filters), **fields)
    return CompiledDestination(
        Destination("00000000-0000-0000-0000-000000000001", 1, 1, config), KEYS, PROJECT
    )


destination().match(
    {"event": "x"}
)  # Python's limit of recursion grows with the first compilation, which Hypothesis must not see


# -------------------------------------------------------------------- by hand


def test_a_name_is_enough_of_an_event():
    """Everything that programs may read is there."""
    subject = trial_event.given({"event": "paid"}, SETTING)
    event = subject.globals["event"]
    assert {key: event[key] for key in ("event", "name", "distinct_id", "properties", "elements_chain")} == {
        "event": "paid", "name": "paid", "distinct_id": "test-user", "properties": {}, "elements_chain": "",
    }  # fmt: skip
    assert event["timestamp"] == "2026-05-28T20:26:40.000Z"
    assert event["url"].startswith(f"http://h/project/1/events/{event['uuid']}/2026-05-28T20%3A26%3A40")
    assert subject.globals["project"] == {"id": 1, "name": "Shop", "url": "http://h/project/1"}
    assert (subject.globals["person"], subject.globals["groups"]) == (None, {})
    assert (subject.found["event"], subject.found["person"]) == ("paid", None)


def test_what_is_given_is_kept():
    """Also what nobody here knows; persons and groups are completed around it."""
    raw = {
        "event": {"event": "paid", "distinct_id": "ada", "extra": 1, "properties": {"a": 1}, "timestamp": "2026-01-02"},
        "person": {"properties": {"email": "ada@example.com"}},
        "groups": {"team": {"id": "x", "properties": {"size": 3}}, "company": "acme"},
        "project": {"name": "Other"},
        "inputs": {"ignored": True},
    }  # fmt: skip
    globals_ = trial_event.given(raw, SETTING).globals
    assert (globals_["event"]["extra"], globals_["event"]["timestamp"]) == (1, "2026-01-02T00:00:00.000Z")
    assert (globals_["person"]["name"], globals_["person"]["distinct_id"]) == ("ada@example.com", "ada")
    assert globals_["person"]["id"] == globals_["person"]["uuid"]
    assert {name: (group["id"], group["index"]) for name, group in globals_["groups"].items()} == {
        "team": ("x", 1),
        "company": ("acme", 0),
    }
    assert (globals_["project"]["name"], globals_["project"]["id"]) == ("Other", 1)
    assert "inputs" not in globals_


def test_rows_of_clickhouse_bring_their_groups():
    """By the numbers of their types, as the project names them."""
    row = {
        "event": "paid", "distinct_id": "d", "properties": '{"$group_1": "x"}', "group1_properties": '{"size": 3}',
        "person_id": None, "timestamp": "2026-05-28 20:26:40.123456",
    }  # fmt: skip
    globals_ = trial_event.clickhouse(row, SETTING).globals
    assert globals_["groups"]["team"]["properties"] == {"size": 3}
    assert (globals_["person"], globals_["event"]["timestamp"]) == (None, "2026-05-28T20:26:40.123Z")


@pytest.mark.parametrize(
    ("raw", "attr"),
    [
        ({}, "globals__event__event"),
        ({"event": {"event": ""}}, "globals__event__event"),
        ({"event": 1}, "globals__event"),
        ({"event": "x", "groups": {"team": {"index": 7}}}, "globals__groups__team"),
        ({"event": "x", "groups": []}, "globals__groups"),
        ({"event": {"event": "x", "timestamp": 5}}, "globals__event__timestamp"),
    ],
)
def test_what_cannot_be_an_event_is_refused(raw, attr):
    """With the place of the fault."""
    with pytest.raises(ValidationError) as refused:
        trial_event.given(raw, SETTING)
    assert refused.value.attr == attr


# -------------------------------------------------------------------- made up


CONDITIONS = st.fixed_dictionaries({
    "key": st.sampled_from(["plan", "total", "email", "$browser"]), "type": st.sampled_from(["event", "person"]),
    "operator": st.sampled_from(["exact", "icontains", "gt", "gte", "lt", "lte", "is_set"]),
    "value": st.sampled_from([3, 17.5, 250]) | st.just("12"),
})  # fmt: skip
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "events": st.lists(st.fixed_dictionaries({"id": st.sampled_from(["paid", "$pageview", None])}), max_size=2),
        "actions": st.just([{"id": "1"}]),
        "properties": st.lists(CONDITIONS, max_size=3, unique_by=lambda item: (item["type"], item["key"])),
    },
)  # fmt: skip


@given(FILTERS)
@settings(max_examples=100, deadline=None)
def test_a_sample_matches_whatever_its_conditions_name(filters):
    """Values, thresholds and parts of texts; of alternatives the first is met."""
    compiled = destination(filters)
    made = trial_event.given(sample(compiled), SETTING, "sample")
    assert compiled.match(made.found) == [""]


def test_a_sample_has_what_inputs_ask_for():
    """Properties that a template names say their name, unless a condition gives them a value."""
    inputs = {"text": {"value": "{event.properties.plan} {event.properties.seats} {person.properties.phone}"}}
    made = sample(destination({"properties": [{"key": "plan", "value": "pro"}]}, inputs=inputs))
    assert made["event"]["properties"]["plan"] == "pro"
    assert made["event"]["properties"]["seats"] == "<seats>"
    assert made["person"]["properties"]["phone"] == "<phone>"
    assert made["person"]["properties"]["email"] == "ada@example.com"


def test_a_sample_for_groups_and_internal_destinations():
    """A group where a condition asks for one; nobody where events are about nobody."""
    grouped = {
        "properties": [{"key": "size", "type": "group", "group_type_index": 1, "operator": "gt", "value": 9}]
    }
    made = trial_event.given(sample(destination(grouped)), SETTING)
    assert made.found["group_1"]["properties"] == {"size": 10}
    assert sample(destination(kind="internal_destination"))["person"] is None


def test_a_sample_of_mappings_is_for_the_first_that_is_on():
    """The others are explained as not matching."""
    mappings = [
        {
            "id": "a",
            "disabled": True,
            "filters": {"events": [{"id": "left"}]},
            "inputs": {},
            "inputs_schema": [],
        },
        {"id": "b", "filters": {"events": [{"id": "paid"}]}, "inputs": {}, "inputs_schema": []},
    ]
    compiled = destination(mappings=mappings)
    assert compiled.match(filter_globals_of(trial_event.given(sample(compiled), SETTING).globals)) == ["b"]


# -------------------------------------------------------------------- answers


def send(transport, url="https://a/x"):
    return asyncio.run(transport.send(Request("POST", url)))


def test_answers_are_given_in_turn_and_by_address():
    """Each once; then calls succeed with an empty object."""
    transport = Mocked(
        read_answers(
            [
                {"url": "https://b", "status": 201},
                {"status": 404, "body": "no"},
                {"body": [1], "headers": {"X-A": 1}},
            ]
        )
    )
    assert send(transport).status == 404
    assert send(transport, "https://b/1").status == 201
    last = send(transport)
    assert (last.status, last.body, last.headers["x-a"]) == (200, b"[1]", "1")
    assert (send(transport).status, send(transport).body) == (200, b"{}")
    assert transport.hosts == []
    with pytest.raises(TransportError) as failed:
        send(Mocked(read_answers([{"error": "reset"}])))
    assert failed.value.kind == "reset"


@pytest.mark.parametrize(
    ("raw", "attr"),
    [
        ({}, "mock_answers"),
        ([1], "mock_answers__0"),
        ([{"statsu": 1}], "mock_answers__0__statsu"),
        ([{"status": True}], "mock_answers__0__status"),
        ([{"headers": [1]}], "mock_answers__0__headers"),
        ([{"url": 1}], "mock_answers__0__url"),
        ([{"error": "x"}], "mock_answers__0__error"),
    ],
)
def test_answers_that_cannot_be_given_are_refused(raw, attr):
    """With the place of the fault."""
    with pytest.raises(ValidationError) as refused:
        read_answers(raw)
    assert refused.value.attr == attr


class Wire:
    """Fails for some addresses as the guard does, or later."""

    async def send(self, request):
        if "refused" in request.url:
            raise TransportError("egress", "no", retriable=False)
        if "late" in request.url:
            raise TransportError("timeout", "no", retriable=True)
        return Response(200)

    async def close(self):
        raise AssertionError("not ours to close")


def test_only_hosts_that_were_called_are_named():
    """Once each; what the guard refused was not called, and credentials in an address are none of the host."""
    transport = Noted(Wire())
    for url in ("https://u:p@a.example/1", "https://a.example/2", "https://refused/", "https://late:81/"):
        try:
            send(transport, url)
        except TransportError:
            continue
    asyncio.run(transport.close())
    assert transport.hosts == ["a.example", "late:81"]


def test_every_reading_of_a_trials_clock_is_another_millisecond():
    """However often it is read, and although the real one may stand still or go back."""
    times = iter([5.0, 5.0, 5.0, 4.0, 6.0])
    clock = Ticks(lambda: next(times))
    assert [int(clock() * 1000) for _ in range(5)] == [5000, 5001, 5002, 5003, 6000]
