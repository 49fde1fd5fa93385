"""A request of a delivery as a ``curl`` command: what the ledger kept of it, so without secrets."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final

# What belongs to one connection or one moment and would be wrong when it is sent again.
LEFT_OUT: Final = frozenset(
    {"content-length", "host", "connection", "webhook-signature", "webhook-timestamp"}
)


def curl(request: Mapping[str, Any]) -> str:
    """The command, one part a line.

    Args:
        request: as the API shows a delivery's.
    """
    kept = request["request"] or {}
    parts = ["curl", "-X", shlex.quote(request["method"]), shlex.quote(request["url"])]
    lines = [" ".join(parts)]
    for name, value in (kept.get("headers") or {}).items():
        if name.lower() not in LEFT_OUT:
            lines.append(f"-H {shlex.quote(f'{name}: {value}')}")
    if kept.get("body"):
        lines.append(f"--data-raw {shlex.quote(kept['body'])}")
    return " \\\n  ".join(lines)
