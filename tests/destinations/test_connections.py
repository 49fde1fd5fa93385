"""Inputs that name an account: what a program sees of it, who may see it, and that nobody reads its token."""

import uuid

import pytest

from hedgerow.destinations import CompiledDestination, Config, Destination, InputError, Keyring, Project
from hedgerow.destinations.connections import Connected, Connections, numbers_of
from hedgerow.destinations.portable import pack, unpack

ID = str(uuid.UUID(int=7))
FORM = [
    {"key": "account", "type": "integration", "integration": "slack"},
    {"key": "all", "type": "integration_multi"},
]
SLACK = Connected(3, 1, "slack", {"team": "Acme", "access_token": "xoxb-very-secret"})


def keyring(*known):
    made = Keyring(["a key that is long enough"])
    made.connections.replace(known)
    return made


def destination(ring, **inputs):
    config = Config(
        hog="return inputs.account.access_token",
        inputs={key: {"value": value} for key, value in inputs.items()},
        inputs_schema=FORM,
    )
    return CompiledDestination(Destination(ID, 1, 1, config, None), ring, Project(1))


@pytest.mark.parametrize("value", [3, {"integrationId": 3}])
def test_an_account_is_looked_up_by_its_number(value):
    """A program gets the account's configuration, its token and its number."""
    inputs = destination(keyring(SLACK), account=value).render({})
    assert inputs["account"] == {"team": "Acme", "access_token": "xoxb-very-secret", "$integration_id": 3}


def test_several_accounts_are_a_list():
    """``integration_multi`` gives them in the order of their numbers."""
    other = Connected(4, 1, "slack", {"access_token": "xoxb-other-secret"})
    inputs = destination(keyring(SLACK, other), all=[4, 3]).render({})
    assert [one["$integration_id"] for one in inputs["all"]] == [4, 3]


def test_a_renewed_token_counts_at_once():
    """Inputs are looked up for each delivery."""
    ring = keyring(SLACK)
    compiled = destination(ring, account=3)
    compiled.render({})
    ring.connections.replace([Connected(3, 1, "slack", {"access_token": "xoxb-renewed"})])
    assert compiled.render({})["account"]["access_token"] == "xoxb-renewed"


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ((), "there is no integration 3"),
        ((Connected(3, 2, "slack", {"access_token": "of another project"}),), "there is no integration 3"),
        ((Connected(3, 1, "slack", {}, fault="Slack has to be connected again."),), "connected again"),
    ],
)
def test_what_cannot_be_used_says_why(known, says):
    """A missing account, one of another project, and one that has a fault are errors of the input."""
    with pytest.raises(InputError, match=says) as caught:
        destination(keyring(*known), account=3).render({})
    assert caught.value.key == "account"


def test_a_token_is_never_shown():
    """It is taken out of texts, once it was used, however it got there."""
    compiled = destination(keyring(SLACK), account=3)
    inputs = compiled.render({})
    assert "very-secret" not in compiled.redact("Bearer xoxb-very-secret", inputs)
    assert "very-secret" not in compiled.redact("Bearer xoxb-very-secret")
    assert "account" in compiled.sensitive(inputs)


def test_a_helper_process_gets_the_account_itself():
    """A process without keys and accounts renders the same."""
    packed = pack(destination(keyring(SLACK), account={"integrationId": 3}), secrets=True)
    there = unpack(packed, Keyring(["another key that opens nothing"]))
    assert there.render({})["account"]["access_token"] == "xoxb-very-secret"
    assert "very-secret" not in there.redact("xoxb-very-secret", {})


def test_without_secrets_nothing_of_an_account_is_packed():
    """What is packed for judging filters holds no token."""
    assert "very-secret" not in repr(pack(destination(keyring(SLACK), account=3), secrets=False))


def test_only_numbers_name_accounts():
    """Other values of such inputs are left as they are."""
    assert numbers_of("integration", True) is None
    assert numbers_of("integration", {"access_token": "x"}) is None
    assert numbers_of("integration_multi", [1, "2"]) is None
    assert numbers_of("number", 3) is None
    assert Connections([SLACK]).read("k", 3, 1)["team"] == "Acme"
