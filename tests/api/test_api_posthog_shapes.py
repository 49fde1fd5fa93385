"""The management API as PostHog's clients know it: every field of a function, its lists, templates, logs and metrics.

The Terraform provider and the MCP server are the clients that matter most; at the end they are played as they behave.
"""

from __future__ import annotations

import json
import uuid
from urllib.parse import quote, urlsplit

import pytest

from hedgerow.accounts.users import create_user
from hedgerow.telemetry import Batch
from hedgerow.telemetry.outbox import store as keep

HOUR = 3_600_000
EVENTS = {
    "source": "events",
    "events": [
        {"id": "order paid", "name": "Order paid!", "type": "events", "order": 0,
         "properties": [{"key": "amount", "value": 5, "operator": "gt", "type": "event"}]},
    ],
    "properties": [{"key": "plan", "value": ["pro"], "operator": "exact", "type": "person"}],
}  # fmt: skip


def post(api, status=201, **fields):
    """Create a function."""
    answer = api.call("POST", "hog_functions/", {"hog": "return 1", **fields})
    assert answer.status == status, answer.body
    return answer.json


def patch(api, made, status=200, **fields):
    """Change a function."""
    answer = api.call("PATCH", f"hog_functions/{made['id']}/", fields)
    assert answer.status == status, answer.body
    return answer.json


def names(api, query):
    """What a list finds."""
    return [item["name"] for item in api.get(f"hog_functions/?{query}")["results"]]


# ------------------------------------------------------------------- the object


def test_a_function_has_these_fields(api):
    """No more and no fewer; what PostHog has is called as there."""
    made = post(api, name="N")
    posthog = {
        "id", "type", "name", "description", "created_at", "created_by", "updated_at", "enabled", "hog", "bytecode",
        "transpiled", "inputs_schema", "inputs", "filters", "masking", "mappings", "icon_url", "template", "status",
        "execution_order", "batch_export_id",
    }  # fmt: skip
    ours = {
        "sampling", "retry", "rate_limit", "ordering", "fetch", "threshold", "digest", "schedule", "health", "held",
        "revision", "draft", "origin",
    }  # fmt: skip
    assert set(made) == posthog | ours
    (listed,) = api.get("hog_functions/")["results"]
    assert set(listed) == {
        "id", "type", "name", "description", "created_at", "created_by", "updated_at", "enabled", "hog", "filters",
        "icon_url", "template", "status", "execution_order",
    } | {"health", "held", "revision", "draft", "schedule"}  # fmt: skip


def test_ids_are_ordered_by_time(api):
    """Version 7 of UUIDs."""
    ids = []
    for _ in range(3):
        api.now += 10
        ids.append(post(api)["id"])
    assert ids == sorted(ids)
    assert {uuid.UUID(one).version for one in ids} == {7}


@pytest.mark.parametrize(
    "kind", ["site_destination", "source_webhook", "site_app", "transformation", "nope", 5, None]
)
def test_types_that_do_not_run_here_are_refused(api, kind):
    """As an unknown choice, with those there are."""
    error = post(api, 400, type=kind)
    assert (error["type"], error["code"], error["attr"]) == ("validation_error", "invalid_choice", "type")
    assert "destination and internal_destination" in error["detail"]


def test_the_type_is_for_good(api):
    """It can be repeated, not changed."""
    made = post(api, type="internal_destination")
    assert patch(api, made, type="internal_destination")["type"] == "internal_destination"
    assert patch(api, made, 400, type="destination")["attr"] == "type"


def test_names(api):
    """Trimmed, up to 400 characters, from the template when empty."""
    assert post(api, name="  x\n")["name"] == "x"
    assert post(api, name="n" * 400)["name"] == "n" * 400
    error = post(api, 400, name="n" * 401)
    assert (error["attr"], error["code"]) == ("name", "max_length")
    hook = {"template_id": "template-webhook", "hog": None, "inputs": {"url": {"value": "u"}}}
    assert post(api, name="", **hook)["name"] == post(api, name=None, **hook)["name"] == "HTTP Webhook"
    assert post(api, 400, name=5)["attr"] == "name"


def test_descriptions(api):
    """Empty unless given; an empty one clears it."""
    made = post(api, description=" d \n")
    assert made["description"] == "d"
    assert patch(api, made, description="")["description"] == ""
    assert post(api)["description"] == ""


