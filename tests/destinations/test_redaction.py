"""Secrets do not leak through any disguise that HTTP gives them."""

import base64
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.destinations.redaction import MARKER, Redactor, secret_values
from hedgerow.hog import print_form, to_json

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="*RDACTE"), min_size=8, max_size=40).filter(
    lambda text: len(text.strip()) >= 8 and text == text.strip()
)


@given(SECRETS, st.binary(max_size=5), st.binary(max_size=5))
def test_no_disguise_gets_through(secret, before, after):
    """As it stands, in JSON (even twice), percent-encoded, as a form, in base64 at any offset, in hexadecimal."""
    redact = Redactor([secret]).redact
    raw = secret.encode()
    disguised = [
        secret,
        json.dumps(secret, ensure_ascii=False),
        json.dumps(json.dumps(secret, ensure_ascii=False), ensure_ascii=False),
        json.dumps(secret),
        json.dumps(json.dumps(secret)),
        json.dumps({"echo": json.dumps(secret, ensure_ascii=False)}),
        json.dumps(secret).replace("/", "\\/"),
        quote(secret, safe=""),
        quote(secret),
        quote(secret, safe="").lower() if secret.isascii() and secret.islower() else quote(secret),
        quote_plus(secret),
        urlencode({"k": secret}),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        raw.hex(),
    ]
    for text in disguised:
        assert MARKER in redact(f"before {text} after"), text
    joined = base64.b64encode(before + raw + after).decode()
    assert MARKER in redact(joined)


def test_what_stays_is_what_is_not_secret():
    """The rest of a text is untouched, and every occurrence goes."""
    assert Redactor(["s3cret"]).redact("a s3cret b s3cret c") == f"a {MARKER} b {MARKER} c"
    assert Redactor(["a.c+"]).redact("abcc a.c+") == f"abcc {MARKER}"


def test_the_longest_secret_goes_first():
    """A secret within another does not leave the rest of it behind."""
    assert Redactor(["token", "token-and-more"]).redact("x token-and-more y") == f"x {MARKER} y"


def test_blank_and_tiny_secrets_are_left_alone():
    """They would blank out everything else."""
    assert Redactor(["", "  ", "a", "abc"]).redact("a abc  ") == "a abc  "


@pytest.mark.parametrize("scheme", ["Bearer", "basic", "Token"])
def test_the_credential_behind_a_scheme_is_secret_too(scheme):
    """Also without the word before it."""
    assert Redactor([f"{scheme} abcdef"]).redact("sent abcdef") == f"sent {MARKER}"


@pytest.mark.parametrize(
    ("field", "key", "value", "expected"),
    [
        ({"type": "string", "secret": True}, "a", "x1", ["x1"]),
        ({"type": "string"}, "api_key", "x1", ["x1"]),
        ({"type": "string"}, "webhookSigningKey", "x1", ["x1"]),
        ({"type": "string"}, "url", "x1", []),
        ({"type": "boolean"}, "use_token", True, []),
        (
            {"type": "dictionary"},
            "headers",
            {"Authorization": "x1", "Accept": "x2", "X-Api-Key": "x3"},
            ["x1", "x3"],
        ),
        ({"type": "json"}, "body", {"auth": {"client_secret": "x1"}, "list": ["x2"]}, ["x1"]),
        ({"type": "integration"}, "slack", {"access_token": "x1", "nested": {"deep": ["x2"]}}, ["x1", "x2"]),
        ({"type": "dictionary", "secret": True}, "map", {"a": "x1", "b": 12345}, ["x1", "12345"]),
        ({"type": "string"}, "unknown_to_the_form", "x1", []),
    ],
)
def test_what_counts_as_secret(field, key, value, expected):
    """The form's word, telling names, and everything of an integration."""
    assert secret_values([{"key": key, **field}], {key: value}) == expected


def test_endless_nesting_ends():
    """A value that contains itself is looked at only so far."""
    loop: dict[str, object] = {}
    loop["token"] = loop
    assert secret_values([], {"a": loop}) == []


def test_a_signing_key_is_secret_without_its_prefix_too():
    """Tools name the key itself when it is wrong."""
    key = base64.b64encode(b"k" * 32).decode()
    assert Redactor([f"whsec_{key}"]).redact(f"bad key {key}, whsec_{key}") == f"bad key {MARKER}, {MARKER}"


@pytest.mark.parametrize("secret", ["it's a 'secret'", "back\\slash'd", "two\nlines'", "both\"'quotes"])
def test_secrets_in_what_hog_prints(secret):
    """Arrays and objects are printed with quotes in texts escaped; and so is JSON that stands in them."""
    for value in ([secret], {"a": {"b": secret}}, [to_json({"a": secret})]):
        shown = Redactor([secret]).redact(print_form(value))
        assert MARKER in shown
        assert "secret" not in shown.replace(MARKER, "")
        assert not any(part in shown for part in ("slash", "lines", "quotes"))
