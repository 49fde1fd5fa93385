"""``/api/projects/:id/ingestion_warnings/``: what ingestion refused, dropped or changed, and how often."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api.access import Access, needs
from hedgerow.api.paging import number
from hedgerow.api.times import iso, parse_time
from hedgerow.people import Recorded, list_warnings

router = APIRouter(prefix="/api/projects/{project_id}/ingestion_warnings")

Reading = Annotated[Access, Depends(needs("ingestion_warning:read"))]
DAY_MS = 86_400_000
# Rows of a kind and an hour: a month of thirty kinds.
MOST_ROWS = 24 * 30 * 30


@router.get("")
async def list_by_kind(request: Request, access: Reading) -> dict[str, Any]:
    """Kinds of warnings, the latest first, each with its count by the hour and its latest samples."""
    now = access.services.now()
    after = parse_time(request.query_params.get("after"), now, "after") or now - 30 * DAY_MS
    wanted = request.query_params.get("type") or None
    samples = number(request, "samples", 10, most=100)
    found = await access.services.state.read(
        lambda connection: list_warnings(connection, access.project.id, after=after, limit=MOST_ROWS)
    )
    kinds: dict[str, list[Recorded]] = {}
    for row in found:
        if wanted in (None, row.kind):
            kinds.setdefault(row.kind, []).append(row)
    return {"results": [_kind(name, rows, samples) for name, rows in kinds.items()]}


def _kind(name: str, rows: list[Recorded], samples: int) -> dict[str, Any]:
    """One kind: ``warnings`` holds the last one of each hour."""
    return {
        "type": name,
        "count": sum(row.count for row in rows),
        "lastSeen": iso(rows[0].last_at),
        "sparkline": [[row.count, iso(row.hour)] for row in reversed(rows)],
        "warnings": [
            {"type": name, "timestamp": iso(row.last_at), "details": row.sample} for row in rows[:samples]
        ],
    }
