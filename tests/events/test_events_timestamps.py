"""Times as clients write them, and clocks that are wrong."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.events import timestamps

NOON = timestamps.parse("2026-01-02T12:00:00Z")
HOUR = 3_600_000

FORMS = {
    "2026-01-02T12:00:00Z": 0,
    "2026-01-02T12:00:00.5Z": 500,
    "2026-01-02T12:00:00.123456789Z": 123,
    "2026-01-02T12:00:00+00:00": 0,
    "2026-01-02T15:00:00+03:00": 0,
    "2026-01-02T15:00:00+03": 0,
    "2026-01-02T15:00:00+0300": 0,
    "2026-01-02 12:00:00": 0,
    "2026-01-02T12:00": 0,
    "  2026-01-02T12:00:00Z ": 0,
    "2026-01-02": -12 * HOUR,
    "20260102": -12 * HOUR,
    "2026/01/02 12:00:00": 0,
    "01/02/2026 12:00:00": 0,
    "01/02/2026": -12 * HOUR,
    "Fri, 02 Jan 2026 12:00:00 +0000": 0,
    "Fri, 02 Jan 2026 12:00:00 GMT": 0,
    "1767355200": 0,
    "1767355200000": 0,
    "1767355200000000": 0,
    "1767355200000000000": 0,
    "1767355200.5": 500,
}


@pytest.mark.parametrize("text", FORMS)
def test_many_forms(text):
    """Every way to write a time that clients use is read."""
    assert timestamps.parse(text) == NOON + FORMS[text]


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "9" * 20, "1e99", "nan", "²", "x" * 5000, "inf"]
)
def test_nonsense_is_none(text):
    """What is no time is None, not an error."""
    assert timestamps.parse(text) is None


@settings(deadline=None)
@given(
    st.integers(-(10**13), 2 * 10**14),
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_round_trip(ms, minutes):
    """Whatever zone a time is written in, it comes back as the same moment in UTC."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert timestamps.parse(local.isoformat()) == ms
    assert timestamps.write(ms) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_survived(text):
    """No text breaks the parser."""
    timestamps.resolve(text, None, None, NOON)


def at(text):
    return timestamps.parse(text)


RESOLVED = [
    # timestamp, offset, sent_at, result
    (None, None, None, "2026-01-02T12:00:00.000Z"),
    ("2026-01-02T11:00:00Z", None, None, "2026-01-02T11:00:00.000Z"),
    ("2026-01-02T11:00:00Z", None, "2026-01-02T12:00:10Z", "2026-01-02T10:59:50.000Z"),
    ("2026-01-02T11:00:00Z", None, "2026-01-02T11:59:50Z", "2026-01-02T11:00:10.000Z"),
    ("never", None, "2026-01-02T11:59:50Z", "2026-01-02T12:00:00.000Z"),
    ("2026-01-02T11:00:00Z", 5000, "2026-01-02T11:59:50Z", "2026-01-02T11:59:55.000Z"),
    (None, -5000, None, "2026-01-02T12:00:05.000Z"),
    ("2026-01-03T11:00:00Z", None, None, "2026-01-03T11:00:00.000Z"),
    ("2026-01-03T11:00:00.001Z", None, None, "2026-01-02T12:00:00.000Z"),
    (None, -(10**17), None, "2026-01-02T12:00:00.000Z"),
    (None, 10**17, None, "1970-01-01T00:00:00.000Z"),
    ("0001-01-01T00:00:00Z", None, "2026-01-02T12:00:10Z", "1970-01-01T00:00:00.000Z"),
]


@pytest.mark.parametrize(("timestamp", "offset", "sent_at", "result"), RESOLVED)
def test_clock_correction(timestamp, offset, sent_at, result):
    """The client's clock error is taken off; offset wins; the far future and the far past are not believed."""
    sent = at(sent_at) if sent_at else None
    assert timestamps.write(timestamps.resolve(timestamp, offset, sent, NOON)) == result


def test_query_send_time_is_in_milliseconds():
    """Seconds, text and old times in the query are no send time."""
    assert timestamps.parse_sent_at_query("1767355200000") == NOON
    for text in ("1767355200", "", "x", "-1767355200000", "9" * 30, "1600000000000"):
        assert timestamps.parse_sent_at_query(text) is None
