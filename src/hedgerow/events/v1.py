"""The second protocol, ``POST /i/v1/analytics/events``: the token in a header, strict types, an outcome per event.

What concerns the batch refuses it as a whole (``Refused``, answered as JSON with a tag); what is wrong with one event drops
that event and leaves its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hedgerow.events import body as bodies
from hedgerow.events import tokens
from hedgerow.events.errors import TooLarge, WireError, too_large
from hedgerow.events.ids import canonical
from hedgerow.events.inflating import ENCODINGS, inflate
from hedgerow.events.model import Event
from hedgerow.events.shapes import MAX_DISTINCT_ID, MAX_NAME
from hedgerow.events.timestamps import parse, resolve, write

_REQUIRED = {
    b"authorization": "Authorization",
    b"content-type": "Content-Type",
    b"user-agent": "User-Agent",
    b"posthog-sdk-info": "PostHog-Sdk-Info",
    b"posthog-attempt": "PostHog-Attempt",
    b"posthog-request-id": "PostHog-Request-Id",
    b"posthog-request-timestamp": "PostHog-Request-Timestamp",
}
# Placeholders that broken clients send as the id of everybody; compared without case and surrounding space.
_ILLEGAL_IDS = frozenset(
    {
        "0",
        "00000000-0000-0000-0000-000000000000",
        "[object object]",
        "anonymous",
        "anonymous-user",
        "backend",
        "distinct_id",
        "distinctid",
        "email",
        "false",
        "guest",
        "id",
        "nan",
        "none",
        "not_authenticated",
        "null",
        "system",
        "true",
        "undefined",
        "user",
    }
)
_OPTIONS: dict[str, tuple[str, type]] = {
    "cookieless_mode": ("$cookieless_mode", bool),
    "disable_skew_correction": ("$ignore_sent_at", bool),
    "disable_skew_adjustment": ("$ignore_sent_at", bool),
    "product_tour_id": ("$product_tour_id", str),
    "process_person_profile": ("$process_person_profile", bool),
}
_TOP_LEVEL = {"session_id": "$session_id", "window_id": "$window_id"}


class Refused(WireError):
    """The whole request is refused.

    Attributes:
        reason: the tag of the error, part of the protocol.
        text: the description.
    """

    def __init__(self, status: int, tag: str, text: str) -> None:
        super().__init__(tag, text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers say.

    Attributes:
        token: of the project, its shape checked.
        library: name and version of the SDK.
        sent_at: when this attempt was sent, by the client's clock.
    """

    token: str
    library: tuple[str, str]
    sent_at: int


@dataclass(slots=True)
class Outcome:
    """What became of one event.

    Attributes:
        uuid: as the client wrote it; the key of the answer.
        event: None when it is dropped.
        result: ``ok``, ``drop``, ``limited`` or ``retry``.
        details: why it was dropped.
    """

    uuid: str
    event: Event | None
    result: str = "ok"
    details: str | None = None


def read_headers(headers: Mapping[bytes, bytes]) -> Envelope:
    """The envelope of a request.

    Raises:
        Refused: headers are missing (all named at once) or have no sense.
    """
    missing = [name for key, name in _REQUIRED.items() if not headers.get(key, b"").strip()]
    if missing:
        raise Refused(400, "missing_required_headers", "missing headers: " + ", ".join(missing))
    media_type = headers[b"content-type"].partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise Refused(415, "unsupported_content_type", "the content type must be application/json")
    token = _bearer(_text(headers, b"authorization"))
    name, slash, version = _text(headers, b"posthog-sdk-info").partition("/")
    if not (name and slash and version):
        raise _bad_header("PostHog-Sdk-Info", "name/version")
    attempt = _text(headers, b"posthog-attempt")
    if not attempt.isdecimal() or len(attempt) > 9 or int(attempt) < 1:
        raise _bad_header("PostHog-Attempt", "a number from 1")
    if canonical(_text(headers, b"posthog-request-id")) is None:
        raise _bad_header("PostHog-Request-Id", "a UUID")
    sent_at = strict_time(_text(headers, b"posthog-request-timestamp"))
    if sent_at is None:
        raise _bad_header("PostHog-Request-Timestamp", "a time in RFC 3339")
    return Envelope(token, (name, version), sent_at)


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers[name].decode("latin-1").strip()


def _bad_header(name: str, wanted: str) -> Refused:
    return Refused(400, "invalid_header_value", f"{name} must be {wanted}")


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(401, "invalid_api_token", "the authorization must be a bearer token")
    try:
        return tokens.check(token)
    except WireError as error:
        raise Refused(401, "invalid_api_token", error.text) from error


def strict_time(text: Any) -> int | None:
    """Milliseconds since the epoch of an RFC 3339 time with its zone; None for anything else."""
    if type(text) is not str or len(text) < 20 or text[10] not in "Tt ":
        return None
    try:
        zoned = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return None
    return parse(text) if zoned else None


