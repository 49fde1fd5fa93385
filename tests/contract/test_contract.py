"""Requests made up from the OpenAPI document: whatever is sent, the answer is one that the document tells of."""

from __future__ import annotations

import os
import uuid

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from hedgerow.api.app import ROUTERS
from hedgerow.api.schema import build
from hedgerow.delivery.vocabulary import Vocabulary
from hedgerow.events import Event
from support.api import Api, copied
from support.store import fresh_store

# How many requests of each operation are made up, besides the example. For a thorough look:
# HEDGEROW_CONTRACT_EXAMPLES=500 pytest tests/contract
EXAMPLES = int(os.environ.get("HEDGEROW_CONTRACT_EXAMPLES", "8"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
# It goes on for ever.
ENDLESS = {"events_tail"}


def strict(part):
    """The same schema with a word against every field that it does not name: nothing is shown that is not described."""
    if isinstance(part, list):
        return [strict(one) for one in part]
    if not isinstance(part, dict):
        return part
    closed = {"additionalProperties": False} if "properties" in part and part.get("type") == "object" else {}
    return {
        key: value if key in {"example", "enum"} else strict(value) for key, value in part.items()
    } | closed


def contract():
    """The document, strict about answers. What is sent may have more fields than it names."""
    document = build(ROUTERS)
    document.pop("security")  # keys are a matter of other tests
    bodies = str([op.get("requestBody") for path in document["paths"].values() for op in path.values()])
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {
        name: schema if f"schemas/{name}'" in bodies else strict(schema) for name, schema in schemas.items()
    }
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"] = strict(operation["responses"])
    return document


class Door:
    """The application that the requests go to: that of the test that runs."""

    app = None

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


DOOR = Door()
SCHEMA = schemathesis.openapi.from_dict(contract())
SCHEMA.app = DOOR


def furnish(api):
    """Put one of everything into a project; returns ids by the name that they have in paths."""
    hook = api.webhook(enabled=True)
    delivery = api.deliver(
        hook["id"], verdict="failed", kind="http_5xx", error="answered with status 503", status=503
    )
    event = api.capture("signed_up", "ada", plan="pro")[2]
    action = api.call("POST", "actions/", {"name": "Paid", "steps": [{"event": "paid"}]}).json
    cohort = api.call("POST", "cohorts/", {"name": "Few", "is_static": True, "distinct_ids": ["ada"]}).json
    person = uuid.UUID(int=7, version=4)

    def plant(connection):
        words = Vocabulary()
        seen = Event("u", "paid", "ada", {"price": 1}, captured_at=api.now)
        words.write(connection, words.collect([(1, seen)]))
        connection.execute(
            'INSERT INTO persons (id, project_id, uuid, properties, created_at) VALUES (1, 1, ?, \'{"plan":"pro"}\', ?)',
            (person.bytes, api.now),
        )
        connection.execute("INSERT INTO person_distinct_ids VALUES (1, 'ada', 1)")
        connection.execute("INSERT INTO group_types VALUES (1, 'company', 0)")
        connection.execute("INSERT INTO groups VALUES (1, 0, 'acme', '{}', ?, 0)", (api.now,))

    api.state.write_now(plant)
    return {
        "project_id": "1", "destination_id": hook["id"], "delivery_id": delivery, "event_uuid": event,
        "action_id": action["id"], "cohort_id": cohort["id"], "person_id": str(person), "type_index": 0, "group_key": "acme",
        "template_id": "template-webhook", "definition_id": api.get("event_definitions/")["results"][0]["id"], "version": 1,
        "key_id": 1,
    }  # fmt: skip


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """A furnished project to copy, and the ids of what is in it."""
    folder = fresh_store(tmp_path_factory.mktemp("furnished"))
    made = Api(folder)
    ids = furnish(made)
    made.close()
    return folder, ids, made


@pytest.fixture
def place(furnished, tmp_path):
    """An application over a copy of the furnished project, its key, and the ids of what is in it."""
    folder, ids, first = furnished
    made = Api(copied(folder, tmp_path), again=first)
    yield made, ids
    made.close()


OPERATIONS = [
    found.ok()
    for found in SCHEMA.get_all_operations()
    if found.ok().definition.raw["operationId"] not in ENDLESS
]


@pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[one.definition.raw["operationId"] for one in OPERATIONS]
)
def test_every_answer_is_one_that_the_document_tells_of(operation, place):
    """No server errors; no status, field or type that is not described. Half of the requests break the schema somewhere."""
    api, ids = place
    DOOR.app = api.app
    right, wrong = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.example(documented(operation))
    @hypothesis.given(right | wrong)
    def ask(case):
        dice = sum(
            map(ord, f"{case.query}{case.body}{case.path_parameters}")
        )  # the same for the same request
        for name in case.path_parameters or {}:
            if name in ids and (name == "project_id" or dice % 5):  # most requests meet what exists
                case.path_parameters[name] = ids[name]
        try:
            case.call_and_validate(headers={"authorization": f"Bearer {api.key}"}, checks=CHECKS)
        except FailureGroup as failures:
            found = "\n".join(map(str, failures.exceptions))
            raise AssertionError(f"{found}\n{case.as_curl_command()}") from None

    ask()


def documented(operation):
    """The request that the document gives as an example, with the parameters that it cannot do without."""
    raw = operation.definition.raw
    places = {one["name"]: one["example"] for one in raw.get("parameters", []) if one["in"] == "path"}
    content = raw.get("requestBody", {}).get("content", {})
    media = next(iter(content), None)
    sent = {"body": content[media]["example"], "media_type": media} if media else {}
    return operation.Case(path_parameters=places, **sent)


KEYED = [
    (path, method, item)
    for path, some in build(ROUTERS)["paths"].items()
    for method, item in some.items()
    if item.get("security") != []
]


@pytest.mark.parametrize(("path", "method", "item"), KEYED, ids=[item["operationId"] for _, _, item in KEYED])
def test_nothing_is_answered_without_a_key(api, path, method, item):
    """Nor with one that nobody knows."""
    for one in item.get("parameters", []):
        path = path.replace(f"{{{one['name']}}}", str(one["example"]))
    content = next(iter(item.get("requestBody", {}).get("content", {}).values()), {})
    for headers in ({}, {"authorization": "Bearer phx_nobody_knows_this_key_of_mine_at_all"}):
        answer = api.raw(method.upper(), path, content.get("example"), **headers)
        assert answer.status == 401, answer.body
        assert answer.json["type"] == "authentication_error"
