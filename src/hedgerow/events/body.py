"""From the bytes of a request to JSON, whatever the SDK wrapped around it.

Twenty years of browsers left many wrappings: base64, forms, gzip announced or not, LZ-string. The order of the steps and
what counts as "looks like" are those of PostHog's capture, so that a request means the same here and there.
"""

from __future__ import annotations

import binascii
import re
from typing import Any
from urllib.parse import parse_qsl

import orjson

from hedgerow.events.errors import BadRequest, too_large, undecodable, unparsable
from hedgerow.events.inflating import inflate
from hedgerow.events.lz import BadLz, LzTooLong, decompress_base64

FORM = b"application/x-www-form-urlencoded"
MAX_BODY = 20 * 1024 * 1024
# LZ-string is decoded in Python, about 3 MB a second; the SDKs that use it send a few kilobytes.
MAX_LZ = 1024 * 1024

_GZIP_MAGIC = b"\x1f\x8b\x08"
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_FORM_KEYS = (b"data=", b"_=", b"ip=", b"compression=")
_HINTS = {
    "gzip": "gzip",
    "gzip-js": "gzip",
    "lz64": "lz",
    "lz-string": "lz",
    "base64": "base64",
    "b64": "base64",
}
_ESCAPED_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)\\u(?:([dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def query_parameters(query: bytes) -> dict[str, str]:
    """The first value of each query parameter; damaged escapes are kept as replacement characters."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise undecodable(f"the query has too many parameters ({error})") from error
    return dict(reversed(pairs))


def parse(
    body: bytes,
    query: dict[str, str],
    *,
    content_type: bytes = b"",
    content_encoding: bytes = b"",
    limit: int = MAX_BODY,
) -> Any:
    """The JSON value that a request carries.

    Args:
        body: the raw body.
        query: see ``query_parameters``; ``data`` takes the place of the body, ``compression`` is a hint.
        content_type: the header, as sent.
        content_encoding: the header, as sent; the weakest hint.
        limit: bytes, as sent and after inflation.

    Raises:
        BadRequest: nothing there, or it cannot be unwrapped or parsed.
        TooLarge: more than ``limit``, before or after inflation.
    """
    payload, hint = _unwrap(body, query, content_type)
    if len(payload) > limit:
        raise too_large(f"the request has {len(payload)} bytes, {limit} are allowed")
    hint = hint or _hint(content_encoding.decode("latin-1"))
    if hint == "lz" and not payload.startswith(_GZIP_MAGIC):
        return parse_json(_unlz(payload, limit))
    payload = _unbase64(payload)
    if hint == "gzip" or payload.startswith(_GZIP_MAGIC):
        payload = _unbase64(inflate(payload, "gzip", limit=limit))
    return parse_json(payload)


def _unwrap(body: bytes, query: dict[str, str], content_type: bytes) -> tuple[bytes, str | None]:
    """The payload out of query or form, and the hint that came with it (the query's wins)."""
    hint = _hint(query.get("compression", "")) if query else None
    data = query.get("data") if query else None
    if data:
        return _restore_plus(data.encode()), hint
    if not body:
        raise BadRequest("empty", "request missing data payload")
    if _is_form(body, content_type):
        body, form_hint = _unform(body)
        hint = hint or form_hint
    return body, hint


def _is_form(body: bytes, content_type: bytes) -> bool:
    """Whether to take a body apart as a form.

    JSON and gzip are believed where the type says form, as curl's default does; PostHog refuses those.

    Raises:
        BadRequest: it is announced as a form and cannot be one, nor anything else.
    """
    if body[0] not in _BASE64:
        return False
    if not body.startswith(b"data=") and content_type.partition(b";")[0].strip().lower() != FORM:
        return False
    if not _looks_form(body) and not _looks_base64(body):
        raise undecodable(
            "sent as a form, but there is no data field in it; is Content-Type: application/json meant?"
        )
    return _looks_form(body)


def _looks_form(payload: bytes) -> bool:
    head = payload[:128]
    return any(head.startswith(key) or b"&" + key in head for key in _FORM_KEYS)


def _looks_base64(payload: bytes, extra: frozenset[int] = frozenset()) -> bool:
    if not payload or len(payload) % 4 or payload[0] == 0x7B:
        return False
    return _BASE64.union(extra).issuperset(payload[:128])


def _unbase64(payload: bytes) -> bytes:
    """Decoded if it is base64 from beginning to end, else as it was."""
    if not _looks_base64(payload):
        return payload
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except binascii.Error:
        return payload


def _unform(payload: bytes) -> tuple[bytes, str | None]:
    fields = query_parameters(payload)
    data = fields.get("data", "").encode()
    if not data:
        raise BadRequest("empty", "request missing data payload")
    return _restore_plus(data), _hint(fields.get("compression", ""))


def _restore_plus(data: bytes) -> bytes:
    """A plus sign that nobody escaped was read as a space."""
    if b" " in data and _looks_base64(data, frozenset(b" ")):
        return data.replace(b" ", b"+")
    return data


def _hint(text: str) -> str | None:
    return _HINTS.get(text.strip().lower()) if text else None


def _unlz(payload: bytes, limit: int) -> bytes:
    if len(payload) > MAX_LZ:
        raise too_large(f"an LZ-string request may have {MAX_LZ} bytes")
    try:
        return decompress_base64(payload, limit=limit).encode()
    except BadLz as error:
        raise undecodable(f"the LZ-string data is damaged ({error})") from error
    except LzTooLong as error:
        raise too_large(f"the request inflates to more than {limit} bytes") from error


def parse_json(text: bytes) -> Any:
    """JSON to Python; lone surrogates in string escapes become U+FFFD, as they would crash everything after us.

    Raises:
        BadRequest: not UTF-8, or not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        first = error
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise undecodable(f"the body is not UTF-8 (byte {error.start})") from error
    try:
        return orjson.loads(_ESCAPED_SURROGATE.sub(_repair, text.removeprefix(b"\xef\xbb\xbf")))
    except orjson.JSONDecodeError:
        raise unparsable(str(first)) from first


def _repair(found: re.Match[bytes]) -> bytes:
    return found[0] if found[2] else found[1] + b"\\ufffd"
