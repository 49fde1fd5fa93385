"""The OpenAPI document: whole, valid, and true to the application."""

from __future__ import annotations

import re

import jsonschema_rs
import pytest
import yaml

from hedgerow.api.app import ROUTERS
from hedgerow.api.schema import build, nouns
from hedgerow.api.schema.document import operations, plain_path
from hedgerow.api.schema.shapes import (
    Shape,
    Shapes,
    by_key,
    either,
    free,
    limited,
    maybe,
    note,
    one_of,
    optional,
    shown,
)

DOCUMENT = build(ROUTERS)
ENTRIES = [(noun, item) for noun in nouns() for item in noun.operations]
SHOWN = [(path, method, item) for path, some in DOCUMENT["paths"].items() for method, item in some.items()]
IDS = [item["operationId"] for _, _, item in SHOWN]


def resolved(part):
    """What a reference leads to."""
    if "$ref" not in part:
        return part
    found = DOCUMENT
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def contents(item):
    """Every body of an operation: where it is, and how it is described."""
    for kind, content in item.get("requestBody", {}).get("content", {}).items():
        yield f"request {kind}", content
    for status, answer in item["responses"].items():
        for kind, content in resolved(answer).get("content", {}).items():
            yield f"{status} {kind}", content


def test_each_operation_is_described_and_each_description_is_of_an_operation():
    """Add an entry to a module of ``hedgerow/api/schema/`` for a new route; take it away with the route."""
    routed = {(method, plain_path(route)) for method, route in operations(ROUTERS)}
    described = [(item.method, item.path) for _, item in ENTRIES]
    assert routed - set(described) == set(), "without an entry"
    assert set(described) - routed == set(), "without a route"
    assert len(described) == len(set(described)), "described twice"


@pytest.mark.parametrize(("path", "method", "item"), SHOWN, ids=IDS)
def test_an_operation_says_all_there_is_to_know(path, method, item):
    """Summary, description, tag, an example of what is sent and of each answer, and what each parameter is."""
    assert re.fullmatch(r"[a-z][a-z0-9_]+", item["operationId"])
    assert item["tags"], f"{method} {path} belongs to no tag"
    assert 3 < len(item["summary"]) < 120
    assert item["description"]
    for parameter in item.get("parameters", []):
        assert parameter["description"], parameter["name"]
        assert "example" in parameter
    assert any(int(status) < 300 for status in item["responses"]) or set(item["responses"]) >= {"405"}
    for answer in item["responses"].values():
        assert resolved(answer)["description"]
    for place, content in contents(item):
        assert "example" in content, place


@pytest.mark.parametrize(("path", "method", "item"), SHOWN, ids=IDS)
def test_an_example_is_of_its_own_schema(path, method, item):
    """Whoever copies an example sends what is accepted, and reads what comes."""
    pairs = [(place, content["schema"], content["example"]) for place, content in contents(item)]
    pairs += [(one["name"], one["schema"], one["example"]) for one in item.get("parameters", [])]
    for place, schema, example in pairs:
        whole = {**schema, "components": DOCUMENT["components"]}
        problems = [str(error.message) for error in jsonschema_rs.validator_for(whole).iter_errors(example)]
        assert not problems, f"{method} {path}: {place}: {problems}"


def test_operations_have_names_of_their_own():
    """Generated clients make a function of each."""
    assert len(IDS) == len(set(IDS))


def test_the_document_is_there_as_json_and_as_yaml(api):
    """Without a key: it holds nothing secret. The two say the same."""
    answer = api.raw("GET", "/api/schema/")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["openapi"] == "3.1.0"
    for asked in (
        api.raw("GET", "/api/schema/?format=yaml"),
        api.raw("GET", "/api/schema", accept="application/yaml"),
        api.raw("GET", "/api/schema", accept="application/vnd.oai.openapi"),
    ):
        assert asked.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(asked.body) == answer.json
    assert api.raw("GET", "/api/schema/?format=xml").json["attr"] == "format"


def test_the_page_needs_no_other_host(api):
    """It loads its own script and style, and its policy lets it reach nobody else."""
    page = api.raw("GET", "/api/docs/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    asked = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert {"/api/docs/docs.js", "/api/docs/docs.css", "/api/schema/"} <= set(asked)
    for address in asked:
        found = api.raw("GET", address)
        assert found.status == 200, address
    assert api.raw("GET", "/api/docs/nothing.js").status == 404


def test_a_schema_follows_from_an_example():
    """Types from values, looseness from markers, a name for what is used again."""
    inner = Shape("Inner", {"id": 1})
    outer = Shape("Outer", {"at": "2026-01-02T03:04:05.678Z", "x": optional(maybe("a"))}, like=inner)
    shapes = Shapes()
    assert shapes.schema({"one": maybe(inner), "many": [outer]}) == {
        "type": "object",
        "properties": {
            "one": {"anyOf": [{"$ref": "#/components/schemas/Inner"}, {"type": "null"}]},
            "many": {"type": "array", "items": {"$ref": "#/components/schemas/Outer"}},
        },
        "required": ["one", "many"],
    }
    assert shapes.found["Outer"] == {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "at": {"type": "string", "format": "date-time"},
            "x": {"type": ["string", "null"]},
        },
        "required": ["id", "at"],
    }
    assert shown(outer) == {"id": 1, "at": "2026-01-02T03:04:05.678Z", "x": "a"}


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (None, {"type": "null"}),
        (True, {"type": "boolean"}),
        (1.5, {"type": "number"}),
        ([], {"type": "array", "items": {}}),
        (free({"a": 1}, "any"), {"description": "any"}),
        (maybe(one_of("a", "b")), {"type": ["string", "null"], "enum": ["a", "b", None]}),
        (
            maybe(either(1, "a")),
            {"anyOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"type": "null"}]},
        ),
        (by_key({"a": 1}), {"type": "object", "additionalProperties": {"type": "integer"}}),
        (note(limited(3, minimum=1), "few"), {"type": "integer", "minimum": 1, "description": "few"}),
        ("0191f3c0-1d2e-7a00-8000-5f0c6a3b9d10", {"type": "string", "format": "uuid"}),
    ],
)
def test_each_marker_has_its_schema(value, schema):
    """One line per marker."""
    assert Shapes().schema(value) == schema


def test_two_shapes_cannot_have_one_name():
    """The second would silently be described as the first."""
    shapes = Shapes()
    shapes.schema(Shape("One", {"a": 1}))
    with pytest.raises(ValueError, match="two shapes called One"):
        shapes.schema(Shape("One", {"b": 1}))


def test_what_a_key_needs_stands_in_the_document():
    """Scope and role, as the route itself asks for them."""
    found = DOCUMENT["paths"]["/api/projects/{project_id}/hog_functions/"]["post"]
    assert (found["x-required-scope"], found["x-required-role"]) == ("hog_function:write", "editor")
