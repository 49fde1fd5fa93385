"""Checking destinations before they are saved, in the form that PostHog's clients expect."""

import pytest

from hedgerow.destinations import Existing, Project, Secrets, ValidationError, builtin, validate

PROJECT = Project(1)
HOOK = {"template_id": "template-webhook", "inputs": {"url": {"value": "https://x.test"}}}
SECRET_FORM = [{"key": "token", "type": "string", "secret": True, "required": True}]


def checked(payload, existing=None):
    return validate(payload, project=PROJECT, templates=builtin(), existing=existing)


def changed(first, second):
    """Save one payload, then change it by another."""
    valid = checked(first)
    return checked(second, Existing(valid.config, valid.secrets))


def form(*fields, **inputs):
    """A destination with its own form."""
    return {
        "hog": "return 1",
        "inputs_schema": list(fields),
        "inputs": {k: {"value": v} for k, v in inputs.items()},
    }


def fault(payload, existing=None):
    with pytest.raises(ValidationError) as caught:
        checked(payload, existing)
    return caught.value


# ----------------------------------------------------------------------- the whole


def test_the_smallest_destination():
    """A program is all that is needed; it is off and takes every event."""
    config = checked({"hog": "return 1"}).config
    assert (config.enabled, config.inputs, config.filters) == (False, {}, {"source": "events"})
    assert config.type == "destination"


def test_a_template_brings_what_is_not_said():
    """Name, code, form and defaults come from the template."""
    config = checked(HOOK).config
    assert config.name == "HTTP Webhook"
    assert "fetch" in config.hog
    assert config.inputs["method"] == {"value": "POST"}
    assert config.inputs["body"]["value"] == {"event": "{event}", "person": "{person}"}
    named = checked({**HOOK, "name": "  Mine  ", "hog": " return 2 "}).config
    assert (named.name, named.hog) == ("Mine", "return 2")


