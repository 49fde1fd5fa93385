"""Strings. Lengths and positions count UTF-16 code units, as in JavaScript; places start at 1."""

from __future__ import annotations

from typing import Any

from hedgerow.hog import ops, regex
from hedgerow.hog.context import STRIDE, RuntimeContext, watch
from hedgerow.hog.stdlib.arguments import is_array, need_text, weigh, whole
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.text import js_text
from hedgerow.hog.utf16 import utf16_index, utf16_length, utf16_slice


@function("concat", 1, None, context=True, examples=[("concat('a', 1, null, true)", "'a1true'")])
def concat(ctx: RuntimeContext, *parts: Any) -> str:
    """All arguments as one text. Null adds nothing."""
    return ops.concat(ctx, *parts)


@function(
    "length",
    1,
    1,
    context=True,
    examples=[("length('abc')", "3"), ("length([1, 2])", "2"), ("length(null)", "null")],
)
def length(ctx: RuntimeContext, value: Any) -> int | None:
    """The length of a string or the number of items of an array; null for anything else."""
    if type(value) is str:
        watch(ctx, len(value))
        return utf16_length(value)
    return len(value) if is_array(value) else None


@function("lower", 1, 1, context=True, examples=[("lower('ABC')", "'abc'"), ("lower(null)", "null")])
def lower(ctx: RuntimeContext, value: Any) -> str | None:
    """A text in lower case. Null stays null."""
    return None if value is None else _cased(ctx, need_text("lower", value), upper=False)


@function("upper", 1, 1, context=True, examples=[("upper('abc')", "'ABC'"), ("upper(null)", "null")])
def upper(ctx: RuntimeContext, value: Any) -> str | None:
    """A text in upper case. Null stays null."""
    return None if value is None else _cased(ctx, need_text("upper", value), upper=True)


def _cased(ctx: RuntimeContext, text: str, *, upper: bool) -> str:
    """A text in another case, which may be up to three times as long."""
    ctx.check_string(len(text))
    watch(ctx, len(text))
    changed = text.upper() if upper else text.lower()
    if len(changed) > len(text):
        ctx.check_string(len(changed))
    watch(ctx, len(text))
    return changed


@function("reverse", 1, 1, context=True, examples=[("reverse('abc')", "'cba'"), ("reverse(null)", "null")])
def reverse(ctx: RuntimeContext, value: Any) -> str | None:
    """A text from its end to its start. Null stays null."""
    if value is None:
        return None
    text = need_text("reverse", value)
    ctx.check_string(len(text))
    return text[::-1]


@function("trim", 1, 2, context=True, examples=[("trim('  a b ')", "'a b'"), ("trim('xxaxx', 'x')", "'a'")])
def trim(ctx: RuntimeContext, value: Any, char: Any = None) -> str | None:
    """A text without the given character at both ends, by default the space. Null stays null.

    A second argument that is not one character gives ''.
    """
    return _trimmed(ctx, "trim", value, char, left=True, right=True)


@function("trimLeft", 1, 2, context=True, examples=[("trimLeft('  a ')", "'a '")])
def trim_left(ctx: RuntimeContext, value: Any, char: Any = None) -> str | None:
    """As ``trim``, at the start only."""
    return _trimmed(ctx, "trimLeft", value, char, left=True, right=False)


@function("trimRight", 1, 2, context=True, examples=[("trimRight(' a  ')", "' a'")])
def trim_right(ctx: RuntimeContext, value: Any, char: Any = None) -> str | None:
    """As ``trim``, at the end only."""
    return _trimmed(ctx, "trimRight", value, char, left=False, right=True)


def _trimmed(ctx: RuntimeContext, name: str, value: Any, char: Any, *, left: bool, right: bool) -> str | None:
    if value is None:
        return None
    text = need_text(name, value)
    cut = " " if char is None else char
    if type(cut) is not str or utf16_length(cut) != 1:
        return ""
    ctx.check_string(len(text))
    text = text.lstrip(cut) if left else text
    return text.rstrip(cut) if right else text


@function(
    "splitByString",
    2,
    3,
    context=True,
    examples=[
        ("splitByString(',', 'a,b,c')", "['a', 'b', 'c']"),
        ("splitByString(',', 'a,b,c', 2)", "['a', 'b']"),
    ],
)
def split_by_string(ctx: RuntimeContext, separator: Any, value: Any, most: Any = None) -> list[str] | None:
    """The parts of a text between separators, at most as many as the third argument says. Null stays null.

    With an empty separator the parts are the single characters.
    """
    if value is None:
        return None
    text, mark = need_text("splitByString", value), js_text(ctx, separator)
    limit = None if most is None or whole(most) < 0 else whole(most)
    return _parts(ctx, text, mark, limit)


def _parts(ctx: RuntimeContext, text: str, mark: str, limit: int | None) -> list[str]:
    watch(ctx, len(text))
    count = text.count(mark) + 1 if mark else len(text)
    count = count if limit is None else min(count, limit)
    ctx.check_items(count)
    ctx.charge(len(text) + 57 * count)
    parts = text.split(mark, count)[:count] if mark else list(text[:count])
    watch(ctx, len(text))
    return parts


@function("replaceOne", 3, 3, context=True, examples=[("replaceOne('aXbX', 'X', '-')", "'a-bX'")])
def replace_one(ctx: RuntimeContext, value: Any, needle: Any, replacement: Any) -> str | None:
    """A text with the first occurrence of the needle replaced. Null stays null."""
    return _replaced(ctx, "replaceOne", value, needle, replacement, most=1)


