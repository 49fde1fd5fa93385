"""A real API without a network, for imports to write to."""

from support.api_fixtures import api

__all__ = ["api"]
