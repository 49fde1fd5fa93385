"""Log lines and metrics of destinations: how they are told, kept, read and forgotten."""

from hedgerow.telemetry.batch import LEVELS, Batch, Line
from hedgerow.telemetry.exposition import DestinationTotals, prometheus_text, snapshot
from hedgerow.telemetry.logs import COUNTED, Found, count_logs, read_logs, search_logs
from hedgerow.telemetry.metrics import BadPeriod, Count, charted, latency, metrics, parse_when, summed, totals
from hedgerow.telemetry.offers import share
from hedgerow.telemetry.outbox import drain, put
from hedgerow.telemetry.retention import prune

__all__ = [
    "COUNTED",
    "LEVELS",
    "BadPeriod",
    "Batch",
    "Count",
    "DestinationTotals",
    "Found",
    "Line",
    "charted",
    "count_logs",
    "drain",
    "latency",
    "metrics",
    "parse_when",
    "prometheus_text",
    "prune",
    "put",
    "read_logs",
    "search_logs",
    "share",
    "snapshot",
    "summed",
    "totals",
]
