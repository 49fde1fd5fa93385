"""Who hears of what Hedgerow tells about itself."""

from __future__ import annotations

import uuid

import pytest

from hedgerow.delivery import internal
from hedgerow.destinations import CompiledDestination, Keyring, Project, build_globals, builtin, validate
from hedgerow.events import Event
from hedgerow.people import Folded

PROJECT = Project(1)
RING = Keyring(["a key for these tests only"])


def compiled(number, kind="destination", **fields):
    """A destination that wants nothing by itself."""
    nothing = {"events": [{"id": "never", "type": "events"}]}
    payload = {"hog": "return 1", "enabled": True, "type": kind, "filters": nothing, **fields}
    valid = validate(payload, project=PROJECT, templates=builtin())
    identity = str(uuid.UUID(int=number))
    return CompiledDestination(valid.unsaved(1, RING, destination_id=identity), RING, PROJECT)


def told(*numbers, subject=None):
    """An event that is addressed to some, about one of them perhaps."""
    properties = {internal.NOTIFY: [str(uuid.UUID(int=number)) for number in numbers]}
    if subject is not None:
        properties[internal.SUBJECT] = str(uuid.UUID(int=subject))
    return Event(
        str(uuid.UUID(int=9)), "$alert_opened", "x", properties, "2026-05-28T20:26:40.000Z", 0, internal=True
    )


def test_whoever_an_event_is_addressed_to_gets_it():
    """Of any type, whatever its filters; nobody else does."""
    some = [compiled(1), compiled(2, "internal_destination"), compiled(3)]
    assert internal.addressed(told(1, 2), some) == some[:2]
    assert internal.addressed(told(), some) == []


def test_nobody_is_told_about_itself():
    """Not even when the event is addressed to it."""
    some = [compiled(1), compiled(2)]
    assert internal.addressed(told(1, 2, subject=2), some) == some[:1]
    assert internal.audience(some, told(subject=2)) == some[:1]


def test_whoever_gets_it_anyway_is_not_asked():
    """A destination that listens to such events and is addressed too gets one, not two."""
    some = [compiled(1, "internal_destination"), compiled(2, "internal_destination")]
    assert internal.audience(some, told(1)) == some[1:]


def test_everything_of_a_destination_goes_out():
    """One delivery, or one for each mapping that is on."""
    assert compiled(1).everything == [""]
    mapping = {"filters": {}, "inputs": {}, "inputs_schema": []}
    made = compiled(1, mappings=[{"name": "A", **mapping}, {"name": "B", "disabled": True, **mapping}])
    (on,) = [one["id"] for one in made.destination.config.mappings if not one.get("disabled")]
    assert made.everything == [on]


@pytest.mark.parametrize("notify", [None, 5, "text", {"a": 1}, [7]])
def test_what_comes_from_outside_addresses_nobody(notify):
    """An event of an application may have a property of that name; it is no list of our ids."""
    event = Event(
        str(uuid.UUID(int=9)), "bought", "x", {internal.NOTIFY: notify}, "2026-05-28T20:26:40.000Z", 0
    )
    globals_ = build_globals(event, Folded(None, event.properties), PROJECT, "http://x")
    assert not internal.is_addressed(globals_, str(uuid.UUID(int=1)))


def test_after_an_edit_it_is_still_addressed():
    """What waits for its next try does not have to match the new filters."""
    event = told(1)
    globals_ = build_globals(event, internal.folded(event), PROJECT, "http://x")
    assert internal.is_addressed(globals_, str(uuid.UUID(int=1)))
    assert not internal.is_addressed(globals_, str(uuid.UUID(int=2)))
    person = {"id": "x", "properties": {}}
    assert not internal.is_addressed({**globals_, "person": person}, str(uuid.UUID(int=1)))
