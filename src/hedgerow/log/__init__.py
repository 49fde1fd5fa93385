"""The event log: append is durable, reading is ordered within a partition."""

from hedgerow.log.protocol import EventLog, LogUnavailable

__all__ = ["EventLog", "LogUnavailable"]