def test_times_and_makers(api):
    """ISO-8601 in UTC; who made it in PostHog's shape, null for a key without a user."""
    made = post(api)
    assert made["created_at"] == made["updated_at"] == "2026-05-28T20:26:40.000Z"
    assert made["created_by"] is None
    api.now += 1000
    changed = patch(api, made, name="x")
    assert (changed["created_at"], changed["updated_at"]) == (
        "2026-05-28T20:26:40.000Z",
        "2026-05-28T20:26:41.000Z",
    )
    user = api.state.write_now(
        lambda c: create_user(
            c,
            email="ada@example.com",
            name="Ada",
            password="",
            is_owner=False,
            identity=bytes(16),
            now=1,
        )
    )
    api.state.write_now(lambda c: c.execute("UPDATE destinations SET created_by = ?", (user.id,)))
    assert api.get(f"hog_functions/{made['id']}/")["created_by"] == {
        "id": user.id, "uuid": str(user.uuid), "distinct_id": str(user.uuid), "first_name": "Ada", "last_name": "",
        "email": "ada@example.com", "is_email_verified": None, "hedgehog_config": None, "role_at_organization": None,
    }  # fmt: skip
    assert api.get(f"hog_functions/?created_by={user.id}")["count"] == 1
    assert api.get("hog_functions/?created_by=99")["count"] == 0


def test_enabled_and_deleted(api):
    """Off at first; deleted is written and never read; PATCH with false brings back."""
    made = post(api)
    assert made["enabled"] is False
    assert "deleted" not in made
    assert post(api, 400, enabled="yes")["attr"] == "enabled"
    assert "deleted" not in patch(api, made, deleted=True)
    assert api.call("GET", f"hog_functions/{made['id']}").status == 404
    assert patch(api, made, deleted=False)["id"] == made["id"]


def test_programs(api):
    """Required, trimmed, at most 100 KB; what does not compile says where."""
    for missing in (None, "", "  \n"):
        error = post(api, 400, hog=missing)
        assert (error["attr"], error["detail"]) == ("hog", "Required.")
    assert post(api, hog="return 1\n\n")["hog"] == "return 1"
    assert post(api, 400, hog="let a := (")["detail"].startswith("Hog code has errors.")
    assert post(api, 400, hog=f"return '{'x' * 102_400}'")["attr"] == "hog"
    assert post(api)["bytecode"][:2] == ["_H", 1]


def test_forms_are_echoed_with_their_defaults(api):
    """Each field of an item comes back; flags that were not given are false."""
    item = {
        "key": "kind", "type": "choice", "label": "Kind", "choices": [{"label": "A", "value": "a"}], "default": "a",
        "description": "d", "requires_field": "x", "integration": "slack", "integration_key": "k", "integration_field": "f",
        "requiredScopes": "s", "searchable": True, "templating": False,
    }  # fmt: skip
    made = post(api, inputs_schema=[item])
    assert made["inputs_schema"] == [{"required": False, "secret": False, "hidden": False, **item}]
    error = post(api, 400, inputs_schema=[{"key": "a", "type": "string"}, {"key": "b", "type": "strng"}])
    assert (error["attr"], error["code"]) == ("inputs_schema__1__type", "invalid_choice")


FORM = [
    {"key": "body", "type": "json"},
    {"key": "greeting", "type": "string"},
    {"key": "count", "type": "number"},
    {"key": "token", "type": "string", "secret": True},
]


def test_inputs_come_back_as_written(api):
    """With bytecode and their place in the order of evaluation; secrets as a mark; what is in no form is dropped."""
    made = post(
        api,
        inputs_schema=FORM,
        inputs={
            "body": {"value": {"g": "{inputs.greeting}", "n": [1, "x"]}}, "greeting": {"value": "Hi {person.name}"},
            "count": {"value": 5}, "token": {"value": "s3cret"}, "stranger": {"value": 1},
        },
    )  # fmt: skip
    assert list(made["inputs"]) == ["greeting", "body", "count", "token"]
    greeting, body = made["inputs"]["greeting"], made["inputs"]["body"]
    assert (greeting["value"], greeting["order"], body["order"]) == ("Hi {person.name}", 0, 1)
    assert greeting["bytecode"] == ["_H", 1, 32, "Hi ", 32, "name", 32, "person", 1, 2, 2, "concat", 2]
    assert body["value"] == {"g": "{inputs.greeting}", "n": [1, "x"]}
    assert body["bytecode"] == {
        "g": ["_H", 1, 32, "greeting", 32, "inputs", 1, 2],
        "n": [1, ["_H", 1, 32, "x"]],
    }
    assert made["inputs"]["count"] == {"value": 5, "order": 2}
    assert made["inputs"]["token"] == {"secret": True}


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("string", 5, "Value must be a string."),
        ("number", "5", "Value must be a number."),
        ("boolean", 5, "Value must be a boolean or a template string."),
        ("dictionary", [1], "Value must be a dictionary."),
        ("integration", "x", "Value must be an Integration ID."),
        ("string", "{", "Invalid template"),
        ("string", "{person.properties.a-b-}", "Invalid template"),
    ],
)
def test_each_type_of_input_has_its_error(api, kind, value, said):
    """At the input itself."""
    error = post(api, 400, inputs_schema=[{"key": "x", "type": kind}], inputs={"x": {"value": value}})
    assert (error["type"], error["code"], error["attr"]) == ("validation_error", "invalid_input", "inputs__x")
    assert error["detail"].startswith(said)


