"""Base64 and URL encoding. Long texts go through in pieces, so that the clock is looked at in between."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from hedgerow.hog.context import STRIDE, RuntimeContext, watch
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.stdlib.arguments import need_text
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.text import js_text
from hedgerow.hog.utf16 import utf8

_PIECE: Final = 32_768
_SHORT: Final = 1024
_UNRESERVED: Final = "!'()*~-_."
_PERCENT: Final = {
    code: f"%{code:02X}" for code in range(128) if not (chr(code).isalnum() or chr(code) in _UNRESERVED)
}
"""What stands for each ASCII character that does not stand for itself."""
_SHOWN: Final = {chr(code): _PERCENT.get(code, chr(code)) for code in range(128)}
"""What stands for each ASCII character: quicker than ``translate`` for short texts."""
_THEMSELVES: Final = bytes(code for code in range(128) if code not in _PERCENT)
_FEW: Final = 4
_SIGN: Final = ord("%")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/=]+")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_URL_SAFE: Final = str.maketrans("-_", "+/")


@function("base64Encode", 1, 1, context=True, examples=[("base64Encode('hello')", "'aGVsbG8='")])
def base64_encode(ctx: RuntimeContext, value: Any) -> str:
    """The UTF-8 bytes of a text in Base64."""
    text = need_text("base64Encode", value)
    ctx.check_string(len(text) * (1 if text.isascii() else 3) * 4 // 3 + 4)
    watch(ctx, len(text))
    return base64.b64encode(utf8(text)).decode("ascii")


@function("base64Decode", 1, 1, context=True, examples=[("base64Decode('aGVsbG8=')", "'hello'")])
def base64_decode(ctx: RuntimeContext, value: Any) -> str:
    """The text whose UTF-8 bytes a Base64 text holds. Characters outside the alphabet are skipped."""
    return _decoded(ctx, need_text("base64Decode", value))


@function(
    "tryBase64Decode",
    1,
    1,
    context=True,
    examples=[("tryBase64Decode('aGVsbG8')", "'hello'"), ("tryBase64Decode(null)", "''")],
)
def try_base64_decode(ctx: RuntimeContext, value: Any) -> str:
    """As ``base64Decode``, with '' for what is no text."""
    return _decoded(ctx, value) if type(value) is str else ""


def _decoded(ctx: RuntimeContext, text: str) -> str:
    ctx.check_string(len(text) * 3 // 4)
    watch(ctx, len(text))
    clean = _NOT_BASE64.sub("", text.translate(_URL_SAFE)).partition("=")[0]
    clean = clean[: len(clean) - (len(clean) % 4 == 1)]
    watch(ctx, len(text))
    return binascii.a2b_base64(clean + "=" * (-len(clean) % 4)).decode("utf-8", "replace")


def _in_pieces(ctx: RuntimeContext, pieces: Iterator[str], work: Callable[[str], str]) -> str:
    done: list[str] = []
    length = 0
    for piece in pieces:
        done.append(work(piece))
        length += len(done[-1])
        ctx.tick()
    ctx.check_string(length)
    return "".join(done)


def _quote_short(text: str) -> str:
    """An ASCII text quoted: most have few characters that need it, or none."""
    odd = text.encode().translate(None, _THEMSELVES)
    if len(odd) > _FEW or _SIGN in odd:
        return "".join(map(_SHOWN.__getitem__, text))
    for code in odd:
        text = text.replace(chr(code), _PERCENT[code])
    return text


def _quote(piece: str) -> str:
    if piece.isascii():
        return piece.translate(_PERCENT)
    try:
        return quote(piece, safe=_UNRESERVED)
    except UnicodeEncodeError:
        raise HogRuntimeError("encodeURLComponent() met half of a character (a lone surrogate)") from None


@function(
    "encodeURLComponent",
    1,
    1,
    context=True,
    examples=[("encodeURLComponent('a b&c')", "'a%20b%26c'"), ("encodeURLComponent('é')", "'%C3%A9'")],
)
def encode_url_component(ctx: RuntimeContext, value: Any) -> str:
    """A text made safe for one part of a URL. Letters, digits and ``- _ . ! ~ * ' ( )`` stay as they are."""
    text = value if type(value) is str else js_text(ctx, value)
    if len(text) <= _SHORT:
        encoded = _quote_short(text) if text.isascii() else _quote(text)
        ctx.check_string(len(encoded))
        return encoded
    return _in_pieces(ctx, (text[start : start + _PIECE] for start in range(0, len(text), _PIECE)), _quote)


@function("decodeURLComponent", 1, 1, context=True, examples=[("decodeURLComponent('a%20b')", "'a b'")])
def decode_url_component(ctx: RuntimeContext, value: Any) -> str:
    """The text that ``encodeURLComponent`` made this from. Broken ``%`` sequences fail the program."""
    decoded = _unquoted(ctx, js_text(ctx, value))
    if decoded is None:
        raise HogRuntimeError("decodeURLComponent() met a broken % sequence")
    return decoded


@function(
    "tryDecodeURLComponent",
    1,
    1,
    context=True,
    examples=[("tryDecodeURLComponent('a%20b')", "'a b'"), ("tryDecodeURLComponent('%')", "null")],
)
def try_decode_url_component(ctx: RuntimeContext, value: Any) -> str | None:
    """As ``decodeURLComponent``, with null for broken texts."""
    return _unquoted(ctx, js_text(ctx, value))


def _unquoted(ctx: RuntimeContext, text: str) -> str | None:
    watch(ctx, len(text))
    signs = text.count("%")
    if not signs:
        return text
    if signs > STRIDE:
        ctx.look_through(signs)
    if _BAD_PERCENT.search(text):
        return None
    try:
        return _in_pieces(ctx, _whole_sequences(text), _unquote)
    except UnicodeDecodeError:
        return None


def _unquote(piece: str) -> str:
    """Decode one piece; characters that stand for themselves pass, lone surrogates included."""
    if piece.isascii():
        return unquote_to_bytes(piece).decode()
    return "".join(_unquote(part) if part.isascii() else part for part in re.split(r"([^\x00-\x7f]+)", piece))


def _whole_sequences(text: str) -> Iterator[str]:
    """Pieces of a text that end before no ``%`` sequence is complete: a run of them stays in one piece."""
    start = 0
    while start < len(text):
        stop = start + _PIECE
        while text[stop : stop + 1] and (text[stop] == "%" or "%" in text[stop - 2 : stop]):
            stop = stop + 1 if text[stop] != "%" else stop + 3
        yield text[start:stop]
        start = stop
