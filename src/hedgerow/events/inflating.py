"""Undoing compression within a limit: whatever a few bytes claim to grow into, no more than the limit is ever kept."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import zstandard

from hedgerow.events.errors import BadRequest, TooLarge, too_large, undecodable

# How far back zstd may refer; its own tools never go beyond this unless told to, and more costs memory before any output.
_ZSTD_WINDOW = 8 * 1024 * 1024


def inflate(payload: bytes, encoding: str, *, limit: int) -> bytes:
    """The plain bytes.

    Args:
        payload: compressed.
        encoding: ``gzip``, ``deflate`` (wrapped by zlib), ``br`` or ``zstd``: HTTP's names.
        limit: bytes after inflation.

    Raises:
        BadRequest: damaged or cut off.
        TooLarge: it grows past the limit.
    """
    return _INFLATERS[encoding](payload, limit)


def _zlib(wbits: int, name: str) -> Callable[[bytes, int], bytes]:
    def inflate(payload: bytes, limit: int) -> bytes:
        inflater = zlib.decompressobj(wbits)
        try:
            plain = inflater.decompress(payload, limit + 1)
        except zlib.error as error:
            raise _damaged(name, error) from error
        if len(plain) > limit:
            raise _grown(limit)
        if not inflater.eof:
            raise _cut_off(name)
        return plain

    return inflate


def _brotli(payload: bytes, limit: int) -> bytes:
    inflater = brotli.Decompressor()
    parts: list[bytes] = []
    left = limit + 1
    try:
        while left > 0 and not inflater.is_finished():
            part = inflater.process(b"" if parts else payload, output_buffer_limit=left)
            parts.append(part)
            left -= len(part)
            if not part and inflater.can_accept_more_data():
                break
    except brotli.error as error:
        raise _damaged("brotli", error) from error
    if left <= 0:
        raise _grown(limit)
    if not inflater.is_finished():
        raise _cut_off("brotli")
    return b"".join(parts)


def _zstd(payload: bytes, limit: int) -> bytes:
    try:
        stated = zstandard.frame_content_size(payload)
        inflater = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        with inflater.stream_reader(payload) as reader:
            plain: bytes = reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise _damaged("zstd", error) from error
    if len(plain) > limit:
        raise _grown(limit)
    if len(plain) < stated:
        raise _cut_off("zstd")
    return plain


def _damaged(name: str, error: Exception) -> BadRequest:
    return undecodable(f"the {name} data is damaged ({error})")


def _cut_off(name: str) -> BadRequest:
    return undecodable(f"the {name} data is cut off")


def _grown(limit: int) -> TooLarge:
    return too_large(f"the request inflates to more than {limit} bytes")


_INFLATERS = {
    "gzip": _zlib(31, "gzip"),
    "deflate": _zlib(15, "deflate"),
    "br": _brotli,
    "zstd": _zstd,
}
ENCODINGS = tuple(_INFLATERS)
