"""The filters of LiquidJS. Each takes the bounds of the render, the value, and its arguments."""

from __future__ import annotations

import base64
import binascii
import html
import math
import random
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

from hedgerow.hog import jsontext, ops
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.liquid.moments import DEFAULT_FORMAT, formatted, moment_of, zone_of
from hedgerow.hog.liquid.room import Raw, Room, escape, text_of
from hedgerow.hog.text import as_double, js_text
from hedgerow.hog.utf16 import utf16_key, utf16_length
from hedgerow.hog.values import is_number

Filter = Callable[..., Any]
FILTERS: Final[dict[str, Filter]] = {}
_SPACES: Final = re.compile(r"\s+")
_LINES: Final = re.compile(r"\r?\n")
_TAG: Final = re.compile(
    r"<script[\s>].*?</script>|<style[\s>].*?</style>|<!--.*?-->|<[^<>]*>", re.DOTALL | re.IGNORECASE
)
_NO_SLUG: Final = re.compile(r"[^\w]+|_+")
_NAMED: Final = re.compile(r"&(?:amp|lt|gt|#34|#39);")
_URI: Final = "!#$&'()*+,/:;=?@[]~-_."


def filter_(*names: str) -> Callable[[Filter], Filter]:
    """Register a filter under its names."""

    def register(impl: Filter) -> Filter:
        FILTERS.update(dict.fromkeys(names, impl))
        return impl

    return register


def _number(value: Any) -> int | float:
    """A value as a number; 0 when it is none."""
    number = ops.to_number(value) if is_number(value) or isinstance(value, str | bool) else 0
    return 0 if number != number else number  # noqa: PLR0124 (NaN)


def _whole(value: Any) -> int:
    return int(max(-(2.0**53), min(2.0**53, as_double(_number(value)))))


def items_of(room: Room, value: Any) -> list[Any]:
    """A value as a list: an array itself, nothing for null, anything else alone."""
    if isinstance(value, list | tuple):
        room.check_items(len(value))
        return list(value)
    return [] if value is None else [value]


def _field(item: Any, path: Any) -> Any:
    """What a dotted path leads to in an item, None for nothing."""
    for name in str(path).split("."):
        item = item.get(name) if isinstance(item, dict) else None
    return item


# ------------------------------------------------------------------- text


def _text_filter(name: str, work: Callable[[str], str], growth: int = 1) -> None:
    """Register a filter that only changes a text, growing it at most so many times."""

    def run(room: Room, value: Any) -> str:
        text = text_of(room, value)
        room.check_string(len(text) * growth)
        return work(text)

    FILTERS[name] = run


_text_filter("upcase", str.upper, 3)
_text_filter("downcase", str.lower, 3)
_text_filter("capitalize", lambda text: text[:1].upper() + text[1:].lower(), 3)
_text_filter("strip", str.strip)
_text_filter("lstrip", str.lstrip)
_text_filter("rstrip", str.rstrip)
_text_filter("squish", lambda text: _SPACES.sub(" ", text.strip()))
_text_filter("normalize_whitespace", lambda text: _SPACES.sub(" ", text))
_text_filter("strip_newlines", lambda text: _LINES.sub("", text))
_text_filter("newline_to_br", lambda text: _LINES.sub("<br />\n", text), 7)
_text_filter("url_encode", quote_plus, 12)
_text_filter("cgi_escape", quote_plus, 12)
_text_filter("uri_escape", lambda text: quote(text, safe=_URI), 12)
_text_filter("url_decode", unquote_plus)
_text_filter("base64_encode", lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode(), 6)


