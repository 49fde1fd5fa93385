"""Inputs whose value stands in a variable or in a file."""

from __future__ import annotations

import pytest

from hedgerow.destinations import (
    CompiledDestination,
    Config,
    Destination,
    Existing,
    InputError,
    Keyring,
    Project,
    ValidationError,
    validate,
)
from hedgerow.destinations.portable import pack, unpack
from hedgerow.destinations.references import References

PROJECT = Project(1)
FORM = [{"key": "token", "type": "string", "secret": True}]
ENVIRON = {
    "DESTINATION_1_TOKEN": "from-the-environment",
    "DESTINATION_2_TOKEN": "somebody else's",
    "HEDGEROW_SECRET_KEYS": "the keys to everything",
    "HOME": "/root",
}


def references(folder=""):
    """What the default settings allow, over variables of our own."""
    return References(("DESTINATION_{project}_",), str(folder), ENVIRON)


def saved(item, form=FORM, allowed=None, existing=None):
    """A destination with one input."""
    key = form[0]["key"]
    payload = {"hog": "return inputs", "inputs_schema": form, "inputs": {key: item}}
    return validate(payload, project=PROJECT, templates={}, references=allowed, existing=existing)


def compiled(item, allowed, form=FORM, **fields):
    """The same, ready to run."""
    valid = saved(item, form)
    config = Config(
        **{**{name: getattr(valid.config, name) for name in ("hog", "inputs_schema", "inputs")}, **fields}
    )
    return CompiledDestination(
        Destination("0" * 32, 1, 1, config), Keyring(["k" * 32], references=allowed), PROJECT
    )


def test_a_reference_comes_back_as_it_was_written():
    """Where a value is is no secret; it stands among the inputs in the open, and nothing is sealed."""
    valid = saved({"from_env": " DESTINATION_1_TOKEN "}, allowed=references())
    assert valid.config.inputs == {"token": {"from_env": "DESTINATION_1_TOKEN"}}
    assert not valid.secrets
    again = saved(valid.config.inputs["token"], existing=Existing(valid.config, valid.secrets))
    assert again.config == valid.config


def test_a_value_takes_the_place_of_a_reference_and_back():
    """A masked value cannot: there is none saved."""
    before = saved({"from_env": "DESTINATION_1_TOKEN"})
    existing = Existing(before.config, before.secrets)
    assert saved({"value": "v"}, existing=existing).secrets.inputs["token"]["value"] == "v"
    with pytest.raises(ValidationError, match="No value is saved"):
        saved({"secret": True}, existing=existing)
    kept = saved({"value": "v"})
    assert not saved({"from_env": "X"}, existing=Existing(kept.config, kept.secrets)).secrets


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"from_env": "HOME"}, "variables called DESTINATION_1_..., not 'HOME'"),
        ({"from_env": "HEDGEROW_SECRET_KEYS"}, "not 'HEDGEROW_SECRET_KEYS'"),
        ({"from_env": "DESTINATION_2_TOKEN"}, "not 'DESTINATION_2_TOKEN'"),
        ({"from_env": "DESTINATION_1_"}, "variables called"),
        ({"from_env": "DESTINATION_1_A=B"}, "variables called"),
        ({"from_env": ""}, "names a variable"),
        ({"from_env": 5}, "names a variable"),
        ({"from_file": "x"}, "HEDGEROW_SECRETS_FOLDER is not set"),
        ({"from_env": "DESTINATION_1_A", "value": "x"}, "either a value or from_env"),
        ({"from_env": "DESTINATION_1_A", "from_file": "x"}, "nothing besides from_env"),
        ({"from_env": "DESTINATION_1_A", "templating": "hog"}, "nothing besides from_env"),
    ],
)
def test_what_may_not_be_referred_to(item, said):
    """Saving says what may be, at the input itself."""
    with pytest.raises(ValidationError) as caught:
        saved(item, allowed=references())
    assert said in caught.value.detail
    assert caught.value.attr == "inputs__token"


def test_hedgerows_own_variables_can_never_be_read():
    """Whatever prefix somebody sets."""
    careless = References(("", "HEDGEROW_", "H"), "", ENVIRON)
    for name in ("HEDGEROW_SECRET_KEYS", "hedgerow_secret_keys"):
        with pytest.raises(ValidationError):
            careless.check({"from_env": name}, 1)
    with pytest.raises(ValidationError, match="is empty"):
        References((), "", ENVIRON).check({"from_env": "HOME"}, 1)


def test_only_some_types_can_stand_elsewhere():
    """An integration is not a text."""
    with pytest.raises(ValidationError, match="type integration cannot"):
        saved({"from_env": "X"}, form=[{"key": "token", "type": "integration"}])


def test_running_checks_again():
    """A revision from before a stricter setting gets nothing; the error names the place and no value."""
    with pytest.raises(InputError, match="variables called DESTINATION_1_") as caught:
        compiled({"from_env": "DESTINATION_2_TOKEN"}, references()).render({})
    assert caught.value.key == "token"
    with pytest.raises(InputError, match="no environment variable DESTINATION_1_GONE"):
        compiled({"from_env": "DESTINATION_1_GONE"}, references()).render({})


