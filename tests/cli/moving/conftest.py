"""A real API without a network, for imports to write to."""

from support.api_fixtures import api, empty_store

__all__ = ["api", "empty_store"]
