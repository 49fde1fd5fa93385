"""Getting hold of tokens: by consent at the vendor's page, from a refresh token, a service account's key, or as they are."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncAssertionClient, AsyncOAuth2Client
from authlib.oauth2.rfc7523 import JWTBearerGrant
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from hedgerow.delivery.transport import Transport
from hedgerow.integrations.errors import IntegrationError, NothingToRenew
from hedgerow.integrations.kinds import Kind, OAuth, at
from hedgerow.integrations.wire import Guarded, ask

GOOGLE_TOKEN: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
# What authorization servers say when there is nothing to be had any more (RFC 6749, 5.2, and vendors' own words).
ENDED: Final = frozenset({"invalid_grant", "unauthorized_client", "invalid_refresh_token", "token_revoked"})
SECRET: Final = frozenset({"access_token", "refresh_token", "id_token", "authed_user"})


@dataclass(frozen=True, slots=True)
class App:
    """An operator's own application at a vendor."""

    id: str
    secret: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What a vendor granted.

    Attributes:
        external_id: the vendor's own name of the account.
        name: for people.
        config: what programs may see besides the token.
        secrets: ``access_token``, and what it is renewed with.
        lasts: seconds until the token ends; None when it does not.
    """

    external_id: str
    name: str
    config: dict[str, Any]
    secrets: dict[str, Any] = field(repr=False)
    lasts: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A renewed token, and how many seconds it lasts."""

    secrets: dict[str, Any] = field(repr=False)
    lasts: float | None = None


