"""What an event is, and how it stands in the event log."""

from hedgerow.events.model import TOMBSTONE, Draft, Event, Record, partition_key, written

__all__ = ["TOMBSTONE", "Draft", "Event", "Record", "partition_key", "written"]
