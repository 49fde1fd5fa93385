"""When an event happened: lenient parsing, and correction of clocks that are wrong.

Times are whole milliseconds since the epoch until they are written; the rules are those of PostHog's capture.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

FUTURE = 23 * 3600 * 1000
_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - only to write UTC times without a zone suffix
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MS
_LAST = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH) // _MS
_OLDEST_SENT_AT = (datetime(2021, 1, 1, tzinfo=UTC) - _EPOCH) // _MS
_SLASHED = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y")


def parse(text: str) -> int | None:
    """Milliseconds since the epoch of a date and time as people and programs write them; None when it is none.

    ISO 8601 in all its forms, dates alone, slashes, RFC 2822, and seconds or milliseconds since the epoch as digits.
    A time without a zone is UTC.
    """
    try:  # the form that programs write, by looking up its pieces: three times for each event of a batch add up
        return _second_of(text[:19]) + _MILLISECONDS_OF[text[19:]]
    except (KeyError, ValueError):
        return _parse_other(text.strip())


# A point, three digits and the Z, as they end an ISO time in UTC.
_MILLISECONDS = tuple(f".{millisecond:03}Z" for millisecond in range(1000))
_MILLISECONDS_OF = {text: millisecond for millisecond, text in enumerate(_MILLISECONDS)}


@lru_cache(4096)
def _second_of(text: str) -> int:
    """Milliseconds of ``2026-01-02T03:04:05``; most events of a moment share it."""
    if len(text) != 19 or text[10::3] != "T::":
        raise ValueError
    return _to_ms(datetime.fromisoformat(text + "+00:00"))


def _parse_other(text: str) -> int | None:
    try:
        if text.isdecimal() and len(text) != 8:
            return _from_digits(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _parse_rare(text)
    return _to_ms(moment)


def _to_ms(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MS


def _from_digits(text: str) -> int | None:
    """Ten digits are seconds, thirteen milliseconds; longer ones micro- and nanoseconds."""
    if len(text) > 19:
        return None
    value = int(text)
    for digits, scale in ((11, 1000), (14, 1)):
        if len(text) <= digits:
            return value * scale
    return value // (1000 if len(text) <= 17 else 1_000_000)


def _parse_rare(text: str) -> int | None:
    if len(text) > 64:
        return None
    for attempt in _RARE:
        try:
            return _to_ms(attempt(text))
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _slashed(text: str) -> datetime:
    if text[4:5] == "/":
        return datetime.fromisoformat(text.replace("/", "-"))
    for form in _SLASHED:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - a time without a zone is UTC
        except ValueError:
            continue
    raise ValueError


def _fractional_epoch(text: str) -> datetime:
    return _EPOCH + timedelta(seconds=float(text)) / (1 if float(text) < 1e11 else 1000)


_RARE: tuple[Callable[[str], datetime], ...] = (_slashed, parsedate_to_datetime, _fractional_epoch)


def parse_sent_at_query(text: str) -> int | None:
    """The client's send time from the query: milliseconds, and only if they can be (seconds would lie in 1970)."""
    if not text.isdecimal() or len(text) > 15:
        return None
    value = int(text)
    return value if value >= _OLDEST_SENT_AT else None


def resolve(timestamp: str | None, offset: int | None, sent_at: int | None, now: int) -> int:
    """When the event happened by our clock.

    Args:
        timestamp: as the client wrote it, by the client's clock.
        offset: milliseconds between event and sending, wins over ``timestamp``.
        sent_at: when the client sent the request, by its clock; the difference to ``now`` is its clock's error.
        now: when we received the request.

    Returns:
        Milliseconds since the epoch: ``now`` where nothing can be read or the result lies in the future by more than
        23 hours, the epoch where it leaves the calendar.
    """
    result = now
    if timestamp is not None:
        stated = parse(timestamp)
        if stated is not None:
            result = stated if sent_at is None else stated - (sent_at - now)
    if offset is not None:
        result = now - offset
    if result > now + FUTURE:
        return now
    return result if _FIRST <= result <= _LAST else 0


def write(ms: int) -> str:
    """ISO 8601 in UTC with milliseconds, ``2026-01-02T03:04:05.678Z``."""
    return _second(ms // 1000) + _MILLISECONDS[ms % 1000]


@lru_cache(4096)
def _second(second: int) -> str:
    """The text up to the milliseconds."""
    return (_NAIVE_EPOCH + timedelta(seconds=second)).isoformat()