class Vendors:
    """Talks to vendors on behalf of one instance."""

    def __init__(self, transport: Transport, apps: Mapping[str, App], kinds: Mapping[str, Kind]) -> None:
        """Ask nobody yet.

        Args:
            transport: guarded, as that of deliveries.
            apps: by kind.
            kinds: that there are.
        """
        self.kinds = kinds
        self.transport = transport
        self._apps = apps

    def kind(self, name: object) -> Kind:
        """A kind by its name.

        Raises:
            IntegrationError: there is none of that name.
        """
        if not isinstance(name, str) or name not in self.kinds:
            raise IntegrationError(
                f"Kind not supported. Choose one of: {', '.join(self.kinds)}.", field="kind"
            )
        return self.kinds[name]

    def ways(self, kind: Kind) -> list[str]:
        """How an account of a kind can be connected here."""
        ways = {
            "oauth": kind.oauth is not None and kind.name in self._apps,
            "token": bool(kind.token_label),
            "service_account": bool(kind.service_account),
        }
        return [way for way, there in ways.items() if there]

    # ---------------------------------------------------------------- consent

    def page(self, kind: Kind, redirect: str, state: str, verifier: str) -> str:
        """The address at which people agree.

        Raises:
            IntegrationError: the operator has no application at this vendor.
        """
        oauth = self.oauth(kind)
        proof = {"code_verifier": verifier} if oauth.pkce else {}
        client = self._client(kind, oauth, redirect)
        return str(client.create_authorization_url(oauth.authorize, state=state, **proof)[0])

    async def granted(self, kind: Kind, redirect: str, code: str, verifier: str) -> Grant:
        """What a code stands for.

        Raises:
            IntegrationError: the vendor does not take it.
        """
        oauth = self.oauth(kind)
        proof = {"code_verifier": verifier} if oauth.pkce else {}
        token = await self._speaking(
            kind,
            self._client(kind, oauth, redirect),
            lambda c: c.fetch_token(oauth.token, code=code, **proof),
        )
        secrets = {name: token[name] for name in ("access_token", "refresh_token") if token.get(name)}
        return await self._known(kind, secrets, _lasts(token))

    async def renewed(self, kind: Kind, secrets: Mapping[str, Any]) -> Token:
        """A token in place of one that ends.

        Raises:
            IntegrationError: ``final`` when the account has to be connected again.
        """
        if "key" in secrets:
            return await self._assertion(kind, secrets["key"])
        old = secrets.get("refresh_token")
        if not old:
            raise NothingToRenew(f"{kind.label} gave nothing to renew the token with.")
        oauth = self.oauth(kind)
        token = await self._speaking(
            kind, self._client(kind, oauth, ""), lambda c: c.refresh_token(oauth.token, refresh_token=old)
        )
        fresh = {"access_token": token["access_token"], "refresh_token": token.get("refresh_token") or old}
        return Token({**secrets, **fresh}, _lasts(token))

    # ----------------------------------------------------------- without consent

    async def pasted(self, kind: Kind, token: object) -> Grant:
        """An account by a token that its owner made at the vendor.

        Raises:
            IntegrationError: there are no such tokens, or this is none.
        """
        if not kind.token_label:
            raise IntegrationError(f"{kind.label} cannot be connected with a token.", field="config")
        if not isinstance(token, str) or not token.strip():
            raise IntegrationError(f"access_token has to be a text: {kind.token_label}.", field="config")
        return await self._known(kind, {"access_token": token.strip()}, None)

    async def service_account(self, kind: Kind, key: object) -> Grant:
        """An account by the key file of a service account.

        Raises:
            IntegrationError: it is no such key, or the vendor does not take it.
        """
        needed = ("client_email", "private_key", "project_id")
        if not isinstance(key, Mapping) or not all(isinstance(key.get(name), str) for name in needed):
            raise IntegrationError(
                f"The key of a service account is a JSON object with {', '.join(needed)}.", field="key"
            )
        token = await self._assertion(kind, key)
        mail = key["client_email"]
        config = {"client_email": mail, "project_id": key["project_id"]}
        return Grant(mail, mail, config, token.secrets, token.lasts)

    # ------------------------------------------------------------------ parts

    async def _assertion(self, kind: Kind, key: Mapping[str, Any]) -> Token:
        url = str(key.get("token_uri") or GOOGLE_TOKEN)
        try:
            client = AsyncAssertionClient(
                token_endpoint=url, issuer=key["client_email"], subject=None, audience=url,
                grant_type=JWTBearerGrant.GRANT_TYPE, key=RSAKey.import_key(key["private_key"]), header={"alg": "RS256"},
                claims={"scope": kind.service_account}, transport=Guarded(self.transport),
            )  # fmt: skip
            token = await self._speaking(kind, client, lambda c: c.refresh_token())
        except (JoseError, ValueError) as error:
            raise IntegrationError(f"The private key cannot be read: {error}", field="key") from error
        return Token({"access_token": token["access_token"], "key": dict(key)}, _lasts(token))

    def oauth(self, kind: Kind) -> OAuth:
        """How a kind is connected at its vendor's page.

        Raises:
            IntegrationError: it cannot be, or the operator has no application there.
        """
        if kind.oauth is None or kind.name not in self._apps:
            name = f"HEDGEROW_{kind.name.upper().replace('-', '_')}_CLIENT_ID"
            hint = (
                ""
                if kind.oauth is None
                else f" Set {name} and {name.removesuffix('ID')}SECRET on the server."
            )
            raise IntegrationError(
                f"Kind not configured: {kind.label} has no OAuth application here.{hint}", field="kind"
            )
        return kind.oauth

    def _client(self, kind: Kind, oauth: OAuth, redirect: str) -> AsyncOAuth2Client:
        app = self._apps[kind.name]
        return AsyncOAuth2Client(
            client_id=app.id, client_secret=app.secret, scope=oauth.scope or None, redirect_uri=redirect or None,
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 (the name of a method)
            code_challenge_method="S256" if oauth.pkce else None, transport=Guarded(self.transport),
        )  # fmt: skip

    async def _speaking(
        self, kind: Kind, client: Any, work: Callable[[Any], Awaitable[Mapping[str, Any]]]
    ) -> Mapping[str, Any]:
        try:
            async with client:
                token = await work(client)
        except AuthlibBaseError as error:
            text = f"{kind.label} refuses: {error.description or error.error}."
            raise IntegrationError(text, final=error.error in ENDED) from error
        except httpx2.HTTPStatusError as error:
            raise IntegrationError(
                f"{kind.label} answered with status {error.response.status_code}."
            ) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise IntegrationError(f"{kind.label} cannot be reached: {error}") from error
        if not token or not token.get("access_token"):
            raise IntegrationError(f"{kind.label} gave no token.")
        return token

    async def _known(self, kind: Kind, secrets: dict[str, Any], lasts: float | None) -> Grant:
        who = kind.who
        assert who is not None, "a kind with tokens says how to look into them"
        found = await ask(self.transport, who.method, who.url, secrets["access_token"], vendor=kind.label)
        external_id, name = at(found, who.id), at(found, who.name)
        if external_id in (None, ""):
            raise IntegrationError(f"{kind.label} does not say whose token this is.")
        config = {key: at(found, path) for key, path in who.config.items()}
        return Grant(str(external_id), str(name or external_id), config, secrets, lasts)


def _lasts(token: Mapping[str, Any]) -> float | None:
    seconds = token.get("expires_in")
    if seconds is None and token.get("expires_at"):
        seconds = float(token["expires_at"]) - time.time()
    return float(seconds) if seconds else None
