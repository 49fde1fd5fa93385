"""What single events do to people."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from hedgerow.events import Event
from hedgerow.people import Change, Folded, fold, list_warnings, load
from hedgerow.people.size import LARGEST
from hedgerow.store import Connection
from support.people import NOON, event, people, store

LATER = "2026-01-01T12:05:00.000Z"
CREATOR = {"$creator_event_uuid": "00000000-0000-0000-0000-000000000001"}


@pytest.fixture
def conn() -> Iterator[Connection]:
    with store() as connection:
        yield connection


def one(conn: Connection, *events: Event, project_id: int = 1) -> Folded:
    """Fold events in one batch; the last result."""
    return fold(conn, [Change(project_id, made) for made in events])[-1]


def kinds(folded: Folded) -> list[str]:
    return [warning.kind for warning in folded.warnings]


def project(conn: Connection, settings: str) -> None:
    conn.execute("INSERT INTO projects VALUES (1, 'p', 'phc_test', ?, 0)", (settings,))


# ------------------------------------------------------------------------------------------ making people


def test_any_event_makes_a_person(conn):
    """An event without any person property still makes a person, at its own time and unidentified."""
    folded = one(conn, event("bought", "a"))
    assert folded.person.properties == CREATOR
    assert (folded.person.created_at, folded.person.is_identified) == (NOON, False)
    assert people(conn)["a",]["version"] == 0


def test_the_uuid_is_posthogs(conn):
    """The uuid is version 5 of project and distinct id in PostHog's namespace, so it differs between projects."""
    assert one(conn, event("x", "a")).person.uuid == "84877a1c-03f2-5cfd-8633-cf112f0d565a"
    assert one(conn, event("x", "a"), project_id=2).person.uuid != "84877a1c-03f2-5cfd-8633-cf112f0d565a"


def test_set_wins_over_set_once_at_creation(conn):
    """A new person has what is set once, overlaid by what is set."""
    folded = one(conn, event("x", "a", {"$set_once": {"k": 1, "o": 2}, "$set": {"k": 3}}))
    assert folded.person.properties == {"k": 3, "o": 2, **CREATOR}


@pytest.mark.parametrize(
    ("text", "expected"), [("", NOON), ("yesterday", NOON), ("2026-01-01T12:00:01", NOON + 1000)]
)
def test_a_timestamp_that_cannot_be_read_is_the_time_of_capture(conn, text, expected):
    """A person is never made at a time that does not exist; a time without zone is UTC."""
    assert one(conn, event("x", "a", at=text)).person.created_at == expected


def test_an_event_sees_the_person_after_its_own_change(conn):
    """Successive events of one batch see successive states, and earlier snapshots keep theirs."""
    events = [event("x", "a", {"$set": {"n": n}}) for n in range(3)]
    seen = [folded.person.properties["n"] for folded in fold(conn, [Change(1, made) for made in events])]
    assert seen == [0, 1, 2]


def test_folding_leaves_the_event_alone(conn):
    """Events are never written into, so that a rolled-back batch can be folded again."""
    made = event("$pageview", "a", {"$os_name": "iOS", "$set": {"a": 1}, "$groups": {"company": "c"}})
    before = deepcopy(made)
    one(conn, made)
    assert made == before


# ---------------------------------------------------------------------------------------- changing people


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"$set": {"k": 2}}, {"k": 2, "keep": 1}),
        ({"$set": {"k": None}}, {"k": None, "keep": 1}),
        ({"$set_once": {"k": 2, "new": 3}}, {"k": 1, "keep": 1, "new": 3}),
        ({"$unset": ["k", "unknown", 7]}, {"keep": 1}),
        ({"$unset": {"k": "whatever"}}, {"keep": 1}),
        ({"$set": {"k": 2}, "$unset": ["k"]}, {"keep": 1}),
        ({"$set": {"fresh": 2}, "$unset": ["fresh"]}, {"k": 1, "keep": 1, "fresh": 2}),
        ({"$set": {"k": True}}, {"k": True, "keep": 1}),
        ({"$set": {"k": 1.0}}, {"k": 1, "keep": 1}),
        ({"$set": "nonsense", "$set_once": ["x"], "$unset": "k"}, {"k": 1, "keep": 1}),
        ({}, {"k": 1, "keep": 1}),
    ],
)
def test_changes_to_properties(conn, asked, expected):
    """Set once, then set, then unset, each with PostHog's idea of what is there and what is the same."""
    one(conn, event("x", "a", {"$set": {"k": 1, "keep": 1}}))
    folded = one(conn, event("x", "a", asked))
    assert folded.person.properties == {**expected, **CREATOR}
    assert people(conn)["a",]["properties"] == {**expected, **CREATOR}


