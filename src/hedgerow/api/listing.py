"""What a list of destinations is asked for: PostHog's filters, and whether there is a draft."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import Request

from hedgerow.api.errors import Invalid
from hedgerow.api.paging import number
from hedgerow.destinations.listing import LONGEST_SEARCH, Wanted

TRUTH = {"true": True, "1": True, "false": False, "0": False}


def asked(request: Request) -> Wanted:
    """The filters of a request.

    Raises:
        Invalid: one of them is written wrongly; ``attr`` names it.
    """
    query = request.query_params
    return Wanted(
        types=[part for part in query.get("type", query.get("types", "")).split(",") if part] or None,
        enabled=truth(query.get("enabled", ""), "enabled"),
        ids=_ids(query.get("id", "")),
        created_by=number(request, "created_by", 0, most=10**9) or None,
        created_at=_moment(query.get("created_at", ""), "created_at"),
        updated_at=_moment(query.get("updated_at", ""), "updated_at"),
        has_draft=truth(query.get("has_draft", ""), "has_draft"),
        search=query.get("search", "").strip()[:LONGEST_SEARCH] or None,
        filters=_filters(query.get("filters", ""), query.get("filter_groups", "")),
    )


def truth(text: str, name: str) -> bool | None:
    """A yes or no of a query; None when it is not there.

    Raises:
        Invalid: it is neither.
    """
    if not text:
        return None
    if text.lower() not in TRUTH:
        raise Invalid("Must be true or false.", attr=name)
    return TRUTH[text.lower()]


def _ids(text: str) -> list[bytes] | None:
    try:
        return [uuid.UUID(part.strip()).bytes for part in text.split(",") if part.strip()] or None
    except ValueError:
        raise Invalid("Enter a valid UUID.", attr="id") from None


def _moment(text: str, name: str) -> int | None:
    """Milliseconds of a time that stands for itself; a ``+`` that nobody encoded arrives as a space."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Invalid("Enter a valid date/time.", attr=name) from None


def _filters(one: str, groups: str) -> list[Any]:
    """What the destination's filter must contain one of."""
    wanted = [_json(one, "filters")] if one else []
    if wanted and not isinstance(wanted[0], dict):
        raise Invalid("Must be a JSON object.", attr="filters")
    more = _json(groups, "filter_groups") if groups else []
    if not isinstance(more, list) or not all(isinstance(item, dict) for item in more):
        raise Invalid("Must be a JSON array of objects.", attr="filter_groups")
    return wanted + more


def _json(text: str, name: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Invalid("This is no JSON.", attr=name) from None
