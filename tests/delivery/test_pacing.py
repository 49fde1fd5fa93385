"""A lane runs as many at a time as its destination's answers allow, and no faster than its owner allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.delivery.breaker import TRIPS_AFTER
from hedgerow.delivery.invocation import Attempt, Excerpt, Invocation, Outcome
from hedgerow.delivery.pacing import FIRST_PLACES, LONGEST_PAUSE_S, HostRates, Pace, Rate, parse_host_rates

WALL = 1_767_323_045.0


def outcome(
    status: int | None = 200, took: float = 0.02, *, kind: str | None = None, **headers: str
) -> Outcome:
    invocation = Invocation(b"i" * 16, 1, b"d" * 16, 1, "", "", 0, 1, b"e" * 16, "e", "d", 0, 0, {})
    response = None if status is None else Excerpt(headers, b"", 0)
    attempt = Attempt(
        1, 0, 0, int(took * 1000), "POST", "https://x.test/", status, None, Excerpt({}, b"", 0), response, str
    )
    return Outcome(invocation, "delivered", 0, kind=kind, attempts=[attempt])


def learn(pace: Pace, some: Outcome, now: float, took: float = 0.02) -> None:
    pace.learn(some, began=now - took, now=now, wall=WALL)


def test_good_answers_open_places_up_to_the_most():
    """A quick destination soon has all the places there are."""
    pace = Pace(64)
    assert pace.places == FIRST_PLACES
    for n in range(200):
        learn(pace, outcome(), n * 0.01)
    assert pace.places == 64


def test_timeouts_leave_one_place():
    """What answers too late again and again is tried one at a time after a few rounds; all that timed out together count once."""
    pace = Pace(64)
    for round_ in range(1, 6):
        before = pace.places
        for _ in range(before):
            learn(pace, outcome(None, 10.0, kind="timeout"), round_ * 10.0, took=9.9)
            learn(pace, outcome(404, 0.02), round_ * 10.0, took=9.9)
        assert pace.places <= max(1, before // 2 + 3)
    assert pace.places < 6


def test_what_obviously_fails_is_held_back_at_once():
    """After ten failures in a row one is let through at a time, at first soon, then every five seconds."""
    pace, waits = Pace(64), []
    for _ in range(TRIPS_AFTER - 1):
        learn(pace, outcome(None, 0.01, kind="refused"), 1.0)
    assert pace.ready_at(1.0) == 1.0
    now = 1.0
    for status in (503, None, 500, None, None, None):
        learn(pace, outcome(status, 0.01, kind="refused"), now)
        assert pace.places == 1
        waits.append(pace.ready_at(now) - now)
        now = pace.ready_at(now) + 0.02
    assert waits == pytest.approx([0.5, 1.0, 2.0, 4.0, 5.0, 5.0])
    assert pace.wait(100, 0.0, now) == 500.0


def test_what_failed_together_is_waited_for_once():
    """A crowd that was under way when the tool went down makes one wait, not a wait for each."""
    pace = Pace(64)
    for n in range(60):
        learn(pace, outcome(None, 10.0, kind="timeout"), 10.0 + n / 1000, took=10.0)
    assert pace.ready_at(10.0) < 11.0


def test_the_first_answer_ends_it():
    """Whatever the answer is, as long as it does not say that the tool is ill."""
    for status in (200, 404, 429):
        pace = Pace(64)
        for _ in range(TRIPS_AFTER):
            learn(pace, outcome(500), 1.0)
        assert pace.places == 1
        learn(pace, outcome(status), 1.6)
        assert pace.places > 1
        assert pace.paused_to < 1.6 or status == 429


def test_places_come_back_with_the_answers():
    """A destination that recovers gets its places back, more slowly than it lost them."""
    pace = Pace(64)
    for n in range(1, 6):
        learn(pace, outcome(None, 10.0, kind="timeout"), n * 10.0, took=9.9)
    for n in range(30):
        learn(pace, outcome(), 100 + n)
    assert 4 < pace.places < 16


def test_refusals_of_our_own_change_nothing():
    """The egress guard's no says nothing about the destination."""
    pace = Pace(64)
    learn(pace, outcome(None, 0.0, kind="egress"), 1.0)
    assert pace.places == FIRST_PLACES


def test_answers_that_come_ever_later_take_places_away():
    """Queueing at the other side is noticed before it times out; a destination that is slow by nature is let be."""
    busy, slow, places = Pace(64), Pace(64), []
    for n in range(400):
        learn(busy, outcome(took=0.05 if n < 200 else 1.0), n * 0.1, took=0.01)
        learn(slow, outcome(took=1.0), n * 0.1, took=0.01)
        places.append(busy.places)
    assert max(places[:200]) == 64
    assert min(places[200:]) < 32
    assert slow.places == 64


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_pauses_the_lane(status):
    """Nothing starts before the time that was asked for, and fewer at a time after it."""
    pace = Pace(64)
    learn(pace, outcome(status, **{"retry-after": "30"}), 5.0)
    assert pace.ready_at(6.0) == 35.0
    assert pace.ready_at(36.0) == 36.0
    assert pace.places == FIRST_PLACES // 2


def test_429s_without_a_time_pause_longer_and_longer():
    """Each round of them doubles the pause, up to a minute; a good answer ends that."""
    pace, now, pauses = Pace(64), 0.0, []
    for _ in range(9):
        now = pace.ready_at(now) + 0.1
        learn(pace, outcome(429), now)
        pauses.append(pace.paused_to - now)
    assert pauses[:4] == pytest.approx([1, 2, 4, 8])
    assert max(pauses) == pytest.approx(LONGEST_PAUSE_S)
    learn(pace, outcome(), now + 100)
    learn(pace, outcome(429), now + 200)
    assert pace.paused_to == now + 201


def test_a_500_is_neither_good_nor_a_reason_to_slow_down():
    """Health watches failures; pacing watches time."""
    pace = Pace(64)
    learn(pace, outcome(500), 1.0)
    assert pace.places == FIRST_PLACES
    assert pace.ready_at(1.0) == 1.0


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 5), min_size=1, max_size=80))
def test_a_rate_is_never_exceeded(per_second, gaps):
    """Whoever waits until ``ready_at`` starts at most a burst and the rate times the time in any span."""
    rate, now, starts = Rate(per_second), 100.0, []
    for gap in gaps:
        now = max(now + gap, rate.ready_at(now + gap))
        rate.take(now)
        starts.append(now)
    allowed = max(1.0, per_second) + per_second * (starts[-1] - starts[0])
    assert len(starts) <= allowed * 1.001 + 1


def test_further_requests_of_a_run_count_against_the_rate():
    """A program that makes two calls uses two tokens."""
    pace = Pace(64)
    pace.allow(1.0)
    pace.start(0.0)
    two = outcome()
    two.attempts.append(two.attempts[0])
    learn(pace, two, 0.5)
    assert pace.ready_at(0.5) == pytest.approx(2.0)
    pace.allow(None)
    assert pace.ready_at(0.5) == 0.5


def test_hosts_share_their_rate():
    """Requests to a limited host queue up, whoever sends them; others pass."""
    hosts = HostRates(parse_host_rates(["API.example.com=2", "other.test = 1"]))
    waits = [hosts.wait("https://api.Example.com./hook", 10.0) for _ in range(5)]
    assert waits == pytest.approx([0, 0, 0.5, 1.0, 1.5])
    assert hosts.wait("https://example.com/hook", 10.0) == 0
    assert hosts.wait("http://[broken", 10.0) == 0