def test_a_null_counts_as_there(conn):
    """Setting once does not replace a stored null."""
    one(conn, event("x", "a", {"$set": {"k": None}}))
    assert one(conn, event("x", "a", {"$set_once": {"k": 1}})).person.properties["k"] is None


def test_the_version_counts_writes(conn):
    """A change raises the version by one, however many properties it has; no change leaves it."""
    one(conn, event("x", "a", {"$set": {"k": 1}}))
    one(conn, event("x", "a", {"$set": {"k": 2}, "$set_once": {"n": 1}, "$unset": ["n"]}))
    one(conn, event("x", "a", {"$set": {"k": 2}}))
    assert people(conn)["a",]["version"] == 1


@pytest.mark.parametrize("name", ["$exception", "$$heatmap"])
def test_some_events_never_change_a_person(conn, name):
    """Exceptions and heatmaps leave an existing person as they are."""
    one(conn, event("x", "a"))
    assert one(conn, event(name, "a", {"$set": {"k": 1}})).person.properties == CREATOR


def test_a_quiet_change_shows_but_is_not_kept(conn):
    """A page alone is no reason to write a person: the event sees it, the next one does not."""
    one(conn, event("$pageview", "a", {"$current_url": "/"}))
    assert (
        one(conn, event("$pageview", "a", {"$current_url": "/b"})).person.properties["$current_url"] == "/b"
    )
    assert people(conn)["a",]["properties"]["$current_url"] == "/"
    assert one(conn, event("plain", "a")).person.properties["$current_url"] == "/"


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("$pageview", {"$current_url": "/b", "$set": {"plan": "paid"}}),
        ("$pageview", {"$current_url": "/b", "$browser": "new key"}),
        ("$set", {"$current_url": "/b"}),
        ("$identify", {"$current_url": "/b"}),
    ],
)
def test_a_quiet_change_is_kept_beside_another(conn, name, properties):
    """With a loud change, a new key, or an event about the person, quiet properties are written too."""
    one(conn, event("$pageview", "a", {"$current_url": "/"}))
    one(conn, event(name, "a", properties))
    assert people(conn)["a",]["properties"]["$current_url"] == "/b"


def test_shown_surveys_leave_their_date(conn):
    """A person knows when they last saw a survey."""
    one(conn, event("x", "a"))
    assert (
        one(conn, event("survey shown", "a")).person.properties["$survey_last_seen_date"].startswith("2026")
    )


def test_a_person_that_grows_too_large_keeps_what_they_had(conn):
    """A change past the limit is refused as a whole, with a warning, and the event goes on."""
    one(conn, event("x", "a", {"$set": {"k": 1}}))
    folded = one(conn, event("x", "a", {"$set": {"k": 2, "big": "x" * LARGEST}}))
    assert folded.person.properties == {"k": 1, **CREATOR}
    assert kinds(folded) == ["person_properties_size_violation"]
    assert kinds(one(conn, event("x", "new", {"$set": {"big": "x" * LARGEST}}))) == [
        "person_properties_size_violation"
    ]
    assert people(conn)["new",]["properties"] == CREATOR


# ------------------------------------------------------------------------------- what events set by themselves


def test_automatic_properties(conn):
    """Browser and campaign of an event become the person's, with the first ones kept."""
    folded = one(
        conn, event("$pageview", "a", {"$browser": "Firefox", "utm_source": None, "_kx": "k", "price": 1})
    )
    assert folded.properties["$set"] == {"$browser": "Firefox", "utm_source": None, "_kx": "k"}
    assert folded.properties["$set_once"] == {
        "$initial_browser": "Firefox",
        "$initial_utm_source": None,
        "$initial__kx": "k",
    }
    again = one(conn, event("$set", "a", {"$browser": "Safari"}))
    assert again.person.properties["$browser"] == "Safari"
    assert again.person.properties["$initial_browser"] == "Firefox"


def test_the_sender_overrules_automatic_properties(conn):
    """What the sender sets explicitly wins over what the event implies."""
    folded = one(
        conn,
        event("x", "a", {"$browser": "B", "$set": {"$browser": "S"}, "$set_once": {"$initial_browser": "I"}}),
    )
    assert folded.person.properties == {"$browser": "S", "$initial_browser": "I", **CREATOR}


