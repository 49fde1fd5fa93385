"""Comparisons and membership, which may go through whole containers: the clock is looked at beside large ones.

Each takes the run first, or the holder of a filter's run, which is only asked for one when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hedgerow.hog import ops
from hedgerow.hog.context import LARGE
from hedgerow.hog.host import Host
from hedgerow.hog.meter import Meter

_ARRAYS: Final = frozenset({list, tuple})
_NOBODY: Final = Host()
"""The host of filters and templates that were given none."""
Holder = Meter | list[Any]


def run_of(holder: Holder) -> Meter:
    """The meter of a filter or template, made when first needed: most never do anything that is metered."""
    if isinstance(holder, Meter):
        return holder
    if len(holder) == 1:
        holder.append(Meter(holder[0] or _NOBODY))
    meter: Meter = holder[1]
    return meter


def _guarded(operator: Callable[[Any, Any], bool]) -> Callable[[Holder, Any, Any], bool]:
    def guarded(holder: Holder, left: Any, right: Any) -> bool:
        size = len(right) if type(right) in _ARRAYS else 0
        if type(left) in _ARRAYS:
            size = max(size, len(left))
        if size > LARGE or (type(right) is str and len(right) > LARGE):
            meter = run_of(holder)
            meter.look_through(size)
            result = operator(left, right)
            meter.tick()
            return result
        return operator(left, right)

    return guarded


GUARDS: Final[dict[str, Callable[[Holder, Any, Any], bool]]] = {
    name: _guarded(getattr(ops, name))
    for name in ("equals", "not_equals", "less", "less_equal", "greater", "greater_equal", "in_", "not_in")
}
"""The guarded twins of operators, by the operator's name."""
