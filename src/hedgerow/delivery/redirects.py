"""Following redirects, for requests that ask for it. The rules are those of browsers' ``fetch``, but stricter with credentials.

Each hop is a request of its own to the transport, which judges its address like any other. To another origin go only headers that
cannot be a credential: which of the others are, nobody can tell by their names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urljoin

from hedgerow.delivery.target import parse_target
from hedgerow.delivery.transport import Request, Response, Transport, TransportError

MOST: Final = 5
STATUSES: Final = frozenset({301, 302, 303, 307, 308})
_HARMLESS: Final = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "content-encoding", "content-language", "content-type", "user-agent",
        "webhook-id",
    }
)  # fmt: skip
_OF_THE_BODY: Final = frozenset({"content-encoding", "content-language", "content-location", "content-type"})


def send_following(transport: Transport, request: Request) -> Coroutine[Any, Any, Response]:
    """Send a request and, if it asks for that, follow where the answers lead; its time limit is that of the whole way.

    Args:
        transport: sends each hop.
        request: the first.

    Raises:
        TransportError: a hop has no usable answer or may not be made, or there are too many.
    """
    return _follow(transport, request) if request.follow_redirects else transport.send(request)


async def _follow(transport: Transport, request: Request) -> Response:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + request.timeout
    for _ in range(MOST + 1):
        response = await transport.send(request)
        where = response.headers.get("location")
        if response.status not in STATUSES or not where:
            return response
        left = deadline - loop.time()
        if left <= 0:
            raise TransportError("timeout", "The redirects took too long.", retriable=True)
        request = replace(redirected(request, response.status, where), timeout=left)
    raise TransportError("redirects", f"There were more than {MOST} redirects.", retriable=False)


def redirected(request: Request, status: int, where: str) -> Request:
    """The request that a redirect asks for.

    Args:
        request: what was answered so.
        status: one of ``STATUSES``.
        where: the header ``Location``, perhaps relative.

    Raises:
        TransportError: it leads to no URL.
    """
    url = parse_target(urljoin(parse_target(request.url).url, where))
    headers = dict(request.headers)
    method, body = request.method, request.body
    if _becomes_get(method, status):
        method, body = "GET", None
        headers = _without(headers, _OF_THE_BODY)
    headers = _without(headers, frozenset({"host"}))
    if url.origin != parse_target(request.url).origin:
        headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS}
    return replace(request, method=method, url=url.url, headers=headers, body=body)


def _becomes_get(method: str, status: int) -> bool:
    return (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST")


def _without(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}