def test_os_name_is_os(conn):
    """The spelling of some SDKs counts as the usual one, on event and person."""
    folded = one(conn, event("x", "a", {"$os_name": "iOS"}))
    assert folded.properties["$os"] == folded.person.properties["$os"] == "iOS"
    assert folded.person.properties["$initial_os"] == "iOS"
    assert not {"$os_name", "$initial_os_name"} & folded.person.properties.keys()


def test_a_server_has_no_say_about_a_persons_system(conn):
    """The operating system that a server SDK stamps is the server's."""
    folded = one(
        conn, event("x", "a", {"$lib": "posthog-python", "$os": "Linux", "$os_version": "6", "$browser": "B"})
    )
    assert folded.properties["$set"] == {"$browser": "B"}


@pytest.mark.parametrize("name", ["$snapshot", "$performance_event"])
def test_some_events_imply_nothing(conn, name):
    """Recordings and performance events set no automatic properties."""
    assert "$set" not in one(conn, event(name, "a", {"$browser": "B"})).properties


def test_malformed_sets_are_replaced(conn):
    """What is no object becomes an empty one and is told."""
    folded = one(conn, event("x", "a", {"$set": "s", "$set_once": None, "$unset": 3}))
    assert (folded.properties["$set"], folded.properties["$set_once"]) == ({}, {})
    assert kinds(folded) == ["invalid_person_properties"] * 2


# ------------------------------------------------------------------------------------------------- merging


def test_identify_joins_the_anonymous_person(conn):
    """A login gives the anonymous person's past to the user, whose own properties win."""
    one(conn, event("x", "anon", {"$set": {"k": "anon", "seen": 1}}, at="2026-01-01T11:00:00.000Z"))
    one(conn, event("x", "user", {"$set": {"k": "user"}}))
    folded = one(conn, event("$identify", "user", {"$anon_distinct_id": "anon", "$set": {"plan": "paid"}}))
    assert folded.person.properties == {"k": "user", "seen": 1, "plan": "paid", **CREATOR}
    assert folded.person.created_at == NOON - 3_600_000
    assert folded.person.is_identified
    assert list(people(conn)) == [("anon", "user")]
    assert one(conn, event("x", "anon")).person.uuid == folded.person.uuid


def test_the_version_after_a_merge_is_above_both(conn):
    """The survivor's version is higher than either had."""
    for n in range(4):
        one(conn, event("x", "anon", {"$set": {"n": n}}))
    one(conn, event("x", "user"))
    one(conn, event("$identify", "user", {"$anon_distinct_id": "anon"}))
    assert people(conn)["anon", "user"]["version"] == 4


def test_identify_without_an_anonymous_id_only_sets(conn):
    """Without a second id an identify is an update, and identifies nobody."""
    assert not one(conn, event("$identify", "user", {"$set": {"k": 1}})).person.is_identified


@pytest.mark.parametrize("there", ["anon", "user"])
def test_an_id_that_stands_for_nobody_joins_the_other(conn, there):
    """With one person there, the other id is added to them."""
    before = one(conn, event("x", there)).person.uuid
    folded = one(conn, event("$identify", "user", {"$anon_distinct_id": "anon", "$set": {"k": 1}}))
    assert (folded.person.uuid, folded.person.properties["k"]) == (before, 1)
    assert people(conn)["anon", "user"]["is_identified"]


def test_two_unknown_ids_make_one_person(conn):
    """With nobody there, one person is made for both ids, named after the event's."""
    folded = one(conn, event("$identify", "a", {"$anon_distinct_id": "b", "$set": {"k": 1}}))
    assert folded.person.uuid == "84877a1c-03f2-5cfd-8633-cf112f0d565a"
    assert people(conn)["a", "b"]["is_identified"]


def test_two_unknown_ids_keep_a_uuid_that_events_already_named(conn):
    """An id that was used without a profile names the person, so that its events keep their uuid."""
    earlier = one(conn, event("x", "anon", {"$process_person_profile": False})).person.uuid
    assert one(conn, event("$identify", "user", {"$anon_distinct_id": "anon"})).person.uuid == earlier


def test_when_events_named_both_the_own_id_names_the_person(conn):
    """With both ids used without a profile there is no better choice than the event's own."""
    one(conn, event("x", "anon", {"$process_person_profile": False}))
    own = one(conn, event("x", "user", {"$process_person_profile": False})).person.uuid
    assert one(conn, event("$identify", "user", {"$anon_distinct_id": "anon"})).person.uuid == own


