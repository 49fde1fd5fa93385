"""When an incident begins and ends."""

from __future__ import annotations

import pytest

from hedgerow.alerts.judging import FLAP_MS, Open, Watch, compared, judge, patience_ms, rated
from hedgerow.alerts.model import Config, Reading

CONFIG = Config(calm_s=60)
BAD, GOOD, BETWEEN = (Reading("x", "X", bad, "") for bad in (True, False, None))


def played(config, *readings, every_ms=30_000):
    """What readings, one each half minute, lead to."""
    watch, incident, now, steps = Watch(), None, 0, []
    for reading in readings:
        step = judge(config, watch, reading, incident, now)
        if step is not None:
            steps.append((now // 1000, step))
        if step == "opened":
            incident = Open(b"", "X", now, now, acknowledged=False)
        elif step == "resolved":
            incident = None
        elif step == "reminder":
            incident = Open(b"", "X", incident.opened_at, now, acknowledged=False)
        now += every_ms
    return steps


def test_an_incident_begins_once_and_ends_when_all_was_well_for_long_enough():
    """However long it is bad, it is told once; a single good reading does not end it."""
    assert played(CONFIG, BAD, BAD, BAD, GOOD, BAD, GOOD, GOOD, GOOD) == [(0, "opened"), (210, "resolved")]


def test_in_between_nothing_begins_and_calm_goes_on():
    """Readings that are neither bad nor good open nothing; after a good one they do not keep an incident open."""
    assert played(CONFIG, BETWEEN, BETWEEN) == []
    assert played(CONFIG, BAD, BETWEEN, BETWEEN, BETWEEN, BETWEEN) == [(0, "opened")]
    assert played(CONFIG, BAD, GOOD, BETWEEN, BETWEEN) == [(0, "opened"), (90, "resolved")]


def test_without_calm_it_ends_at_once():
    """Who wants no patience gets none."""
    assert played(Config(calm_s=0), BAD, GOOD) == [(0, "opened"), (30, "resolved")]


def test_flapping_becomes_one_long_incident():
    """A thing that is bad every other minute all day is told of a few times, not hundreds of times."""
    one_day = [BAD, BAD, GOOD, GOOD, GOOD, GOOD] * 480
    steps = played(CONFIG, *one_day)
    assert [step for _, step in steps] == ["opened", "resolved", "opened"]


def test_flaps_are_forgotten_after_an_hour():
    """What was well for an hour is trusted again."""
    watch = Watch(ended=0, flaps=3)
    assert patience_ms(CONFIG, watch) == 480_000
    judge(CONFIG, watch, GOOD, None, FLAP_MS)
    assert patience_ms(CONFIG, watch) == 60_000


def test_patience_has_a_bound():
    """Nobody waits longer than an hour, or than was asked for."""
    assert patience_ms(CONFIG, Watch(flaps=50)) == 3_600_000
    assert patience_ms(Config(calm_s=7200), Watch(flaps=50)) == 7_200_000


def test_reminders_come_until_somebody_acknowledges():
    """An open incident is told of again after the time that was asked for, and not when somebody looks after it."""
    remind = Config(calm_s=60, remind_s=60)
    assert played(remind, *[BAD] * 5) == [(0, "opened"), (60, "reminder"), (120, "reminder")]
    quiet = Open(b"", "X", 0, 0, acknowledged=True)
    assert judge(remind, Watch(), BAD, quiet, 3_600_000) is None


@pytest.mark.parametrize(("value", "bad"), [(100, True), (99, None), (81, None), (80, False), (0, False)])
def test_good_is_well_below_bad(value, bad):
    """Between the threshold and four fifths of it nothing is decided."""
    assert compared(value, 100) is bad


@pytest.mark.parametrize(
    ("good", "bad", "found"),
    [(10, 10, True), (12, 8, False), (11, 9, None), (0, 19, None), (3, 0, False), (0, 0, None)],
)
def test_few_results_decide_nothing_unless_all_are_well(good, bad, found):
    """Chance does not wake anybody; but when all that comes goes well, it may end."""
    assert rated(good, bad, Config(threshold=0.5, min_count=20)) is found


def test_a_window_forgets_what_is_older():
    """Counts are those of the window, to the precision of a thirtieth of it."""
    watch, window = Watch(), 600_000
    assert watch.within(window, 1_000_000, 0, 0) == (0, 0)
    assert watch.within(window, 1_010_000, 5, 7) == (5, 7)
    assert watch.within(window, 1_300_000, 5, 9) == (5, 9)
    assert watch.within(window, 1_620_000, 5, 9) == (0, 2)
    assert watch.within(window, 1_920_000, 5, 9) == (0, 0)


def test_a_window_needs_few_samples():
    """A busy destination's memory is as long after a day as after an hour."""
    watch = Watch()
    for turn in range(8640):
        counts = watch.within(600_000, turn * 10_000, turn * 5, turn)
    assert len(watch.samples) <= 33
    assert counts[0] == pytest.approx(300, rel=0.05)
    assert Watch.remembered(watch.text()) == watch


def test_counts_that_went_back_begin_anew():
    """After a restore from a backup nothing counts negative."""
    watch = Watch(samples=[(0, 100, 100)])
    assert watch.within(600_000, 10_000, 90, 100) == (0, 0)
    assert watch.within(600_000, 20_000, 95, 100) == (5, 0)


def test_nothing_to_remember_is_nothing():
    """What is quiet takes no room."""
    assert Watch().text() == ""
    assert Watch.remembered("") == Watch()
