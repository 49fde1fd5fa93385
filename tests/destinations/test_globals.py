"""The variables that templates and filters see."""

from dataclasses import dataclass, field

import pytest

from hedgerow.destinations import Project, build_globals, filter_globals, filter_globals_of
from hedgerow.destinations.elements import href, ids, tags, texts
from hedgerow.destinations.globals import person_name
from hedgerow.events import Event


@dataclass
class Person:
    uuid: str = "person-1"
    properties: dict = field(default_factory=lambda: {"email": "ada@example.com"})


@dataclass
class Group:
    id: str = "acme & co"
    type: str = "company"
    index: int = 2
    properties: dict = field(default_factory=lambda: {"tier": "gold"})


@dataclass
class Folded:
    person: object = field(default_factory=Person)
    properties: dict = field(default_factory=lambda: {"a": 1})
    groups: dict = field(default_factory=lambda: {"company": Group()})


EVENT = Event("uuid-1", "signed up", "ada/1", {"raw": True}, "2026-01-02T03:04:05.678Z", 1_767_323_046_001)
PROJECT = Project(7, "Shop")


def test_the_globals_of_an_event():
    """Every variable the documentation names, in both spellings, with links that work."""
    assert build_globals(EVENT, Folded(), PROJECT, "https://h.test") == {
        "project": {"id": 7, "name": "Shop", "url": "https://h.test/project/7"},
        "event": {
            "uuid": "uuid-1",
            "event": "signed up",
            "name": "signed up",
            "distinct_id": "ada/1",
            "properties": {"a": 1},
            "elements_chain": "",
            "timestamp": "2026-01-02T03:04:05.678Z",
            "captured_at": "2026-01-02T03:04:06.001Z",
            "url": "https://h.test/project/7/events/uuid-1/2026-01-02T03%3A04%3A05.678Z",
        },
        "person": {
            "id": "person-1",
            "uuid": "person-1",
            "name": "ada@example.com",
            "url": "https://h.test/project/7/person/ada%2F1",
            "properties": {"email": "ada@example.com"},
            "distinct_id": "ada/1",
        },
        "groups": {
            "company": {
                "id": "acme & co",
                "type": "company",
                "index": 2,
                "url": "https://h.test/project/7/groups/2/acme%20%26%20co",
                "properties": {"tier": "gold"},
            }
        },
    }


def test_an_event_without_a_person():
    """Its person is null, in globals and filters."""
    folded = Folded(person=None, groups={})
    assert build_globals(EVENT, folded, PROJECT, "")["person"] is None
    found = filter_globals(EVENT, folded)
    assert (found["person"], found["pdi"]) == (None, None)


def test_filter_globals_are_flat():
    """The event's own fields at the top, groups by index."""
    found = filter_globals(EVENT, Folded(properties={"a": 1, "$elements_chain": 'a:href="/x"'}))
    assert (found["event"], found["distinct_id"], found["properties"]["a"]) == ("signed up", "ada/1", 1)
    assert (found["$group_2"], found["group_2"]) == ("acme & co", {"properties": {"tier": "gold"}})
    assert (found["$group_0"], found["group_4"], found["variables"]) == (None, {"properties": {}}, {})
    assert (found["elements_chain_href"], found["elements_chain_elements"]) == ("/x", ["a"])
    assert found["pdi"]["person_id"] == "person-1"
    for strange in ("$group_5", "group_x", "project", "session"):
        with pytest.raises(KeyError):
            found[strange]


def test_filter_globals_can_be_made_from_stored_globals():
    """What a filter sees then is what it saw when the event came."""
    folded = Folded(properties={"a": 1, "$elements_chain": 'button:text="Go"'})
    direct, stored = (
        filter_globals(EVENT, folded),
        filter_globals_of(build_globals(EVENT, folded, PROJECT, "")),
    )
    for name in (
        "event",
        "uuid",
        "timestamp",
        "distinct_id",
        "properties",
        "person",
        "pdi",
        "$group_2",
        "group_2",
        "elements_chain_texts",
    ):
        assert direct[name] == stored[name]
    assert filter_globals_of({})["event"] is None
    assert filter_globals_of({"event": {"name": "x"}, "person": {"uuid": "u"}})["person"]["id"] == "u"


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"email": "a@b", "name": "Ada"}, "a@b"),
        ({"email": "", "name": "  Ada "}, "Ada"),
        ({"username": 5}, "5"),
        ({"name": {"first": "Ada"}}, '{"first":"Ada"}'),
        ({}, "d"),
    ],
)
def test_what_a_person_is_called(properties, name):
    """The first telling property, other values as JSON, else the distinct id."""
    assert person_name(Person(properties=properties), " d ", ("email", "name", "username")) == name


def test_a_project_reads_its_settings():
    """Names of PostHog's project settings; nothing set means the usual."""
    made = Project.from_row(
        1,
        "P",
        '{"person_display_name_properties": ["nick"], "path_cleaning_filters": [{"regex": "a"}], "actions": {"1": {}}}',
    )
    assert made.display_name_properties == ["nick"]
    assert (made.path_cleaning[0].alias, made.actions) == ("", {"1": {}})
    assert Project.from_row(1, "P", None).display_name_properties == ("email", "name", "username")


def test_facts_of_the_element_chain():
    """Links, texts, ids and tags, each once, with escaped quotes."""
    chain = (
        'span:nth-child="1";button.big:attr_id="go"text="Say \\"hi\\"";a.link:attr_id="go"href="/one"text="B";'
        'a:href="/two";abbr:text="B";form'
    )
    assert href(chain) == "/one"
    assert texts(chain) == ['Say "hi"', "B"]
    assert ids(chain) == ["go"]
    assert tags(chain) == ["button", "a", "form"]
    assert (href(""), texts(""), ids(""), tags("")) == ("", [], [], [])
    assert texts('div:attr__data="x text=\\"no\\""') == []
