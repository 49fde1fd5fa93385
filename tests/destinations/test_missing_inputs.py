"""Inputs that are still to be filled in: a destination may wait for them while it is off."""

import pytest

from hedgerow.destinations import (
    CompiledDestination,
    InputError,
    Keyring,
    Project,
    ValidationError,
    builtin,
    validate,
)
from hedgerow.destinations.diffs import NOTHING, compare
from hedgerow.destinations.validation import Existing

PROJECT = Project(1)
MISSING = {"missing": True}
FORM = {
    "hog": "return inputs.token",
    "inputs_schema": [
        {"key": "token", "type": "string", "secret": True, "required": True},
        {"key": "account", "type": "integration", "required": True},
    ],
}
WAITING = {**FORM, "inputs": {"token": MISSING, "account": MISSING}}


def checked(payload, existing=None):
    valid = validate(payload, project=PROJECT, templates=builtin(), existing=existing)
    return valid, Existing(valid.config, valid.secrets)


def test_what_is_missing_is_kept_while_the_destination_is_off():
    """The marks stay through other changes; a value takes the place of its mark."""
    valid, saved = checked(WAITING)
    assert valid.config.inputs == {"token": MISSING, "account": MISSING}
    assert not valid.secrets
    valid, saved = checked({"description": "Soon"}, saved)
    assert valid.config.inputs["token"] == MISSING
    valid, saved = checked({"inputs": {"token": {"value": "s3cret"}, "account": MISSING}}, saved)
    assert valid.config.inputs["token"] == {"secret": True}
    assert valid.secrets.inputs["token"]["value"] == "s3cret"


@pytest.mark.parametrize("key", ["token", "account"])
def test_nothing_is_switched_on_with_an_input_missing(key):
    """The error names the input that is still to be filled in."""
    _, saved = checked({**FORM, "inputs": {"token": {"value": "x"}, "account": {"value": 1}, key: MISSING}})
    with pytest.raises(ValidationError, match="still to be filled in") as caught:
        checked({"enabled": True}, saved)
    assert caught.value.attr == f"inputs__{key}"


def test_a_mapping_may_wait_too():
    """What is missing in a mapping keeps the destination off as well."""
    mapping = {"inputs_schema": FORM["inputs_schema"][:1], "inputs": {"token": MISSING}, "filters": {}}
    _, saved = checked({"hog": "return 1", "mappings": [mapping]})
    assert saved.config.mappings[0]["inputs"] == {"token": MISSING}
    with pytest.raises(ValidationError) as caught:
        checked({"enabled": True}, saved)
    assert caught.value.attr == "mappings__0__inputs__token"


def test_running_with_an_input_missing_says_so():
    """A trial or a replay of a destination that waits fails with the reason."""
    keyring = Keyring(["0" * 32])
    valid, _ = checked(WAITING)
    compiled = CompiledDestination(valid.unsaved(1, keyring), keyring, PROJECT)
    with pytest.raises(InputError, match="'token' is still to be filled in"):
        compiled.render({})


def test_the_history_shows_what_was_missing():
    """The mark is no secret, so that the change which filled it in can be seen."""
    _, saved = checked(WAITING)
    shown = {change.attr: change.after for change in compare(NOTHING, saved)}
    assert shown["inputs__token"] == MISSING


def test_where_a_destination_came_from_is_kept():
    """Its origin is written when it is imported and stays through changes."""
    _, saved = checked({**FORM, "inputs": WAITING["inputs"], "origin": "posthog:a/1/hog_functions/x"})
    valid, _ = checked({"name": "Other"}, saved)
    assert valid.config.origin == "posthog:a/1/hog_functions/x"
    with pytest.raises(ValidationError, match="400"):
        checked({"origin": "x" * 500}, saved)
