"""A kind of account whose vendor is a real authorization server on loopback."""

from __future__ import annotations

import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.integrations.kinds import Kind, OAuth, WhoAmI
from hedgerow.integrations.vendors import App, Vendors


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args, **_kwargs):
        return None


def agree(url: str) -> dict[str, str]:
    """What a person's browser brings back from the vendor's page: code and state."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(_Stay).open(url, timeout=10)
    with caught.value as answer:
        assert answer.status == 302
        found = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in found.items()}


def kind_of(url: str) -> Kind:
    """All ways of connecting, at one server."""
    return Kind(
        "acme",
        "Acme",
        oauth=OAuth(f"{url}/authorize", f"{url}/token", scope="read write"),
        who=WhoAmI("GET", f"{url}/me", "id", "name", {"app.region": "region"}),
        token_label="Token",
        service_account="storage",
    )


def vendors_of(server, allow=("127.0.0.0/8",), **more) -> Vendors:
    """What talks to it."""
    transport = HttpTransport(EgressPolicy(allow), **more)
    return Vendors(transport, {"acme": App("our-app", "our-app-secret")}, {"acme": kind_of(server.url)})
