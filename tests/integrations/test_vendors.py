"""Tokens from a real authorization server: by consent, renewed, by a service account's key, pasted."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from hedgerow.integrations import consent
from hedgerow.integrations.errors import IntegrationError
from hedgerow.integrations.kinds import KINDS
from hedgerow.integrations.vendors import Vendors
from support.vendor import agree, vendors_of

REDIRECT = "http://127.0.0.1:8000/integrations/acme/callback"


async def agreed(vendors, verifier):
    page = vendors.page(vendors.kind("acme"), REDIRECT, "s", verifier)
    return (await asyncio.to_thread(agree, page))["code"]


async def granted(vendors):
    verifier = consent.new_verifier()
    return await vendors.granted(vendors.kind("acme"), REDIRECT, await agreed(vendors, verifier), verifier)


async def test_consent_becomes_a_grant(vendors, server):
    """A code and its proof give tokens, whose they are, and what programs may see."""
    grant = await granted(vendors)
    assert (grant.external_id, grant.name, grant.config) == ("acct-1", "Acme", {"app.region": "EU"})
    assert server.valid(grant.secrets["access_token"])
    assert grant.lasts == 3600
    assert grant.secrets["access_token"] not in repr(grant)


def test_the_page_asks_for_what_is_needed(server):
    """Scope, state and the challenge of the proof are in the address; the proof and the secret are not."""
    vendors = vendors_of(server)
    url = vendors.page(vendors.kind("acme"), REDIRECT, "the-state", "v" * 50)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert (asked["state"], asked["scope"], asked["code_challenge_method"]) == (
        "the-state",
        "read write",
        "S256",
    )
    assert "v" * 50 not in url
    assert "our-app-secret" not in url


async def test_a_code_without_its_proof_is_worth_nothing(vendors):
    """Whoever steals a code cannot use it."""
    code = await agreed(vendors, consent.new_verifier())
    with pytest.raises(IntegrationError, match="Acme refuses"):
        await vendors.granted(vendors.kind("acme"), REDIRECT, code, consent.new_verifier())


async def test_a_code_counts_once(vendors):
    """The second exchange of a code is refused."""
    verifier = consent.new_verifier()
    code = await agreed(vendors, verifier)
    await vendors.granted(vendors.kind("acme"), REDIRECT, code, verifier)
    with pytest.raises(IntegrationError):
        await vendors.granted(vendors.kind("acme"), REDIRECT, code, verifier)


async def test_a_token_is_renewed(vendors, server):
    """A refresh token gives another token and, where the vendor changes it, another refresh token."""
    grant = await granted(vendors)
    token = await vendors.renewed(vendors.kind("acme"), grant.secrets)
    assert token.secrets["refresh_token"] != grant.secrets["refresh_token"]
    assert server.valid(token.secrets["access_token"])


async def test_consent_that_was_taken_back_is_final(vendors, server):
    """There is no use in asking again."""
    grant = await granted(vendors)
    server.revoke()
    with pytest.raises(IntegrationError) as caught:
        await vendors.renewed(vendors.kind("acme"), grant.secrets)
    assert caught.value.final


async def test_trouble_at_the_vendor_passes(vendors, server):
    """A server error is no end."""
    grant = await granted(vendors)
    server.trouble = 503
    with pytest.raises(IntegrationError) as caught:
        await vendors.renewed(vendors.kind("acme"), grant.secrets)
    assert not caught.value.final


async def test_without_a_refresh_token_nothing_is_renewed(vendors):
    """A pasted token that ends has to be replaced by its owner."""
    with pytest.raises(IntegrationError) as caught:
        await vendors.renewed(vendors.kind("acme"), {"access_token": "x"})
    assert caught.value.final


async def test_a_service_account_signs_for_its_token(vendors, server, service_key):
    """Its key signs an assertion; the token is renewed in the same way."""
    grant = await vendors.service_account(vendors.kind("acme"), service_key)
    assert grant.external_id == "robot@acme.example"
    again = await vendors.renewed(vendors.kind("acme"), grant.secrets)
    assert server.valid(grant.secrets["access_token"])
    assert server.valid(again.secrets["access_token"])
    assert again.secrets["key"] == service_key


@pytest.mark.parametrize("key", [None, "text", {}, {"client_email": "a", "private_key": 1}], ids=repr)
async def test_what_is_no_key_says_so(vendors, key):
    """The error names the fields of a key."""
    with pytest.raises(IntegrationError, match="client_email, private_key, project_id"):
        await vendors.service_account(vendors.kind("acme"), key)


async def test_a_broken_private_key_says_so(vendors, service_key):
    """Nothing is sent."""
    with pytest.raises(IntegrationError, match="private key cannot be read"):
        await vendors.service_account(vendors.kind("acme"), {**service_key, "private_key": "-----BEGIN"})


async def test_a_pasted_token_is_looked_into(vendors):
    """A good one gives the account, a bad one an error."""
    grant = await vendors.pasted(vendors.kind("acme"), " pasted-token ")
    assert (grant.external_id, grant.lasts) == ("acct-1", None)
    with pytest.raises(IntegrationError, match="refuses the token"):
        await vendors.pasted(vendors.kind("acme"), "wrong")
    with pytest.raises(IntegrationError, match="has to be a text"):
        await vendors.pasted(vendors.kind("acme"), 3)


async def test_vendors_are_behind_the_guard(server):
    """A vendor's address on a private network is refused like that of any delivery."""
    guarded = vendors_of(server, allow=())
    with pytest.raises(IntegrationError, match="cannot be reached"):
        await guarded.pasted(guarded.kind("acme"), "pasted-token")
    await guarded.transport.close()


def test_every_kind_can_be_connected():
    """Each has a way, and says how tokens are looked into where it has tokens."""
    for kind in KINDS.values():
        assert kind.oauth or kind.token_label or kind.service_account
        assert kind.who or kind.service_account


def test_without_an_application_consent_is_not_offered():
    """The error names the settings."""
    alone = Vendors(None, {}, KINDS)
    with pytest.raises(IntegrationError, match="HEDGEROW_SLACK_CLIENT_ID and HEDGEROW_SLACK_CLIENT_SECRET"):
        alone.page(alone.kind("slack"), REDIRECT, "s", "v")
    assert alone.ways(KINDS["slack"]) == ["token"]
    with pytest.raises(IntegrationError, match="Kind not supported"):
        alone.kind("sleck")