def test_required_inputs(api):
    """Missing, null and empty are refused alike; false and zero are values."""
    form = [{"key": "url", "type": "string", "required": True}]
    for given in ({}, {"url": {"value": None}}, {"url": {"value": ""}}, None):
        error = post(api, 400, inputs_schema=form, inputs=given)
        assert error == {
            "type": "validation_error", "code": "invalid_input", "detail": "This field is required.", "attr": "inputs__url",
        }  # fmt: skip
    for kind, value in (("boolean", False), ("number", 0)):
        form = [{"key": "x", "type": kind, "required": True}]
        assert post(api, inputs_schema=form, inputs={"x": {"value": value}})["inputs"]["x"]["value"] is value


def test_secrets(api):
    """The mark keeps the value, a new value takes its place, a mark without anything behind it is refused."""
    made = post(api, inputs_schema=FORM, inputs={"token": {"value": "s3cret"}})
    for kept in (
        {"secret": True},
        {"secret": True, "value": "********"},
        {"value": ""},
        {"value": "********"},
    ):
        assert patch(api, made, inputs={"token": kept})["inputs"]["token"] == {"secret": True}
    assert api.get(f"hog_functions/{made['id']}/")["revision"] == 1
    assert patch(api, made, inputs={"token": {"value": "other"}})["revision"] == 2
    error = post(api, 400, inputs_schema=FORM, inputs={"token": {"secret": True}})
    assert error["detail"] == "No value is saved for this secret input. Enter the value again."


def test_filters_come_back_as_written(api):
    """With source and bytecode; entries are kept to the letter, strangers at the top are dropped."""
    made = post(api, filters={**EVENTS, "stranger": 1, "bytecode": ["x"], "data_warehouse": [{"id": "t"}]})
    assert {key: value for key, value in made["filters"].items() if key != "bytecode"} == EVENTS
    assert made["filters"]["bytecode"][:2] == ["_H", 1]
    assert patch(api, made, filters=None)["filters"] == {"source": "events", "bytecode": ["_H", 1, 29]}
    assert post(api, filters={})["filters"] == {"source": "events", "bytecode": ["_H", 1, 29]}
    updates = post(api, filters={"source": "person-updates", "events": [{"id": "x"}], "properties": []})[
        "filters"
    ]
    assert "events" not in updates


def test_a_filter_that_does_not_compile(api):
    """Kept with its error while the function is off, refused when it would be on."""
    broken = {"source": "events", "actions": [{"id": "77", "type": "actions"}]}
    made = post(api, filters=broken)
    assert made["filters"]["bytecode"] is None
    assert "77" in made["filters"]["bytecode_error"]
    error = patch(api, made, 400, enabled=True)
    assert error["detail"].startswith("Invalid filter configuration: ")
    assert post(api, 400, filters=broken, enabled=True)["attr"].startswith("filters")


def test_masking(api):
    """Echoed, with the bytecode of its hash; bounds are those of PostHog."""
    made = post(api, masking={"ttl": 60, "hash": "{person.id}", "threshold": None})
    assert made["masking"] == {
        "ttl": 60, "hash": "{person.id}", "threshold": None, "bytecode": ["_H", 1, 32, "id", 32, "person", 1, 2],
    }  # fmt: skip
    assert patch(api, made, masking=None)["masking"] is None
    assert post(api, 400, masking={"ttl": 59, "hash": "x"})["attr"] == "masking__ttl"
    assert post(api, 400, masking={"ttl": 86401, "hash": "x"})["attr"] == "masking__ttl"
    assert post(api, 400, masking={"ttl": 60})["attr"] == "masking__hash"


