"""Talking to vendors: Authlib's OAuth over httpx2, and httpx2 over the same guarded transport that deliveries take."""

from __future__ import annotations

from typing import Any

import httpx2
import orjson

from hedgerow.delivery.transport import Request, Transport, TransportError
from hedgerow.integrations.errors import IntegrationError

TIMEOUT_S = 15.0
# What the transport or the answer's decoding has dealt with already.
_DONE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Guarded(httpx2.AsyncBaseTransport):
    """An httpx2 transport that connects nowhere by itself."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        skip = {"host", "connection", "content-length", "accept-encoding", "transfer-encoding"}
        headers = {name: value for name, value in request.headers.items() if name not in skip}
        try:
            answer = await self._transport.send(
                Request(
                    request.method,
                    str(request.url),
                    headers,
                    await request.aread() or None,
                    timeout=TIMEOUT_S,
                )
            )
        except TransportError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        kept = [(name, value) for name, value in answer.headers.items() if name not in _DONE]
        return httpx2.Response(answer.status, headers=kept, content=answer.body, request=request)


async def ask(transport: Transport, method: str, url: str, token: str, *, vendor: str) -> dict[str, Any]:
    """Call a vendor's API with a token.

    Returns:
        Its answer, a JSON object.

    Raises:
        IntegrationError: it cannot be reached, refuses, or talks nonsense.
    """
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    try:
        answer = await transport.send(Request(method, url, headers, timeout=TIMEOUT_S))
    except TransportError as error:
        raise IntegrationError(f"{vendor} cannot be reached: {error}") from error
    try:
        found = orjson.loads(answer.body or b"{}")
    except orjson.JSONDecodeError:
        found = None
    # Slack says so in the body, others by the status.
    refusal = found.get("error") if isinstance(found, dict) and found.get("ok") is False else None
    if answer.status >= 400 or refusal:
        raise IntegrationError(f"{vendor} refuses the token: {refusal or f'status {answer.status}'}.")
    if not isinstance(found, dict):
        raise IntegrationError(f"{vendor} answered with something that is no JSON object.")
    return found
