"""What an event is, and how it stands in the event log."""

from hedgerow.events.model import Draft, Event, Record, partition_key

__all__ = ["Draft", "Event", "Record", "partition_key"]