def test_mappings(api):
    """Echoed; the events of the whole make way for theirs; only destinations have them; their inputs are checked alike."""
    mapping = {
        "name": "paid", "inputs_schema": FORM, "inputs": {"greeting": {"value": "{event.event}"}, "token": {"value": "s3cret"}},
        "filters": EVENTS,
    }  # fmt: skip
    made = post(api, filters=EVENTS, mappings=[mapping])
    (shown,) = made["mappings"]
    assert (shown["name"], shown["inputs"]["greeting"]["value"]) == ("paid", "{event.event}")
    assert shown["inputs"]["token"] == {"secret": True}
    assert shown["filters"]["events"] == EVENTS["events"]
    assert shown["filters"]["bytecode"]
    assert "events" not in made["filters"]
    assert made["filters"]["properties"] == EVENTS["properties"]
    error = post(api, 400, mappings=[{"inputs_schema": FORM, "inputs": {"count": {"value": "x"}}}])
    assert error["attr"] == "mappings__0__inputs__count"
    error = post(api, 400, type="internal_destination", mappings=[mapping])
    assert error["detail"] == "Mappings are only allowed for destinations."
    assert patch(api, made, mappings=None)["mappings"] is None


def test_templates_of_functions(api):
    """Shown as an object, given as an id, for good."""
    made = api.webhook()
    assert made["template"]["id"] == "template-webhook"
    assert "template_id" not in made
    assert (made["hog"], made["icon_url"]) == (made["template"]["code"], made["template"]["icon_url"])
    assert patch(api, made, template_id="template-webhook")["template"]["id"] == "template-webhook"
    assert patch(api, made, 400, template_id="other")["attr"] == "template_id"
    error = post(api, 400, template_id="nope")
    assert (error["attr"], error["detail"]) == ("template_id", "No template found for id 'nope'")


def test_the_small_fields(api):
    """Icon, order, batch export, folder."""
    made = post(
        api,
        icon_url="/i.png",
        execution_order=7,
        batch_export_id=str(uuid.UUID(int=5)),
        _create_in_folder="f",
    )
    assert (made["icon_url"], made["execution_order"], made["batch_export_id"]) == (
        "/i.png",
        7,
        str(uuid.UUID(int=5)),
    )
    cleared = patch(api, made, icon_url=None, execution_order=None, batch_export_id=None)
    assert (cleared["icon_url"], cleared["execution_order"], cleared["batch_export_id"]) == (None, None, None)
    assert post(api, 400, execution_order="x")["attr"] == "execution_order"
    assert post(api, 400, batch_export_id="x")["attr"] == "batch_export_id"


def test_the_status_is_two_integers(api):
    """Nothing is known of what is off; something that is on is healthy at first."""
    assert post(api)["status"] == {"state": 0, "tokens": 0}
    assert post(api, enabled=True)["status"] == {"state": 1, "tokens": 10_000}


def test_what_is_read_can_be_written_back(api):
    """The whole answer as a PATCH changes nothing, whatever was in it."""
    made = post(
        api, name="N", description="d", inputs_schema=FORM, filters=EVENTS, masking={"ttl": 60, "hash": "{person.id}"},
        inputs={"body": {"value": {"a": "{event.uuid}"}}, "token": {"value": "s3cret"}}, execution_order=1,
        icon_url="/i", mappings=[{"name": "m", "inputs_schema": FORM, "inputs": {"token": {"value": "t"}}}],
    )  # fmt: skip
    for method in ("PATCH", "PUT"):
        answer = api.call(method, f"hog_functions/{made['id']}/", made)
        assert (answer.status, answer.json) == (200, made)


# ------------------------------------------------------------------------ lists


def test_lists_are_filtered_by_every_field(api):
    """type (also several, also types), enabled, id, created_at, updated_at."""
    first = post(api, name="A", enabled=True)
    api.now += 5000
    second = post(api, name="B", type="internal_destination")
    assert names(api, "") == ["B", "A"]
    assert names(api, "type=destination") == names(api, "types=destination,site_app") == ["A"]
    assert names(api, "type=destination,internal_destination") == ["B", "A"]
    assert names(api, "enabled=false") == ["B"]
    assert names(api, f"id={first['id']}") == ["A"]
    assert names(api, f"id={first['id']},{second['id']}") == ["B", "A"]
    for field in ("created_at", "updated_at"):
        assert names(api, f"{field}={second[field]}") == ["B"]
        assert names(api, f"{field}={second[field].replace('Z', '+00:00')}") == ["B"]
        assert api.call("GET", f"hog_functions/?{field}=soon").json["attr"] == field
    for name, value in (
        ("id", "x"),
        ("enabled", "perhaps"),
        ("created_by", "ada"),
        ("limit", "0"),
        ("offset", "-1"),
    ):
        assert api.call("GET", f"hog_functions/?{name}={value}").json["attr"] == name


