"""A session with posthog 3.x. Usage: old_posthog.py HOST TOKEN DISTINCT_ID UUID; prints the errors it met."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from posthog import Posthog
from posthog.version import VERSION

host, token, who, order = sys.argv[1:]
assert VERSION.startswith("3."), VERSION
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
client = Posthog(token, host=host, on_error=lambda error, _batch: print(repr(error)))
client.identify(who, {"name": "Max", "email": f"{who}@example.com"})
client.page(who, "https://example.com/pricing", {"from": "mail"})
properties = {"total": 12.5, "items": [{"sku": "a", "n": 2}], "named with spaces": "ü€😀", "nothing": None}
client.capture(
    who, "order completed", properties, timestamp=datetime(2026, 1, 2, 3, 4, 5, 678000, UTC), uuid=order
)
client.group_identify("company", f"company-of-{who}", {"plan": "pro"})
client.alias(f"anonymous-{who}", who)
client.shutdown()
