"""What a program and its destination can ask of ``fetch`` besides method, headers and body."""

from __future__ import annotations

import base64

import pytest

from hedgerow.delivery import fetch
from hedgerow.delivery.outgoing import shaped
from hedgerow.delivery.world import Options
from hedgerow.destinations import InputError, ValidationError
from hedgerow.destinations.fetching import validate_fetch
from hedgerow.hog import HogRuntimeError
from hedgerow.hog.host import AsyncCall

DELIVERY = bytes(range(16))
INPUTS = {
    "key": "whsec_" + base64.b64encode(b"k" * 24).decode(),
    "id": "AKID",
    "secret": "s3cret",
    "n": 7,
    "bad": "***",
}
AWS = {
    "service": "kinesis",
    "region": "eu-west-1",
    "access_key_id_input": "id",
    "secret_access_key_input": "secret",
}


def call_of(extra, ordinal=0):
    return shaped(AsyncCall("fetch", ["https://x.test/", extra], 0, ordinal))


def request_of(extra, settings=None):
    return fetch.request_of(call_of(extra), DELIVERY, Options(), settings)


def signed(extra, now=1_767_323_045.0):
    return fetch.signed(request_of(extra), call_of(extra), INPUTS, now).headers


def test_the_program_goes_before_the_destination_and_that_before_the_server():
    """Time limits and redirects come from the nearest that says something."""
    plain = request_of({})
    assert (plain.timeout, plain.connect_timeout, plain.follow_redirects) == (10.0, 3.0, False)
    settings = {"timeout": 30, "follow_redirects": True}
    configured = request_of({}, settings)
    assert (configured.timeout, configured.connect_timeout, configured.follow_redirects) == (30.0, 3.0, True)
    chosen = request_of({"timeout": 2, "follow_redirects": False, "connect_timeout": 0.5}, settings)
    assert (chosen.timeout, chosen.connect_timeout, chosen.follow_redirects) == (2.0, 0.5, False)


@pytest.mark.parametrize(
    "extra",
    [{"timeout": 0}, {"timeout": 61}, {"timeout": "5"}, {"connect_timeout": True}, {"follow_redirects": 1},
     {"follow_redirects": True, "aws_sigv4": AWS}],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(extra):
    """The program is told, instead of being given something else."""
    with pytest.raises(HogRuntimeError):
        request_of(extra)


def test_webhooks_are_signed_anew_in_every_attempt_under_one_id():
    """The moment and the signature change, the id does not."""
    extra = {"body": {"a": 1}, "standard_webhooks": {"secret_input": "key"}}
    first, second = signed(extra, 1000.0), signed(extra, 2000.0)
    assert first["webhook-id"] == second["webhook-id"] == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == ("1000", "2000")
    assert first["webhook-signature"] != second["webhook-signature"]
    named = signed({"standard_webhooks": {"secret_input": "key", "webhook_id": "msg_1"}})
    assert named["webhook-id"] == "msg_1"


def test_aws_keys_come_from_inputs():
    """The call names the inputs; the keys themselves never stand in it."""
    headers = signed({"aws_sigv4": AWS})
    assert "Credential=AKID/20260102/eu-west-1/kinesis/aws4_request" in headers["Authorization"]
    assert "s3cret" not in str(headers)
    with_token = signed({"aws_sigv4": {**AWS, "session_token_input": "key"}})
    assert with_token["X-Amz-Security-Token"] == INPUTS["key"]


@pytest.mark.parametrize("name", ["absent", "n", "bad"])
def test_an_input_without_a_key_fails_as_an_input(name):
    """It is named, so that its owner knows what to fill in."""
    with pytest.raises(InputError) as caught:
        signed({"standard_webhooks": {"secret_input": name}})
    assert caught.value.key == name
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "extra", [{"aws_sigv4": {"service": "s3"}}, {"standard_webhooks": {}, "aws_sigv4": "yes"}]
)
def test_half_a_description_of_a_signature(extra):
    """The program is told what is missing."""
    with pytest.raises(HogRuntimeError, match="aws_sigv4"):
        signed(extra)


def test_settings_of_a_destination():
    """They are bounded, and nothing unknown is kept."""
    assert validate_fetch(None) is validate_fetch({}) is None
    assert validate_fetch({"timeout": 60, "follow_redirects": True}) == {
        "timeout": 60,
        "follow_redirects": True,
    }
    for raw, attr in (({"timeout": 61}, "fetch__timeout"), ({"follow_redirects": "x"}, "fetch__follow_redirects"),
                      ({"retries": 1}, "fetch__retries"), ([], "fetch")):  # fmt: skip
        with pytest.raises(ValidationError) as caught:
            validate_fetch(raw)
        assert caught.value.attr == attr
