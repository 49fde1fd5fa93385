"""Asking a filter whether a destination wants an event, wherever that may take its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hedgerow.delivery.sandbox import FILTER
from hedgerow.delivery.world import World
from hedgerow.destinations import CompiledDestination, FilterError
from hedgerow.hog import HogError, Host, Limits, OverBudget

CPU_MS: Final = 100.0


async def wanted(world: World, compiled: CompiledDestination, found: Mapping[str, Any]) -> list[str]:
    """Which deliveries a destination wants of an event of its stream: on the event loop while it is quick.

    Args:
        world: has the clock, and the helpers for filters that take long.
        compiled: whose filters.
        found: filter globals.

    Returns:
        Ids of mappings, ``[""]`` without mappings, nothing when it is not wanted.

    Raises:
        FilterError: it could not be decided.
    """
    host, sandbox = Host(now=world.now, limits=Limits(cpu_ms=CPU_MS)), world.sandbox
    if sandbox is None:
        return compiled.match(found, host, stream=compiled.stream)
    try:
        if not sandbox.takes(compiled, FILTER):
            host.patience_ms = sandbox.patience_ms
            try:
                return compiled.match(found, host, stream=compiled.stream)
            except OverBudget:
                sandbox.divert(compiled, FILTER)
        return await sandbox.match(compiled, found, host.limits)
    except HogError as error:
        raise FilterError(str(error), line=error.line, column=error.column) from error