@pytest.mark.parametrize(
    ("payload", "attr", "code", "said"),
    [
        ([], None, "invalid", "dictionary"),
        ({}, "hog", "required", "Required."),
        ({"hog": " "}, "hog", "required", "Required."),
        ({"hog": 5}, "hog", "invalid", "string"),
        ({"hog": "x" * 200_000}, "hog", "max_length", "100 KB"),
        ({"hog": "let x = "}, "hog", "invalid_input", "Hog code has errors."),
        ({"hog": "return 1", "naem": "x"}, "naem", "unknown_field", "Did you mean name?"),
        ({"hog": "return 1", "name": 5}, "name", "invalid", "string"),
        ({"hog": "return 1", "name": "x" * 401}, "name", "max_length", "400"),
        ({"hog": "return 1", "enabled": "yes"}, "enabled", "invalid", "boolean"),
        ({"hog": "return 1", "type": "transformation"}, "type", "invalid_choice", "not a valid choice"),
        ({"hog": "return 1", "template_id": "template-nope"}, "template_id", "invalid_input", "No template found for id 'template-nope'"),
        ({"hog": "return 1", "template_id": ["x"]}, "template_id", "invalid_input", "No template"),
        ({"hog": "return 1", "execution_order": -1}, "execution_order", "invalid", "integer"),
        ({"hog": "return 1", "batch_export_id": "x"}, "batch_export_id", "invalid", "UUID"),
        ({"hog": "return 1", "icon_url": 5}, "icon_url", "invalid", "string"),
        ({"hog": "return 1", "retry": "often"}, "retry", "invalid_choice", "quick, standard, patient"),
        ({"hog": "return 1", "retry": [1, -1]}, "retry", "invalid_choice", "delays"),
        ({"hog": "return 1", "ordering": "email"}, "ordering", "invalid_choice", "distinct_id"),
        ({"hog": "return 1", "rate_limit": 5}, "rate_limit", "invalid", "dictionary"),
        ({"hog": "return 1", "rate_limit": {}}, "rate_limit__per_second", "invalid_input", "per second"),
        ({"hog": "return 1", "rate_limit": {"per_second": 0}}, "rate_limit__per_second", "invalid_input", "an hour"),
        ({"hog": "return 1", "rate_limit": {"per_minute": 5}}, "rate_limit__per_minute", "unknown_field", "per_minute"),
        ({"hog": "return 1", "masking": {"ttl": 60}}, "masking__hash", "required", "required"),
        ({"hog": "return 1", "masking": {"hash": "{person.id}"}}, "masking__ttl", "required", "required"),
        ({"hog": "return 1", "masking": {"hash": "{", "ttl": 60}}, "masking__hash", "invalid_input", "Invalid template"),
        ({"hog": "return 1", "masking": {"hash": "a", "ttl": 59}}, "masking__ttl", "min_value", "60"),
        ({"hog": "return 1", "masking": {"hash": "a", "ttl": 86401}}, "masking__ttl", "max_value", "86400"),
        ({"hog": "return 1", "masking": {"hash": "a", "ttl": "60"}}, "masking__ttl", "invalid", "integer"),
        ({"hog": "return 1", "masking": {"hash": "a", "ttl": 60, "threshold": 0}}, "masking__threshold", "min_value", "1"),
        ({"hog": "return 1", "masking": 5}, "masking", "invalid", "dictionary"),
        ({"hog": "return 1", "threshold": 5}, "threshold", "invalid", "dictionary"),
        ({"hog": "return 1", "threshold": {"count": 3}}, "threshold__window", "required", "required"),
        ({"hog": "return 1", "threshold": {"count": 1, "window": 60}}, "threshold__count", "min_value", "2"),
        ({"hog": "return 1", "threshold": {"number": 3}}, "threshold__number", "unknown_field", "count, window"),
        ({"hog": "return 1", "digest": {"intervall": 3}}, "digest__intervall", "unknown_field", "mean interval"),
        ({"hog": "return 1", "digest": {"interval": "1h"}}, "digest__interval", "invalid", "integer"),
        ({"hog": "return 1", "digest": {"interval": 60, "limit": 9999}}, "digest__limit", "max_value", "1000"),
        ({"hog": "return 1", "digest": {"interval": 60, "key": "{a"}}, "digest__key", "invalid_input", ""),
        ({"hog": "return 1", "sampling": {"percentage": 0}}, "sampling__percentage", "invalid_input", "above 0"),
        ({"hog": "return 1", "sampling": {"percentage": 5, "by": "moon"}}, "sampling__by", "invalid_choice", "person"),
        ({"hog": "return 1", "sampling": 5}, "sampling", "invalid", "dictionary"),
        ({"hog": "return 1", "inputs": []}, "inputs", "invalid", "dictionary"),
        ({"hog": "return 1", "inputs_schema": {}}, "inputs_schema", "invalid_input", "list"),
        ({"hog": "return 1", "inputs_schema": [5]}, "inputs_schema__0", "invalid", "dictionary"),
        ({"hog": "return 1", "inputs_schema": [{"key": "a"}]}, "inputs_schema__0__type", "required", "required"),
        ({"hog": "return 1", "inputs_schema": [{"key": "a", "type": "sting"}]}, "inputs_schema__0__type", "invalid_choice", 'Did you mean "string"?'),
        ({"hog": "return 1", "inputs_schema": [{"key": 5, "type": "string"}]}, "inputs_schema__0__key", "invalid", "string"),
        ({"hog": "return 1", "inputs_schema": [{"key": "a", "type": "string"}] * 2}, "inputs_schema__1__key", "unique", "Two inputs"),
        ({"hog": "return 1", "inputs_schema": [{"key": "a", "type": "string", "secret": 1}]}, "inputs_schema__0__secret", "invalid", "boolean"),
        ({"hog": "return 1", "inputs_schema": [{"key": "a", "type": "string", "label": 1}]}, "inputs_schema__0__label", "invalid", "string"),
        ({"hog": "return 1", "inputs_schema": [{"key": "a", "type": "string", "templating": "jinja"}]}, "inputs_schema__0__templating", "invalid_choice", "liquid"),
        ({"hog": "return 1", "inputs_schema": [{"key": "a", "type": "choice", "choices": ["a"]}]}, "inputs_schema__0__choices", "invalid", "value"),
        ({"hog": "return 1", "enabled": True, "filters": {"properties": [{"key": "a"}]}}, "filters__properties__0__value", "required", "Invalid filter configuration"),
        ({"hog": "return 1", "type": "internal_destination", "mappings": []}, "mappings", "invalid_input", "Mappings are only allowed for destinations."),
        ({"hog": "return 1", "mappings": [5]}, "mappings", "invalid", "list"),
        ({"hog": "return 1", "mappings": [{"nmae": 1}]}, "mappings__0__nmae", "unknown_field", "no field"),
        ({"hog": "return 1", "mappings": [{"name": 1}]}, "mappings__0__name", "invalid", "valid value"),
        ({"hog": "return 1", "enabled": True, "mappings": [{"filters": {"properties": 5}}]}, "mappings__0__filters__properties", "invalid_input", "list"),
        ({"hog": "return 1", "mappings": [{"inputs_schema": [{"key": "u", "type": "string", "required": True}]}]}, "mappings__0__inputs__u", "invalid_input", "This field is required."),
    ],
)  # fmt: skip
def test_faults_name_their_field(payload, attr, code, said):
    """The answer tells which field, which rule, and what to do."""
    error = fault(payload)
    assert (error.attr, error.code) == (attr, code)
    assert said in error.detail
    assert error.as_dict() == {"type": "validation_error", "code": code, "detail": error.detail, "attr": attr}