def test_lists_are_searched(api):
    """In name and description, misspelt too; only then is it told how each was found, and exact ones come first."""
    post(api, name="Orders to the warehouse")
    api.now += 1
    post(api, name="Warehose", description="misspelt by somebody")
    found = api.get("hog_functions/?search=WAREHOUSE")["results"]
    assert [(item["name"], item["search_match_type"]) for item in found] == [
        ("Orders to the warehouse", "exact"), ("Warehose", "similar"),
    ]  # fmt: skip
    assert names(api, "search=somebody") == ["Warehose"]
    assert names(api, "search=slack") == []
    assert names(api, f"search={'x' * 5000}") == []
    assert "search_match_type" not in api.get("hog_functions/")["results"][0]
    page = api.get("hog_functions/?search=warehouse&limit=1&offset=1")
    assert (page["count"], page["results"][0]["name"]) == (2, "Warehose")


def test_lists_are_filtered_by_what_a_filter_contains(api):
    """A part of the filter, or one of several parts."""
    post(api, name="paid", filters=EVENTS)
    post(api, name="all")
    post(api, name="people", filters={"source": "person-updates"})

    def find(**given):
        return set(names(api, "&".join(f"{key}={quote(json.dumps(value))}" for key, value in given.items())))

    assert find(filters={"events": [{"id": "order paid"}]}) == {"paid"}
    assert find(filters={"events": [{"id": "order"}]}) == set()
    assert find(filters={"source": "events"}) == {"paid", "all"}
    assert find(filter_groups=[{"source": "person-updates"}, {"events": [{"id": "order paid"}]}]) == {
        "people",
        "paid",
    }
    assert find(filters={"source": "person-updates"}, filter_groups=[{"events": []}]) == {"people", "paid"}
    assert api.call("GET", "hog_functions/?filters=x").json["attr"] == "filters"
    assert api.call("GET", "hog_functions/?filters=[]").json["attr"] == "filters"
    assert api.call("GET", "hog_functions/?filter_groups={}").json["attr"] == "filter_groups"


def test_lists_are_sorted_and_paged(api):
    """By execution order, then the latest changed first; next and previous lead through all of them."""
    for number, order in enumerate((None, 2, 1, None)):
        api.now += 1
        post(api, name=str(number), execution_order=order)
    assert names(api, "") == ["2", "1", "3", "0"]
    page = api.get("hog_functions/?limit=3")
    assert (page["count"], page["previous"]) == (4, None)
    parts = urlsplit(page["next"])
    rest = api.raw("GET", f"{parts.path}?{parts.query}", authorization=f"Bearer {api.key}").json
    assert ([item["name"] for item in rest["results"]], rest["next"]) == (["0"], None)
    assert "offset=0" in rest["previous"]


def test_rearranging(api):
    """New places for some; the answer is all of their type, in order. Nobody is moved when one id is wrong."""
    made = [post(api, name=name) for name in "ABC"]
    orders = {made[0]["id"]: 2, made[2]["id"]: 1}
    answer = api.call("PATCH", "hog_functions/rearrange/", {"orders": orders})
    assert answer.status == 200
    assert [(item["name"], item["execution_order"]) for item in answer.json] == [
        ("C", 1),
        ("A", 2),
        ("B", None),
    ]
    for empty in ({}, {"orders": {}}, {"orders": None}, []):
        error = api.call("PATCH", "hog_functions/rearrange", empty)
        assert (error.status, error.json["detail"]) == (400, "No orders provided")
    strange = str(uuid.UUID(int=7))
    error = api.call("PATCH", "hog_functions/rearrange/", {"orders": {made[1]["id"]: 1, strange: 2}}).json
    assert error["detail"] == f"HogFunction with id {strange} does not exist"
    assert api.get(f"hog_functions/{made[1]['id']}/")["execution_order"] is None
    assert (
        api.call("PATCH", "hog_functions/rearrange/", {"orders": {made[1]["id"]: "x"}}).json["attr"]
        == "orders"
    )


def test_icons_and_backfills(api):
    """Icons are those of templates; batch exports are none of this server's business, and that is said."""
    assert api.get("hog_functions/icons/") == []
    assert api.get("hog_functions/icons/?query=nothing-like-it") == []
    assert api.call("GET", "hog_functions/icon/").status == 400
    assert api.call("GET", "hog_functions/icon/?id=x").status == 404
    made = post(api)
    assert api.call("POST", f"hog_functions/{made['id']}/enable_backfills/", {}).status == 403
    internal = post(api, type="internal_destination")
    assert "error" in api.call("POST", f"hog_functions/{internal['id']}/enable_backfills/", {}).json


