"""REST, compatible with PostHog's management API. Thin: parse, call the room, answer."""

from hedgerow.api.app import create_app
from hedgerow.api.services import Services

__all__ = ["Services", "create_app"]
