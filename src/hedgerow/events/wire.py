"""A request of the classic protocol, from bytes to events.

Serves ``/batch``, ``/e``, ``/i/v0/e``, ``/capture``, ``/track`` and ``/engage``: they differ only in what their clients
like to send. Everything here is a pure function of its arguments.
"""

from __future__ import annotations

from hedgerow.events import body as bodies
from hedgerow.events.ids import Random
from hedgerow.events.model import Event
from hedgerow.events.shapes import Source, read
from hedgerow.events.timestamps import parse_sent_at_query


def decode(
    body: bytes,
    query: dict[str, str],
    *,
    now: int,
    random: Random,
    ip: str = "",
    content_type: bytes = b"",
    content_encoding: bytes = b"",
    engage: bool = False,
    limit: int = bodies.MAX_BODY,
) -> tuple[str, list[Event]]:
    """The token and the events of a request.

    Args:
        body: the raw bytes.
        query: the parameters, see ``body.query_parameters``.
        now: when it was received, milliseconds since the epoch.
        random: gives random bytes for uuids that the sender left out.
        ip: the client's address; empty: do not record one.
        content_type: the header as sent.
        content_encoding: the header as sent.
        engage: events may lack a name and are ``$identify`` then.
        limit: size of the body in bytes, as sent and inflated.

    Raises:
        WireError: the whole request is refused, with the status and text to answer.
    """
    document = bodies.parse(
        body, query, content_type=content_type, content_encoding=content_encoding, limit=limit
    )
    sent_at = parse_sent_at_query(query.get("_") or query.get("sent_at") or "") if query else None
    return read(document, Source(now, random, ip, sent_at, "$identify" if engage else None))