def read_body(body: bytes, encoding: bytes, *, limit: int) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        Refused: nothing there, another encoding, too large, or no JSON object.
    """
    if not body:
        raise Refused(400, "empty_body", "the request has no body")
    try:
        document = bodies.parse_json(_decompress(body, encoding.decode("latin-1").strip().lower(), limit))
    except TooLarge as error:
        raise Refused(413, "payload_too_large", error.text) from error
    except Refused:
        raise
    except WireError as error:
        tag = "request_decoding_error" if error.reason == "undecodable" else "request_parsing_error"
        raise Refused(400, tag, error.text) from error
    if type(document) is not dict:
        raise _mistyped("the body must be an object")
    return document


def _decompress(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding in ENCODINGS:
        return inflate(body, encoding, limit=limit)
    if encoding not in {"", "identity"}:
        known = ", ".join(ENCODINGS)
        raise Refused(415, "unsupported_encoding", f"the content encoding must be one of {known}")
    if len(body) > limit:
        raise too_large(f"the request has more than {limit} bytes")
    return body


def _mistyped(text: str) -> Refused:
    return Refused(400, "request_parsing_error", text)


def read_events(document: dict[str, Any], envelope: Envelope, *, now: int, ip: str) -> list[Outcome]:
    """An outcome for each event of a batch, in order.

    Args:
        document: the body; it is taken over and changed.
        envelope: the headers.
        now: when it was received, milliseconds since the epoch.
        ip: the client's address.

    Raises:
        Refused: a field of the batch or of any event has the wrong type, or the uuids cannot be keys of an answer.
    """
    if strict_time(document.get("created_at")) is None:
        raise Refused(400, "invalid_batch", '"created_at" must be a time in RFC 3339')
    batch = document.get("batch")
    if type(batch) is not list:
        raise _mistyped('"batch" must be a list of events')
    if not batch:
        raise Refused(400, "empty_batch", "the batch holds no event")
    _check_uuids(batch)
    if document.get("capture_internal"):
        ip = "127.0.0.1"
    reader = _Reader(envelope, now, ip)
    return [reader.outcome(raw) for raw in batch]


def _check_uuids(batch: list[Any]) -> None:
    seen: set[str] = set()
    for raw in batch:
        if type(raw) is not dict:
            raise _mistyped("an event must be an object")
        uuid = raw.get("uuid")
        if uuid is None or uuid == "":
            raise Refused(400, "missing_event_uuid", "an event has no uuid")
        known = canonical(uuid) if type(uuid) is str else None
        if known is None:
            raise _mistyped('"uuid" must be a UUID')
        if known in seen:
            raise Refused(400, "duplicate_event_uuid", f"the uuid {known} is there twice")
        seen.add(known)


class _Dropped(Exception):
    """One event is dropped; the message is its tag."""


@dataclass(slots=True)
class _Reader:
    """Reads the events of one batch."""

    envelope: Envelope
    now: int
    ip: str

    def outcome(self, raw: dict[str, Any]) -> Outcome:
        _check_types(raw)
        try:
            return Outcome(raw["uuid"], self._event(raw))
        except _Dropped as dropped:
            return Outcome(raw["uuid"], None, "drop", str(dropped))

    def _event(self, raw: dict[str, Any]) -> Event:
        name, distinct_id = raw.get("event") or "", raw.get("distinct_id") or ""
        _check_name(name)
        _check_distinct_id(distinct_id)
        happened = strict_time(raw.get("timestamp"))
        if happened is None:
            raise _Dropped("invalid_event_timestamp")
        properties = raw.get("properties", {})
        if type(properties) is not dict:
            raise _Dropped("malformed_event_properties")
        self._inject(raw, properties)
        sent_at = None if properties.get("$ignore_sent_at") is True else self.envelope.sent_at
        when = resolve(raw["timestamp"], None, sent_at, self.now)
        uuid = canonical(raw["uuid"])
        assert uuid is not None
        return Event(uuid, name, distinct_id.replace("\0", "\ufffd"), properties, write(when), self.now)

    def _inject(self, raw: dict[str, Any], properties: dict[str, Any]) -> None:
        """What the protocol carries outside of the properties goes back into them, as the rest of the world knows it."""
        for field, name in _TOP_LEVEL.items():
            if raw.get(field) is not None:
                properties[name] = raw[field]
        for option, value in raw["options"].items():
            if option in _OPTIONS and value is not None:
                properties[_OPTIONS[option][0]] = value
        properties["$lib"], properties["$lib_version"] = self.envelope.library
        if self.ip:
            properties.setdefault("$ip", self.ip)


def _check_types(raw: dict[str, Any]) -> None:
    for field in ("event", "distinct_id", "timestamp", *_TOP_LEVEL):
        if type(raw.get(field, "")) is not str and not (field in _TOP_LEVEL and raw[field] is None):
            raise _mistyped(f'"{field}" must be a string')
    options = raw.get("options")
    if type(options) is not dict:
        raise _mistyped('"options" must be an object')
    for option, (_, wanted) in _OPTIONS.items():
        if option in options and options[option] is not None and type(options[option]) is not wanted:
            raise _mistyped(f'the option "{option}" must be a {"boolean" if wanted is bool else "string"}')


def _check_name(name: str) -> None:
    if not name:
        raise _Dropped("missing_event_name")
    if len(name) > MAX_NAME:
        raise _Dropped("event_name_too_long")


def _check_distinct_id(distinct_id: str) -> None:
    if not distinct_id.strip():
        raise _Dropped("missing_distinct_id")
    if len(distinct_id) > MAX_DISTINCT_ID:
        raise _Dropped("distinct_id_too_large")
    if distinct_id.strip().lower() in _ILLEGAL_IDS:
        raise _Dropped("invalid_distinct_id")
