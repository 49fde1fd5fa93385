"""The kinds of accounts that can be connected, and what each vendor asks for.

Names, addresses and scopes are the vendors', from their public documentation, and PostHog's where they name the kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class OAuth:
    """How a vendor grants access with an authorization code.

    Attributes:
        authorize: where people agree.
        token: where a code, or a refresh token, becomes a token.
        scope: what is asked for.
        pkce: whether it takes a proof of the code (RFC 7636).
    """

    authorize: str
    token: str
    scope: str = ""
    pkce: bool = True


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """How a vendor tells whose token one has.

    Attributes:
        method: of the request.
        url: of the request; ``{token}`` stands for the token.
        id: path of the account's id in the answer.
        name: path of a name for people.
        config: what programs get to see besides: name -> path.
    """

    method: str
    url: str
    id: str
    name: str
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of account.

    Attributes:
        name: in the API and in forms.
        label: for people.
        oauth: how it is connected at the vendor's page; None when it cannot be.
        who: how a token is looked into.
        token_label: what the token is called that people may paste instead; empty when there is none.
        service_account: the scope for which a service account's key is exchanged; empty when it has none.
    """

    name: str
    label: str
    oauth: OAuth | None = None
    who: WhoAmI | None = None
    token_label: str = ""
    service_account: str = ""


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            "slack",
            "Slack",
            oauth=OAuth(
                "https://slack.com/oauth/v2/authorize",
                "https://slack.com/api/oauth.v2.access",
                scope="channels:read,groups:read,chat:write,chat:write.customize",
            ),
            who=WhoAmI(
                "POST", "https://slack.com/api/auth.test", "team_id", "team", {"team.id": "team_id", "team.name": "team"}
            ),
            token_label="Bot User OAuth Token (xoxb-...)",  # noqa: S106 (a label)
        ),
        Kind(
            "hubspot",
            "HubSpot",
            oauth=OAuth(
                "https://app.hubspot.com/oauth/authorize",
                "https://api.hubapi.com/oauth/v1/token",
                scope="crm.objects.contacts.read crm.objects.contacts.write crm.objects.companies.read "
                "crm.objects.companies.write",
                pkce=False,
            ),
            who=WhoAmI(
                "GET", "https://api.hubapi.com/account-info/v3/details", "portalId", "uiDomain",
                {"hub_id": "portalId", "hub_domain": "uiDomain"},
            ),
            token_label="Access token of a private app (pat-...)",  # noqa: S106 (a label)
        ),
        Kind(
            "intercom",
            "Intercom",
            oauth=OAuth("https://app.intercom.com/oauth", "https://api.intercom.io/auth/eagle/token", pkce=False),
            who=WhoAmI(
                "GET", "https://api.intercom.io/me", "id", "email", {"app.region": "app.region", "email": "email"}
            ),
            token_label="Access token of an app in your own workspace",  # noqa: S106 (a label)
        ),
        Kind(
            "google-cloud-storage",
            "Google Cloud Storage",
            service_account="https://www.googleapis.com/auth/devstorage.read_write",
        ),
    )
}  # fmt: skip


def at(value: Any, path: str) -> Any:
    """What stands in a value under a path of names such as ``team.id``; None when nothing does."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