# -------------------------------------------------------------------- templates


def test_a_template_has_these_fields(api):
    """As PostHog shows it; the public list has no secrets and needs no key."""
    one = api.get("hog_function_templates/template-webhook/")
    assert set(one) == {
        "id", "name", "description", "code", "code_language", "inputs_schema", "type", "status", "category", "free",
        "icon_url", "filters", "masking", "mapping_templates",
    }  # fmt: skip
    assert (one["type"], one["code_language"]) == ("destination", "hog")
    page = api.get("hog_function_templates/?limit=1")
    assert set(page) == {"count", "next", "previous", "results"}
    assert api.get("hog_function_templates/?type=transformation")["count"] == 0
    assert api.get("hog_function_templates/?types=destination,transformation")["count"] >= 1
    assert api.get("hog_function_templates/?template_id=template-webhook")["count"] == 1
    assert api.get("hog_function_templates/?template_id=nope")["count"] == 0
    assert api.raw("GET", "/api/public_hog_function_templates/template-webhook").json == one


# -------------------------------------------------------------- logs and metrics


def told(api, made, *lines):
    """Lines of a function's log: (seconds ago, level, text, delivery)."""
    batch, owner = Batch(), uuid.UUID(made["id"]).bytes
    for ago, level, text, delivery in lines:
        batch.line(1, owner, delivery, api.now - ago * 1000, level, text)
    api.telemetry.write_now(lambda c: keep(c, batch))


def test_logs(api):
    """Newest first, in PostHog's fields, narrowed by every parameter, under both kinds of path."""
    made, run = post(api), uuid.uuid4()
    told(api, made, (3, "info", "one", None), (2, "warn", "two", run.bytes), (1, "error", "Three", run.bytes))
    base = f"hog_functions/{made['id']}/logs/"

    def messages(query):
        return [line["message"] for line in api.get(f"{base}?{query}")["results"]]

    newest = api.get(base)["results"][0]
    assert newest == {
        "log_source_id": made["id"], "instance_id": str(run), "timestamp": "2026-05-28T20:26:39.000Z", "level": "ERROR",
        "message": "Three",
    }  # fmt: skip
    assert messages("") == ["Three", "two", "one"]
    assert messages("level=WARN,ERROR") == messages("level=warn&level=error") == ["Three", "two"]
    assert messages("level=WARNING") == ["two"]
    assert messages("search=tHR") == ["Three"]
    assert messages(f"instance_id={run}") == ["Three", "two"]
    assert messages("after=2026-05-28T20:26:38Z") == ["Three"]
    assert messages("before=2026-05-28T20:26:38Z") == ["one"]
    assert messages("after=-2d&before=2026-05-28T20:26:38.500Z") == ["two", "one"]
    assert messages("limit=1&offset=1") == ["two"]
    assert api.get(base + "?limit=1")["count"] == 3
    for name, value in (("limit", "501"), ("limit", "0"), ("instance_id", "x"), ("after", "soon")):
        assert api.call("GET", f"{base}?{name}={value}").json["attr"] == name
    other = api.raw("GET", f"/api/environments/1/{base}", authorization=f"Bearer {api.key}")
    assert len(other.json["results"]) == 3


def counted(api, made, *counts):
    """Counts of a function: (hours ago, kind, name, how many)."""
    batch, owner = Batch(), uuid.UUID(made["id"]).bytes
    for ago, kind, name, count in counts:
        batch.count(1, owner, api.now - ago * HOUR, kind, name, count)
    api.telemetry.write_now(lambda c: keep(c, batch))


