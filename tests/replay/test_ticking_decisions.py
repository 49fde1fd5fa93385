"""What is decided about a schedule, moment by moment: first ticks, missed ones, waiting, and clocks that are set."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from hedgerow.destinations.schedule import Cadence
from hedgerow.replay.ticking import BUSY, Anew, Begins, SetBack, Standing, Waits, decide

HOURLY = Cadence(every_ms=3_600_000)
HOUR, MINUTE = 3_600_000, 60_000
NOON = 1_779_969_600_000
PAUSED = "The destination is paused."


def standing(decided_to=NOON, **more):
    return Standing(HOURLY.text, decided_to, **more)


def test_a_new_schedule_waits_for_its_first_tick():
    """It is noted and nothing runs; so is one that fires at other times than before."""
    assert decide(HOURLY, None, NOON, None) == Anew()
    assert decide(Cadence(every_ms=MINUTE), standing(), NOON + HOUR, None) == Anew()
    assert decide(HOURLY, standing(NOON + 1), NOON + HOUR - 1, None) is None
    assert decide(HOURLY, standing(NOON + 1), NOON + HOUR, None) == Begins(NOON + HOUR, 0)


@pytest.mark.parametrize(("hours", "passed"), [(1, 0), (2, 1), (26, 25), (500, 99)])
def test_of_the_missed_ticks_the_latest_runs_once(hours, passed):
    """The server was down: one run, and it is known how many had no run (counting ends somewhere)."""
    now = NOON + hours * HOUR + 5 * MINUTE
    found = decide(HOURLY, standing(), now, None)
    assert found == Begins(NOON + hours * HOUR, passed)
    assert decide(HOURLY, standing(found.tick), now, None) is None


def test_a_tick_that_cannot_begin_waits_and_says_why_once():
    """While nothing is due nobody waits; what is said already is not said again."""
    assert decide(HOURLY, standing(), NOON + MINUTE, PAUSED) is None
    assert decide(HOURLY, standing(), NOON + HOUR, PAUSED) == Waits(PAUSED)
    assert decide(HOURLY, standing(waits=PAUSED), NOON + 2 * HOUR, PAUSED) is None
    assert decide(HOURLY, standing(waits=PAUSED), NOON + 2 * HOUR, BUSY) == Waits(BUSY)
    late = decide(HOURLY, standing(waits=BUSY), NOON + 3 * HOUR + 1, None)
    assert late == Begins(NOON + 3 * HOUR, 2)


def test_a_clock_that_is_set_back_counts_from_there():
    """Ticks come as the clock shows them; those that ran are known by their runs."""
    assert decide(HOURLY, standing(NOON + 3 * HOUR), NOON, None) == SetBack()
    assert decide(HOURLY, standing(NOON), NOON, None) is None


def test_a_clock_that_is_set_far_ahead_runs_one_tick():
    """And when it is right again, the next ones come."""
    year = 365 * 24 * HOUR
    assert decide(HOURLY, standing(), NOON + year, None) == Begins(NOON + year, 99)
    assert decide(HOURLY, standing(NOON + year), NOON + MINUTE, None) == SetBack()
    assert decide(HOURLY, standing(NOON + MINUTE), NOON + HOUR, None) == Begins(NOON + HOUR, 0)


@pytest.mark.parametrize(
    ("day", "ticks"),
    [
        ("2026-03-29", ["03:00+0200"]),
        ("2026-10-25", ["02:30+0200"]),
        ("2026-06-01", ["02:30+0200"]),
    ],
)
def test_a_night_with_a_clock_change_has_its_one_tick(day, ticks):
    """Looked at every minute through the night, as a worker does: one tick, whatever the clock on the wall does."""
    berlin = ZoneInfo("Europe/Berlin")
    cadence = Cadence("30 2 * * *", "Europe/Berlin")
    begin = int(datetime.fromisoformat(day).replace(tzinfo=berlin).timestamp() * 1000)
    decided, seen = begin, []
    for now in range(begin, begin + 8 * HOUR, MINUTE):
        found = decide(cadence, Standing(cadence.text, decided), now, None)
        if isinstance(found, Begins):
            decided = found.tick
            seen.append(datetime.fromtimestamp(found.tick / 1000, berlin).strftime("%H:%M%z"))
    assert seen == ticks
