"""From a program's ``fetch`` to a request, and from what came back to the program's value.

Source of the shapes: PostHog's documented fetch. Ours adds ``headers`` to the result, keeps numbers in headers
as text instead of dropping them, and names every request with ``webhook-id``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import Excerpt
from hedgerow.delivery.transport import Request, Response, TransportError
from hedgerow.delivery.world import Options
from hedgerow.hog import HogRuntimeError
from hedgerow.hog.host import AsyncCall
from hedgerow.hog.jsontext import to_json

BODYLESS = frozenset({"GET", "HEAD"})
NO_RESPONSE = 500


def request_of(call: AsyncCall, delivery: bytes, options: Options) -> Request:
    """The request a program asked for.

    Args:
        call: its ``fetch`` call.
        delivery: the invocation's id, sent as ``webhook-id`` (``id-n`` from the second call of a run on).
        options: time-outs and caps.

    Raises:
        HogRuntimeError: the arguments are not what fetch takes.
    """
    url, extra = (*call.args, None, None)[:2]
    if not isinstance(url, str):
        raise HogRuntimeError("fetch needs a URL as its first argument, a string.")
    if extra is None:
        extra = {}
    if not isinstance(extra, dict):
        raise HogRuntimeError(
            "fetch takes an object as its second argument, like {'method': 'POST', 'body': ...}."
        )
    method = str(extra.get("method") or "POST").upper()
    headers = _headers(extra.get("headers"))
    if "webhook-id" not in {name.lower() for name in headers}:
        headers["webhook-id"] = text(delivery) if call.ordinal == 0 else f"{text(delivery)}-{call.ordinal}"
    return Request(
        method=method,
        url=url,
        headers=headers,
        body=None if method in BODYLESS else _body(extra.get("body")),
        timeout=options.timeout_s,
        connect_timeout=options.connect_timeout_s,
        max_body=options.max_response,
    )


def _headers(given: Any) -> dict[str, str]:
    if given is None:
        return {"Content-Type": "application/json"}
    if not isinstance(given, dict):
        raise HogRuntimeError("fetch takes headers as an object of names and values.")
    return {str(name): _header_text(value) for name, value in given.items() if value is not None}


def _header_text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value)


def _body(value: Any) -> bytes | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return to_json(value).encode("utf-8", "surrogatepass")


def result_of(response: Response) -> dict[str, Any]:
    """What ``fetch`` evaluates to: status, headers, and the body parsed as JSON where it is JSON."""
    return {"status": response.status, "headers": dict(response.headers), "body": parse_body(response.body)}


def parse_body(body: bytes) -> Any:
    """JSON when the bytes are JSON, else text."""
    try:
        return orjson.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def result_of_failure(error: TransportError) -> dict[str, Any]:
    """What ``fetch`` evaluates to when there was no response: status 500, as PostHog has it, and the reason as body."""
    return {"status": NO_RESPONSE, "headers": {}, "body": {"error": error.kind, "message": str(error)}}


def excerpt_of_request(request: Request, cap: int) -> Excerpt:
    """What may be kept of a request."""
    body = request.body or b""
    return Excerpt(request.headers, body[:cap], len(body))


def excerpt_of_response(response: Response, cap: int) -> Excerpt:
    """What may be kept of a response."""
    return Excerpt(response.headers, response.body[:cap], len(response.body))


def non_failure(status: int, codes: Collection[int | str]) -> bool:
    """Whether a destination declared a status as no failure.

    Args:
        status: of the response.
        codes: its ``non_failure_status_codes``: integers and ``4xx`` / ``5xx``.
    """
    return status in codes or f"{status // 100}xx" in codes


def failure_of(result: Mapping[str, Any], codes: Collection[int | str]) -> tuple[str, str] | None:
    """Kind and message of a recorded result that counts as a failure, or None.

    Args:
        result: what ``fetch`` evaluated to.
        codes: statuses the destination declared as no failure.
    """
    status, body = result["status"], result.get("body")
    if isinstance(body, Mapping) and status == NO_RESPONSE and "error" in body and "message" in body:
        return str(body["error"]), str(body["message"])
    if status < 400 or non_failure(status, codes):
        return None
    return status_kind(status), f"The last call answered {status}."


def status_kind(status: int) -> str:
    """The ledger's kind for a failing status."""
    return f"http_{status // 100}xx"
