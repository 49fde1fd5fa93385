"""Who may do what, and how a refusal looks."""

from __future__ import annotations

import pytest

URL = "/api/projects/1/hog_functions/"


def test_without_a_key_nothing_is_told(api):
    """The envelope is PostHog's."""
    answer = api.raw("GET", URL)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json == {
        "type": "authentication_error",
        "code": "not_authenticated",
        "detail": "Authentication credentials were not provided.",
        "attr": None,
    }


@pytest.mark.parametrize("authorization", ["Bearer phx_wrong", "bearer phc_shop_token", "Bearer ünknown"])
def test_a_wrong_key_is_refused(api, authorization):
    """Neither an unknown key nor a project token opens the API."""
    answer = api.raw("GET", URL, authorization=authorization)
    assert (answer.status, answer.json["code"]) == (401, "authentication_failed")


def test_a_key_may_come_in_three_places(api):
    """Header, body and query are looked at in this order, and only the first one found is tried."""
    assert api.raw("GET", f"{URL}?personal_api_key={api.key}").status == 200
    assert api.raw("GET", URL, {"personal_api_key": api.key}).status == 200
    assert api.raw("POST", URL, {"personal_api_key": api.key, "hog": "return 1"}).status == 201
    assert api.raw("GET", f"{URL}?personal_api_key={api.key}", authorization="Bearer phx_wrong").status == 401


@pytest.mark.parametrize(
    ("scopes", "method", "status"),
    [
        (["hog_function:read"], "GET", 200),
        (["hog_function:write"], "GET", 200),
        (["*"], "GET", 200),
        (["person:read"], "GET", 403),
        (["hog_function:read"], "POST", 403),
        (["hog_function:write"], "POST", 400),
    ],
)
def test_scopes_bound_a_key(api, scopes, method, status):
    """Reading and writing are separate rights; a missing one is named."""
    answer = api.call(method, "hog_functions/", {} if method == "POST" else None, key=api.make_key(*scopes))
    assert answer.status == status
    if status == 403:
        wanted = "hog_function:read" if method == "GET" else "hog_function:write"
        assert answer.json["detail"] == f"API key missing required scope '{wanted}'."


@pytest.mark.parametrize(
    "base", ["/api/projects/1", "/api/projects/@current", "/api/environments/1", "/api/environments/@current"]
)
@pytest.mark.parametrize("end", ["", "/"])
def test_every_spelling_of_a_path_works(api, base, end):
    """Projects are also called environments, the slash at the end is optional, nothing is redirected."""
    assert api.raw("GET", f"{base}/hog_functions{end}", authorization=f"Bearer {api.key}").status == 200


@pytest.mark.parametrize("project", ["2", "x", "-1", "99999999999999999999", "1%00"])
def test_a_project_that_is_not_there(api, project):
    """404, whatever the path has in its place."""
    assert (
        api.raw("GET", f"/api/projects/{project}/persons/", authorization=f"Bearer {api.key}").status == 404
    )


def test_unknown_paths_and_methods_have_the_envelope(api):
    """Also what the router refuses is told in the same form."""
    missing, method = api.raw("GET", "/api/nothing"), api.call("POST", "persons/", {})
    assert (missing.status, missing.json["code"]) == (404, "not_found")
    assert (method.status, method.json["code"]) == (405, "method_not_allowed")


def test_a_huge_body_is_refused(api):
    """The API reads no more than it can need."""
    answer = api.call("POST", "hog_functions/", b" " * (4 * 1024 * 1024 + 1))
    assert (answer.status, answer.json["code"]) == (413, "too_large")


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"name": NaN}', b"[" * 5000])
def test_malformed_json_is_refused(api, body):
    """400 with the place in the text, never a 500."""
    answer = api.call("POST", "hog_functions/", body)
    assert (answer.status, answer.json["code"]) == (400, "parse_error")


def test_projects_and_me(api):
    """What clients ask first."""
    project = api.get("")
    assert (project["id"], project["name"], project["api_token"]) == (1, "Shop", "phc_shop_token")
    assert api.raw("GET", "/api/projects/", authorization=f"Bearer {api.key}").json["results"] == [project]
    assert api.raw("GET", "/api/users/@me/", authorization=f"Bearer {api.key}").json["scopes"] == ["*"]


def test_links_lead_to_a_page_that_gives_nothing_away(api):
    """The page of a link has no data in it and may load nothing from elsewhere."""
    answer = api.raw("GET", "/project/1/person/ada%2Flovelace")
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert b"ada" not in answer.body
    assert api.raw("GET", "/project.js").headers["content-type"].startswith("text/javascript")
