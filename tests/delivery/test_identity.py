"""Ids of deliveries: deterministic, time-ordered, valid UUIDs."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from hedgerow.delivery.identity import delivery_id, raw, text

UUIDS = st.uuids().map(lambda value: value.bytes)
TIMES = st.integers(0, (1 << 48) - 1)


@given(TIMES, UUIDS, UUIDS, st.text(max_size=5), st.text(max_size=5))
def test_an_id_is_a_uuid_version_8_that_begins_with_its_time(at, event, destination, mapping, run):
    """Version and variant are right, the first 48 bits are the capture time, the text form round-trips."""
    made = delivery_id(at, event, destination, mapping, run)
    parsed = uuid.UUID(bytes=made)
    assert parsed.version == 8
    assert parsed.variant == uuid.RFC_4122
    assert int.from_bytes(made[:6], "big") == at
    assert raw(text(made)) == made


@given(TIMES, TIMES, UUIDS, UUIDS)
def test_ids_sort_by_time(one, two, event, destination):
    """Later records have greater ids."""
    if one != two:
        assert (delivery_id(one, event, destination) < delivery_id(two, event, destination)) == (one < two)


def test_everything_that_names_an_invocation_is_in_its_id():
    """Another event, destination, mapping or run is another id; the same four give the same id."""
    a, b = bytes(16), b"\1" * 16
    ids = [
        delivery_id(1, a, a),
        delivery_id(1, b, a),
        delivery_id(1, a, b),
        delivery_id(1, a, a, "m"),
        delivery_id(1, a, a, "", "m"),
    ]
    assert len(set(ids)) == len(ids)
    assert delivery_id(1, a, a, "m", "r") == delivery_id(1, a, a, "m", "r")
