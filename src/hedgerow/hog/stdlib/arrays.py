"""Arrays and objects. Nothing here changes its argument: a new array is given back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from hedgerow.hog import ops
from hedgerow.hog.context import LARGE, STRIDE, RuntimeContext, watch
from hedgerow.hog.stdlib.arguments import is_array, weigh
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.text import js_text
from hedgerow.hog.times import instant
from hedgerow.hog.utf16 import utf16_key
from hedgerow.hog.values import HogDate, HogDateTime, is_nan, is_number


def _items(ctx: RuntimeContext, value: Any, more: int = 0) -> list[Any]:
    """A copy of an array with room for ``more`` items; empty for what is no array."""
    if not is_array(value):
        return []
    ctx.check_items(len(value) + more)
    watch(ctx, len(value))
    return list(value)


@function(
    "keys",
    1,
    1,
    context=True,
    examples=[("keys({'a': 1, 'b': 2})", "['a', 'b']"), ("keys(['x', 'y'])", "[0, 1]")],
)
def keys(ctx: RuntimeContext, value: Any) -> list[Any]:
    """The keys of an object in order; for an array its positions from 0; otherwise nothing."""
    if type(value) is dict:
        ctx.check_items(len(value))
        weigh(ctx, value)
        return list(value)
    return list(range(len(_items(ctx, value))))


@function("values", 1, 1, context=True, examples=[("values({'a': 1, 'b': 2})", "[1, 2]")])
def values(ctx: RuntimeContext, value: Any) -> list[Any]:
    """The values of an object in order, or the items of an array; otherwise nothing."""
    if type(value) is dict:
        ctx.check_items(len(value))
        weigh(ctx, value)
        return list(value.values())
    return _items(ctx, value)


@function(
    "indexOf", 2, 2, context=True, examples=[("indexOf(['a', 'b'], 'b')", "2"), ("indexOf([1], '1')", "0")]
)
def index_of(ctx: RuntimeContext, items: Any, value: Any) -> int:
    """The place of a value in an array, from 1; 0 when it is not in it. Types are not converted."""
    if not is_array(items):
        return 0
    weigh(ctx, items)
    return ops.place_of(items, value)


@function(
    "has",
    2,
    2,
    context=True,
    examples=[("has([1, 2], 2)", "true"), ("has([1, 2], '2')", "false"), ("has(null, 1)", "false")],
)
def has(ctx: RuntimeContext, items: Any, value: Any) -> bool:
    """Whether a value is in an array. Types are not converted; false for what is no array."""
    weigh(ctx, items)
    return is_array(items) and ops.contains(items, value)


@function(
    "arrayPushBack",
    2,
    2,
    context=True,
    examples=[("arrayPushBack([1], 2)", "[1, 2]"), ("arrayPushBack(null, 2)", "[2]")],
)
def array_push_back(ctx: RuntimeContext, items: Any, value: Any) -> list[Any]:
    """The array with a value added at its end. What is no array counts as an empty one."""
    return [*_items(ctx, items, 1), value]


@function("arrayPushFront", 2, 2, context=True, examples=[("arrayPushFront([1], 2)", "[2, 1]")])
def array_push_front(ctx: RuntimeContext, items: Any, value: Any) -> list[Any]:
    """The array with a value added at its start. What is no array counts as an empty one."""
    return [value, *_items(ctx, items, 1)]


@function(
    "arrayPopBack", 1, 1, context=True, examples=[("arrayPopBack([1, 2])", "[1]"), ("arrayPopBack([])", "[]")]
)
def array_pop_back(ctx: RuntimeContext, items: Any) -> list[Any]:
    """The array without its last item."""
    return _items(ctx, items)[:-1]


@function("arrayPopFront", 1, 1, context=True, examples=[("arrayPopFront([1, 2])", "[2]")])
def array_pop_front(ctx: RuntimeContext, items: Any) -> list[Any]:
    """The array without its first item."""
    return _items(ctx, items)[1:]


@function("arrayReverse", 1, 1, context=True, examples=[("arrayReverse([1, 2, 3])", "[3, 2, 1]")])
def array_reverse(ctx: RuntimeContext, items: Any) -> list[Any]:
    """The array from its end to its start."""
    return _items(ctx, items)[::-1]


@function(
    "arraySort",
    1,
    None,
    context=True,
    examples=[("arraySort([10, 9, 1])", "[1, 9, 10]"), ("arraySort(['b', 'a'])", "['a', 'b']")],
)
def array_sort(ctx: RuntimeContext, items: Any, *_rest: Any) -> list[Any]:
    """The array in ascending order: numbers by value, then texts, then booleans, then dates, then all else as it was.

    NaN comes after the other numbers. Further arguments are accepted and ignored.
    """
    return _sorted(ctx, _items(ctx, items))


@function(
    "arrayReverseSort", 1, None, context=True, examples=[("arrayReverseSort([9, 10, 1])", "[10, 9, 1]")]
)
def array_reverse_sort(ctx: RuntimeContext, items: Any, *_rest: Any) -> list[Any]:
    """The array in descending order, the reverse of ``arraySort``."""
    return _sorted(ctx, _items(ctx, items))[::-1]


def _sorted(ctx: RuntimeContext, items: list[Any]) -> list[Any]:
    """Sort group by group, so that each is one quick sort of like values."""
    groups: list[list[Any]] = [[] for _ in range(len(_ORDERS) + 1)]
    for item in items:
        groups[_GROUPS.get(type(item), -1)].append(item)
    watch(ctx, len(items))
    for group, key in zip(groups, _ORDERS, strict=False):
        group.sort(key=key)
        watch(ctx, len(items))
    return [item for group in groups for item in group]


def _number_order(number: float) -> float:
    return math.inf if is_nan(number) else number


def _date_order(value: HogDate | HogDateTime) -> int | float:
    return _number_order(instant(value) or 0)


_ORDERS: Final[tuple[Callable[[Any], Any] | None, ...]] = (_number_order, utf16_key, None, _date_order)
_VERSION: Final = re.compile(r"[0-9]++(?:\.[0-9]++)++")
_GROUPS: Final[dict[type, int]] = {int: 0, float: 0, str: 1, bool: 2, HogDate: 3, HogDateTime: 3}


@function(
    "arrayStringConcat",
    1,
    2,
    context=True,
    examples=[("arrayStringConcat(['a', 'b'], '-')", "'a-b'"), ("arrayStringConcat([1, null, 2])", "'12'")],
)
def array_string_concat(ctx: RuntimeContext, items: Any, separator: Any = None) -> str:
    """The items of an array as one text with a separator between. Null adds nothing; '' for what is no array."""
    if not is_array(items):
        return ""
    weigh(ctx, items)
    mark = "" if separator is None else js_text(ctx, separator)
    texts: list[str] = []
    for item in items:
        texts.append("" if item is None else js_text(ctx, item))
        if len(texts) % STRIDE == 0:
            ctx.tick()
    ctx.check_string(sum(map(len, texts)) + len(mark) * max(0, len(texts) - 1))
    watch(ctx, len(texts))
    return mark.join(texts)


@function(
    "sortableSemver",
    1,
    1,
    context=True,
    examples=[("sortableSemver('v1.20.3-beta')", "[1, 20, 3]"), ("sortableSemver('none')", "[]")],
)
def sortable_semver(ctx: RuntimeContext, value: Any) -> list[int | float]:
    """The first dotted version number of a text as numbers, which compare as versions do; [] when there is none."""
    text = js_text(ctx, value) if type(value) is str or is_number(value) else ""
    if len(text) > LARGE:
        ctx.look_through(len(text) // 16)  # as many characters as take about as long as one value
    found = _VERSION.search(text)
    if found is None:
        return []
    ctx.check_items(found[0].count(".") + 1)
    return [ops.decimal_number(part) for part in found[0].split(".")]
