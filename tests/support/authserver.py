"""A real OAuth 2 authorization server on loopback: Authlib's, carried by Flask. It grants to whoever asks, and keeps book."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from dataclasses import dataclass, field

os.environ.setdefault("AUTHLIB_INSECURE_TRANSPORT", "1")

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7523 import JWTBearerGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, jsonify, request
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server


@dataclass
class Client:
    """The one application that is registered."""

    redirect: str = ""
    client_id: str = "our-app"
    secret: str = "our-app-secret"
    client_metadata: dict = field(default_factory=dict)

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return self.redirect

    def get_allowed_scope(self, scope):
        return scope or "all"

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri == self.redirect

    def check_client_secret(self, client_secret):
        return secrets.compare_digest(client_secret, self.secret)

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_post"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return True


@dataclass
class Code:
    """A code that was given out."""

    code: str
    redirect_uri: str
    scope: str
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope


@dataclass
class Token:
    """A token that was given out."""

    access: str
    refresh: str | None
    scope: str
    ends: float
    revoked: bool = False

    def check_client(self, client):
        return True

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return int(self.ends - time.time())

    def is_expired(self):
        return self.ends < time.time()

    def is_revoked(self):
        return self.revoked


class AuthServer:
    """Start with ``with AuthServer() as server``.

    Attributes:
        url: where it listens.
        lasts: seconds that its tokens last from now on.
        tokens: all that were given out.
        refreshes: how often a token was renewed.
        trouble: a status with which the token endpoint answers instead of working.
        ended: it has forgotten everybody.
        slow: seconds that a renewal takes.
        public_key: of the service account.
    """

    def __init__(self):
        self.client = Client()
        self.codes: dict[str, Code] = {}
        self.tokens: list[Token] = []
        self.lasts = 3600
        self.refreshes = 0
        self.trouble = 0
        self.slow = 0.0
        self.ended = False
        self.public_key = None
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def revoke(self):
        """Take all consent back."""
        for token in self.tokens:
            token.revoked = True

    def valid(self, text: str) -> bool:
        """Whether an access token is good."""
        return any(t.access == text and not t.is_expired() and not t.revoked for t in self.tokens)

    def _save(self, token, _request):
        made = Token(
            token["access_token"],
            token.get("refresh_token"),
            token.get("scope") or "",
            time.time() + self.lasts,
        )
        self.tokens.append(made)

    def _app(self):
        outer = self
        app = Flask(__name__)
        app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
        app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": 3600, "refresh_token": 3600}
        server = AuthorizationServer(
            app,
            query_client=lambda name: outer.client if name == outer.client.client_id else None,
            save_token=self._save,
        )

        class ByCode(grants.AuthorizationCodeGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_post",)

            def save_authorization_code(self, code, request):
                data = request.payload.data
                outer.codes[code] = Code(
                    code, request.payload.redirect_uri or "", request.payload.scope or "",
                    data.get("code_challenge"), data.get("code_challenge_method"),
                )  # fmt: skip

            def query_authorization_code(self, code, client):
                return outer.codes.get(code)

            def delete_authorization_code(self, authorization_code):
                outer.codes.pop(authorization_code.code, None)

            def authenticate_user(self, authorization_code):
                return "somebody"

        class ByRefresh(grants.RefreshTokenGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_post",)
            INCLUDE_NEW_REFRESH_TOKEN = True

            def authenticate_refresh_token(self, refresh_token):
                found = [t for t in outer.tokens if t.refresh == refresh_token and not t.revoked]
                return found[0] if found else None

            def authenticate_user(self, refresh_token):
                return "somebody"

            def revoke_old_credential(self, refresh_token):
                refresh_token.revoked = True

        class ByKey(JWTBearerGrant):
            def resolve_issuer_client(self, issuer):
                return outer.client

            def resolve_client_public_key(self, client):
                return RSAKey.import_key(outer.public_key)

            def validate_requested_scope(self):
                pass

            def get_audiences(self):
                return [f"{outer.url}/token"]

            def authenticate_user(self, subject):
                return None

            def has_granted_permission(self, client, user):
                return True

        server.register_grant(ByCode, [CodeChallenge(required=False)])
        server.register_grant(ByRefresh)
        server.register_grant(ByKey)

        @app.get("/authorize")
        def authorize():
            grant = server.get_consent_grant(end_user="somebody")
            return server.create_authorization_response(grant=grant, grant_user="somebody")

        @app.post("/token")
        def token():
            if outer.ended:
                return jsonify(error="invalid_grant"), 400
            if outer.trouble:
                return jsonify(error="temporarily_unavailable"), outer.trouble
            if request.form.get("grant_type") == "refresh_token":
                outer.refreshes += 1
                time.sleep(outer.slow)
            answer = server.create_token_response()
            if answer.status_code == 200:
                data = answer.get_json()
                data["expires_in"] = outer.lasts
                return jsonify(data)
            return answer

        @app.get("/me")
        def me():
            text = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not outer.valid(text) and text != "pasted-token":
                return jsonify(error="invalid_token"), 401
            return jsonify(id="acct-1", name="Acme", region="EU")

        return app
