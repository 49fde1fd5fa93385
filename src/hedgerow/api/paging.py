"""Lists in pages: by limit and offset, or by a cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from hedgerow.api.access import KEY_FIELD
from hedgerow.api.errors import Invalid

DEFAULT_LIMIT = 100
LONGEST = 1000


def number(request: Request, name: str, default: int, *, least: int = 0, most: int = LONGEST) -> int:
    """A whole number from the query.

    Raises:
        Invalid: it is none, or out of bounds.
    """
    return whole(request.query_params.get(name, ""), name, default, least=least, most=most)


def whole(text: str, name: str, default: int, *, least: int = 0, most: int = LONGEST) -> int:
    """A whole number from a text; the default when there is none.

    Raises:
        Invalid: it is none, or out of bounds.
    """
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise Invalid(f"Must be a whole number from {least} to {most}.", attr=name)
    return int(text)


def page(request: Request, items: Sequence[Any]) -> dict[str, Any]:
    """One page of a list that is at hand as a whole."""
    limit = number(request, "limit", DEFAULT_LIMIT, least=1)
    offset = number(request, "offset", 0, most=10**9)
    return page_of(request, items[offset : offset + limit], len(items), limit, offset)


def page_of(request: Request, items: Sequence[Any], count: int, limit: int, offset: int) -> dict[str, Any]:
    """The envelope of a page: ``items`` are those on it, ``count`` how many there are in all."""
    return {
        "count": count,
        "next": link(request, limit=limit, offset=offset + limit) if offset + limit < count else None,
        "previous": link(request, limit=limit, offset=max(0, offset - limit)) if offset else None,
        "results": items,
    }


def link(request: Request, **changes: object) -> str:
    """The address of this list with other parameters, relative to nothing: path and query."""
    gone = {*changes, KEY_FIELD}  # a key does not belong into what is copied from hand to hand
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in gone]
    kept += [(key, str(value)) for key, value in changes.items()]
    return f"{request.app.state.services.settings.base_url}{request.url.path}/?{urlencode(kept)}"