@filter_("base64_decode")
def base64_decode(room: Room, value: Any) -> str:
    """The text a Base64 text holds."""
    try:
        return base64.b64decode(text_of(room, value)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise HogRuntimeError("base64_decode met a text that is not Base64") from None


@filter_("escape", "xml_escape")
def escaped(room: Room, value: Any) -> str:
    """Text made safe inside HTML. All output is escaped anyway, so that this alone escapes twice."""
    return escape(room, text_of(room, value))


@filter_("escape_once")
def escape_once(room: Room, value: Any) -> str:
    """As ``escape``, leaving what is escaped already."""
    return escape(room, _NAMED.sub(lambda match: html.unescape(match[0]), text_of(room, value)))


@filter_("raw", "safe")
def raw(room: Room, value: Any) -> Raw:
    """Text that is put out as it is."""
    return Raw(text_of(room, value))


@filter_("strip_html")
def strip_html(room: Room, value: Any) -> str:
    """Text without HTML tags, scripts, styles and comments."""
    text = text_of(room, value)
    room.check_string(len(text))
    return "" if "<" in text and len(text) > _LONGEST_HTML else _TAG.sub("", text)


_LONGEST_HTML: Final = 20_000


@filter_("append")
def append(room: Room, value: Any, tail: Any = None) -> str:
    """Two texts joined."""
    first, second = text_of(room, value), text_of(room, tail)
    room.check_string(len(first) + len(second))
    return first + second


@filter_("prepend")
def prepend(room: Room, value: Any, head: Any = None) -> str:
    """Two texts joined, the argument first."""
    first, second = text_of(room, head), text_of(room, value)
    room.check_string(len(first) + len(second))
    return first + second


def _replaced(room: Room, value: Any, old: Any, new: Any, most: int = -1) -> str:
    text, needle, other = text_of(room, value), text_of(room, old), text_of(room, new)
    count = text.count(needle) if most < 0 else 1
    room.check_string(len(text) + max(0, count * (len(other) - len(needle))))
    return text.replace(needle, other, most)


@filter_("replace")
def replace(room: Room, value: Any, old: Any, new: Any = None) -> str:
    """Every occurrence replaced."""
    return _replaced(room, value, old, new)


@filter_("replace_first")
def replace_first(room: Room, value: Any, old: Any, new: Any = None) -> str:
    """The first occurrence replaced."""
    return _replaced(room, value, old, new, 1)


@filter_("replace_last")
def replace_last(room: Room, value: Any, old: Any, new: Any = None) -> str:
    """The last occurrence replaced."""
    return _replaced_last(room, value, old, new)


def _replaced_last(room: Room, value: Any, old: Any, new: Any) -> str:
    text, needle, other = text_of(room, value), text_of(room, old), text_of(room, new)
    place = text.rfind(needle)
    room.check_string(len(text) + len(other))
    return text if place < 0 else text[:place] + other + text[place + len(needle) :]


@filter_("remove")
def remove(room: Room, value: Any, old: Any) -> str:
    """Every occurrence taken out."""
    return _replaced(room, value, old, None)


@filter_("remove_first")
def remove_first(room: Room, value: Any, old: Any) -> str:
    """The first occurrence taken out."""
    return _replaced(room, value, old, None, 1)


@filter_("remove_last")
def remove_last(room: Room, value: Any, old: Any) -> str:
    """The last occurrence taken out."""
    return _replaced_last(room, value, old, None)


@filter_("truncate")
def truncate(room: Room, value: Any, size: Any = 50, end: Any = "...") -> str:
    """A text cut to a length, its end included."""
    text, tail, most = text_of(room, value), text_of(room, end), _whole(size)
    return text if len(text) <= most else text[: max(0, most - len(tail))] + tail


@filter_("truncatewords")
def truncatewords(room: Room, value: Any, count: Any = 15, end: Any = "...") -> str:
    """A text cut to so many words."""
    words = text_of(room, value).split()
    most = max(1, _whole(count))
    return " ".join(words[:most]) + (text_of(room, end) if len(words) > most else "")


@filter_("split")
def split(room: Room, value: Any, separator: Any = "") -> list[str]:
    """The parts of a text between separators; its characters when the separator is empty."""
    text, mark = text_of(room, value), text_of(room, separator)
    room.check_items(text.count(mark) + 1 if mark else len(text))
    room.check_string(len(text))
    parts = text.split(mark) if mark else list(text)
    while parts and not parts[-1]:
        parts.pop()
    return parts


@filter_("slugify")
def slugify(room: Room, value: Any, *_mode: Any) -> str:
    """A text as a part of a URL: letters and digits in lower case, dashes between."""
    return _NO_SLUG.sub("-", text_of(room, value)).strip("-").lower()


@filter_("number_of_words")
def number_of_words(room: Room, value: Any, *_mode: Any) -> int:
    """How many words a text has."""
    return len(text_of(room, value).split())


# ------------------------------------------------------------------- numbers


def _math_filter(name: str, work: Callable[..., Any]) -> None:
    def run(_room: Room, value: Any, *others: Any) -> Any:
        return work(_number(value), *map(_number, others))

    FILTERS[name] = run


def _rounded(number: float, digits: float = 0) -> int | float:
    """Halves upwards, to so many digits."""
    scale = 10.0 ** max(-15, min(15, digits))
    shifted = as_double(number) * scale
    if not math.isfinite(shifted):
        return number
    result = math.floor(shifted + 0.5) / scale
    return int(result) if result.is_integer() else result


_math_filter("plus", ops.add)
_math_filter("minus", ops.subtract)
_math_filter("times", ops.multiply)
_math_filter("modulo", lambda number, other: ops.modulo(ops.add(ops.modulo(number, other), other), other))
_math_filter("abs", lambda number: -number if number < 0 else number)
_math_filter("at_least", max)
_math_filter("at_most", min)
_math_filter("round", _rounded)
_math_filter("floor", lambda number: math.floor(number) if math.isfinite(as_double(number)) else number)
_math_filter("ceil", lambda number: math.ceil(number) if math.isfinite(as_double(number)) else number)


@filter_("divided_by")
def divided_by(_room: Room, value: Any, other: Any, whole: Any = False) -> int | float:
    """The quotient, without its fraction when the second argument holds."""
    quotient = ops.divide(_number(value), _number(other))
    return math.floor(quotient) if whole and math.isfinite(quotient) else quotient


@filter_("to_integer")
def to_integer(_room: Room, value: Any) -> int | float:
    """A text as a number."""
    return ops.to_number(value) if is_number(value) or isinstance(value, str) else math.nan


# ------------------------------------------------------------------- arrays


@filter_("join")
def join(room: Room, value: Any, separator: Any = " ") -> str:
    """The items of an array as one text."""
    mark = text_of(room, separator)
    texts = [text_of(room, item) for item in items_of(room, value)]
    room.check_string(sum(map(len, texts)) + len(mark) * len(texts))
    return mark.join(texts)


@filter_("size")
def size(_room: Room, value: Any) -> int:
    """The length of a text or array."""
    if isinstance(value, str):
        return utf16_length(value)
    return len(value) if isinstance(value, list | tuple) else 0


@filter_("first")
def first(_room: Room, value: Any) -> Any:
    """The first item."""
    return value[0] if isinstance(value, list | tuple | str) and value else None


@filter_("last")
def last(_room: Room, value: Any) -> Any:
    """The last item."""
    return value[-1] if isinstance(value, list | tuple | str) and value else None


@filter_("slice")
def slice_(room: Room, value: Any, start: Any, count: Any = 1) -> Any:
    """A part of a text or array."""
    whole = value if isinstance(value, list | tuple) else text_of(room, value)
    begin = _whole(start) if _whole(start) >= 0 else max(0, len(whole) + _whole(start))
    return whole[begin : begin + max(0, _whole(count))]


@filter_("reverse")
def reverse(room: Room, value: Any) -> list[Any]:
    """The items from last to first."""
    return items_of(room, value)[::-1]


@filter_("compact")
def compact(room: Room, value: Any) -> list[Any]:
    """The items that are not null."""
    return [item for item in items_of(room, value) if item is not None]


@filter_("concat")
def concat(room: Room, value: Any, other: Any = None) -> list[Any]:
    """Two arrays, one after the other."""
    return items_of(room, value) + items_of(room, other)


@filter_("push")
def push(room: Room, value: Any, item: Any = None) -> list[Any]:
    """An array with an item at its end."""
    return [*items_of(room, value), item]


@filter_("unshift")
def unshift(room: Room, value: Any, item: Any = None) -> list[Any]:
    """An array with an item at its start."""
    return [item, *items_of(room, value)]


@filter_("pop")
def pop(room: Room, value: Any) -> list[Any]:
    """An array without its last item."""
    return items_of(room, value)[:-1]


@filter_("shift")
def shift(room: Room, value: Any) -> list[Any]:
    """An array without its first item."""
    return items_of(room, value)[1:]


@filter_("uniq")
def uniq(room: Room, value: Any) -> list[Any]:
    """Each different item once."""
    seen: dict[tuple[type, str], Any] = {}
    for item in items_of(room, value):
        shown = item if isinstance(item, str) else jsontext.stringify(room, item)
        seen.setdefault((str if isinstance(item, str) else object, shown), item)
        room.step()
    return list(seen.values())


def _order(value: Any) -> tuple[int, Any]:
    """Numbers, then texts, then the rest; null last."""
    if value is None:
        return 3, 0
    if is_number(value):
        return 0, value if value == value else math.inf  # noqa: PLR0124 (NaN)
    return (1, utf16_key(value)) if isinstance(value, str) else (2, 0)


@filter_("sort")
def sort(room: Room, value: Any, field: Any = None) -> list[Any]:
    """The items in order, maybe by a field."""
    return sorted(
        items_of(room, value), key=lambda item: _order(item if field is None else _field(item, field))
    )


@filter_("sort_natural")
def sort_natural(room: Room, value: Any, field: Any = None) -> list[Any]:
    """The items in order as texts, letters in either case."""
    return sorted(
        items_of(room, value),
        key=lambda item: text_of(room, item if field is None else _field(item, field)).lower(),
    )


@filter_("map")
def map_(room: Room, value: Any, field: Any) -> list[Any]:
    """One field of every item."""
    return [_field(item, field) for item in items_of(room, value)]


def _fits(item: Any, field: Any, wanted: tuple[Any, ...]) -> bool:
    found = _field(item, field)
    if not wanted or wanted[0] is None:
        return found is not None and found is not False
    return ops.strict_equals(found, wanted[0])


@filter_("where")
def where(room: Room, value: Any, field: Any, *wanted: Any) -> list[Any]:
    """The items with a field that equals, or just holds."""
    return [item for item in items_of(room, value) if _fits(item, field, wanted)]


@filter_("reject")
def reject(room: Room, value: Any, field: Any, *wanted: Any) -> list[Any]:
    """The items ``where`` leaves out."""
    return [item for item in items_of(room, value) if not _fits(item, field, wanted)]


@filter_("find")
def find(room: Room, value: Any, field: Any, *wanted: Any) -> Any:
    """The first item ``where`` would take."""
    return next((item for item in items_of(room, value) if _fits(item, field, wanted)), None)


@filter_("find_index")
def find_index(room: Room, value: Any, field: Any, *wanted: Any) -> int | None:
    """The place, from 0, of the first item ``where`` would take."""
    return next(
        (place for place, item in enumerate(items_of(room, value)) if _fits(item, field, wanted)), None
    )


@filter_("has")
def has(room: Room, value: Any, field: Any, *wanted: Any) -> bool:
    """Whether ``where`` would take any item."""
    return any(_fits(item, field, wanted) for item in items_of(room, value))


@filter_("group_by")
def group_by(room: Room, value: Any, field: Any) -> list[dict[str, Any]]:
    """The items by the value of a field."""
    return grouped(room, items_of(room, value), lambda item: _field(item, field))


def grouped(room: Room, items: list[Any], name_of: Callable[[Any], Any]) -> list[dict[str, Any]]:
    """Items by what is told of each, in order of first appearance."""
    groups: dict[tuple[type, str], dict[str, Any]] = {}
    for item in items:
        name = name_of(item)
        key = (type(name), js_text(room, name))
        groups.setdefault(key, {"name": name, "items": []})["items"].append(item)
    return list(groups.values())


@filter_("sample")
def sample(room: Room, value: Any, count: Any = None) -> Any:
    """One item by chance, or an array of so many. Chance depends on the moment of the render alone."""
    items = items_of(room, value)
    most = 1 if count is None else max(0, _whole(count))
    chosen = random.Random(room.moment).sample(items, min(most, len(items)))  # noqa: S311 (nothing is secret)
    return chosen if count is not None and most != 1 else (chosen[0] if chosen else None)


@filter_("sum")
def sum_(room: Room, value: Any, field: Any = None) -> int | float:
    """The sum of the items, or of a field of theirs."""
    total: int | float = 0
    for item in items_of(room, value):
        total = ops.add(total, _number(item if field is None else _field(item, field)))
    return total


@filter_("array_to_sentence_string")
def array_to_sentence_string(room: Room, value: Any, word: Any = "and") -> str:
    """``a, b, and c``."""
    texts = [text_of(room, item) for item in items_of(room, value)]
    room.check_string(sum(map(len, texts)) + 2 * len(texts))
    if len(texts) < 3:
        return f" {text_of(room, word)} ".join(texts)
    return f"{', '.join(texts[:-1])}, {text_of(room, word)} {texts[-1]}"


# ------------------------------------------------------------------- the rest


@filter_("default")
def default(_room: Room, value: Any, otherwise: Any = None, **options: Any) -> Any:
    """Another value for null, false, '' and []; with ``allow_false`` false stays."""
    if value is False:
        return value if options.get("allow_false") else otherwise
    return otherwise if value is None or value in ("", []) else value


@filter_("json", "jsonify", "inspect")
def json(room: Room, value: Any, indent: Any = 0) -> str:
    """A value as JSON."""
    return jsontext.stringify(room, value, min(10, max(0, _whole(indent))))


@filter_("date")
def date(room: Room, value: Any, pattern: Any = DEFAULT_FORMAT, zone: Any = None) -> Any:
    """A moment by a pattern, in a zone; what is no moment stays as it is."""
    moment = moment_of(room, value, zone_of(zone))
    return value if moment is None else formatted(room, moment, text_of(room, pattern))


def _date_filter(name: str, pattern: str) -> None:
    FILTERS[name] = lambda room, value, *_style: date(room, value, pattern)


_date_filter("date_to_xmlschema", "%Y-%m-%dT%H:%M:%S%:z")
_date_filter("date_to_rfc822", "%a, %d %b %Y %H:%M:%S %z")
_date_filter("date_to_string", "%d %b %Y")
_date_filter("date_to_long_string", "%d %B %Y")
