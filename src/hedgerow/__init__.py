"""Hedgerow: realtime event destinations. See ARCHITECTURE.md for the rooms of this package."""

__version__ = "0.2.0.dev0"