def test_an_error_in_the_code_shows_its_place():
    """Line, column and a caret under the place."""
    error = fault({"hog": "let a := 1\nlet b := a +"})
    assert (error.line, error.attr) == (2, "hog")
    assert "^" in error.detail


def test_what_clients_send_back_is_accepted():
    """Read-only fields of an answer may be part of the next request."""
    answer = {
        "id": "x",
        "created_at": "t",
        "updated_at": "t",
        "created_by": None,
        "bytecode": [],
        "status": {},
        "template": {},
    }
    assert checked({**HOOK, **answer}).config.name == "HTTP Webhook"


def test_only_what_is_sent_changes():
    """A change of one field keeps the others, type and template for good."""
    valid = changed({**HOOK, "name": "A", "enabled": True}, {"description": "d", "type": "destination"})
    assert (valid.config.name, valid.config.description, valid.config.enabled) == ("A", "d", True)
    existing = Existing(valid.config, valid.secrets)
    assert fault({"type": "internal_destination"}, existing).attr == "type"
    assert fault({"template_id": "other"}, existing).attr == "template_id"
    assert checked({"template_id": "template-webhook"}, existing).config.template_id == "template-webhook"


def test_emptying_the_form_drops_the_values():
    """An empty list is a value, not an absence."""
    config = changed(form({"key": "a", "type": "string"}, a="x"), {"inputs_schema": []}).config
    assert (config.inputs_schema, config.inputs) == ([], {})


def test_what_is_deleted_need_not_be_in_order():
    """A destination whose filter no longer compiles can be thrown away, but not brought back."""
    valid = checked(HOOK)
    valid.config.filters = {"actions": [{"id": "9"}]}
    valid.config.enabled = True
    existing = Existing(valid.config, valid.secrets)
    gone = checked({"deleted": True}, existing)
    assert gone.config.deleted
    assert fault({"deleted": False}, Existing(gone.config, gone.secrets)).attr == "filters__actions__0__id"


