"""The retry decision, as a table."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.delivery.retry import (
    LONGEST_RETRY_AFTER,
    Failure,
    RetryPolicy,
    growing,
    next_delay,
    parse_retry_after,
)
from hedgerow.destinations.retrying import PRESETS

NOW = 1_767_323_045.0
EXACT = RetryPolicy((1.0, 2.0, 4.0), jitter=0.0)


def delay(policy=EXACT, tries=1, **failure):
    return next_delay(policy, tries, Failure(**failure), now=NOW, chance=random.Random(1))


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 507, 599, 408, 425, 429])
def test_statuses_that_mean_later_are_tried_again(status):
    """Every 5xx, and the 4xx that say "later", are retried."""
    assert delay(status=status) == 1.0


@pytest.mark.parametrize("status", [300, 301, 400, 401, 403, 404, 409, 410, 413, 422, 451])
def test_other_statuses_are_final(status):
    """A status that says the request is wrong is not repeated."""
    assert delay(status=status) is None


@pytest.mark.parametrize("retriable", [True, False])
def test_a_missing_response_is_tried_again_when_that_can_help(retriable):
    """Without a response, the kind of error decides."""
    assert (delay(retriable=retriable) is not None) == retriable


def test_three_retries_after_the_first_attempt():
    """The default makes four attempts in all, further apart each time."""
    delays = [delay(tries=tries, status=500) for tries in range(1, 6)]
    assert delays == [1.0, 2.0, 4.0, None, None]
    assert len(PRESETS["quick"]) == 3


def test_more_retries_are_further_apart():
    """The operator's number of retries makes a schedule that grows to ten minutes."""
    assert growing(3) == PRESETS["quick"]
    assert growing(7) == (1.0, 4.0, 16.0, 64.0, 256.0, 600.0, 600.0)
    assert growing(0) == ()


@pytest.mark.parametrize(("preset", "hours"), [("quick", 0.005), ("standard", 0.9), ("patient", 27)])
def test_presets_last_as_long_as_they_say(preset, hours):
    """Quick gives up within half a minute, standard after about an hour, patient after about 28 hours."""
    assert hours <= sum(PRESETS[preset]) / 3600 <= hours * 1.3 + 0.01


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("1.5", 1.5),
        ("999999", LONGEST_RETRY_AFTER),
        ("nan", 0.0),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60.0),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_number_or_date(header, expected):
    """Seconds and HTTP dates are understood, nonsense is ignored, a day is the most we wait."""
    assert parse_retry_after(header, NOW) == expected


def test_retry_after_only_ever_lengthens_the_wait():
    """A vendor may ask for more time, not for less."""
    assert delay(status=429, retry_after="30") == 30.0
    assert delay(tries=3, status=429, retry_after="1") == 4.0


@given(st.integers(1, 3), st.integers(0, 10_000))
def test_jitter_stays_within_its_share(tries, seed):
    """Chance moves a delay by at most its quarter."""
    policy = RetryPolicy((10.0, 10.0, 10.0))
    chosen = next_delay(policy, tries, Failure(status=500), now=NOW, chance=random.Random(seed))
    assert chosen is not None
    assert 7.5 <= chosen <= 12.5
