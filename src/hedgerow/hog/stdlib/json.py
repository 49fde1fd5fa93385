"""JSON: reading, writing, and looking into it by a path."""

from __future__ import annotations

from typing import Any

from hedgerow.hog import jsontext
from hedgerow.hog.context import RuntimeContext
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.ops import get_property, has_key
from hedgerow.hog.stdlib.arguments import is_array, whole
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.stdlib.types import leading_float, leading_int
from hedgerow.hog.text import js_text
from hedgerow.hog.values import is_number

_MOST_INDENT = 10


@function(
    "jsonParse",
    1,
    1,
    context=True,
    examples=[("jsonParse('{\"a\": [1, 2.5]}')", "{'a': [1, 2.5]}"), ("jsonParse('null')", "null")],
)
def json_parse(ctx: RuntimeContext, text: Any) -> Any:
    """The value a JSON text holds. A text that is not JSON fails the program; ask ``isValidJSON`` first."""
    return jsontext.parse(ctx, js_text(ctx, text))


@function(
    "jsonStringify",
    1,
    2,
    context=True,
    examples=[
        ("jsonStringify({'a': [1, null]})", "'{\"a\":[1,null]}'"),
        ("jsonStringify([1], 2)", "'[\\n  1\\n]'"),
    ],
)
def json_stringify(ctx: RuntimeContext, value: Any, indent: Any = None) -> str:
    """A value as JSON, compact or indented by up to 10 spaces.

    NaN and infinities become null. Dates and errors become objects that ``jsonParse`` reads back.
    """
    brief = jsontext.brief_json(value) if indent is None else ""
    if brief:
        ctx.check_string(len(brief))
        return brief
    spaces = min(_MOST_INDENT, max(0, whole(indent))) if is_number(indent) else 0
    return jsontext.stringify(ctx, value, spaces)


@function(
    "isValidJSON",
    1,
    1,
    context=True,
    examples=[("isValidJSON('[1]')", "true"), ("isValidJSON('[1')", "false")],
)
def is_valid_json(ctx: RuntimeContext, text: Any) -> bool:
    """Whether a text is JSON."""
    return jsontext.is_valid(ctx, js_text(ctx, text))


@function(
    "JSONHas",
    1,
    None,
    context=True,
    examples=[("JSONHas({'a': [1]}, 'a', 1)", "true"), ("JSONHas('{\"a\": 1}', 'b')", "false")],
)
def json_has(ctx: RuntimeContext, value: Any, *path: Any) -> bool:
    """Whether a path of keys and places leads to something. Texts on the way are read as JSON.

    Places count from 1, or from -1 at the end.
    """
    for key in path:
        value = _parsed(ctx, value)
        if type(value) is dict and has_key(value, key):
            value = value[key]
        elif is_array(value) and is_number(key) and 1 <= abs(key) <= len(value):
            value = get_property(value, key)
        else:
            return False
    return True


def _parsed(ctx: RuntimeContext, value: Any) -> Any:
    """A text as the JSON it holds, None when it is none; an array or object itself; None for anything else."""
    if type(value) is dict or is_array(value):
        return value
    if type(value) is not str:
        return None
    try:
        return jsontext.parse(ctx, value)
    except HogRuntimeError as error:
        if error.kind != HogRuntimeError.kind:
            raise
        return None


def _at(ctx: RuntimeContext, value: Any, path: tuple[Any, ...]) -> Any:
    """What a path leads to; None when it leads nowhere. Only the root may be a text of JSON."""
    value = _parsed(ctx, value)
    for key in path:
        value = (
            get_property(value, key) if type(value) is dict or (is_array(value) and is_number(key)) else None
        )
        if value is None:
            return None
    return value


@function(
    "JSONLength",
    1,
    None,
    context=True,
    examples=[("JSONLength('{\"a\": [1, 2]}', 'a')", "2"), ("JSONLength('1')", "0")],
)
def json_length(ctx: RuntimeContext, value: Any, *path: Any) -> int:
    """The number of items of the array or object a path leads to, else 0."""
    found = _at(ctx, value, path)
    return len(found) if type(found) is dict or is_array(found) else 0


@function(
    "JSONExtractBool", 1, None, context=True, examples=[("JSONExtractBool('{\"a\": true}', 'a')", "true")]
)
def json_extract_bool(ctx: RuntimeContext, value: Any, *path: Any) -> bool:
    """The boolean a path leads to; false for anything else."""
    found = _at(ctx, value, path)
    return found if type(found) is bool else False


@function(
    "JSONExtractInt", 1, None, context=True, examples=[("JSONExtractInt('{\"a\": \"12px\"}', 'a')", "12")]
)
def json_extract_int(ctx: RuntimeContext, value: Any, *path: Any) -> int | float | None:
    """The whole number at the start of what a path leads to, or null."""
    return leading_int(js_text(ctx, _at(ctx, value, path)))


@function(
    "JSONExtractFloat", 1, None, context=True, examples=[("JSONExtractFloat('{\"a\": 1.5}', 'a')", "1.5")]
)
def json_extract_float(ctx: RuntimeContext, value: Any, *path: Any) -> int | float | None:
    """The number at the start of what a path leads to, or null."""
    return leading_float(js_text(ctx, _at(ctx, value, path)))


@function(
    "JSONExtractString", 1, None, context=True, examples=[("JSONExtractString('{\"a\": 1}', 'a')", "'1'")]
)
def json_extract_string(ctx: RuntimeContext, value: Any, *path: Any) -> str | None:
    """What a path leads to as text, or null. Arrays are joined by commas."""
    found = _at(ctx, value, path)
    return None if found is None else js_text(ctx, found)


@function(
    "JSONExtractArrayRaw",
    1,
    None,
    context=True,
    examples=[("JSONExtractArrayRaw('{\"a\": [1, 2]}', 'a')", "[1, 2]")],
)
def json_extract_array_raw(ctx: RuntimeContext, value: Any, *path: Any) -> Any:
    """The array a path leads to, or null."""
    found = _at(ctx, value, path)
    return found if is_array(found) else None


@function(
    "JSONExtract",
    2,
    None,
    context=True,
    examples=[("JSONExtract('{\"a\": {\"b\": 1}}', 'a', 'b', 'Int64')", "1")],
)
def json_extract(ctx: RuntimeContext, value: Any, *path: Any) -> Any:
    """What a path leads to. The last argument names a type and is ignored."""
    return _at(ctx, value, path[:-1])