def test_an_identified_person_is_not_taken_in(conn):
    """Somebody who was identified before stays apart; the event still counts for its own person."""
    one(conn, event("$identify", "one", {"$anon_distinct_id": "anon"}))
    one(conn, event("x", "two"))
    folded = one(conn, event("$identify", "two", {"$anon_distinct_id": "one", "$set": {"k": 1}}))
    assert kinds(folded) == ["cannot_merge_already_identified"]
    assert (folded.person.is_identified, folded.person.properties["k"]) == (True, 1)
    assert len(people(conn)) == 2


def test_a_dangerous_merge_takes_anybody(conn):
    """A dangerous merge has no such scruples."""
    one(conn, event("$identify", "one", {"$anon_distinct_id": "anon"}))
    one(conn, event("$identify", "two", {"$anon_distinct_id": "other"}))
    one(conn, event("$merge_dangerously", "two", {"alias": "one"}))
    assert list(people(conn)) == [("anon", "one", "other", "two")]


def test_an_alias_is_made_text(conn):
    """A number for an alias is the id that a number would be."""
    one(conn, event("$create_alias", "a", {"alias": 42.0}))
    assert list(people(conn)) == [("42", "a")]


@pytest.mark.parametrize("alias", [None, "", 0, False])
def test_an_empty_alias_merges_nothing(conn, alias):
    """An alias that is not there is no alias."""
    folded = one(conn, event("$create_alias", "a", {"alias": alias}))
    assert (list(people(conn)), kinds(folded)) == ([("a",)], [])


@pytest.mark.parametrize(
    "other", ["Anonymous", "'GUEST'", '"0"', "NaN", "[object Object]", " ", "None", None, {}, True]
)
def test_illegal_ids_merge_nothing(conn, other):
    """What a program prints for a missing value merges nobody; the event goes on as an update."""
    folded = one(conn, event("$identify", "a", {"$anon_distinct_id": other, "$set": {"k": 1}}))
    assert kinds(folded) == ["cannot_merge_with_illegal_distinct_id"]
    assert (list(people(conn)), folded.person.properties["k"]) == ([("a",)], 1)
    assert not folded.person.is_identified


def test_an_illegal_id_of_its_own_merges_nothing_either(conn):
    """It does not matter on which side the illegal id stands."""
    assert kinds(one(conn, event("$identify", "null", {"$anon_distinct_id": "a"})))
    assert list(people(conn)) == [("null",)]


def test_the_same_id_twice_is_no_merge(conn):
    """Merging an id with itself is an ordinary update, without warning and without identifying."""
    folded = one(conn, event("$identify", "a", {"$anon_distinct_id": "a"}))
    assert (kinds(folded), folded.person.is_identified) == ([], False)


def test_chains_of_merges_within_one_batch(conn):
    """People made, merged and merged again before anything is written end where they should."""
    one(conn, event("x", "stored"))
    one(
        conn,
        event("x", "a", {"$set": {"a": 1}}),
        event("x", "b", {"$set": {"b": 1}}),
        event("$create_alias", "b", {"alias": "a"}),
        event("$create_alias", "c", {"alias": "stored"}),
        event("$merge_dangerously", "c", {"alias": "b"}),
        event("x", "a", {"$set": {"last": 1}}),
    )
    (everybody,) = people(conn).items()
    assert everybody[0] == ("a", "b", "c", "stored")
    assert everybody[1]["properties"] == {"a": 1, "b": 1, "last": 1, **CREATOR}


def test_a_stored_person_taken_in_by_one_who_is_taken_in_unwritten(conn):
    """Ids of a stored person follow through somebody who never reached the store."""
    one(conn, event("x", "stored"), event("x", "final"))
    one(
        conn,
        event("x", "between"),
        event("$create_alias", "between", {"alias": "stored"}),
        event("$merge_dangerously", "final", {"alias": "between"}),
    )
    assert list(people(conn)) == [("between", "final", "stored")]


# -------------------------------------------------------------------------------------- without a profile


def test_without_a_profile_nobody_is_made(conn):
    """The event names the person it would make, and shows nothing of them."""
    folded = one(
        conn,
        event("x", "a", {"$process_person_profile": False, "$set": {"k": 1}, "$groups": {"company": "c"}}),
    )
    assert folded.person.uuid == "84877a1c-03f2-5cfd-8633-cf112f0d565a"
    assert (folded.person.properties, folded.person.created_at, folded.person.is_identified) == (
        {},
        5000,
        False,
    )
    assert folded.properties == {"$process_person_profile": False, "$groups": {"company": "c"}}
    assert (folded.groups, people(conn)) == ({}, {})
    assert kinds(folded) == ["person_properties_ignored"]


