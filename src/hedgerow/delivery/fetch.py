"""From a program's ``fetch`` to a request, and from what came back to the program's value.

Source of the shapes: PostHog's documented fetch. Ours adds ``headers`` to the result, keeps numbers in headers
as text instead of dropping them, and names every request with ``webhook-id``. ``timeout``, ``connect_timeout`` (seconds) and
``follow_redirects`` are ours; ``aws_sigv4`` and ``standard_webhooks`` are PostHog's, and name inputs rather than holding secrets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import Excerpt
from hedgerow.delivery.signing import AwsKey, BadSecret, sign_aws, sign_webhook
from hedgerow.delivery.transport import Request, Response, TransportError
from hedgerow.delivery.world import Options
from hedgerow.destinations import InputError
from hedgerow.destinations.fetching import LONGEST_S, is_seconds
from hedgerow.hog import HogRuntimeError
from hedgerow.hog.host import AsyncCall
from hedgerow.hog.jsontext import to_json

BODYLESS = frozenset({"GET", "HEAD"})
ADJUSTABLE = ("timeout", "connect_timeout", "follow_redirects")
SIGNATURES = ("aws_sigv4", "standard_webhooks")
NO_RESPONSE = 500


def request_of(
    call: AsyncCall, delivery: bytes, options: Options, settings: Mapping[str, Any] | None = None
) -> Request:
    """The request a program asked for, but for its signature.

    Args:
        call: its ``fetch`` call.
        delivery: the invocation's id, sent as ``webhook-id`` (``id-n`` from the second call of a run on).
        options: time-outs and caps.
        settings: the destination's own, where the program says nothing (see destinations/fetching.py).

    Raises:
        HogRuntimeError: the arguments are not what fetch takes.
    """
    url, extra = _arguments(call)
    chosen = _chosen(extra, settings)
    method = str(extra.get("method") or "POST").upper()
    return Request(
        method=method,
        url=url,
        headers=_named(_headers(extra.get("headers")), call, delivery),
        body=None if method in BODYLESS else _body(extra.get("body")),
        timeout=_seconds(chosen, "timeout", options.timeout_s),
        connect_timeout=_seconds(chosen, "connect_timeout", options.connect_timeout_s),
        max_body=options.max_response,
        follow_redirects=_follows(chosen, extra),
    )


def _arguments(call: AsyncCall) -> tuple[str, dict[str, Any]]:
    given = call.args
    url = given[0] if given else None
    extra = given[1] if len(given) > 1 else None
    if not isinstance(url, str):
        raise HogRuntimeError("fetch needs a URL as its first argument, a string.")
    if extra is None:
        return url, {}
    if not isinstance(extra, dict):
        raise HogRuntimeError(
            "fetch takes an object as its second argument, like {'method': 'POST', 'body': ...}."
        )
    return url, extra


def _chosen(extra: Mapping[str, Any], settings: Mapping[str, Any] | None) -> Mapping[str, Any]:
    own = {name: value for name in ADJUSTABLE if (value := extra.get(name)) is not None}
    return {**settings, **own} if settings else own


def _seconds(chosen: Mapping[str, Any], name: str, default: float) -> float:
    value = chosen.get(name, default)
    if name in chosen and not is_seconds(value):
        raise HogRuntimeError(f"fetch takes {name} in seconds, above 0 and up to {LONGEST_S:g}.")
    return float(value)


def _follows(chosen: Mapping[str, Any], extra: Mapping[str, Any]) -> bool:
    value = chosen.get("follow_redirects", False)
    if not isinstance(value, bool):
        raise HogRuntimeError("fetch takes follow_redirects as true or false.")
    if value and extra.get("follow_redirects") and extra.get("aws_sigv4"):
        raise HogRuntimeError(
            "A request signed for AWS cannot follow redirects: its signature is for one address."
        )
    return value and not extra.get("aws_sigv4")


# ---------------------------------------------------------------- signing


def signed(request: Request, call: AsyncCall, inputs: Mapping[str, Any], now: float) -> Request:
    """The request as it leaves now: signed, if the program asked for that.

    Args:
        request: from ``request_of``.
        call: the same call.
        inputs: the run's, of which the call names those that hold the keys.
        now: seconds since the epoch.

    Raises:
        HogRuntimeError: what describes the signature is not complete.
        InputError: an input that it names has no usable key.
    """
    _, extra = _arguments(call)
    if extra.get("standard_webhooks"):
        request = _webhook_signed(request, _Spec(extra, "standard_webhooks", inputs), now)
    if extra.get("aws_sigv4"):
        request = _aws_signed(request, _Spec(extra, "aws_sigv4", inputs), now)
    return request


def _webhook_signed(request: Request, spec: _Spec, now: float) -> Request:
    identity = spec.text("webhook_id", required=False) or _header_of(request, "webhook-id")
    try:
        return sign_webhook(request, spec.key("secret_input"), identity, now)
    except BadSecret as error:
        raise InputError(spec.text("secret_input"), str(error)) from None


def _aws_signed(request: Request, spec: _Spec, now: float) -> Request:
    token = spec.key("session_token_input") if spec.text("session_token_input", required=False) else None
    key = AwsKey(
        spec.text("service"), spec.text("region"), spec.key("access_key_id_input"), spec.key("secret_access_key_input"), token
    )  # fmt: skip
    return sign_aws(request, key, now)


def _header_of(request: Request, wanted: str) -> str:
    return next(value for name, value in request.headers.items() if name.lower() == wanted)


class _Spec:
    """What a call says about a signature, and the inputs that it names."""

    def __init__(self, extra: Mapping[str, Any], name: str, inputs: Mapping[str, Any]) -> None:
        self._name = name
        self._fields = extra[name]
        self._inputs = inputs
        if not isinstance(self._fields, dict):
            raise HogRuntimeError(f"fetch takes {name} as an object.")

    def text(self, field: str, *, required: bool = True) -> str:
        """One of its fields."""
        value = self._fields.get(field)
        if isinstance(value, str) and value:
            return value
        if required or value is not None:
            raise HogRuntimeError(f"{self._name} needs {field}, a string.")
        return ""

    def key(self, field: str) -> str:
        """The value of the input that a field names."""
        name = self.text(field)
        value = self._inputs.get(name)
        if not isinstance(value, str) or not value:
            raise InputError(name, f"{self._name} takes a key from the input {name!r}, which has none.")
        return value


# ------------------------------------------------------------------ parts


def _headers(given: Any) -> dict[str, str]:
    if given is None:
        return {"Content-Type": "application/json"}
    if not isinstance(given, dict):
        raise HogRuntimeError("fetch takes headers as an object of names and values.")
    return {
        str(name): value if isinstance(value, str) else to_json(value)
        for name, value in given.items()
        if value is not None
    }


def _named(headers: dict[str, str], call: AsyncCall, delivery: bytes) -> dict[str, str]:
    if "webhook-id" not in map(str.lower, headers):
        headers["webhook-id"] = text(delivery) if call.ordinal == 0 else f"{text(delivery)}-{call.ordinal}"
    return headers


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
