"""Requests that prove who sent them: AWS Signature Version 4, and Standard Webhooks.

Both are small and published with test vectors, which is why they are written out here: the library that has the first weighs
more than all of Hedgerow's dependencies together. They are pure: the moment comes in, and each attempt is signed anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from hedgerow.delivery.target import parse_target
from hedgerow.delivery.transport import Request

ALGORITHM: Final = "AWS4-HMAC-SHA256"
WEBHOOK_PREFIX: Final = "whsec_"
_UNRESERVED: Final = "-_.~"
_SLASHES: Final = re.compile("//+")
_OURS: Final = frozenset({"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})
_WEBHOOK: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})


class BadSecret(ValueError):
    """A secret is not in the form that its scheme prescribes. The message does not show it."""


@dataclass(frozen=True, slots=True, repr=False)
class AwsKey:
    """A key of AWS and what it is used for."""

    service: str
    region: str
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def scope(self, day: str) -> str:
        """What a signature of that day is good for."""
        return f"{day}/{self.region}/{self.service}/aws4_request"

    def derive(self, day: str) -> bytes:
        """The key that signs on that day."""
        key = f"AWS4{self.secret_access_key}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = _hmac(key, part)
        return key


def sign_aws(request: Request, key: AwsKey, now: float) -> Request:
    """A request with AWS's headers.

    Signed are ``host``, ``content-type`` and all of ``x-amz-*``; what the program gave of the headers that are made here is replaced.

    Args:
        request: complete but for the signature.
        key: whose.
        now: seconds since the epoch; AWS accepts a signature for a few minutes.

    Raises:
        TransportError: the URL is none.
    """
    target = parse_target(request.url)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(request.body or b"").hexdigest()
    headers = _without(request.headers, _OURS)
    headers["X-Amz-Date"] = stamp
    if key.session_token:
        headers["X-Amz-Security-Token"] = key.session_token
    if key.service == "s3":
        headers["X-Amz-Content-Sha256"] = digest
    signed = _signed_headers(headers, target.netloc)
    path, _, query = target.path.partition("?")
    canonical = "\n".join(
        (
            request.method,
            path if key.service == "s3" else quote(_SLASHES.sub("/", path), safe="/" + _UNRESERVED),
            _canonical_query(query),
            *(f"{name}:{value}" for name, value in signed),
            "",
            ";".join(name for name, _ in signed),
            digest,
        )
    )
    scope = key.scope(stamp[:8])
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = _hmac(key.derive(stamp[:8]), to_sign).hex()
    names = ";".join(name for name, _ in signed)
    headers["Authorization"] = (
        f"{ALGORITHM} Credential={key.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return replace(request, headers=headers)


def _signed_headers(headers: Mapping[str, str], host: str) -> list[tuple[str, str]]:
    """Names and values that are signed, in order; runs of spaces count as one."""
    lowered = {"host": host} | {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    chosen = (n for n in lowered if n in {"host", "content-type"} or n.startswith("x-amz-"))
    return [(name, lowered[name]) for name in sorted(chosen)]


def _canonical_query(query: str) -> str:
    pairs = [part.partition("=") for part in query.split("&") if part]
    return "&".join(
        f"{name}={value}" for name, value in sorted((_recoded(n), _recoded(v)) for n, _, v in pairs)
    )


def _recoded(text: str) -> str:
    """Percent-encoded exactly as AWS has it, however it was before."""
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def sign_webhook(request: Request, secret: str, identity: str, now: float) -> Request:
    """A request with the three headers of Standard Webhooks (https://www.standardwebhooks.com), scheme ``v1``.

    Args:
        request: complete but for the signature.
        secret: base64, with or without ``whsec_``; several, with spaces between, while one replaces the other.
        identity: of the message; the same in every attempt.
        now: seconds since the epoch.

    Raises:
        BadSecret: it is no base64.
    """
    stamp = str(int(now))
    content = f"{identity}.{stamp}.".encode() + (request.body or b"")
    headers = _without(request.headers, _WEBHOOK) | {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{_signature(one, content)}" for one in _secrets(secret)),
    }
    return replace(request, headers=headers)


def _secrets(text: str) -> Iterable[bytes]:
    found = text.split()
    if not found or WEBHOOK_PREFIX in found:
        raise BadSecret("The webhook secret is empty.")
    for one in found:
        try:
            yield base64.b64decode(one.removeprefix(WEBHOOK_PREFIX), validate=True)
        except binascii.Error:
            raise BadSecret("The webhook secret is not base64 (with or without whsec_ before it).") from None


def _signature(secret: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(secret, content, "sha256")).decode()


def _without(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}
