"""Destinations over the API, in PostHog's form."""

from __future__ import annotations

import pytest


def test_create_and_read(api):
    """What was written comes back unchanged, with what the server adds."""
    filters = {
        "source": "events",
        "events": [{"id": "signed_up", "name": "signed_up", "type": "events", "order": 0}],
    }
    made = api.webhook(enabled=True, description=" Tells the shop ", filters=filters)
    assert made["description"] == "Tells the shop"
    assert made["enabled"] is True
    assert {k: v for k, v in made["filters"].items() if k != "bytecode"} == filters
    assert made["inputs"]["url"]["value"] == "https://example.com/"
    assert made["template"]["id"] == "template-webhook"
    assert isinstance(made["status"]["tokens"], int)
    assert api.get(f"hog_functions/{made['id']}/") == made
    assert api.changes == 1


def test_minimal_creation_has_the_defaults(api):
    """Name and program suffice; the rest is as documented."""
    made = api.call("POST", "hog_functions", {"name": "N", "hog": "return 1\n"}).json
    assert {key: made[key] for key in ("enabled", "hog", "inputs_schema", "inputs", "template", "masking", "mappings",
            "icon_url", "execution_order", "batch_export_id", "transpiled", "status")} == {
        "enabled": False, "hog": "return 1", "inputs_schema": [], "inputs": {}, "template": None, "masking": None,
        "mappings": None, "icon_url": None, "execution_order": None, "batch_export_id": None, "transpiled": None,
        "status": {"state": 0, "tokens": 0},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "attr", "code"),
    [
        ({"template_id": "template-webhook"}, "inputs__url", "invalid_input"),
        ({"template_id": "nope"}, "template_id", "invalid_input"),
        ({"hog": "return 1", "type": "nope"}, "type", "invalid_choice"),
        ({"hog": "let a := ("}, "hog", "invalid_input"),
        ({"name": "N"}, "hog", "required"),
        ({"hog": "return 1", "nmae": "N"}, "nmae", "unknown_field"),
        (
            {"hog": "return 1", "inputs_schema": [{"type": "nope", "key": "a"}]},
            "inputs_schema__0__type",
            "invalid_choice",
        ),
        ([], None, "invalid"),
    ],
)
def test_a_bad_destination_is_refused(api, payload, attr, code):
    """Each fault names its field; nothing is saved."""
    answer = api.call("POST", "hog_functions/", payload)
    assert (answer.status, answer.json["attr"], answer.json["code"]) == (400, attr, code)
    assert answer.json["type"] == "validation_error"
    assert api.get("hog_functions/")["count"] == 0


def test_a_syntax_error_shows_its_place(api):
    """Line, column and a caret stand in the answer."""
    answer = api.call("POST", "hog_functions/", {"hog": "let a := 1\nlet b := (2 +"}).json
    assert (answer["line"], answer["column"]) >= (2, 1)
    assert "line 2" in answer["detail"]
    assert "^" in answer["detail"]


def test_secrets_never_come_back(api):
    """A secret input is shown as set, kept when it is sent back masked, and replaced when it is sent anew."""
    schema = [{"key": "token", "type": "string", "secret": True, "required": True}]
    made = api.call(
        "POST",
        "hog_functions/",
        {"hog": "return 1", "inputs_schema": schema, "inputs": {"token": {"value": "s3cret"}}},
    ).json
    assert made["inputs"] == {"token": {"secret": True}}
    path = f"hog_functions/{made['id']}/"
    kept = api.call("PATCH", path, {"name": "new", "inputs": made["inputs"]})
    assert (kept.status, kept.json["inputs"]) == (200, {"token": {"secret": True}})
    assert b"s3cret" not in api.call("GET", path).body


def test_bytecode_is_that_of_posthog(api):
    """Programs and filters carry it; an empty filter is the code for true; what clients send back of it is ignored."""
    made = api.call("POST", "hog_functions/", {"hog": "return 1"}).json
    assert made["bytecode"] == ["_H", 1, 33, 1, 38]
    assert made["filters"] == {"source": "events", "bytecode": ["_H", 1, 29]}
    again = api.call("PATCH", f"hog_functions/{made['id']}/", {**made, "name": "Copy"}).json
    assert (again["bytecode"], again["filters"]) == (made["bytecode"], made["filters"])
    assert "bytecode" in api.get("hog_functions/")["results"][0]["filters"]


