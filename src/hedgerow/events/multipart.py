"""An event about a language model in several parts: ``multipart/form-data`` with prompts and answers beside the event.

The first part is the event as JSON, the second (``event.properties``) its properties, each further one
(``event.properties.<name>``) one large property by itself. PostHog moves large ones to a store of objects and keeps their
address; here they go back into the event, where destinations can use them.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from hedgerow.events import body as bodies
from hedgerow.events.errors import BadRequest, too_large, undecodable, unparsable
from hedgerow.events.inflating import inflate

# The sender is told what is wrong with a body; it is no news for the operator, and anybody could fill the disk with it.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

EVENT, PROPERTIES = "event", "event.properties"
MOST_PARTS = 128
# Limits that are PostHog's own: of the event's part, and of it together with the properties'.
LARGEST_EVENT = 32 * 1024
LARGEST_PROPERTIES = 960 * 1024


@dataclass(slots=True)
class Part:
    """One part, as it was sent."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)

    @property
    def name(self) -> str:
        """The name of the form's field."""
        options = parse_options_header(self.headers.get("content-disposition", ""))[1]
        return options.get(b"name", b"").decode("utf-8", "replace")

    def told(self) -> dict[str, Any]:
        """What the answer says about it."""
        return {
            "name": self.name,
            "length": len(self.data),
            "content-type": self.headers.get("content-type"),
            "content-encoding": self.headers.get("content-encoding"),
        }


def read_parts(body: bytes, content_type: bytes) -> list[Part]:
    """The parts of a body.

    Args:
        body: the whole of it.
        content_type: the header, which names the boundary.

    Raises:
        BadRequest: it is not multipart, cut off, or has too many parts.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise undecodable("the content type must be multipart/form-data with a boundary")
    collector = _Collector()
    try:
        parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise undecodable(f"the multipart body is damaged ({error})") from error
    if not collector.complete:
        raise undecodable("the multipart body is cut off")
    return collector.parts


class _Collector:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.complete = False
        self._name = bytearray()
        self._value = bytearray()

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, start, end: self.parts[-1].data.extend(data[start:end]),
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise undecodable(f"the body has more than {MOST_PARTS} parts")
        self.parts.append(Part())

    def _header(self) -> None:
        self.parts[-1].headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name.clear()
        self._value.clear()

    def _end(self) -> None:
        self.complete = True


def assemble(parts: list[Part], *, limit: int) -> dict[str, Any]:
    """The event with all of its properties, not checked any further.

    Args:
        parts: in the order in which they were sent.
        limit: bytes of one part after inflation.

    Raises:
        BadRequest: parts are missing, unknown, there twice or no JSON where that is meant.
        TooLarge: the event or its properties pass their limits.
    """
    names = [part.name for part in parts]
    if names[:1] != [EVENT]:
        raise undecodable('the first part must be the "event"')
    if len(set(names)) < len(names):
        raise undecodable("a part is there twice")
    first = parts[0]
    event = _json(first, bytes(first.data))
    if type(event) is not dict:
        raise unparsable("the event must be an object")
    _check_sizes({part.name: len(part.data) for part in parts})
    for part in parts[1:]:
        _add(event, part, limit)
    return event


def _check_sizes(sizes: dict[str, int]) -> None:
    if sizes[EVENT] > LARGEST_EVENT:
        raise too_large(f"the event's part has {sizes[EVENT]} bytes, {LARGEST_EVENT} are allowed")
    both = sizes[EVENT] + sizes.get(PROPERTIES, 0)
    if both > LARGEST_PROPERTIES:
        raise too_large(f"event and properties have {both} bytes, {LARGEST_PROPERTIES} are allowed")


def _add(event: dict[str, Any], part: Part, limit: int) -> None:
    name = part.name
    if name == PROPERTIES:
        if "properties" in event:
            raise undecodable("the properties are in the event and in a part of their own")
        event["properties"] = _json(part, bytes(part.data))
        return
    outer, dot, key = name.partition(PROPERTIES + ".")
    properties = event.setdefault("properties", {})
    if outer or not dot or not key:
        raise undecodable(f"the part {name[:80]!r} is neither the event nor one of its properties")
    if type(properties) is not dict:
        raise unparsable('the part "event.properties" must be an object')
    if key in properties:
        raise undecodable(f"the property {key[:80]!r} is there twice")
    properties[key] = _value(part, limit)


def _value(part: Part, limit: int) -> Any:
    """A property: JSON as what it says, text as text, anything else in base64."""
    encoding = part.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip"}:
        raise undecodable(f"the part {part.name[:80]!r} must be sent plain or as gzip")
    data = inflate(bytes(part.data), "gzip", limit=limit) if encoding == "gzip" else bytes(part.data)
    kind = part.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    if kind == "application/json":
        return _json(part, data)
    if kind.startswith("text/"):
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise undecodable(f"the part {part.name[:80]!r} is not UTF-8 (byte {error.start})") from error
    return base64.b64encode(data).decode()


def _json(part: Part, data: bytes) -> Any:
    try:
        return bodies.parse_json(data)
    except BadRequest as error:
        error.text = f"{error.text} (in the part {part.name[:80]!r})"
        raise
