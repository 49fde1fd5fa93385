"""The fixtures of the API, for what is about the whole of it."""

from __future__ import annotations

from support.api_fixtures import api

__all__ = ["api"]
