"""Destinations at work: matching, rendering, masking, sampling, hiding secrets."""

import tracemalloc

import pytest

from hedgerow.destinations import (
    CompiledDestination,
    Config,
    Destination,
    FilterError,
    FilterGlobals,
    InputError,
    Keyring,
    Project,
    SecretsError,
    builtin,
    validate,
)
from hedgerow.hog import Host

PROJECT = Project(1)
RING = Keyring(["k" * 32])
ID = "01900000-0000-7000-8000-000000000001"
GLOBALS = {
    "project": {"id": 1, "name": "P", "url": "https://h/project/1"},
    "event": {"event": "e", "name": "e", "properties": {"n": 3, "list": [1, "a"], "on": True}},
    "person": {"id": "p", "name": "Ada", "properties": {"email": "ada@example.com"}},
    "groups": {},
}


def build(payload=None, ring=RING, **more):
    valid = validate({"hog": "return 1", **(payload or {}), **more}, project=PROJECT, templates=builtin())
    return CompiledDestination(valid.unsaved(1, ring, destination_id=ID), RING, PROJECT)


def form(fields, **items):
    """A form from ``key=type`` and raw input items."""
    schema = [
        {"key": key, **(kind if isinstance(kind, dict) else {"type": kind})} for key, kind in fields.items()
    ]
    return {"inputs_schema": schema, "inputs": items}


def rendered(fields, **values):
    items = {key: {"value": value} for key, value in values.items()}
    return build(form(fields, **items)).render(GLOBALS)


def event(name="e", **properties):
    return FilterGlobals(
        event=name,
        properties=properties,
        person={"id": "p", "properties": {}},
        distinct_id="d",
        uuid="u",
        timestamp="",
    )


# ----------------------------------------------------------------------- matching


def test_a_destination_without_mappings_matches_as_a_whole():
    """Its one delivery has no name."""
    hook = build(filters={"events": [{"id": "a"}]})
    assert hook.match(event("a")) == [""]
    assert hook.match(event("b")) == []
    assert (hook.event_names, hook.wants("a"), hook.wants("b")) == (frozenset({"a"}), True, False)


def test_each_matching_mapping_makes_a_delivery():
    """The common filter comes first; a disabled mapping never matches; none at all means never."""
    made = build(
        filters={"properties": [{"key": "ok", "value": True}]},
        mappings=[{"name": "a", "filters": {"events": [{"id": "x"}]}}, {"name": "b", "filters": {"events": [{"id": "x"}, {"id": "y"}]}},
                  {"name": "c", "disabled": True}],
    )  # fmt: skip
    first, second, _ = (item["id"] for item in made.destination.config.mappings)
    assert made.match(event("x", ok=True)) == [first, second]
    assert made.match(event("y", ok=True)) == [second]
    assert made.match(event("x", ok=False)) == []
    assert made.event_names == frozenset({"x", "y"})
    never = build(mappings=[])
    assert never.match(event()) == []
    assert never.event_names == frozenset()


def test_a_destination_sees_its_own_stream_only():
    """Internal events and person updates are offered to those that ask for them."""
    inner = build(type="internal_destination")
    people = build(filters={"source": "person-updates"})
    assert (inner.match(event()), inner.match(event(), stream="internal")) == ([], [""])
    assert (people.match(event()), people.match(event(), stream="person-updates")) == ([], [""])
    assert build().match(event(), stream="internal") == []


def test_matching_and_rendering_parse_nothing(monkeypatch):
    """All is compiled before the first event, and inputs once before the first delivery."""
    filters = {
        "events": [{"id": "e"}],
        "properties": [
            {"key": "properties.n > 1", "type": "hogql"},
            {"key": "at", "operator": "is_date_after", "value": "-7d"},
            {"key": "v", "operator": "semver_gt", "value": "1.0"},
        ],
    }
    made = build(form({"a": "string"}, a={"value": "{event.name}"}), filters=filters)
    made.render(GLOBALS)
    for module in ("hedgerow.hog.parser", "hedgerow.hog.compiled", "hedgerow.hog.templateset"):
        for name in ("parse_expression", "parse_template", "parse_program"):
            monkeypatch.setattr(f"{module}.{name}", None, raising=False)
    assert made.match(event(n=2, at="2999-01-01", v="1.2")) == [""]
    assert made.render(GLOBALS) == {"a": "e"}


def test_a_filter_that_throws_is_a_filter_error():
    """It becomes a failed delivery, not a silence."""
    with pytest.raises(FilterError):
        build(filters={"properties": [{"key": "jsonParse(properties.raw)", "type": "hogql"}]}).match(
            event(raw="{")
        )


# ---------------------------------------------------------------------- rendering


