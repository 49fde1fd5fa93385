"""A session with segment-analytics-python. Usage: segment_session.py HOST TOKEN DISTINCT_ID; prints the errors it met."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from segment.analytics.client import Client

host, token, who = sys.argv[1:]
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
client = Client(token, host=host, on_error=lambda error, _batch: print(repr(error)))
client.identify(who, {"name": "Max", "email": f"{who}@example.com"})
client.page(who, "Docs", "Pricing", {"url": "https://example.com/pricing"})
properties = {"total": 12.5, "items": [{"sku": "a", "n": 2}], "named with spaces": "ü€😀", "nothing": None}
client.track(who, "order completed", properties, timestamp=datetime(2026, 1, 2, 3, 4, 5, 678000, UTC))
client.group(who, f"company-of-{who}", {"plan": "pro"})
client.alias(f"anonymous-{who}", who)
client.flush()
client.join()
