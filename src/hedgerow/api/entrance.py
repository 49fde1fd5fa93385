"""``/login``, ``/join`` and ``/reset``: the three pages by which people come in.

They are plain forms over the API. What a link carries stands behind the ``#`` of its address, which browsers keep to
themselves: neither a proxy's log nor another site gets to see it, and whoever only looks at the page uses nothing up.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response

from hedgerow.api.links import HEADERS

router = APIRouter(include_in_schema=False)

_FILES = Path(__file__).parent / "pages"


def _page() -> Response:
    text = (_FILES / "entrance.html").read_text("utf-8")
    return Response(text, media_type="text/html", headers=HEADERS)


@router.get("/login")
async def login_page() -> Response:
    """Where people log in."""
    return _page()


@router.get("/join")
async def join_page() -> Response:
    """Where an invitation leads."""
    return _page()


@router.get("/reset")
async def reset_page() -> Response:
    """Where a link for a new password leads."""
    return _page()


@router.get("/entrance.js")
async def script() -> Response:
    """What the pages run."""
    text = (_FILES / "entrance.js").read_text("utf-8")
    return Response(text, media_type="text/javascript", headers={"cache-control": "no-cache"})