def test_metrics(api):
    """Zero-filled series by day unless asked otherwise, a week back unless asked otherwise."""
    made = post(api)
    counted(
        api,
        made,
        (0, "success", "succeeded", 2),
        (25, "failure", "failed", 1),
        (30 * 24, "success", "succeeded", 9),
    )
    base = f"hog_functions/{made['id']}/metrics/"
    week = api.get(base)
    assert (week["labels"][0], week["labels"][-1], len(week["labels"])) == ("2026-05-21", "2026-05-28", 8)
    assert week["series"] == [
        {"name": "failure", "values": [0, 0, 0, 0, 0, 0, 1, 0]}, {"name": "success", "values": [0, 0, 0, 0, 0, 0, 0, 2]},
    ]  # fmt: skip
    by_name = api.get(base + "?breakdown_by=name&name=succeeded")["series"]
    assert [item["name"] for item in by_name] == ["succeeded"]
    assert [item["name"] for item in api.get(base + "?kind=failure,other")["series"]] == ["failure"]
    hours = api.get(base + "?interval=hour&after=-2h")
    assert hours["labels"] == ["2026-05-28T18:00", "2026-05-28T19:00", "2026-05-28T20:00"]
    assert hours["series"] == [{"name": "success", "values": [0, 0, 2]}]
    assert len(api.get(base + "?interval=week&after=-21d")["labels"]) == 4
    assert api.get(base + "?after=2026-01-01&before=2026-01-02")["series"] == []
    for query in ("interval=year", "breakdown_by=x", "after=soon"):
        assert api.call("GET", f"{base}?{query}").status == 400
    other = api.raw("GET", f"/api/environments/1/{base}", authorization=f"Bearer {api.key}")
    assert other.json == week


def test_totals(api):
    """The same over the whole period, and the same defaults."""
    made = post(api)
    counted(
        api,
        made,
        (0, "success", "succeeded", 2),
        (25, "failure", "failed", 1),
        (30 * 24, "success", "succeeded", 9),
    )
    base = f"hog_functions/{made['id']}/metrics/totals/"
    assert api.get(base) == {"totals": {"failure": 1, "success": 2}}
    assert api.get(base + "?after=-60d") == {"totals": {"failure": 1, "success": 11}}
    assert api.get(base + "?breakdown_by=name&kind=success") == {"totals": {"succeeded": 2}}
    assert api.get(base + "?before=-24h") == {"totals": {"failure": 1}}
    assert api.call("GET", base + "?breakdown_by=x").status == 400


def test_metrics_of_one_delivery(api):
    """From the ledger; another function's delivery is none of it."""
    made, other = post(api), post(api)
    run = api.deliver(made["id"], verdict="failed", attempts=3)
    base = f"hog_functions/{made['id']}/metrics/"
    assert api.get(f"{base}totals/?instance_id={run}&breakdown_by=name") == {
        "totals": {"failed": 1, "fetch": 3, "triggered": 1}
    }
    assert api.get(f"{base}totals/?instance_id={run}&kind=failure") == {"totals": {"failure": 1}}
    chart = api.get(f"{base}?instance_id={run}&kind=failure&after=-1d")
    assert chart["series"] == [{"name": "failure", "values": [0, 1]}]
    assert api.get(f"hog_functions/{other['id']}/metrics/totals/?instance_id={run}") == {"totals": {}}
    assert api.get(f"{base}totals/?instance_id={uuid.uuid4()}") == {"totals": {}}
    assert api.call("GET", f"{base}?instance_id=x").json["attr"] == "instance_id"


# ------------------------------------------------------------ clients as they are


def stripped(value):
    """What the Terraform provider throws away before it compares."""
    if isinstance(value, dict):
        return {key: stripped(item) for key, item in value.items() if key not in {"bytecode", "order"}}
    return [stripped(item) for item in value] if isinstance(value, list) else value


def kept(mine, theirs):
    """Of an answer only what the user wrote, as the provider does."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return {key: kept(value, theirs[key]) for key, value in mine.items() if key in theirs}
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        return [kept(one, other) for one, other in zip(mine, theirs, strict=True)]
    return theirs


PLAN = {
    "type": "destination", "name": "From Terraform", "description": "d", "enabled": True, "hog": "return inputs.url",
    "inputs_schema": [
        {"key": "url", "type": "string", "label": "URL", "required": True, "secret": False},
        {"key": "headers", "type": "dictionary"},
        {"key": "token", "type": "string", "secret": True},
    ],
    "inputs": {
        "url": {"value": "https://example.com/{event.event}", "templating": "hog"},
        "headers": {"value": {"x-a": "b"}},
    },
    "filters": {
        "source": "events", "filter_test_accounts": False, "properties": [],
        "events": [{"id": "$pageview", "name": "Pageview", "type": "events", "properties": []}],
    },
    "masking": {"hash": "{person.id}", "ttl": 3600, "threshold": 5},
    "icon_url": "/static/services/webhook.svg", "execution_order": 1,
}  # fmt: skip


def terraform(api, method, path, body=None):
    """A request as the provider makes it."""
    return api.raw(
        method, f"/api/environments/1/hog_functions/{path}", body, authorization=f"Bearer {api.key}",
        **{"content-type": "application/json", "user-agent": "posthog/terraform-provider; version: 1.0.0"},
    )  # fmt: skip


def decoded(answer):
    """What the provider's types can take in; anything else fails its apply."""
    for name in ("id",):
        assert isinstance(answer[name], str)
    for name in ("type", "name", "description", "hog", "icon_url", "created_at", "updated_at"):
        assert isinstance(answer[name], str | None)
    assert isinstance(answer["enabled"], bool)
    assert isinstance(answer["inputs_schema"], list)
    for name in ("inputs", "filters", "masking", "created_by", "template"):
        assert isinstance(answer[name], dict | None)
    assert isinstance(answer["mappings"], list | None)
    assert isinstance(answer["execution_order"], int | None)
    assert {type(answer["status"][name]) for name in ("state", "tokens")} == {int}
    if answer["template"]:
        assert all(isinstance(answer["template"][name], str) for name in ("id", "name", "type"))
        assert all(
            isinstance(answer["template"][name], str | None) for name in ("description", "status", "icon_url")
        )
    return answer