def test_without_a_profile_an_existing_person_lends_only_a_name(conn):
    """Right after a person was made, events without a profile carry their uuid and nothing more."""
    made = one(conn, event("x", "a", {"$set": {"k": 1}})).person
    folded = one(conn, event("x", "a", {"$process_person_profile": False}))
    assert (folded.person.uuid, folded.person.properties, folded.person.created_at) == (made.uuid, {}, NOON)


def test_long_after_an_existing_person_is_shown_in_full(conn):
    """More than a minute later the sender is taken to be behind, and the person is shown, but not changed."""
    one(conn, event("x", "a", {"$set": {"k": 1}}))
    minute = one(conn, event("x", "a", {"$process_person_profile": False}, at="2026-01-01T12:01:00.000Z"))
    assert minute.person.properties == {}
    folded = one(conn, event("x", "a", {"$process_person_profile": False, "$set": {"k": 2}}, at=LATER))
    assert folded.person.properties["k"] == 1


@pytest.mark.parametrize("name", ["$identify", "$create_alias", "$merge_dangerously", "$groupidentify"])
def test_events_about_people_need_a_profile(conn, name):
    """An event that makes no sense without a person is dropped, traced."""
    folded = one(conn, event(name, "a", {"$process_person_profile": False}))
    assert folded.dropped == "invalid_event_when_process_person_profile_is_false"
    assert (folded.person, kinds(folded)) == (None, [folded.dropped])
    assert [(w.kind, w.count) for w in list_warnings(conn, 1)] == [(folded.dropped, 1)]


@pytest.mark.parametrize("flag", ["false", 0, None, {}])
def test_only_a_boolean_switches_the_profile_off(conn, flag):
    """Anything else is told and taken for yes; the flag itself goes no further."""
    folded = one(conn, event("x", "a", {"$process_person_profile": flag}))
    assert kinds(folded) == ["invalid_process_person_profile"]
    assert "$process_person_profile" not in folded.properties
    assert people(conn)


def test_a_project_may_process_no_people(conn):
    """Opted out, no event makes, changes or shows a person."""
    one(conn, event("x", "a", {"$set": {"k": 1}}))
    project(conn, '{"person_processing_opt_out": true}')
    assert one(conn, event("x", "a", {"$process_person_profile": True}, at=LATER)).person.properties == {}
    assert one(conn, event("$identify", "a", {})).dropped == "event_dropped_person_processing_disabled"


def test_asking_for_a_flag_makes_nobody(conn):
    """A flag asked for about somebody unknown makes no person, unless the sender or a group asks for one."""
    one(conn, event("$feature_flag_called", "a"))
    assert people(conn) == {}
    one(conn, event("$feature_flag_called", "b", {"$process_person_profile": True}))
    one(conn, event("$feature_flag_called", "c", {"$groups": {"company": "x"}}))
    assert list(people(conn)) == [("b",), ("c",)]


# ------------------------------------------------------------------------------------------ second reading


def test_loading_shows_people_as_they_are_now(conn):
    """A second reading neither applies the event again nor learns anything from it."""
    first = event("x", "a", {"$set": {"k": 1}, "$groups": {"company": "c"}})
    one(conn, first, event("x", "a", {"$set": {"k": 2}}))
    (folded,) = load(conn, [Change(1, first)])
    assert folded.person.properties["k"] == 2
    assert folded.properties["$group_0"] == "c"
    assert folded.groups["company"].index == 0


def test_loading_somebody_who_is_gone(conn):
    """A person deleted meanwhile reads as nobody."""
    (folded,) = load(conn, [Change(1, event("x", "a", {"$groups": {"unknown": "c"}}))])
    assert (folded.person.properties, folded.groups) == ({}, {})


def test_loading_drops_what_folding_dropped(conn):
    """A dropped event stays dropped, and is not counted twice."""
    made = event("$identify", "a", {"$process_person_profile": False})
    one(conn, made)
    (folded,) = load(conn, [Change(1, made)])
    assert folded.dropped
    assert [w.count for w in list_warnings(conn, 1)] == [1]


def test_projects_do_not_mix(conn):
    """The same id in two projects of one batch is two people."""
    changes = [Change(number, event("x", "a", {"$set": {"project": number}})) for number in (1, 2)]
    assert [folded.person.properties["project"] for folded in fold(conn, changes)] == [1, 2]


def test_nothing_to_fold(conn):
    """An empty batch is no trouble."""
    empty: list[Any] = []
    assert (fold(conn, []), load(conn, [])) == (empty, empty)