@function("replaceAll", 3, 3, context=True, examples=[("replaceAll('aXbX', 'X', '-')", "'a-b-'")])
def replace_all(ctx: RuntimeContext, value: Any, needle: Any, replacement: Any) -> str | None:
    """A text with every occurrence of the needle replaced. Null stays null."""
    return _replaced(ctx, "replaceAll", value, needle, replacement, most=-1)


def _replaced(
    ctx: RuntimeContext, name: str, value: Any, needle: Any, replacement: Any, *, most: int
) -> str | None:
    if value is None:
        return None
    text, old, new = need_text(name, value), js_text(ctx, needle), js_text(ctx, replacement)
    watch(ctx, len(text))
    count = text.count(old) if most < 0 else 1
    ctx.check_string(len(text) + max(0, count * (len(new) - len(old))))
    changed = text.replace(old, new, most)
    watch(ctx, len(text))
    return changed


@function(
    "position", 2, 3, context=True, examples=[("position('abc', 'b')", "2"), ("position('abc', 'x')", "0")]
)
def position(ctx: RuntimeContext, haystack: Any, needle: Any, _start: Any = None) -> int:
    """Where the second text first occurs in the first, from 1; 0 when it does not. The third argument is ignored."""
    if type(haystack) is not str:
        return 0
    watch(ctx, len(haystack))
    return utf16_index(haystack, haystack.find(js_text(ctx, needle))) + 1


@function(
    "positionCaseInsensitive", 2, 3, context=True, examples=[("positionCaseInsensitive('aBc', 'B')", "2")]
)
def position_case_insensitive(ctx: RuntimeContext, haystack: Any, needle: Any, _start: Any = None) -> int:
    """As ``position``, letters in either case."""
    if type(haystack) is not str:
        return 0
    return position(ctx, _cased(ctx, haystack, upper=False), _cased(ctx, js_text(ctx, needle), upper=False))


@function(
    "startsWith", 2, 2, examples=[("startsWith('abc', 'ab')", "true"), ("startsWith(null, 'a')", "false")]
)
def starts_with(value: Any, prefix: Any) -> bool:
    """Whether the first text starts with the second; false unless both are texts."""
    return type(value) is str and type(prefix) is str and value.startswith(prefix)


@function(
    "substring",
    2,
    3,
    context=True,
    examples=[("substring('hello', 2, 3)", "'ell'"), ("substring('hello', 4)", "'lo'")],
)
def substring(ctx: RuntimeContext, value: Any, start: Any, size: Any = None) -> str:
    """The part of a text from a place, counted from 1, for a length or to its end; '' for places outside."""
    if type(value) is not str:
        return ""
    first = whole(start) - 1
    if first < 0 or (size is not None and whole(size) < 0):
        return ""
    watch(ctx, len(value))
    part = utf16_slice(value, first, None if size is None else first + whole(size))
    ctx.check_string(len(part))
    return part


@function(
    "like",
    2,
    2,
    context=True,
    examples=[("like('hello', '%ell%')", "true"), ("like('hello', 'h_y')", "false")],
)
def like(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """The operator ``like``: ``%`` stands for any run of characters, ``_`` for one."""
    return ops.like(ctx, value, pattern)


@function("ilike", 2, 2, context=True, examples=[("ilike('HELLO', '%ell%')", "true")])
def ilike(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """The operator ``ilike``: as ``like``, letters in either case."""
    return ops.ilike(ctx, value, pattern)


@function("notLike", 2, 2, context=True, examples=[("notLike('hello', '%x%')", "true")])
def not_like(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """The opposite of ``like``."""
    return ops.not_like(ctx, value, pattern)


@function("notILike", 2, 2, context=True, examples=[("notILike('HELLO', '%ell%')", "false")])
def not_ilike(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """The opposite of ``ilike``."""
    return ops.not_ilike(ctx, value, pattern)


@function(
    "match",
    2,
    2,
    context=True,
    examples=[("match('abc123', '[0-9]+')", "true"), ("match(null, 'a')", "false")],
)
def match(ctx: RuntimeContext, value: Any, pattern: Any) -> bool:
    """Whether an RE2 pattern is found in a text; false when either is null or empty."""
    return ops.matches(ctx, value, pattern)


@function(
    "extractRegex",
    2,
    2,
    context=True,
    examples=[("extractRegex('id=42;', 'id=([0-9]+)')", "'42'"), ("extractRegex('x', '[0-9]')", "''")],
)
def extract_regex(ctx: RuntimeContext, value: Any, pattern: Any) -> str:
    """The first group of the first match of an RE2 pattern, or the whole match without groups; '' for none."""
    if value is None or pattern is None:
        return ""
    return regex.extract(ctx, js_text(ctx, value), js_text(ctx, pattern))


@function(
    "multiSearchAnyCaseInsensitive",
    2,
    2,
    context=True,
    examples=[
        ("multiSearchAnyCaseInsensitive('Hello', ['x', 'ELL'])", "1"),
        ("multiSearchAnyCaseInsensitive('a', [])", "0"),
    ],
)
def multi_search_any(ctx: RuntimeContext, haystack: Any, needles: Any) -> int:
    """1 when any of the texts occurs in the first, letters in either case, else 0."""
    if haystack is None or not is_array(needles):
        return 0
    weigh(ctx, needles)
    text = _cased(ctx, js_text(ctx, haystack), upper=False)
    for number, needle in enumerate(needles):
        if position(ctx, text, _cased(ctx, js_text(ctx, needle), upper=False)):
            return 1
        if number % STRIDE == STRIDE - 1:
            ctx.tick()
    return 0


@function("generateUUIDv4", 0, 0, context=True, pure=False, examples=[("length(generateUUIDv4())", "36")])
def generate_uuid(ctx: RuntimeContext) -> str:
    """A random UUID. A repeated run draws the same ones."""
    return ctx.uuid4()
