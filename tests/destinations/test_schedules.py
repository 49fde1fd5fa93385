"""When a schedule fires: cron in a time zone across clock changes, intervals, what is missed, and what is refused."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from hedgerow.destinations.catalogue import builtin
from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.project import Project
from hedgerow.destinations.schedule import MOST_PASSED, Cadence, validate_schedule
from hedgerow.destinations.validation import Existing, validate

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PERSON = {"key": "plan", "value": "pro", "operator": "exact", "type": "person"}


def ms(text, zone=BERLIN):
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def walls(cron, since, number, zone="Europe/Berlin"):
    """The next ticks as a clock on the wall there shows them, with the zone's offset."""
    found = islice(Cadence(cron, zone).after(ms(since, ZoneInfo(zone))), number)
    return [datetime.fromtimestamp(tick / 1000, ZoneInfo(zone)).strftime("%d %H:%M%z") for tick in found]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["29 03:00+0200", "30 02:30+0200"]),
        ("15,45 2 * * *", ["29 03:00+0200", "30 02:15+0200", "30 02:45+0200"]),
        ("0 3 * * *", ["29 03:00+0200", "30 03:00+0200"]),
        ("*/30 * * * *", ["29 00:30+0100", "29 01:00+0100", "29 01:30+0100", "29 03:00+0200"]),
        ("30 */2 * * *", ["29 00:30+0100", "29 04:30+0200"]),
    ],
)
def test_a_clock_that_is_set_forward_loses_no_fixed_time(cron, expected):
    """What falls into the gap comes at its end; with a star, nothing comes in the gap."""
    assert walls(cron, "2026-03-29T00:00", len(expected)) == expected


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["25 02:30+0200", "26 02:30+0100"]),
        ("30 2-3 * * *", ["25 02:30+0200", "25 03:30+0100", "26 02:30+0100"]),
        ("30 * * * *", ["25 00:30+0200", "25 01:30+0200", "25 02:30+0200", "25 02:30+0100", "25 03:30+0100"]),
        ("30 */2 * * *", ["25 00:30+0200", "25 02:30+0200", "25 02:30+0100", "25 04:30+0100"]),
    ],
)
def test_a_clock_that_is_set_back_repeats_no_fixed_time(cron, expected):
    """A fixed time comes once, the first time; with a star, what the wall shows twice comes twice."""
    assert walls(cron, "2026-10-25T00:00", len(expected)) == expected


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 * * * *", "5 1-3 * * *", "0 */3 * * *", "@daily"])
def test_ticks_are_the_same_wherever_one_begins_to_count(cron, zone):
    """From any moment on they are the tail of the same sequence, also from within the hour that comes twice."""
    cadence = Cadence(cron, zone)
    for begin in (ms("2026-03-28T20:00", ZoneInfo(zone)), ms("2026-10-24T20:00", ZoneInfo(zone))):
        whole = list(islice(cadence.after(begin), 200))
        assert whole == sorted(set(whole))
        within = [tick for tick in whole if tick < begin + 36 * HOUR]
        for moment in range(begin, begin + 36 * HOUR, 17 * MINUTE):
            assert next(cadence.after(moment)) == next(tick for tick in whole if tick > moment)
            last = max((tick for tick in within if tick <= moment), default=None)
            assert cadence.latest(begin, moment) == last


def test_an_interval_is_counted_from_a_fixed_moment():
    """So a restart does not move its ticks, and a clock change means nothing to it."""
    cadence = Cadence.of({"every": "15m"})
    begin = ms("2026-03-29T01:50")
    ticks = list(islice(cadence.after(begin), 3))
    assert [tick - begin for tick in ticks] == [10 * MINUTE, 25 * MINUTE, 40 * MINUTE]
    assert cadence.latest(ticks[0], ticks[0] + MINUTE) is None
    assert cadence.latest(begin, ticks[2]) == ticks[2]
    assert cadence.count(begin, ticks[2]) == 3


def test_the_latest_of_many_missed_ticks_is_found_and_they_are_counted():
    """After hours, months or years; counting ends somewhere."""
    often, seldom = Cadence("* * * * *"), Cadence("0 0 29 2 *")
    begin = ms("2026-01-01T00:00", ZoneInfo("UTC"))
    assert often.latest(begin, begin + 30 * DAY + 500) == begin + 30 * DAY
    assert often.count(begin, begin + 30 * DAY) == MOST_PASSED
    leap = ms("2028-02-29T00:00", ZoneInfo("UTC"))
    assert seldom.latest(begin, leap - 1) is None
    assert seldom.latest(begin, leap + 300 * DAY) == leap
    assert seldom.count(begin, leap + 300 * DAY) == 1


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"every": "15m"}, {"every": "15m", "only_changed": False, "rate": None}),
        (
            {"cron": " 0  9 * * mon-fri ", "only_changed": True, "rate": 5},
            {"cron": "0 9 * * mon-fri", "timezone": "UTC", "only_changed": True, "rate": 5},
        ),
        (
            {"cron": "@daily", "timezone": "Asia/Kolkata", "next": [], "last": None, "waits": None, "every": None},
            {"cron": "@daily", "timezone": "Asia/Kolkata", "only_changed": False, "rate": None},
        ),
        (None, None),
    ],
)  # fmt: skip
def test_a_schedule_is_kept_with_all_it_means(raw, expected):
    """What was left out is filled in; what the API tells beside it may come back."""
    assert validate_schedule(raw) == expected


