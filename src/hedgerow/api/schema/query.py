"""Queries, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.deliveries import EVENT_UUID
from hedgerow.api.schema.operations import Operation, Tag
from hedgerow.api.schema.shapes import free, limited, one_of, optional

TAG = Tag("Query", "Recent events, column by column.")

OPERATIONS = (
    Operation(
        "POST /query",
        "query_create",
        {
            "columns": ["uuid", "event", "properties.order"],
            "types": ["UUID", "String", "Nullable(String)"],
            "results": [[free(EVENT_UUID)]],
            "hasMore": True,
            "limit": 1,
            "offset": 0,
        },
        body={
            "query": {
                "kind": one_of("EventsQuery"),
                "select": optional(["uuid", "event", "properties.order"]),
                "event": optional("order paid"),
                "properties": optional(
                    [free({"key": "order", "value": 7, "operator": "gt", "type": "event"})]
                ),
                "after": optional("-7d"),
                "before": optional("2026-06-01T00:00:00Z"),
                "limit": optional(limited(1, minimum=0, maximum=1000)),
                "offset": optional(limited(0, minimum=0, maximum=10_000)),
                "orderBy": optional(["timestamp DESC"]),
                "personId": optional("0191f3c0-1d2e-7c00-8000-5f0c6a3b9d10"),
                "actionId": optional(1),
            }
        },
    ),
)