def test_nothing_is_changed_in_place():
    """A refused change leaves the saved configuration alone."""
    valid = checked(HOOK)
    before = valid.config.encode()
    fault({"name": "new", "hog": "("}, Existing(valid.config, valid.secrets))
    assert valid.config.encode() == before


# ------------------------------------------------------------------------- inputs


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ({"type": "string", "required": True}, None, "This field is required."),
        ({"type": "string", "required": True}, "", "This field is required."),
        ({"type": "string"}, 5, "Value must be a string."),
        ({"type": "number"}, "5", "Value must be a number."),
        ({"type": "number"}, True, "Value must be a number."),
        ({"type": "boolean"}, 5, "Value must be a boolean or a template string."),
        ({"type": "boolean", "templating": False}, "x", "Value must be a boolean."),
        ({"type": "boolean", "templating": "liquid"}, "x", "Value must be a boolean or a template string."),
        ({"type": "dictionary"}, [1], "Value must be a dictionary."),
        ({"type": "choice", "choices": [{"value": "a"}, {"value": "b"}]}, "c", "Choose one of: a, b."),
        ({"type": "integration"}, "7", "Value must be an Integration ID."),
        ({"type": "integration_multi"}, [True], "list of Integration IDs"),
        ({"type": "non_failure_status_codes"}, [200], "status codes"),
        ({"type": "non_failure_status_codes"}, "4xx", "status codes"),
        ({"type": "email"}, "a@b.c", "email object"),
        ({"type": "email"}, {"to": "x"}, "The email lacks: from, subject, text or html."),
        ({"type": "email"}, {"from": {"email": 5}, "to": "x", "subject": "s", "text": "t"}, "must be strings"),
        ({"type": "email"}, {"from": {"integrationIds": list(range(11))}, "to": "x", "subject": "s", "text": "t"}, "at most 10"),
        ({"type": "string"}, "{event.", "Invalid template"),
        ({"type": "string"}, "{{event.name}}", "single braces"),
        ({"type": "json"}, {"a": [{"b": "{nosuch(}"}]}, "Invalid template"),
        ({"type": "string"}, "{fetch('x')}", "fetch"),
        ({"type": "json"}, {"a": ["{persn.name}"]}, "Did you mean person?"),
        ({"type": "string", "templating": "liquid"}, "{{ event.name", "Invalid template"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_their_field(field, value, said):
    """Each type says what it takes."""
    error = fault(form({"key": "a", **field}, a=value))
    assert error.attr == "inputs__a"
    assert said in error.detail


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"type": "string"}, "Hi {person.name}"),
        ({"type": "json"}, "{arrayMap(x -> x.name ?? true, arrayFilter(notEmpty, event.properties.list))}"),
        ({"type": "string"}, ""),
        ({"type": "number"}, 0),
        ({"type": "boolean"}, False),
        ({"type": "boolean"}, "{event.properties.x}"),
        ({"type": "string"}, "{(() -> { let n := 0; for (let k, v in event.properties) { n := n + v; } return n })()}"),
        ({"type": "dictionary"}, {"a": "{event}", "b": 1}),
        ({"type": "json"}, [1, {"a": None}]),
        ({"type": "choice", "choices": [{"value": "a", "label": "A"}]}, "a"),
        ({"type": "integration"}, 7),
        ({"type": "integration_multi"}, [7, 8]),
        ({"type": "non_failure_status_codes"}, [404, "409", "5XX"]),
        ({"type": "email"}, {"from": {"email": "a"}, "to": {"email": "b"}, "subject": "s", "html": "h", "design": "{{not a template}}"}),
        ({"type": "posthog_assignee"}, {"any": "{thing"}),
        ({"type": "string", "templating": False}, "{not a template"),
    ],
)  # fmt: skip
def test_values_that_fit(field, value):
    """They are kept exactly as written."""
    assert checked(form({"key": "a", **field}, a=value)).config.inputs["a"]["value"] == value


