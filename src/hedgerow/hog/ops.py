"""The operators of Hog, one plain function each: the reference that every faster form must agree with.

All functions are total over Hog values: they return a value or raise a ``HogRuntimeError``, never anything else.
Those that may do much work (text, patterns) take the run's context first. The rules are those of PostHog's Node VM,
apart from the rows of ``hedgerow.hog.differences``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from hedgerow.hog import regex
from hedgerow.hog.context import RuntimeContext
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.text import as_double, concat_text, js_text
from hedgerow.hog.times import instant
from hedgerow.hog.utf16 import utf16_key
from hedgerow.hog.values import (
    HogCallable,
    HogDate,
    HogDateTime,
    HogErrorValue,
    is_finite,
    is_nan,
    is_number,
    type_name,
)
from hedgerow.hog.values import truthy as truthy  # noqa: PLC0414 (an operator like the others)

_SAFE: Final = 2**53
JS_SPACE: Final = " \t\n\r\v\f\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What JavaScript strips from a text before it reads a number."""
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE: Final = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}
_BASES: Final = {"0x": 16, "0o": 8, "0b": 2}
_EXACT_DIGITS: Final = 18
_CHAIN: Final = 200
_ENTRY: Final = 110
"""Bytes charged for a new key of an object."""
_ARRAYS: Final = frozenset({list, tuple})
_NUMBERS: Final = frozenset({int, float})
_ITEM: Final = 16
"""Bytes charged for a new item of an array."""


# ------------------------------------------------------------------- truth and numbers


def not_(value: Any) -> bool:
    """The opposite of ``truthy``."""
    return not truthy(value)


def to_number(value: Any) -> int | float:
    """The number a value counts as in arithmetic: null 0, true 1, texts by their content; NaN when it is none.

    An array of one element counts as that element, an empty one as 0, as in JavaScript.
    """
    for _ in range(_CHAIN):
        kind = type(value)
        if kind is int or kind is float:
            number: int | float = value
            return number
        if kind is str:
            return text_number(value)
        if kind is not list and kind is not tuple:
            return 0 if value is None else int(value) if kind is bool else math.nan
        if len(value) != 1 or type(value[0]) is bool:
            return math.nan if value else 0
        value = value[0]
    return math.nan


def text_number(text: str) -> int | float:
    """The number a whole text spells, by the rules of JavaScript's ``Number``; '' is 0, no number is NaN."""
    text = text.strip(JS_SPACE)
    if not text:
        return 0
    if text in _INFINITE:
        return _INFINITE[text]
    base = _BASES.get(text[:2].lower())
    if base:
        return (
            parse_digits(text[2:], base)
            if text.isascii() and "_" not in text and text[2:3] not in "+-"
            else math.nan
        )
    if not _DECIMAL.fullmatch(text):
        return math.nan
    return decimal_number(text)


def decimal_number(text: str) -> int | float:
    """A decimal numeral as a number: an ``int`` where it has only digits and is exact, else the nearest double."""
    digits = text.removeprefix("-").removeprefix("+")
    if digits.isdecimal() and len(digits) <= _EXACT_DIGITS and (text[0] != "-" or digits.strip("0")):
        return int(text)
    return float(text)


def parse_digits(digits: str, base: int) -> int | float:
    """Digits of a base as a number, NaN when they are none."""
    if not digits or len(digits) > 400:
        return math.inf if digits else math.nan
    try:
        number = int(digits, base)
    except ValueError:
        return math.nan
    return number if number <= 2**63 else as_double(number)


def _settle(number: int) -> int | float:
    """An integer result that a double holds exactly, else that double."""
    return number if -_SAFE <= number <= _SAFE else as_double(number)


def add(left: Any, right: Any) -> int | float:
    """``left + right``, always numeric: texts are read as numbers, what is none gives NaN."""
    a, b = to_number(left), to_number(right)
    return _settle(a + b) if type(a) is int and type(b) is int else as_double(a) + as_double(b)


def subtract(left: Any, right: Any) -> int | float:
    """``left - right``."""
    a, b = to_number(left), to_number(right)
    return _settle(a - b) if type(a) is int and type(b) is int else as_double(a) - as_double(b)


def multiply(left: Any, right: Any) -> int | float:
    """``left * right``."""
    a, b = to_number(left), to_number(right)
    return _settle(a * b) if type(a) is int and type(b) is int else as_double(a) * as_double(b)


