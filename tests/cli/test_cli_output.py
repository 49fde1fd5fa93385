"""What commands print."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hedgerow.cli.output import clip, duration, local_time, safe, safe_lines, table


def test_columns_are_aligned(capsys):
    """Texts stand to the left, numbers to the right, wide characters count twice."""
    table(("NAME", "N"), [("a", 1), ("日本", 100), (None, None)], empty="none")
    assert capsys.readouterr().out == "NAME    N\na       1\n日本  100\n\n"


def test_an_empty_table_says_so(capsys):
    """On standard error: a pipe gets nothing."""
    table(("NAME",), [], empty="Nothing here.")
    assert capsys.readouterr() == ("", "Nothing here.\n")


@pytest.mark.parametrize("text", ["\x1b[31mred", "\x1b]0;title\x07", "\u202eevil", "\x9b31m", "a\rb", "\x00"])
def test_the_terminal_is_not_steered(text):
    """Names of events come from strangers: control characters are shown as what they are, unknown."""
    assert "\N{REPLACEMENT CHARACTER}" in safe(text)
    assert not set(safe(text)) & set("\x1b\u202e\x9b\r\x00\x07")


def test_lines_stay_lines():
    """Several lines of a log message are kept; in a table they become one."""
    assert safe_lines("a\nb\x1b") == "a\nb\N{REPLACEMENT CHARACTER}"
    assert safe("a\nb\tc") == "a b c"


@pytest.mark.parametrize(
    ("ms", "text"), [(None, ""), (0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (61_000, "0:01:01")]
)
def test_durations(ms, text):
    """In the unit that reads best."""
    assert duration(ms) == text


def test_local_times():
    """Today's times need no date."""
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert local_time("2026-01-02T12:00:00.123Z", now=now).count(":") == 2
    assert "-" not in local_time("2026-01-02T12:00:00Z", now=now)
    assert local_time("2025-06-01T12:00:00Z", now=now).startswith("2025-0")
    assert local_time(None) == ""


def test_clipping():
    """A cut is visible."""
    assert clip("abcdef", 4) == "abc…"
    assert clip("abcd", 4) == "abcd"