def test_a_syntax_error_in_a_template_shows_line_and_column():
    """The place is told within the text of the input."""
    error = fault(form({"key": "a", "type": "json"}, a={"x": "first\nsecond {1 +} third"}))
    assert (error.attr, error.line) == ("inputs__a", 2)
    assert error.column


def test_how_texts_are_read_is_decided_by_the_form_first():
    """The form's word counts; then the input's; then Hog."""
    fields = [
        {"key": "a", "type": "string"},
        {"key": "b", "type": "string", "templating": True},
        {"key": "c", "type": "string", "templating": False},
        {"key": "d", "type": "choice"},
    ]
    given = {key: {"value": "x", "templating": "hog", "junk": 1, "bytecode": []} for key in "abcd"}
    config = checked({"hog": "return 1", "inputs_schema": fields, "inputs": given}).config
    assert config.inputs == {
        "a": {"value": "x", "templating": "hog"},
        "b": {"value": "x", "templating": "hog"},
        "c": {"value": "x"},
        "d": {"value": "x"},
    }


def test_values_without_a_field_are_dropped():
    """The form decides what there is."""
    assert set(checked(form({"key": "a", "type": "string"}, a="x", b="y")).config.inputs) == {"a"}


def test_absent_values_take_their_defaults_and_empty_ones_do_not():
    """An input that is not mentioned takes its default; one that is emptied stays empty."""
    field = {"key": "a", "type": "string", "default": "d"}
    assert checked(form(field)).config.inputs["a"]["value"] == "d"
    assert checked(form(field, a="")).config.inputs["a"]["value"] == ""
    assert checked(form({**field, "required": True}, a="")).config.inputs["a"]["value"] == "d"
    assert checked(form({"key": "a", "type": "string"})).config.inputs == {}


def test_inputs_are_put_in_the_order_of_their_references():
    """An input comes after those it reads, in Hog and in brackets; others stay in place."""
    fields = [{"key": key, "type": "string"} for key in "abcd"]
    inputs = {"a": "{inputs.c} {inputs['d']}", "b": "x", "c": "{inputs.d}", "d": "y"}
    assert list(checked(form(*fields, **inputs)).config.inputs) == ["d", "c", "a", "b"]


def test_a_circle_of_references_is_refused():
    """The circle is shown."""
    error = fault(
        form({"key": "a", "type": "string"}, {"key": "b", "type": "string"}, a="{inputs.b}", b="{inputs.a}")
    )
    assert "a -> b -> a" in error.detail
    assert error.attr.startswith("inputs__")


# ------------------------------------------------------------------------ secrets


def test_secrets_are_kept_apart():
    """The open part only says that there is one."""
    valid = checked(form(*SECRET_FORM, token="s3cret"))
    assert valid.config.inputs == {"token": {"secret": True}}
    assert valid.secrets == Secrets({"token": {"value": "s3cret", "templating": "hog"}})
    assert "s3cret" not in valid.config.encode()


@pytest.mark.parametrize(
    "sent",
    [None, {"secret": True}, {"secret": True, "value": "********"}, {"value": ""}, {"value": "********"}, {}],
)
def test_a_masked_secret_keeps_its_value(sent):
    """What the API shows in place of a secret may be sent back."""
    inputs = {} if sent is None else {"token": sent}
    assert (
        changed(form(*SECRET_FORM, token="s3cret"), {"inputs": inputs}).secrets.inputs["token"]["value"]
        == "s3cret"
    )


def test_a_new_value_replaces_a_secret():
    """Rotation is a plain change."""
    valid = changed(form(*SECRET_FORM, token="old"), {"inputs": {"token": {"value": "new"}}})
    assert valid.secrets.inputs["token"]["value"] == "new"


@pytest.mark.parametrize("sent", [{"secret": True}, {"value": "********"}])
def test_a_mask_without_a_stored_value_is_refused(sent):
    """The mask itself is never stored."""
    error = fault({"hog": "return 1", "inputs_schema": SECRET_FORM, "inputs": {"token": sent}})
    assert error.detail == "No value is saved for this secret input. Enter the value again."