def test_templates_are_filled_in_anywhere():
    """Texts in dictionaries and lists; a lone expression keeps its type; other values stay."""
    assert rendered(
        {"a": "string", "b": "json", "c": "number", "d": "string"},
        a="{person.name} <{person.properties.email}>",
        b={
            "n": "{event.properties.n}",
            "deep": [{"list": "{event.properties.list}"}, 1, None, True],
            "{key}": "plain",
        },
        c=5,
        d="no template",
    ) == {
        "a": "Ada <ada@example.com>",
        "b": {"n": 3, "deep": [{"list": [1, "a"]}, 1, None, True], "{key}": "plain"},
        "c": 5,
        "d": "no template",
    }


def test_inputs_may_read_other_inputs():
    """Hog or constant, in whatever order they stand in the form."""
    assert rendered(
        {"a": "string", "b": "string", "c": "number", "d": "json"},
        a="{inputs.b}!", b="<{inputs.c}{inputs.d.x}>", c=7, d={"x": "y"},
    )["a"] == "<7y>!"  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("true", True), (" TRUE ", True), ("1", True), ("yes", False), ("{event.properties.on}", True),
     ("{event.properties.n}", 3), ("{person.name}", False)],
)  # fmt: skip
def test_booleans_given_as_texts(value, expected):
    """Only ``true`` and ``1`` are true."""
    assert rendered({"a": "boolean"}, a=value)["a"] == expected


def test_objects_can_be_spread_into_others():
    """The entry ``$$_extend_object`` comes first, the others win."""
    value = {"$$_extend_object": "{event.properties}", "n": 4}
    assert rendered({"a": "json"}, a=value)["a"] == {"n": 4, "list": [1, "a"], "on": True}
    assert rendered({"a": "json"}, a={"$$_extend_object": {"x": 1}, "y": 2})["a"] == {"x": 1, "y": 2}


def test_braces_can_be_escaped():
    """A text with an escaped brace is no template."""
    assert rendered({"a": "string"}, a="\\{literal}")["a"] == "{literal}"


def test_text_that_is_no_template_stays_as_it_is():
    """Forms that switch templating off keep braces and backslashes."""
    assert rendered({"a": {"type": "string", "templating": False}}, a="{x} \\n")["a"] == "{x} \\n"


def test_mapping_inputs_win_over_those_of_the_destination():
    """Both forms are filled in; templates of either may read the other."""
    made = build(
        **form({"a": "string", "b": "string"}, a={"value": "whole"}, b={"value": "{inputs.a}"}),
        mappings=[{**form({"a": "string", "c": "string"}, a={"value": "mapped"}, c={"value": "{inputs.b}"})}],
    )
    (mapping,) = (item["id"] for item in made.destination.config.mappings)
    assert made.render(GLOBALS, mapping) == {"a": "mapped", "b": "mapped", "c": "mapped"}
    assert made.render(GLOBALS) == {"a": "whole", "b": "whole"}
    with pytest.raises(InputError, match="no longer exists"):
        made.render(GLOBALS, "gone")


def test_secrets_are_filled_in_at_the_last_moment():
    """They are read when inputs are built, templates in them included, and only with the right key."""
    secret = {"token": {"type": "string", "secret": True}, "auth": "string"}
    items = {"token": {"value": "s3cret-{event.name}"}, "auth": {"value": "Bearer {inputs.token}"}}
    assert build(form(secret, **items)).render(GLOBALS) == {"token": "s3cret-e", "auth": "Bearer s3cret-e"}
    with pytest.raises(SecretsError):
        build(form(secret, **items), ring=Keyring(["other key of some length"])).render(GLOBALS)


def test_a_template_that_fails_names_its_input():
    """The key, and the place in the text."""
    with pytest.raises(InputError) as caught:
        rendered({"a": "string", "b": "json"}, a="fine", b={"x": ["\n {jsonParse('{')}"]})
    assert caught.value.key == "b"
    assert (caught.value.line, caught.value.column) == (2, 3)
    assert "'b' (line 2, column 3)" in str(caught.value)


def test_rendering_changes_nothing_outside():
    """Globals and configuration are the same afterwards, whatever a program does with its inputs."""
    import copy

    before = copy.deepcopy(GLOBALS)
    made = build(
        form({"a": "json"}, a={"value": {"e": "{event}", "own": {"k": 1}}}),
        hog="let i := inputs; i.a.x := 1; i.a.own.k := 2; i.a.e.event := 'x'; return i",
    )
    values = {**GLOBALS, "inputs": made.render(GLOBALS)}
    made.program.start(values, Host()).advance()
    assert before == GLOBALS
    assert made.render(GLOBALS)["a"]["own"] == {"k": 1}


def test_liquid_and_hog_inputs_read_each_other():
    """Liquid fills in texts wherever they are, escapes for HTML, and takes its turn in the order of references."""
    made = build(
        form(
            {"a": "string", "b": "json", "c": "string", "rest": "string"},
            a={"value": "{inputs.b.deep} & {inputs.rest}"},
            b={
                "value": {"deep": "<{{ inputs.c | upcase }}> {{ inputs.rest }}", "n": 1},
                "templating": "liquid",
            },
            c={"value": "{person.name}"},
            rest={"value": "a<b"},
        )
    )
    assert list(made.destination.config.inputs) == ["c", "rest", "b", "a"]
    assert made.render(GLOBALS) == {
        "a": "<ADA> a&lt;b & a<b",
        "b": {"deep": "<ADA> a&lt;b", "n": 1},
        "c": "Ada",
        "rest": "a<b",
    }