@pytest.mark.parametrize(
    "written",
    [
        stripped(PLAN),
        {
            **stripped(PLAN),
            "mappings": [
                {
                    "name": "m",
                    "filters": PLAN["filters"],
                    "inputs_schema": PLAN["inputs_schema"],
                    "inputs": PLAN["inputs"],
                }
            ],
            "filters": {"source": "events"},
        },
    ],
)
def test_terraform(api, written):
    """Create, read without a difference, update with the whole plan, destroy, and find it gone."""
    sent = {**written, "inputs": {**written["inputs"], "token": {"value": "s3cret"}}}
    made = terraform(api, "POST", "", sent)
    assert made.status == 201, made.body
    path = f"{made.json['id']}/"
    read = decoded(terraform(api, "GET", path).json)
    assert kept(written, stripped(read)) == written
    again = terraform(api, "PATCH", path, sent)
    assert (again.status, again.json["revision"]) == (200, 1)
    changed = {**sent, "description": "", "enabled": False}
    assert decoded(terraform(api, "PATCH", path, changed).json)["description"] == ""
    assert terraform(api, "PATCH", path, {"deleted": True}).status == 200
    assert terraform(api, "GET", path).status == 404


def test_terraform_from_a_template(api):
    """With as little as it may send."""
    made = terraform(
        api, "POST", "", {"template_id": "template-webhook", "inputs": {"url": {"value": "https://x.test"}}}
    )
    assert made.status == 201
    assert decoded(made.json)["template"]["id"] == "template-webhook"


def test_the_mcp_server(api):
    """Its tools' calls: list, retrieve, change on condition, delete, templates, logs, metrics, history."""
    made = post(api, name="N", inputs_schema=FORM, inputs={"greeting": {"value": "x"}})
    path = f"hog_functions/{made['id']}/"
    assert api.get("hog_functions/?type=destination,site_app&limit=10&offset=0&enabled=false")["count"] == 1
    assert api.get(path)["inputs"]["greeting"]["value"] == "x"
    changed = patch(api, made, name="M", base_updated_at=made["updated_at"])
    assert changed["name"] == "M"
    patch(api, made, 412, name="L", base_updated_at="2020-01-01T00:00:00Z")
    assert api.get("hog_function_templates/?limit=5&offset=0&type=destination")["results"]
    assert api.get(path + "logs/?limit=10&level=WARN,ERROR")["results"] == []
    assert set(api.get(path + "metrics/?interval=day&breakdown_by=name")) == {"labels", "series"}
    assert api.get(path + "revisions/")["results"][0]["number"] == 2
    assert api.get(path + "revisions/1/")["configuration"]["name"] == "N"
    assert api.call("PATCH", path, {"deleted": True}).status == 200


def test_where_am_i(api):
    """Before anything else clients ask for themselves, their organization, and its projects."""

    def get(path, status=200):
        answer = api.raw("GET", path, authorization=f"Bearer {api.key}")
        assert answer.status == status, answer.body
        return answer.json

    mine = get("/api/users/@me/")["organization"]
    assert mine["membership_level"] == 15
    current = get("/api/organizations/@current/")
    assert mine.items() <= current.items()
    assert get(f"/api/organizations/{mine['id']}/") == current == get("/api/organizations/")["results"][0]
    assert [(one["id"], one["organization"]) for one in current["projects"]] == [(1, mine["id"])]
    assert current["teams"][0]["api_token"] == get("/api/projects/1/")["api_token"]
    assert get("/api/organizations/@current/projects/")["results"] == get("/api/projects/")["results"]
    get(f"/api/organizations/{uuid.UUID(int=2)}/", 404)
