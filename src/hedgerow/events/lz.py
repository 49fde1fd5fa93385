"""LZ-string: the compression of the first browser SDKs, decoded only.

The format (as every port of it agrees): codes of growing width, least significant bit first, packed into a stream that
is then written in base64 with the most significant bit first. Codes 0 and 1 announce a new character of 8 or 16 bits,
2 ends the text, the rest name entries of a dictionary that grows as in LZ78.
"""

from __future__ import annotations

import binascii

_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_END = 2


class BadLz(ValueError):
    """The text is not LZ-string, or it is cut off."""


class LzTooLong(ValueError):
    """The text grows past the limit."""


class _Bits:
    """Reads numbers of a few bits from bytes whose lowest bit comes first."""

    __slots__ = ("_buffer", "_bytes", "_have", "_next")

    def __init__(self, data: bytes) -> None:
        self._bytes = data
        self._next = 0
        self._buffer = 0
        self._have = 0

    def take(self, count: int) -> int:
        while self._have < count:
            chunk = self._bytes[self._next : self._next + 8]
            if not chunk:
                raise BadLz("the compressed text is cut off")
            self._buffer |= int.from_bytes(chunk, "little") << self._have
            self._have += 8 * len(chunk)
            self._next += 8
        value = self._buffer & ((1 << count) - 1)
        self._buffer >>= count
        self._have -= count
        return value


def _units(bits: _Bits, limit: int) -> list[str]:
    """The pieces of the text, as UTF-16 code units."""
    first = bits.take(2)
    if first == _END:
        return []
    if first > _END:
        raise BadLz("the compressed text does not begin with a character")
    word = chr(bits.take(16 if first else 8))
    table = ["", "", "", word]
    pieces = [word]
    # Widths follow the decoder of the original: the dictionary is one entry behind the encoder's.
    width, room, length = 3, 4, 1
    while True:
        code = bits.take(width)
        if code == _END:
            return pieces
        if code < _END:
            table.append(chr(bits.take(16 if code else 8)))
            code = len(table) - 1
            room -= 1
            if not room:
                room = 1 << width
                width += 1
        if code < len(table):
            entry = table[code]
        elif code == len(table):
            entry = word + word[0]
        else:
            raise BadLz("the compressed text names an unknown entry")
        pieces.append(entry)
        length += len(entry)
        if length > limit:
            raise LzTooLong
        table.append(word + entry[0])
        word = entry
        room -= 1
        if not room:
            room = 1 << width
            width += 1


def decompress_base64(text: bytes, *, limit: int) -> str:
    """Undo ``LZString.compressToBase64``.

    Args:
        text: base64 with or without its padding.
        limit: at most so many UTF-16 code units come out.

    Raises:
        BadLz: it is something else, or cut off.
        LzTooLong: more than ``limit`` would come out.
    """
    text = text.strip().rstrip(b"=")
    # The original pads to a length that base64 proper does not have; only whole bytes carry text.
    padded = text + b"A" * (-len(text) % 4)
    try:
        packed = binascii.a2b_base64(padded, strict_mode=True)
    except binascii.Error as error:
        raise BadLz(f"not base64 ({error})") from error
    units = "".join(_units(_Bits(packed.translate(_MIRROR)), limit))
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