def test_patch_changes_only_what_it_names(api):
    """The rest stays; the revision grows; an id in the payload means nothing."""
    made = api.webhook()
    changed = api.call("PATCH", f"hog_functions/{made['id']}", {"name": "Other", "id": "x"}).json
    assert changed["name"] == "Other"
    assert changed["revision"] == made["revision"] + 1
    assert changed["inputs"] == made["inputs"]


def test_delete_is_a_mark(api):
    """DELETE is refused; the mark hides a destination and can be taken away again."""
    path = f"hog_functions/{api.webhook()['id']}/"
    assert api.call("DELETE", path).status == 405
    assert api.call("PATCH", path, {"deleted": True}).status == 200
    assert api.call("GET", path).status == 404
    assert api.call("PATCH", path, {"name": "x"}).status == 404
    assert api.get("hog_functions/")["results"] == []
    assert api.call("PATCH", path, {"deleted": False}).status == 200
    assert api.call("GET", path).status == 200


def test_lists_are_filtered_and_paged(api):
    """Filters narrow, next and previous lead through the pages."""
    ids = {api.webhook(name=f"Hook {n}", enabled=n == 1)["id"] for n in range(3)}
    assert {item["id"] for item in api.get("hog_functions/")["results"]} == ids
    assert [item["name"] for item in api.get("hog_functions/?enabled=true")["results"]] == ["Hook 1"]
    assert [item["name"] for item in api.get("hog_functions/?search=hook+2")["results"]] == ["Hook 2"]
    assert api.get("hog_functions/?type=internal_destination")["count"] == 0
    page = api.get("hog_functions/?limit=2")
    assert (page["count"], len(page["results"]), page["previous"]) == (3, 2, None)
    rest = api.raw(
        "GET", page["next"].removeprefix("http://127.0.0.1:8000"), authorization=f"Bearer {api.key}"
    ).json
    assert (len(rest["results"]), rest["next"]) == (1, None)
    assert api.call("GET", "hog_functions/?limit=x").json["attr"] == "limit"
    assert api.call("GET", "hog_functions/?enabled=perhaps").status == 400
    assert "inputs" not in page["results"][0]
    assert "inputs" in api.get("hog_functions/?full=true")["results"][0]


def test_checking_saves_nothing(api):
    """validate_only tells whether something would change."""
    made = api.webhook()
    path = f"hog_functions/{made['id']}/?validate_only=true"
    assert api.call("PATCH", path, {"name": "Hook"}).json == {"changed": False}
    assert api.call("PATCH", path, {"name": "Other"}).json == {"changed": True}
    assert api.call("POST", "hog_functions/?validate_only=true", {"hog": "return 1"}).json == {
        "changed": True
    }
    assert api.call("POST", "hog_functions/?validate_only=true", {"hog": "return ("}).status == 400
    assert api.get("hog_functions/")["results"][0]["name"] == "Hook"


@pytest.mark.parametrize("identity", ["x", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_destination_is_not_found(api, identity):
    """404 for ids that are none and ids of nothing, on every path."""
    for rest in ("", "logs/", "metrics/", "metrics/totals/"):
        assert api.call("GET", f"hog_functions/{identity}/{rest}").status == 404
    assert api.call("PATCH", f"hog_functions/{identity}/", {}).status == 404


def test_templates(api):
    """The catalogue is listed with and without a key; one is found by id."""
    for url in ("/api/projects/1/hog_function_templates/", "/api/public_hog_function_templates/"):
        listed = api.raw("GET", url, authorization=f"Bearer {api.key}").json
        assert "template-webhook" in {item["id"] for item in listed["results"]}
        one = api.raw("GET", f"{url}template-webhook", authorization=f"Bearer {api.key}").json
        assert one["inputs_schema"][0]["key"] == "url"
        assert api.raw("GET", f"{url}nope/", authorization=f"Bearer {api.key}").status == 404
    assert api.raw("GET", "/api/projects/1/hog_function_templates/").status == 401
    assert api.raw("GET", "/api/public_hog_function_templates/?types=transformation").json["results"] == []
