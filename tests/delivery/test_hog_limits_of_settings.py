"""Every limit of a Hog program is a setting, and has an error of its own that says where it was met."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hedgerow.delivery.limits import limits_of
from hedgerow.destinations import (
    CompiledDestination,
    Keyring,
    Project,
    Template,
    ValidationError,
    builtin,
    validate,
)
from hedgerow.destinations.catalogue import Catalogue
from hedgerow.destinations.errors import CatalogueError
from hedgerow.hog import (
    AsyncCall,
    HogDepthLimit,
    HogFetchLimit,
    HogMemoryLimit,
    HogSizeLimit,
    HogTimeLimit,
    Host,
    Limits,
    compile_program,
)
from hedgerow.settings import Settings

RING = Keyring(["a key for tests of limits only"])
PROJECT = Project(1)
SETTINGS = {
    "cpu_ms": ("hog_cpu_ms", 500),
    "memory": ("hog_memory", 64 * 2**20),
    "depth": ("hog_depth", 1000),
    "string": ("hog_string", 4_000_000),
    "items": ("hog_items", 100_000),
    "json_depth": ("hog_json_depth", 200),
    "fetches": ("max_fetches", 2),
    "log_lines": ("hog_log_lines", 24),
    "log_length": ("hog_log_length", 10_000),
}


def test_every_limit_has_a_setting_with_the_default_of_the_language():
    """Nothing that bounds a program is out of the operator's reach, but the count of all waits of a run."""
    assert {field.name for field in fields(Limits)} - set(SETTINGS) == {"async_steps"}
    assert limits_of(Settings()) == Limits()
    for limit, (name, default) in SETTINGS.items():
        assert getattr(Settings(), name) == default
        lower = max(1, default // 4)
        settings = Settings(**{name: lower if name != "hog_memory" else 2**21})
        assert getattr(limits_of(settings), limit) == getattr(settings, name) != default


FAULTS = {
    "cpu_ms": (30, "\nwhile (true) { }", HogTimeLimit),
    "memory": (2**20, "\nlet a := []; while (true) { a := [a, [1, 2, 3]] }", HogMemoryLimit),
    "depth": (20, "\nfun f(n) { return n = 0 ? 0 : f(n - 1) } return f(30)", HogDepthLimit),
    "string": (
        100,
        "\nlet s := 'abc'; while (true) { s := s || s || 'and many more characters' }",
        HogSizeLimit,
    ),
    "items": (10, "\nreturn range(11)", HogSizeLimit),
    "json_depth": (
        10,
        "\nlet a := []; for (let i := 0; i < 20; i := i + 1) { a := [a] } return jsonStringify(a)",
        HogDepthLimit,
    ),
    "fetches": (1, "\nfetch('https://a.test'); fetch('https://b.test')", HogFetchLimit),
    "async_steps": (3, "\nwhile (true) { sleep(0) }", HogFetchLimit),
}


@pytest.mark.parametrize("limit", FAULTS)
def test_a_limit_that_is_met_says_which_and_where(limit):
    """With a class and kind of its own, and the line of the program."""
    value, source, fault = FAULTS[limit]
    execution = compile_program(source).start({}, Host(limits=replace(Limits(fetches=1), **{limit: value})))
    with pytest.raises(fault) as caught:
        while isinstance(execution.advance(), AsyncCall):
            execution.answer(None)
    assert caught.value.kind == fault.kind != "limit"
    assert caught.value.line == 2
    assert caught.value.column >= 1


def compiled(limits=None, **config) -> CompiledDestination:
    payload = {"hog": "return 1", "inputs_schema": [], **config}
    valid = validate(payload, project=PROJECT, templates=builtin())
    made = CompiledDestination(valid.unsaved(1, RING), RING, PROJECT)
    if limits is not None:
        made.limits = limits
    return made


def test_two_fetches_are_usual_and_an_owner_may_allow_more():
    """What the owner says counts, fewer as well as more; everything else stays as the operator has it."""
    assert compiled().limits == Limits()
    assert compiled(Limits(fetches=4)).limits.fetches == 4
    assert compiled(Limits(cpu_ms=9), fetch={"calls": 7}).limits == Limits(cpu_ms=9, fetches=7)
    assert compiled(fetch={"calls": 1}).limits.fetches == 1
    for wrong in (0, 21, "2", True, 1.5):
        with pytest.raises(ValidationError) as caught:
            compiled(fetch={"calls": wrong})
        assert caught.value.attr == "fetch__calls"


def test_a_template_may_declare_up_to_five(monkeypatch, tmp_path):
    """Its destinations may make so many, unless their owner says otherwise; more than five is refused when it is read."""
    folder = tmp_path / "chatty"
    folder.mkdir()
    (folder / "code.hog").write_text("return 1")
    text = "id: template-chatty\nname: Chatty\ndescription: Calls a lot.\nstatus: stable\ninputs_schema: []\nfetches: "
    (folder / "template.yaml").write_text(text + "5\n")
    template: Template = Catalogue.read(tmp_path)["template-chatty"]
    assert template.fetches == 5
    chatty = compiled()
    chatty.destination.config.template_id = "template-chatty"
    monkeypatch.setattr("hedgerow.destinations.compiled.builtin", lambda: {"template-chatty": template})
    chatty.limits = Limits()
    assert chatty.limits.fetches == 5
    chatty.limits = Limits(fetches=9)
    assert chatty.limits.fetches == 9
    chatty.destination.config.fetch = {"calls": 3}
    chatty.limits = Limits()
    assert chatty.limits.fetches == 3
    (folder / "template.yaml").write_text(text + "6\n")
    with pytest.raises(CatalogueError, match="fetches"):
        Catalogue.read(tmp_path)
