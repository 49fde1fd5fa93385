"""LZ-string: what the original library wrote, and everything a simple encoder can write."""

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.events.lz import BadLz, LzTooLong, decompress_base64

# Made with the npm package lz-string.
FROM_THE_ORIGINAL = {
    "": "Q===",
    "a": "IZA=",
    "aaaaaaa": "IY3I",
    '{"event":"x","properties":{"a":1}}': "N4IgpgbmB2AuIC4QA8QBoQAcBOB7TY2sAlmAM6KgCGiAjAL71A==",
    "héllo ✓ 😀 日本": "BYS4NmD2AEjI5NheDcAB71CnpoGnMg==",
}


def compress(text: str) -> str:
    """An encoder after the published description, on lists of bits."""
    raw = text.encode("utf-16-le", "surrogatepass")
    units = [chr(int.from_bytes(raw[i : i + 2], "little")) for i in range(0, len(raw), 2)]
    bits, codes, fresh = [], {}, set()
    state = {"left": 2, "width": 2}

    def put(value, width):
        bits.extend(value >> i & 1 for i in range(width))

    def grow():
        state["left"] -= 1
        if state["left"] == 0:
            state["left"] = 1 << state["width"]
            state["width"] += 1

    def emit(word):
        if word in fresh:
            wide = ord(word) > 255
            put(int(wide), state["width"])
            put(ord(word), 16 if wide else 8)
            grow()
            fresh.discard(word)
        else:
            put(codes[word], state["width"])
        grow()

    word = ""
    for unit in units:
        if unit not in codes:
            codes[unit] = len(codes) + 3
            fresh.add(unit)
        if word + unit in codes:
            word += unit
        else:
            emit(word)
            codes[word + unit] = len(codes) + 3
            word = unit
    if word:
        emit(word)
    put(2, state["width"])
    bits += [0] * (-len(bits) % 8 or 8)
    packed = bytes(int("".join(map(str, bits[i : i + 8])), 2) for i in range(0, len(bits), 8))
    return base64.b64encode(packed).decode()


@pytest.mark.parametrize("text", FROM_THE_ORIGINAL)
def test_reads_the_original(text):
    """What the original library compressed comes back."""
    assert decompress_base64(FROM_THE_ORIGINAL[text].encode(), limit=1000) == text


@settings(deadline=None)
@given(st.text(st.sampled_from("ab\xe9\u65e5\U0001f600"), max_size=300) | st.text(max_size=60))
def test_round_trip(text):
    """Any text survives, beyond the basic plane too."""
    assert decompress_base64(compress(text).encode(), limit=10_000) == text


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_text_or_an_error(noise):
    """Arbitrary bytes give text or BadLz, nothing else, within the limit."""
    with contextlib.suppress(BadLz, LzTooLong):
        assert len(decompress_base64(base64.b64encode(noise), limit=100_000)) <= 100_000


def test_bombs_stop_at_the_limit():
    """A text that grows past the limit is given up."""
    with pytest.raises(LzTooLong):
        decompress_base64(compress("x" * 100_000).encode(), limit=50_000)