def test_a_reference_is_read_when_it_is_needed_and_redacted():
    """Its text is no template; whatever shows it later hides it."""
    one = compiled(
        {"from_env": "DESTINATION_1_TOKEN"}, references(), form=[{"key": "token", "type": "string"}]
    )
    assert one.render({}) == {"token": "from-the-environment"}
    assert one.redact("Bearer from-the-environment!") == "Bearer ***REDACTED***!"
    assert one.sensitive({"token": "x", "other": "y"}) == {"token": "x"}


def test_a_text_with_braces_is_no_template():
    """What an operator puts into a variable is taken literally."""
    literal = References(("D_",), "", {"D_X": "{event.event}"})
    assert compiled({"from_env": "D_X"}, literal).render({"event": {"event": "e"}}) == {
        "token": "{event.event}"
    }


def test_other_inputs_see_what_was_read():
    """A header can be made of it."""
    form = [*FORM, {"key": "auth", "type": "string"}]
    one = compiled({"from_env": "DESTINATION_1_TOKEN"}, references(), form=form)
    inputs = {
        **one.destination.config.inputs,
        "auth": {"value": "Bearer {inputs.token}", "templating": "hog"},
    }
    both = compiled({"from_env": "DESTINATION_1_TOKEN"}, references(), form=form, inputs=inputs)
    assert both.render({})["auth"] == "Bearer from-the-environment"


def test_a_file_that_changes_counts_at_once(tmp_path):
    """Like a mounted secret that is replaced; both the old and the new text are redacted."""
    file = tmp_path / "token"
    file.write_text("first-version\n")
    one = compiled({"from_file": "token"}, references(tmp_path))
    assert one.render({}) == {"token": "first-version"}
    fresh = tmp_path / "token.new"
    fresh.write_text("second-version")
    fresh.replace(file)
    assert one.render({}) == {"token": "second-version"}
    assert one.redact("first-version second-version") == "***REDACTED*** ***REDACTED***"


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/hostname", "link", "folder", "gone", "large", "binary", "a\0b"]
)
def test_nothing_outside_of_the_folder_is_read(tmp_path, name):
    """Not by dots, not by links, nor what is no sensible file."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "outside").write_text("not yours")
    (inside / "link").symlink_to(tmp_path / "outside")
    (inside / "folder").mkdir()
    (inside / "large").write_text("x" * 70_000)
    (inside / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError) as caught:
        compiled({"from_file": name}, references(inside)).render({})
    assert "not yours" not in caught.value.message


def test_a_link_within_the_folder_is_followed(tmp_path):
    """Mounted secrets are such links; each project can have a folder of its own."""
    (tmp_path / "1" / "data").mkdir(parents=True)
    (tmp_path / "1" / "data" / "token").write_text("linked")
    (tmp_path / "1" / "token").symlink_to("data/token")
    allowed = References((), str(tmp_path / "{project}"), {})
    assert allowed.read("token", {"from_file": "token"}, 1) == "linked"
    with pytest.raises(InputError):
        allowed.read("token", {"from_file": "token"}, 2)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "12.5", 12.5),
        ("boolean", "true", True),
        ("dictionary", '{"a": 1}', {"a": 1}),
        ("json", "[1]", [1]),
    ],
)
def test_other_types_are_read_as_json(kind, text, value):
    """A text that is not what the type asks for fails the delivery."""
    form = [{"key": "x", "type": kind}]
    good = References(("D_",), "", {"D_X": text})
    assert compiled({"from_env": "D_X"}, good, form=form).render({}) == {"x": value}
    bad = References(("D_",), "", {"D_X": "{nope"})
    with pytest.raises(InputError, match=f"no {kind} in JSON"):
        compiled({"from_env": "D_X"}, bad, form=form).render({})


def test_a_helper_process_gets_the_value_not_the_way_to_it():
    """It has neither variables nor files; there the value is a secret like any other."""
    packed = pack(compiled({"from_env": "DESTINATION_1_TOKEN"}, references()), secrets=True)
    there = unpack(packed, Keyring(["x" * 32]))
    assert there.render({}) == {"token": "from-the-environment"}
    assert there.redact("from-the-environment") == "***REDACTED***"
    assert there.sensitive({"token": "from-the-environment"})
    bare = pack(compiled({"from_env": "DESTINATION_1_TOKEN"}, references()), secrets=False)
    assert "from-the-environment" not in str(bare)


def test_inputs_of_mappings_can_refer_too():
    """And go to a helper as secrets of their mapping."""
    mapping = {
        "id": "m", "inputs_schema": [{"key": "token", "type": "string", "secret": True}],
        "inputs": {"token": {"from_env": "DESTINATION_1_TOKEN"}}, "filters": {"source": "events"},
    }  # fmt: skip
    one = CompiledDestination(
        Destination("0" * 32, 1, 1, Config(hog="return 1", mappings=[mapping])),
        Keyring(["k" * 32], references=references()),
        PROJECT,
    )
    assert one.render({}, "m") == {"token": "from-the-environment"}
    there = unpack(pack(one, secrets=True), Keyring(["x" * 32]))
    assert there.render({}, "m") == {"token": "from-the-environment"}
