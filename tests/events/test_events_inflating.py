"""Compressed bodies: every encoding comes back, and none grows past its limit."""

import gzip
import tracemalloc
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.events.errors import BadRequest, TooLarge, WireError
from hedgerow.events.inflating import ENCODINGS, inflate


def zstd_unsized(plain):
    """A frame that does not say how much is in it, as streams write them."""
    packer = zstandard.ZstdCompressor(level=19).compressobj()
    return packer.compress(plain) + packer.flush()


PACK = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor(level=19).compress,
}


def test_every_encoding_is_tested():
    """Whoever adds one adds it here."""
    assert set(PACK) == set(ENCODINGS)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(plain=st.binary(max_size=5000))
def test_round_trip(encoding, plain):
    """What was packed comes back, up to the limit exactly."""
    packed = PACK[encoding](plain)
    assert inflate(packed, encoding, limit=len(plain)) == plain
    if plain:
        with pytest.raises(TooLarge):
            inflate(packed, encoding, limit=len(plain) - 1)


@pytest.mark.parametrize("encoding", [*ENCODINGS, "zstd unsized"])
def test_bombs_cost_no_more_than_the_limit(encoding):
    """A gigabyte in few bytes is given up at the limit, not unpacked first."""
    pack = zstd_unsized if encoding == "zstd unsized" else PACK[encoding]
    bomb = pack(bytes(64 * 1024 * 1024))
    assert len(bomb) < 100_000
    tracemalloc.start()
    with pytest.raises(TooLarge):
        inflate(bomb, encoding.split()[0], limit=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_cut_off_is_told(encoding):
    """Half a body is an error that says so."""
    packed = PACK[encoding](bytes(range(256)) * 50)
    with pytest.raises(BadRequest, match=r"cut off|damaged"):
        inflate(packed[: len(packed) // 2], encoding, limit=100_000)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(noise=st.binary(max_size=300))
def test_noise_is_refused_in_order(encoding, noise):
    """Arbitrary bytes give bytes or a WireError, within the limit."""
    try:
        assert len(inflate(noise, encoding, limit=1000)) <= 1000
    except WireError as error:
        assert error.status in {400, 413}  # noqa: PT017 - either is right


def test_a_window_beyond_reason_is_refused():
    """A frame that wants gigabytes of memory before its first byte gets none."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = packer.compress(bytes(1000)) + packer.flush()
    with pytest.raises(BadRequest, match="damaged"):
        inflate(frame, "zstd", limit=100_000)
