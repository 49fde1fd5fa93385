"""Hedgerow: realtime event destinations. See ARCHITECTURE.md for the rooms of this package."""

__version__ = "0.1.0"
