"""Names seen in the event stream, in PostHog's shapes."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from hedgerow.accounts import create_project
from hedgerow.delivery.vocabulary import Vocabulary
from hedgerow.events import Event


@pytest.fixture
def seen(api):
    """A way to let the project see events."""

    def see(name, project=1, **properties):
        words = Vocabulary()

        def work(connection):
            words.write(
                connection,
                words.collect([(project, Event("u", name, "ada", properties, captured_at=api.now))]),
            )

        api.state.write_now(work)

    return see


def names(answer):
    return [one["name"] for one in answer["results"]]


def test_events_in_posthogs_shape(api, seen):
    """With the times at which they were seen first and last; one by its id."""
    seen("order paid", price=1)
    answer = api.get("event_definitions/")
    (one,) = answer["results"]
    assert answer["count"] == 1
    assert one == {
        "id": one["id"], "name": "order paid", "created_at": "2026-05-28T20:26:40.000Z",
        "last_seen_at": "2026-05-28T20:26:40.000Z", "last_updated_at": "2026-05-28T20:26:40.000Z", "tags": [],
        "is_action": False, "action_id": None, "is_calculating": False, "last_calculated_at": None, "created_by": None,
        "post_to_slack": False,
    }  # fmt: skip
    assert api.get(f"event_definitions/{one['id']}/") == one
    assert api.call("GET", "event_definitions/nothing/").status == 404


def test_events_are_searched_and_paged(api, seen):
    """By part of the name, by whose they are, in either order."""
    for name in ("$pageview", "order paid", "order placed"):
        seen(name)
    assert names(api.get("event_definitions/?search=ORDER")) == ["order paid", "order placed"]
    assert names(api.get("event_definitions/?event_type=event_posthog")) == ["$pageview"]
    assert names(api.get("event_definitions/?ordering=-name&limit=1")) == ["order placed"]
    second = api.get("event_definitions/?limit=1&offset=1")
    assert (names(second), second["count"]) == (["order paid"], 3)
    assert "offset=2" in second["next"]
    assert "offset=0" in second["previous"]
    assert api.call("GET", "event_definitions/?ordering=size").json["attr"] == "ordering"


def test_properties_in_posthogs_shape(api, seen):
    """Of events unless asked for those of persons; those of the events that are named come first."""
    seen("order paid", price=1, **{"$set": {"plan": "pro"}})
    seen("signed up", referrer="x")
    (price, referrer) = api.get("property_definitions/")["results"]
    assert (price["name"], price["property_type"], price["is_numerical"]) == ("price", "Numeric", True)
    assert (price["type"], price["group_type_index"], price["is_seen_on_filtered_events"]) == (
        "event",
        None,
        None,
    )
    assert api.get(f"property_definitions/{price['id']}/") == price
    assert referrer["property_type"] == "String"
    assert names(api.get("property_definitions/?type=person")) == ["plan"]
    chosen = quote(json.dumps(["signed up"]))
    ordered = api.get(f"property_definitions/?event_names={chosen}")["results"]
    assert [(one["name"], one["is_seen_on_filtered_events"]) for one in ordered] == [
        ("referrer", True),
        ("price", False),
    ]
    assert names(api.get(f"property_definitions/?event_names={chosen}&filter_by_event_names=true")) == [
        "referrer"
    ]
    assert names(api.get("property_definitions/?is_numerical=true")) == ["price"]
    assert names(api.get("property_definitions/?properties=price,other")) == ["price"]
    excluded = quote(json.dumps(["price"]))
    assert names(api.get(f"property_definitions/?excluded_properties={excluded}")) == ["referrer"]


@pytest.mark.parametrize(
    "query",
    ["event_names=x", "event_names=%7B%7D", "type=session", "is_numerical=maybe", "property_type=Blob"],
)
def test_a_query_that_makes_no_sense_is_told_so(api, query):
    """The answer names the parameter."""
    answer = api.call("GET", f"property_definitions/?{query}")
    assert (answer.status, answer.json["attr"]) == (400, query.partition("=")[0])


def test_what_is_dropped_is_not_shown(api, seen):
    """Not even what was seen before anybody said that it should be dropped."""
    seen("order paid", price=1, card="4111")
    assert names(api.get("property_definitions/")) == ["card", "price"]
    card = api.get("property_definitions/?search=card")["results"][0]["id"]
    assert api.call("PATCH", "", {"dropped_properties": ["card"]}).status == 200
    assert names(api.get("property_definitions/")) == ["price"]
    assert api.call("GET", f"property_definitions/{card}/").status == 404


def test_each_project_has_its_own_words(api, seen):
    """And a key needs the scope to read them."""
    api.state.write_now(lambda c: create_project(c, name="Other", now=api.now))
    seen("theirs", project=2, secret=1)
    assert names(api.get("event_definitions/")) == names(api.get("property_definitions/")) == []
    headers = {"authorization": f"Bearer {api.make_key('event_definition:read')}"}
    assert names(api.raw("GET", "/api/projects/2/event_definitions/", **headers).json) == ["theirs"]
    assert api.raw("GET", "/api/projects/2/property_definitions/", **headers).status == 403
