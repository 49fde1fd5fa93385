"""Bodies, however they are cut on their way."""

import gzip
import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.delivery.http_body import BadEncoding, Body

ENCODERS = {"": bytes, "identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress}


def fed(body, payload, cuts):
    """Feed a payload in pieces until the body has enough."""
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts), len(payload)]
    for start, end in itertools.pairwise(edges):
        if not body.feed(payload[start:end]):
            break
    return body.finish()


@given(
    st.binary(max_size=2000).map(lambda data: data * 3),
    st.sampled_from(sorted(ENCODERS)),
    st.lists(st.integers(0, 10_000), max_size=8),
    st.integers(0, 8000),
)
def test_a_body_is_whole_up_to_its_limit(data, encoding, cuts, limit):
    """Encoding and packet borders never show; what is over the limit is cut, and that is said."""
    body = Body(limit, encoding)
    assert fed(body, ENCODERS[encoding](data), cuts) == data[:limit]
    assert body.truncated == (len(data) > limit)


@given(
    st.lists(st.binary(min_size=1, max_size=500), min_size=1, max_size=5),
    st.lists(st.integers(0, 5000), max_size=8),
)
def test_gzip_members_follow_each_other(members, cuts):
    """A gzip file may be several: they are one body, wherever the packets end."""
    payload = b"".join(gzip.compress(member) for member in members)
    assert fed(Body(10_000, "gzip"), payload, cuts) == b"".join(members)


def test_a_bomb_never_unfolds():
    """A thousandfold compression is stopped at the limit, piece by piece."""
    body = Body(1000, "gzip")
    assert fed(body, gzip.compress(b"\0" * 10_000_000), [100, 200]) == b"\0" * 1000
    assert body.truncated


def test_compressed_bytes_that_unfold_to_nothing_are_bounded():
    """An endless run of empty members produces no body, and ends all the same."""
    body = Body(10, "gzip")
    empty = gzip.compress(b"") * 100
    fed_bytes = 0
    while body.feed(empty):
        fed_bytes += len(empty)
        assert fed_bytes < 200_000
    assert body.finish() == b""


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_garbage_is_named(encoding):
    """What is not compressed although it should be is an error, not a body."""
    with pytest.raises(BadEncoding):
        Body(100, encoding).feed(b"\xff plain text")