@pytest.mark.parametrize(
    ("raw", "attr", "word"),
    [
        ("daily", "schedule", "dictionary"),
        ({}, "schedule", "one of two ways"),
        ({"cron": "@daily", "every": "1h"}, "schedule", "one of two ways"),
        ({"cron": "0 9 * * *", "timezone": "Europe/Berln"}, "schedule__timezone", "Did you mean Europe/Berlin"),
        ({"cron": "0 9 * * *", "timezone": "../../etc/passwd"}, "schedule__timezone", "no time zone"),
        ({"cron": "61 * * * *"}, "schedule__cron", "bad minute"),
        ({"cron": "0 0 30 2 *"}, "schedule__cron", "day-of-month"),
        ({"cron": "0 0 9 * * *"}, "schedule__cron", "five fields"),
        ({"cron": 5}, "schedule__cron", "string"),
        ({"every": "5s"}, "schedule__every", "such as 15m"),
        ({"every": "1 hour"}, "schedule__every", "such as 15m"),
        ({"every": "1h", "timezone": "UTC"}, "schedule__timezone", "interval"),
        ({"every": "1h", "rate": 0}, "schedule__rate", "per second"),
        ({"every": "1h", "only_changed": "yes"}, "schedule__only_changed", "boolean"),
        ({"every": "1h", "only_change": True}, "schedule__only_change", "Did you mean only_changed"),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_where_it_is_wrong(raw, attr, word):
    """The error names the field and says what to write."""
    with pytest.raises(ValidationError, match=word) as caught:
        validate_schedule(raw)
    assert caught.value.attr == attr


# ------------------------------------------------------------------ beside the rest of a destination


def saved(existing=None, **payload):
    fresh = {} if existing else {"name": "Sync", "hog": "return 1"}
    return validate(
        {**fresh, **payload},
        project=Project.from_row(1, "Shop", "{}"),
        templates=builtin(),
        existing=existing,
    )


def test_a_schedule_makes_its_destination_look_at_persons():
    """The source need not be said, and what a template filters events by is left out."""
    assert saved(schedule={"every": "1h"}).config.filters == {"source": "schedule"}
    made = saved(schedule={"every": "1h"}, filters={"properties": [PERSON]}).config
    assert made.filters == {"source": "schedule", "properties": [PERSON]}
    changed = saved(Existing(made, saved().secrets), name="Other").config
    assert (changed.schedule, changed.filters) == (made.schedule, made.filters)
    back = saved(Existing(made, saved().secrets), schedule=None, filters={"source": "events"}).config
    assert (back.schedule, back.filters) == (None, {"source": "events"})


def test_what_events_had_in_common_goes_when_a_schedule_comes():
    """Masking, thresholds and digests are about events."""
    first = saved(digest={"key": "{person.id}", "interval": 60}).config
    assert saved(Existing(first, saved().secrets), schedule={"every": "1h"}).config.digest is None


@pytest.mark.parametrize(
    ("payload", "attr"),
    [
        ({"filters": {"source": "schedule"}}, "schedule"),
        ({"schedule": {"every": "1h"}, "filters": {"source": "events"}}, "filters__source"),
        ({"schedule": {"every": "1h"}, "filters": {"events": [{"id": "paid"}]}}, "filters__events"),
        (
            {"schedule": {"every": "1h"}, "filters": {"properties": [{"key": "a", "value": 1, "operator": "exact"}]}},
            "filters__properties__0__type",
        ),
        (
            {"schedule": {"every": "1h"}, "filters": {"properties": {"type": "OR", "values": [
                {"type": "AND", "values": [PERSON, {**PERSON, "type": "group", "group_type_index": 0}]}]}}},
            "filters__properties__values__0__values__1__type",
        ),
        ({"schedule": {"every": "1h"}, "masking": {"ttl": 60, "hash": "{person.id}"}}, "masking"),
        ({"schedule": {"every": "1h"}, "type": "internal_destination"}, "schedule"),
        (
            {"schedule": {"every": "1h"}, "mappings": [{"name": "m", "filters": {"events": [{"id": "paid"}]}}]},
            "mappings__0__filters__events",
        ),
    ],
)  # fmt: skip
def test_what_a_schedule_cannot_have_is_refused(payload, attr):
    """Filters of events, masking, and half of what belongs together."""
    with pytest.raises(ValidationError) as caught:
        saved(**payload)
    assert caught.value.attr == attr
