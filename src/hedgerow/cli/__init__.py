"""The command line: one way to run an instance, and the same calls as the API to look at it."""

from hedgerow.cli.app import main

__all__ = ["main"]
