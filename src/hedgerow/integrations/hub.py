"""Connecting and disconnecting accounts: what the API, and through it the command line, can do with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.integrations.choices import Choices
from hedgerow.integrations.consent import Begun
from hedgerow.integrations.errors import IntegrationError
from hedgerow.integrations.kinds import KINDS, Kind
from hedgerow.integrations.vendors import App, Grant, Vendors
from hedgerow.settings import Settings


def apps_of(settings: Settings) -> dict[str, App]:
    """The operator's applications at vendors, by kind."""
    pairs = {
        "slack": (settings.slack_client_id, settings.slack_client_secret),
        "hubspot": (settings.hubspot_client_id, settings.hubspot_client_secret),
        "intercom": (settings.intercom_client_id, settings.intercom_client_secret),
    }
    return {kind: App(name, secret.get_secret_value()) for kind, (name, secret) in pairs.items() if name}


@dataclass(frozen=True, slots=True)
class Hub:
    """Vendors, and what is remembered of their answers.

    Attributes:
        vendors: speaks to them.
        base_url: where browsers reach this server.
        choices: what forms offer.
    """

    vendors: Vendors
    base_url: str
    choices: Choices = field(default_factory=Choices)

    @classmethod
    def of(cls, settings: Settings) -> Hub:
        """With the operator's applications, behind the egress guard."""
        transport = HttpTransport(EgressPolicy(settings.egress_allow))
        return cls(Vendors(transport, apps_of(settings), KINDS), settings.base_url)

    def redirect(self, kind: Kind) -> str:
        """Where a vendor sends people back to."""
        return f"{self.base_url}/integrations/{kind.name}/callback"

    def page(self, kind: Kind, state: str, verifier: str) -> str:
        """The vendor's page on which people agree.

        Raises:
            IntegrationError: the operator has no application at this vendor.
        """
        return self.vendors.page(kind, self.redirect(kind), state, verifier)

    async def agreed(self, begun: Begun, code: object) -> Grant:
        """What came of somebody's consent.

        Raises:
            IntegrationError: the vendor does not take the code.
        """
        if not isinstance(code, str) or not code:
            raise IntegrationError("There is no code: the vendor was not asked, or said no.", field="code")
        kind = self.vendors.kind(begun.kind)
        return await self.vendors.granted(kind, self.redirect(kind), code, begun.verifier)

    async def given(self, kind: Kind, config: Mapping[str, Any]) -> Grant:
        """An account by what its owner brought from the vendor: a token, or a service account's key.

        Raises:
            IntegrationError: it brought neither, or the vendor does not take it.
        """
        if kind.service_account and "key" in config:
            return await self.vendors.service_account(kind, config["key"])
        if kind.token_label and "access_token" in config:
            return await self.vendors.pasted(kind, config["access_token"])
        names = {"oauth": "code and state", "token": "access_token", "service_account": "key"}
        ways = " or ".join(names[way] for way in self.vendors.ways(kind))
        raise IntegrationError(f"To connect {kind.label}, config has {ways}.", field="config")

    async def close(self) -> None:
        """Close all connections."""
        await self.vendors.transport.close()
