"""The newest successes are written at a beat, and those of a busy destination at every third."""

from __future__ import annotations

from types import SimpleNamespace

from hedgerow.delivery.settler import KEEP_BEATS, KEEP_S, Successes

KEPT = 3


def add(successes, *names, owner=b"o"):
    """Deliveries with one attempt each."""
    for name in names:
        successes.add(
            SimpleNamespace(
                invocation=SimpleNamespace(id=name, destination_id=owner), attempts=[f"of {name}"]
            )
        )


def names(drained):
    """The deliveries to write and those to forget."""
    return [name for name, _ in drained[0]], drained[1]


def test_what_is_replaced_is_forgotten():
    """Never more are kept than was said."""
    successes = Successes(KEPT)
    add(successes, "a", "b")
    assert names(successes.drain(0.0)) == (["a", "b"], [])
    add(successes, "c", "d")
    assert names(successes.drain(KEEP_S)) == (["c", "d"], ["a"])


def test_between_beats_everything_waits():
    """It is written at the next beat, or when everything has to be."""
    successes = Successes(KEPT)
    successes.drain(0.0)
    add(successes, "a")
    assert names(successes.drain(KEEP_S / 2)) == ([], [])
    assert names(successes.drain(KEEP_S)) == (["a"], [])
    add(successes, "b")
    assert names(successes.drain(KEEP_S, everything=True)) == (["b"], [])


def test_a_busy_destination_is_written_at_every_third_beat():
    """All that it has is new then; another one does not wait for it."""
    successes = Successes(KEPT)
    written = []
    for beat in range(2 * KEEP_BEATS):
        add(successes, *(f"{beat}{letter}" for letter in "abcd"))
        add(successes, f"{beat}", owner=b"other")
        written.append(names(successes.drain(beat * KEEP_S))[0])
    assert [len(some) for some in written] == [KEPT + 1, 1, 1] * 2
    assert written[KEEP_BEATS][:KEPT] == [f"{KEEP_BEATS}{letter}" for letter in "bcd"]


def test_nothing_is_kept_where_nothing_should_be():
    """With none to keep nothing waits."""
    successes = Successes(0)
    add(successes, "a")
    assert names(successes.drain(0.0)) == ([], [])