def divide(left: Any, right: Any) -> int | float:
    """``left / right``; by zero it is infinite, or NaN for 0 / 0."""
    a, b = as_double(to_number(left)), as_double(to_number(right))
    if b:
        return a / b
    if not a or a != a:  # noqa: PLR0124 (NaN)
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def modulo(left: Any, right: Any) -> int | float:
    """``left % right`` with the sign of the dividend; NaN by zero."""
    a, b = to_number(left), to_number(right)
    if not b:
        return math.nan
    if type(a) is int and type(b) is int:
        rest = abs(a) % abs(b)
        return _settle(-rest if a < 0 else rest)
    a, b = as_double(a), as_double(b)
    return math.nan if math.isinf(a) else math.fmod(a, b)


def negate(value: Any) -> int | float:
    """``-value``, which Hog reads as ``0 - value``."""
    return subtract(0, value)


# ------------------------------------------------------------------- comparison


def equals(left: Any, right: Any) -> bool:
    """``left = right``: numbers, texts and booleans are compared across types, dates by instant.

    Arrays are equal when both hold the same finite numbers; otherwise, and for objects, equality is identity.
    """
    pair = _comparable(left, right)
    if pair is not None:
        return bool(pair[0] == pair[1])
    return strict_equals(left, right)


def not_equals(left: Any, right: Any) -> bool:
    """``left != right``."""
    return not equals(left, right)


def strict_equals(left: Any, right: Any) -> bool:
    """Equality without conversion: the rule of ``equals()``, ``has``, ``indexOf`` and of ``in`` with arrays."""
    kind = type(left)
    if is_number(left):
        return is_number(right) and left == right
    if kind is not type(right):
        return False
    if kind is str or kind is HogDate or kind is HogDateTime:
        return bool(left == right)
    return left is right


def same_value(left: Any, right: Any) -> bool:
    """``strict_equals`` in which NaN equals itself, as membership has it."""
    return strict_equals(left, right) or (is_nan(left) and is_nan(right))


def less(left: Any, right: Any) -> bool:
    """``left < right``; false when either is null or they cannot be ordered."""
    pair = _ordered(left, right)
    return pair is not None and bool(pair[0] < pair[1])


def less_equal(left: Any, right: Any) -> bool:
    """``left <= right``; false when either is null or they cannot be ordered."""
    pair = _ordered(left, right)
    return pair is not None and bool(pair[0] <= pair[1])


def greater(left: Any, right: Any) -> bool:
    """``left > right``; false when either is null or they cannot be ordered."""
    return less(right, left)


def greater_equal(left: Any, right: Any) -> bool:
    """``left >= right``; false when either is null or they cannot be ordered."""
    return less_equal(right, left)


def between(value: Any, low: Any, high: Any) -> bool:
    """``value between low and high``, both ends included; any null makes it false."""
    return less_equal(low, value) and less_equal(value, high)


def not_between(value: Any, low: Any, high: Any) -> bool:
    """``value not between low and high``: below or above; any null makes it false too, as does NaN."""
    return low is not None and high is not None and (less(value, low) or greater(value, high))


