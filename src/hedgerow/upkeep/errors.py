"""What can go wrong when an instance is looked after."""

from __future__ import annotations


class UpkeepError(Exception):
    """It was not done, and nothing is left behind half done. The message says what the operator can do."""
