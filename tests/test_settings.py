"""Settings: read from the environment, described, passed on."""

from __future__ import annotations

import ipaddress

import pytest

from hedgerow.settings import SettingsError, describe, environment, load, misspelt


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """Each test starts without settings in the environment."""
    import os

    for name in list(os.environ):
        if name.startswith("HEDGEROW_"):
            monkeypatch.delenv(name)


def test_defaults_listen_on_this_machine_only():
    """Without a word, the server is not open to the network."""
    settings = load()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.base_url == settings.client_url == "http://127.0.0.1:8000"
    assert settings.egress_allow == ()


def test_arguments_win_over_the_environment(monkeypatch):
    """An option given on the command line beats the variable."""
    monkeypatch.setenv("HEDGEROW_PORT", "9000")
    assert load().port == 9000
    assert load(port=9001).port == 9001
    assert load(port=None).port == 9000


def test_networks_are_comma_separated(monkeypatch):
    """Lists of networks take single addresses, spaces and host bits."""
    monkeypatch.setenv("HEDGEROW_EGRESS_ALLOW", "127.0.0.0/8, 10.1.2.3 ,10.1.2.3/24,::1")
    assert load().egress_allow == tuple(
        map(ipaddress.ip_network, ("127.0.0.0/8", "10.1.2.3/32", "10.1.2.0/24", "::1/128"))
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "abc", "HEDGEROW_PORT cannot be 'abc'"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("EGRESS_ALLOW", "10.0.0.0/33", "HEDGEROW_EGRESS_ALLOW"),
        ("PUBLIC_URL", "example.com", "must start with http:// or https://"),
        ("LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("WORKERS", "-1", "HEDGEROW_WORKERS"),
    ],
)
def test_a_bad_value_is_named(monkeypatch, name, value, says):
    """The error names the variable and what is wrong with it."""
    monkeypatch.setenv(f"HEDGEROW_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert says in str(caught.value)


def test_secrets_are_not_described():
    """The table of settings shows that a secret is set, not what it is."""
    shown = {item.variable: item for item in describe(load(api_key="phx_secret_secret_secret"))}
    assert shown["HEDGEROW_API_KEY"].value == "(hidden)"
    assert all(item.why for item in shown.values())


def test_children_get_what_was_given(monkeypatch):
    """What the environment hands to a child makes the same settings there."""
    given = load(port=9002, egress_allow="10.0.0.0/8", api_key="phx_secret_secret_secret")
    for name, value in environment(given).items():
        monkeypatch.setenv(name, value)
    assert load() == given


def test_misspelt_variables_are_found():
    """A variable that is no setting is reported with the one that was meant."""
    found = misspelt({"HEDGEROW_PORTS": "1", "HEDGEROW_XYZZY": "1", "HEDGEROW_PORT": "1", "PATH": ""})
    assert found == {"HEDGEROW_PORTS": "HEDGEROW_PORT", "HEDGEROW_XYZZY": ""}


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8000"), ("::", "http://[::1]:8000"), ("::1", "http://[::1]:8000")],
)
def test_local_url_can_be_reached(host, url):
    """A server that listens everywhere is reached at the loopback address."""
    assert load(host=host).local_url == url