def test_a_secret_that_is_no_template_is_not_shown():
    """The place of the fault is told, the text is not."""
    error = fault(form(*SECRET_FORM, token="pass{word-of-mine"))
    assert error.attr == "inputs__token"
    assert "word-of-mine" not in error.detail
    assert "Invalid template" in error.detail


def test_a_form_that_turns_secret_takes_the_value_along():
    """Marking an input as secret moves its value out of sight."""
    plain = form({"key": "token", "type": "string"}, token="s3cret")
    valid = changed(plain, {"inputs_schema": SECRET_FORM})
    assert valid.config.inputs == {"token": {"secret": True}}
    assert valid.secrets.inputs["token"]["value"] == "s3cret"


# ----------------------------------------------------------------------- mappings


def mapping(name=None, **inputs):
    fields = [{"key": key, "type": "string", "secret": key == "token"} for key in inputs]
    return {
        "name": name,
        "inputs_schema": fields,
        "inputs": {k: {"value": v} for k, v in inputs.items()},
        "filters": {"events": [{"id": name}]},
    }


def ids(valid):
    return [item["id"] for item in valid.config.mappings]


def test_mappings_take_over_the_choice_of_events():
    """With mappings the destination's own events mean nothing."""
    valid = checked({"hog": "return 1", "filters": {"events": [{"id": "x"}]}, "mappings": [mapping("a")]})
    assert valid.config.filters == {"source": "events"}
    assert valid.config.mappings[0]["filters"] == {"source": "events", "events": [{"id": "a"}]}


def test_mappings_keep_their_ids():
    """By id, else by name, else by place: an edit, a reordering, an insertion."""
    first = {"hog": "return 1", "mappings": [mapping("a"), mapping("b"), mapping()]}
    before = ids(checked(first))
    assert len(set(before)) == 3
    a, b, c = before
    assert ids(changed(first, {"mappings": [mapping("b", x="1"), mapping("a")]})) == [b, a]
    inserted = ids(changed(first, {"mappings": [mapping("new"), mapping("a"), mapping(y="2")]}))
    assert inserted[1:] == [a, c]
    assert inserted[0] not in before
    assert ids(changed(first, {"mappings": [{**mapping("renamed"), "id": b}]})) == [b]
    assert ids(changed(first, {"name": "only this"})) == before


def test_ids_from_elsewhere_are_not_believed():
    """An id that is not one of ours is replaced."""
    assert ids(checked({"hog": "return 1", "mappings": [{**mapping("a"), "id": "../../x"}]})) != ["../../x"]


def test_saving_the_same_mappings_anew_gives_the_same_ids():
    """So that a file applied twice changes nothing."""
    payload = {"hog": "return 1", "mappings": [mapping("a"), mapping("a")]}
    assert ids(checked(payload)) == ids(checked(payload))
    assert len(set(ids(checked(payload)))) == 2


def test_the_id_of_a_mapping_tells_nothing_of_its_secrets():
    """It is the same whatever the secret: nobody can try secrets until the id fits."""
    made = [
        ids(checked({"hog": "return 1", "mappings": [mapping("a", token=token)]})) for token in ("one", "two")
    ]
    assert made[0] == made[1]


def test_secrets_of_mappings_stay_with_them():
    """Each mapping keeps its own secrets through edits."""
    first = {"hog": "return 1", "mappings": [mapping("a", token="one"), mapping("b", token="two")]}
    masked = {**mapping("b", token=""), "inputs": {"token": {"secret": True}}}
    valid = changed(first, {"mappings": [masked]})
    assert [item["token"]["value"] for item in valid.secrets.mappings.values()] == ["two"]
    assert valid.config.mappings[0]["inputs"] == {"token": {"secret": True}}
