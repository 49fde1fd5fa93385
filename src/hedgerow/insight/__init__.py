"""Looking at what goes on, as it goes on."""

from hedgerow.insight.tail import Reader, Tail, TooManyReaders

__all__ = ["Reader", "Tail", "TooManyReaders"]