def _comparable(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Two values made comparable across their types, or None when only identity is left."""
    kinds = (type(left), type(right))
    if kinds == (str, str) or (is_number(left) and is_number(right)):
        return left, right
    if left is None or right is None:
        return None
    if HogDate in kinds or HogDateTime in kinds:
        return _instants(left, right)
    if bool in kinds:
        return _with_boolean(left, right)
    if str in kinds and (is_number(left) or is_number(right)):
        return to_number(left), to_number(right)
    return _number_lists(left, right)


def _instants(left: Any, right: Any) -> tuple[Any, Any] | None:
    a, b = instant(left), instant(right)
    return None if a is None or b is None else (a, b)


def _with_boolean(left: Any, right: Any) -> tuple[Any, Any] | None:
    """A boolean beside something: a text is true when it is exactly ``true``, a number stays one."""
    a, b = ((value == "true" if type(value) is str else value) for value in (left, right))
    flat = all(type(value) is bool or is_number(value) for value in (a, b))
    return (a, b) if flat else None


def _number_lists(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Two arrays of finite numbers compare by their elements, longer after its own beginning."""
    if type(left) not in _ARRAYS or type(right) not in _ARRAYS:
        return None
    for value in (left, right):
        if not _NUMBERS.issuperset(map(type, value)) or not all(map(is_finite, value)):
            return None
    return list(left), list(right)


def _ordered(left: Any, right: Any) -> tuple[Any, Any] | None:
    pair = _comparable(left, right)
    if pair is None or type(pair[0]) is not str:
        return pair
    return utf16_key(pair[0]), utf16_key(pair[1])


# ------------------------------------------------------------------- membership and patterns


def in_(value: Any, container: Any) -> bool:
    """``value in container``: an element of an array, a part of a string, a key of an object; never in null.

    Raises:
        HogRuntimeError: the container is none of these.
    """
    kind = type(container)
    if kind is list or kind is tuple:
        return contains(container, value)
    if kind is str:
        return type(value) is str and value in container
    if container is None:
        return False
    if kind is dict:
        return has_key(container, value)
    raise HogRuntimeError(
        f"`in` needs an array, a string or an object on its right, not {type_name(container)}"
    )


def not_in(value: Any, container: Any) -> bool:
    """``value not in container``."""
    return not in_(value, container)


def contains(items: list[Any] | tuple[Any, ...], value: Any) -> bool:
    """Whether a value is among the items, without conversion; NaN is found."""
    return any(map(is_nan, items)) if is_nan(value) else place_of(items, value) > 0


def place_of(items: list[Any] | tuple[Any, ...], value: Any) -> int:
    """The place of a value among the items, from 1, without conversion; 0 when it is not there, as NaN never is."""
    kind = type(value)
    if kind in _NO_KEYS or kind is HogCallable:
        return next((place for place, item in enumerate(items, 1) if item is value), 0)
    try:
        place = items.index(value) + 1  # quick, but takes true for 1
    except ValueError:
        return 0
    if strict_equals(items[place - 1], value):
        return place
    rest = enumerate(items[place:], place + 1)
    if kind is bool:
        return next((place for place, item in rest if item is value), 0)
    return next((place for place, item in rest if type(item) is not bool and item == value), 0)


def has_key(items: dict[Any, Any], key: Any) -> bool:
    """Whether an object has a key. What cannot be a key is in none."""
    return type(key) not in _NO_KEYS and key in items


def like(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """``value like pattern``: ``%`` any run, ``_`` one character, found anywhere. False when either is null."""
    return _like(ctx, value, pattern, ignore_case=False)


def not_like(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """``value not like pattern``, the opposite of ``like`` for nulls as well."""
    return not _like(ctx, value, pattern, ignore_case=False)


def ilike(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """``value ilike pattern``: as ``like``, letters in either case."""
    return _like(ctx, value, pattern, ignore_case=True)


def not_ilike(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """``value not ilike pattern``."""
    return not _like(ctx, value, pattern, ignore_case=True)


def _like(ctx: RuntimeContext, value: Any, pattern: Any, *, ignore_case: bool) -> bool:
    if value is None or pattern is None:
        return False
    return regex.like(ctx, js_text(ctx, value), js_text(ctx, pattern), ignore_case=ignore_case)


def matches(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """``value =~ pattern``: whether an RE2 pattern is found; false when either side is empty or null.

    Raises:
        HogRuntimeError: the pattern is not valid.
    """
    return _matches(ctx, value, pattern, ignore_case=False)


def not_matches(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """``value !~ pattern``, the opposite of ``matches``."""
    return not _matches(ctx, value, pattern, ignore_case=False)


def imatches(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """``value =~* pattern``: as ``matches``, letters in either case."""
    return _matches(ctx, value, pattern, ignore_case=True)


def not_imatches(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """``value !~* pattern``."""
    return not _matches(ctx, value, pattern, ignore_case=True)


def _matches(ctx: RuntimeContext, value: Any, pattern: Any, *, ignore_case: bool) -> bool:
    if not truthy(value) or not truthy(pattern):
        return False
    return regex.search(ctx, js_text(ctx, value), js_text(ctx, pattern), ignore_case=ignore_case)


# ------------------------------------------------------------------- text


def concat(ctx: RuntimeContext, *parts: Any) -> str:
    """``a || b || c``, also templates with text: null vanishes, everything else shows in its text form."""
    texts = [part if type(part) is str else concat_text(ctx, part) for part in parts]
    ctx.check_string(sum(map(len, texts)))
    return "".join(texts)


# ------------------------------------------------------------------- properties


def get_property(target: Any, key: Any) -> Any:
    """``target.key`` and ``target[key]``; with ``?.`` it is the same.

    Arrays and tuples count from 1, and from -1 at their end. What is not there is null, and so is any property of null.

    Raises:
        HogRuntimeError: index 0.
    """
    kind = type(target)
    if kind is dict:
        return target.get(key) if type(key) not in _NO_KEYS else None
    if kind is list or kind is tuple:
        return _get_item(target, key)
    reader = _FIELDS.get(kind)
    return reader(target, key) if reader and type(key) is str else None


def _get_item(items: list[Any] | tuple[Any, ...], key: Any) -> Any:
    if key == "length":
        return len(items)
    if not is_number(key):
        return None
    if key == 0:
        raise HogRuntimeError("Hog arrays start from index 1")
    position = key - 1 if key > 0 else len(items) + key
    return items[int(position)] if 0 <= position < len(items) and position == position // 1 else None


def _date_field(value: HogDate, name: str) -> Any:
    return getattr(value, name) if name in {"year", "month", "day"} else None


def _datetime_field(value: HogDateTime, name: str) -> Any:
    return getattr(value, name) if name in {"dt", "zone"} else None


def _error_field(value: HogErrorValue, name: str) -> Any:
    return getattr(value, name) if name in {"type", "message", "payload"} else None


_FIELDS: Final[dict[type, Callable[[Any, str], Any]]] = {
    HogDate: _date_field,
    HogDateTime: _datetime_field,
    HogErrorValue: _error_field,
}


def set_property(ctx: RuntimeContext, target: Any, key: Any, value: Any) -> None:
    """``target[key] := value``. Writing past the end of an array fills the gap with nulls.

    Raises:
        HogRuntimeError: the target cannot be written to, or not at this key.
        HogLimitError: it grows too large.
    """
    kind = type(target)
    if kind is dict:
        key = dict_key(key)
        if key not in target:
            ctx.cap_items(len(target) + 1)
            ctx.charge(_ENTRY)
        target[key] = value
    elif kind is list:
        _set_item(ctx, target, key, value)
    else:
        raise HogRuntimeError(f"Can not set {_shown_key(key)} on a value of type {type_name(target)}")


def _shown_key(key: Any) -> str:
    return f"`{key[:80]}`" if type(key) is str else "a property"


def _set_item(ctx: RuntimeContext, items: list[Any], key: Any, value: Any) -> None:
    if not is_number(key) or key != key // 1:
        raise HogRuntimeError(f"Can not set {_shown_key(key)} on an array, only whole numbers from 1")
    if key < 1 and not 0 <= len(items) + key < len(items):
        raise HogRuntimeError("Hog arrays start from index 1")
    _place(ctx, items, key - 1 if key > 0 else len(items) + key, value)


def _place(ctx: RuntimeContext, items: list[Any], position: float, value: Any) -> None:
    if position < len(items):
        items[int(position)] = value
        return
    ctx.cap_items(int(min(position, 2**53)) + 1)
    ctx.charge(_ITEM * (int(position) - len(items) + 1))
    items.extend([None] * (int(position) - len(items)))
    items.append(value)


def dict_key(key: Any) -> Any:
    """A value as the key of an object: strings, numbers, booleans, null, dates and functions stay as they are.

    ``true`` and 1 are the same key, as are ``false`` and 0.

    Raises:
        HogRuntimeError: arrays, tuples, objects and errors cannot be keys.
    """
    if type(key) is str:
        return key
    if type(key) in _NO_KEYS:
        raise HogRuntimeError(f"A value of type {type_name(key)} can not be the key of an object")
    return _NAN_KEY if is_nan(key) else key


_NAN_KEY: Final = math.nan
_NO_KEYS: Final = frozenset({list, dict, tuple, HogErrorValue})


def make_dict(ctx: RuntimeContext, *items: Any) -> dict[Any, Any]:
    """An object from keys and values in turn. A later key wins, in the place of the first."""
    ctx.check_items(len(items) // 2)
    return {dict_key(items[index]): items[index + 1] for index in range(0, len(items), 2)}


# ------------------------------------------------------------------- iteration


def iterate_values(target: Any) -> list[Any]:
    """What ``for (let v in target)`` goes through, as a copy taken now; nothing for null and scalars."""
    kind = type(target)
    if kind is list or kind is tuple:
        return list(target)
    return list(target.values()) if kind is dict else []


def iterate_items(target: Any) -> list[tuple[Any, Any]]:
    """What ``for (let k, v in target)`` goes through: keys of an object, positions from 0 of an array."""
    kind = type(target)
    if kind is list or kind is tuple:
        return list(enumerate(target))
    return list(target.items()) if kind is dict else []
