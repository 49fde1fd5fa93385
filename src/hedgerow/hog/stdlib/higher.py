"""Functions that call a function given to them.

Most programs give them a literal lambda, which the compiler turns into a loop; these are for all other functions. Each has a
twin that can wait: in a program where the given function may suspend, the compiler calls that one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final

from hedgerow.hog.compiler.namespace import call, invoke
from hedgerow.hog.ops import iterate_values, truthy
from hedgerow.hog.stdlib.registry import RuntimeContext, function

_Waiting = Generator[Any, Any, Any]


@function("arrayMap", 2, 2, context=True, examples=[("arrayMap(x -> x * 2, [1, 2, 3])", "[2, 4, 6]")])
def array_map(ctx: RuntimeContext, mapper: Any, items: Any) -> list[Any]:
    """What the function gives for each element."""
    out = []
    for item in iterate_values(items):
        _step(ctx)
        out.append(call(mapper, item))
    return out


@function("arrayFilter", 2, 2, context=True, examples=[("arrayFilter(x -> x > 1, [1, 2, 3])", "[2, 3]")])
def array_filter(ctx: RuntimeContext, test: Any, items: Any) -> list[Any]:
    """The elements for which the function gives something true."""
    out = []
    for item in iterate_values(items):
        _step(ctx)
        if truthy(call(test, item)):
            out.append(item)
    return out


@function("arrayExists", 2, 2, context=True, examples=[("arrayExists(x -> x > 2, [1, 2, 3])", "true")])
def array_exists(ctx: RuntimeContext, test: Any, items: Any) -> bool:
    """Whether the function gives something true for any element; it is not asked further then."""
    for item in iterate_values(items):
        _step(ctx)
        if truthy(call(test, item)):
            return True
    return False


@function("arrayCount", 2, 2, context=True, examples=[("arrayCount(x -> x > 1, [1, 2, 3])", "2")])
def array_count(ctx: RuntimeContext, test: Any, items: Any) -> int:
    """For how many elements the function gives something true."""
    count = 0
    for item in iterate_values(items):
        _step(ctx)
        if truthy(call(test, item)):
            count += 1
    return count


@function("arrayReduce", 3, 3, context=True, examples=[("arrayReduce((a, x) -> a + x, [1, 2, 3], 0)", "6")])
def array_reduce(ctx: RuntimeContext, step: Any, items: Any, start: Any) -> Any:
    """Fold the elements into one value: the function gets the value so far and the next element."""
    value = start
    for item in iterate_values(items):
        _step(ctx)
        value = call(step, value, item)
    return value


def _step(ctx: RuntimeContext) -> None:
    """The price of one round; the function that is called runs the meter by itself."""
    ctx.charge(16)


def _map_waiting(ctx: RuntimeContext, mapper: Any, items: Any) -> _Waiting:
    out = []
    for item in iterate_values(items):
        _step(ctx)
        out.append((yield from invoke(mapper, item)))
    return out


def _filter_waiting(ctx: RuntimeContext, test: Any, items: Any) -> _Waiting:
    out = []
    for item in iterate_values(items):
        _step(ctx)
        if truthy((yield from invoke(test, item))):
            out.append(item)
    return out


def _exists_waiting(ctx: RuntimeContext, test: Any, items: Any) -> _Waiting:
    for item in iterate_values(items):
        _step(ctx)
        if truthy((yield from invoke(test, item))):
            return True
    return False


def _count_waiting(ctx: RuntimeContext, test: Any, items: Any) -> _Waiting:
    return len((yield from _filter_waiting(ctx, test, items)))


def _reduce_waiting(ctx: RuntimeContext, step: Any, items: Any, start: Any) -> _Waiting:
    value = start
    for item in iterate_values(items):
        _step(ctx)
        value = yield from invoke(step, value, item)
    return value


SUSPENDING: Final[dict[str, Callable[..., _Waiting]]] = {
    "arrayMap": _map_waiting,
    "arrayFilter": _filter_waiting,
    "arrayExists": _exists_waiting,
    "arrayCount": _count_waiting,
    "arrayReduce": _reduce_waiting,
}
"""The twins that can wait, by the name of the function."""
