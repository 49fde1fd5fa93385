"""Thresholds count what comes close together, by the time of capture, and begin anew when they are reached."""

from __future__ import annotations

from hedgerow.delivery.claims import Claim, decide
from hedgerow.delivery.counting import Threshold
from hedgerow.delivery.invocation import Invocation

NOW = 1_767_323_045_000
THREE = Threshold(b"h" * 16, 3, 60)


def event(at: int, number: int = 1) -> Invocation:
    identity = number.to_bytes(8, "big") + at.to_bytes(8, "big", signed=True)
    return Invocation(identity, 1, b"d" * 16, 1, "", "", 0, 1, identity, "paid", "ann", NOW + at, NOW, {})


def fates(connection, times, *, now=None, threshold=THREE) -> list[str]:
    """What becomes of events that were captured so many milliseconds from now."""
    claims = [Claim(event(at), [threshold]) for at in times]
    outcomes = decide(connection, claims, NOW + (max(times) if now is None else now))
    return [outcome.verdict for outcome in outcomes]


def test_the_last_of_so_many_is_sent_and_the_count_begins_anew(connection):
    """However the events are spread over transactions."""
    assert fates(connection, [0, 1]) == ["counted", "counted"]
    assert fates(connection, [2, 3, 4, 5, 6]) == ["running", "counted", "counted", "running", "counted"]


def test_the_time_slides_with_the_events(connection):
    """What is as old as the window does not count any more; a count need not begin with its first event."""
    assert fates(connection, [0, 40_000, 60_000, 99_999]) == ["counted", "counted", "counted", "running"]
    assert fates(connection, [200_000, 259_999, 260_000]) == ["counted"] * 3


def test_a_worker_that_catches_up_counts_by_the_time_of_capture(connection):
    """Events of an hour are not within a minute because they are read within one."""
    assert fates(connection, [0, 50_000, 110_001, 170_002], now=3_600_000) == ["counted"] * 4
    assert fates(connection, [180_000, 190_000], now=3_600_000) == ["counted", "running"]


def test_events_out_of_order_count_once_they_are_within(connection):
    """Partitions are not read in step; what is too late says so."""
    assert fates(connection, [30_000, 10_000, 20_000]) == ["counted", "counted", "running"]
    assert fates(connection, [100_000]) == ["counted"]
    (late,) = decide(connection, [Claim(event(40_000), [THREE])], NOW + 100_000)
    assert (late.verdict, "too late" in late.error) == ("counted", True)


def test_a_clock_that_was_set_back_does_not_stop_the_count(connection):
    """What was captured in what is now the future counts as captured now."""
    assert fates(connection, [3_600_000, 3_600_001]) == ["counted", "counted"]
    assert fates(connection, [0]) == ["running"]


def test_the_verdict_says_how_far_the_count_is(connection):
    """For people who ask why nothing was sent."""
    first, second = decide(connection, [Claim(event(at), [THREE]) for at in (0, 1)], NOW)
    assert first.error == "Counted: 1 of 3 within 1 minute."
    assert second.error == "Counted: 2 of 3 within 1 minute."
    assert second.final


def test_keys_count_for_themselves(connection):
    """As do destinations: the hash and the id name a count."""
    other = Threshold(b"o" * 16, 3, 60)
    assert fates(connection, [0, 1]) == ["counted"] * 2
    assert fates(connection, [2], threshold=other) == ["counted"]
    assert fates(connection, [3]) == ["running"]
