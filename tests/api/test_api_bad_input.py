"""What is wrong with a request is said in one form: what, where, and how to do it right."""

from __future__ import annotations

import pytest

ACTIONS = "/api/projects/1/actions/"


def send(api, method, target, body=None, **headers):
    return api.raw(method, target, body, authorization=f"Bearer {api.key}", **headers)


def test_every_error_has_one_form(api):
    """The four fields and no others, from routing to validation."""
    for answer in (
        send(api, "GET", "/api/nothing/"),
        send(api, "GET", "/api/projects/7/actions/"),
        send(api, "PATCH", "/api/projects/1/deliveries/"),
        send(api, "POST", ACTIONS, b"{"),
        send(api, "POST", ACTIONS, {"name": ""}),
        send(api, "POST", ACTIONS, b"x" * 5_000_000),
        api.raw("GET", ACTIONS),
    ):
        assert set(answer.json) == {"type", "code", "detail", "attr"}, answer.body
        assert answer.json["detail"].endswith(".")
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b"{", b"a=b", b"\xff", b'{"name":"\\ud800"}', b"[" * 100_000, b"NaN"])
def test_a_body_that_is_no_json_says_where_it_ends_to_be(api, body):
    """The place of the first thing that is wrong."""
    answer = send(api, "POST", ACTIONS, body, **{"content-type": "application/json"})
    assert (answer.status, answer.json["code"]) == (400, "parse_error")
    assert "char " in answer.json["detail"]


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"]
)
def test_a_body_of_another_kind_is_told_what_to_be(api, kind):
    """Unless it is JSON all the same: curl calls everything a form."""
    answer = send(api, "POST", ACTIONS, b"name=Paid", **{"content-type": kind})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert "application/json" in answer.json["detail"]
    assert kind.partition(";")[0] in answer.json["detail"]
    fine = send(api, "POST", ACTIONS, b'{"name":"Paid","steps":[{"event":"paid"}]}', **{"content-type": kind})
    assert fine.status == 201


@pytest.mark.parametrize("body", [[1], "text", 7, None])
def test_a_body_must_be_an_object(api, body):
    """Anything else is JSON, and still nothing to work with."""
    answer = send(api, "POST", ACTIONS, b"null" if body is None else body)
    assert (answer.status, answer.json["detail"]) == (400, "Invalid data. Expected a dictionary.")


def test_a_body_that_is_too_large_is_refused(api):
    """Before anybody reads it."""
    answer = send(api, "POST", ACTIONS, b"x" * (4 * 2**20 + 1))
    assert (answer.status, answer.json["code"]) == (413, "too_large")


@pytest.mark.parametrize("identity", ["abc", "-1", "1.5", "9" * 30, "999"])
def test_a_number_in_the_path_that_names_nothing(api, identity):
    """Whatever stands there: it is not found."""
    for thing in ("actions", "cohorts"):
        assert send(api, "GET", f"/api/projects/1/{thing}/{identity}/").status == 404
    assert send(api, "GET", f"/api/projects/1/groups/{identity}/acme/").status == 404


def test_a_number_beyond_all_bounds_is_no_fault_of_the_server(api):
    """It cannot be looked for, and whoever sent it is told."""
    hook = api.webhook()["id"]
    answer = send(api, "GET", f"/api/projects/1/hog_functions/{hook}/revisions/{10**30}/")
    assert answer.status in {400, 404}


def test_a_method_that_is_not_there_names_those_that_are(api):
    """In the text and in the header ``Allow``; also where deleting is refused for good."""
    answer = send(api, "PUT", "/api/projects/1/hog_functions/")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")
    assert answer.json["detail"] == 'Method "PUT" not allowed: here is GET or POST.'
    kept = send(api, "DELETE", f"{ACTIONS}1/")
    assert (kept.status, kept.headers["allow"]) == (405, "GET, PATCH, PUT")


@pytest.mark.parametrize(
    ("path", "attr"),
    [
        ("actions/?limit=0", "limit"), ("actions/?limit=x", "limit"), ("actions/?offset=-1", "offset"),
        ("deliveries/?limit=5000", "limit"), ("deliveries/?after=yesterday", "after"), ("deliveries/?verdict=nice", "verdict"),
        ("deliveries/?destination=x", "destination"), ("deliveries/?cursor=x", "cursor"), ("deliveries/?status=abc", "status"),
        ("deliveries/?event_uuid=x", "event_uuid"), ("events/?cursor=x", "cursor"), ("events/?properties=x", "properties"),
        ("events/?orderBy=name", "orderBy"), ("ingestion_warnings/?samples=1000", "samples"), ("groups/?group_type_index=9", "group_type_index"),
        ("hog_functions/?enabled=maybe", "enabled"),
    ],
)  # fmt: skip
def test_a_parameter_that_makes_no_sense_is_named(api, path, attr):
    """With what it may be."""
    answer = send(api, "GET", f"/api/projects/1/{path}")
    assert (answer.status, answer.json["attr"]) == (400, attr)
    assert len(answer.json["detail"]) > 15


@pytest.mark.parametrize("value", ["%00", "%ff%fe", "%F0%9F%8C%B3", "'%20OR%201=1--", "%25_%5C", "x" * 2000])
def test_odd_texts_find_nothing_and_break_nothing(api, value):
    """They are data, whatever they look like."""
    for name in ("search", "event", "person"):
        assert send(api, "GET", f"/api/projects/1/deliveries/?{name}={value}").json["results"] == []


def test_a_key_in_the_query_is_not_passed_on_in_links(api):
    """An address in an answer is copied from hand to hand; the key in it would go along."""
    for name in "abc":
        api.call("POST", "actions/", {"name": name, "steps": [{"event": name}]})
    answer = api.raw("GET", f"{ACTIONS}?limit=1&offset=1&personal_api_key={api.key}").json
    assert "offset=2" in answer["next"]
    assert api.key not in answer["next"] + answer["previous"]