def test_a_liquid_template_that_fails_names_its_input():
    """As a Hog template does."""
    items = form(
        {"a": "string"}, a={"value": "{% for i in (1..99999999) %}x{% endfor %}", "templating": "liquid"}
    )
    with pytest.raises(InputError) as caught:
        build(items).render(GLOBALS)
    assert caught.value.key == "a"


# ------------------------------------------------------------- masking and sampling


def test_masking_hashes_what_the_template_says():
    """Equal values give equal keys; nothing, false and the empty text mean no masking."""
    made = build(masking={"hash": "{person.id}{inputs.x}", "ttl": 60})
    key = made.claim_keys({**GLOBALS, "inputs": {"x": 1}})["masking"]
    assert key == made.claim_keys({**GLOBALS, "inputs": {"x": 1}})["masking"]
    assert key != made.claim_keys({**GLOBALS, "inputs": {"x": 2}})["masking"]
    assert len(key) == 32
    assert build().claim_keys(GLOBALS) == {}
    for template in ("{null}", "{false}", "{''}"):
        assert build(masking={"hash": template, "ttl": 60}).claim_keys(GLOBALS) == {}
    with pytest.raises(FilterError, match="masking"):
        build(masking={"hash": "{jsonParse('{')}", "ttl": 60}).claim_keys(GLOBALS)


def test_sampling_draws_a_fixed_share():
    """About the percentage, always the same events, or the same people."""
    made = build(sampling={"percentage": 20})
    drawn = [made.sampled(f"event-{n}", "p") for n in range(2000)]
    assert 330 < sum(drawn) < 470
    assert drawn == [made.sampled(f"event-{n}", "q") for n in range(2000)]
    by_person = build(sampling={"percentage": 20, "by": "person"})
    assert len({by_person.sampled(f"event-{n}", "ada") for n in range(50)}) == 1
    assert build().sampled("any", None)
    assert build(sampling={"percentage": 100}).sampled("any", None)


# --------------------------------------------------------------------- the small print


def test_declared_statuses_and_retries():
    """What the delivery asks of a destination."""
    made = build(
        form({"ok": "non_failure_status_codes"}, ok={"value": [404, "409", "5XX"]}), retry="standard"
    )
    assert made.non_failure_status_codes == [404, 409, "5xx"]
    assert made.retry_delays[-1] == 2700.0
    assert build(retry=[1, 2]).retry_delays == (1.0, 2.0)
    assert build().retry_delays is None


def test_ten_thousand_destinations_fit_into_memory():
    """Each takes less than 40 kB, its program and inputs included, since equal code is shared."""
    texts = [build({"template_id": "template-webhook", "hog": None, "inputs": {"url": {"value": f"https://{n}.test/{{event.name}}"}},
                    "filters": {"events": [{"id": f"e{n}"}]}}).destination.config.encode() for n in range(100)]  # fmt: skip
    tracemalloc.start()
    made = [CompiledDestination(Destination(ID, 1, 1, Config.decode(text)), RING, PROJECT) for text in texts]
    for destination in made:
        destination.render(GLOBALS)
        destination.redact(destination.program.source)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / len(made) < 40_000


def test_the_source_is_the_destination():
    """Templates can name and link the destination they belong to."""
    assert build(name="Hook").globals(GLOBALS)["source"] == {
        "name": "Hook",
        "url": f"https://h/project/1/functions/{ID}/configuration/",
    }
    assert ID in build().globals(GLOBALS)["source"]["name"]


def test_secrets_never_show():
    """Of inputs, of mappings, of headers with telling names, and those that templates brought."""
    secret = {"type": "string", "secret": True}
    made = build(
        **form({"key": secret, "headers": "dictionary", "password": "string", "url": "string"},
               key={"value": "first-secret"}, headers={"value": {"Authorization": "Bearer abc.def.ghi", "X": "open"}},
               password={"value": "hunter22"}, url={"value": "https://x.test/open"}),
        mappings=[form({"m": secret}, m={"value": "second-secret"})],
    )  # fmt: skip
    shown = made.redact(
        "first-secret second-secret Bearer abc.def.ghi abc.def.ghi hunter22 https://x.test/open open"
    )
    assert shown == " ".join(["***REDACTED***"] * 5) + " https://x.test/open open"
    rendered_inputs = {"headers": {"X-Api-Key": "from-a-template"}}
    assert made.redact("got from-a-template", rendered_inputs) == "got ***REDACTED***"
    assert build().redact("nothing to hide") == "nothing to hide"
