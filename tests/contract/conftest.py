"""An API over a real store and a log in memory, called without a network."""

from __future__ import annotations

from support.api_fixtures import api

__all__ = ["api"]
