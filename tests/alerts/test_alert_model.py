"""What people may write into a rule."""

from __future__ import annotations

import pytest

from hedgerow.alerts.errors import AlertError
from hedgerow.alerts.model import FIELDS, LONGEST_NAME, Config, name_of, parsed

HOOK = "0191f3c0-1d2e-7a00-8000-5f0c6a3b9d10"


@pytest.mark.parametrize("kind", FIELDS)
def test_a_kind_alone_is_a_rule(kind):
    """Every field has a default; what a kind has no use for is absent, and it comes back from the store as it went."""
    made = parsed(kind, {})
    for name in {name for fields in FIELDS.values() for name in fields} - set(FIELDS[kind]):
        assert getattr(made, name) is None
    assert Config.stored(made.text()) == made


def test_a_change_keeps_what_it_does_not_name():
    """Only what was sent is different."""
    before = parsed("failure_rate", {"threshold": 0.2, "emails": ["a@example.com"]})
    after = parsed("failure_rate", {"min_count": 5}, before)
    assert (after.threshold, after.min_count, after.emails) == (0.2, 5, ("a@example.com",))
    assert parsed("failure_rate", {"emails": []}, before).emails == ()


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("weather", {}, "kind"),
        (None, {}, "kind"),
        (["state"], {}, "kind"),
        ("failure_rate", {"threshold": 0}, "threshold"),
        ("failure_rate", {"threshold": 1.5}, "threshold"),
        ("failure_rate", {"threshold": True}, "threshold"),
        ("failure_rate", {"threshold": float("nan")}, "threshold"),
        ("failure_rate", {"threshold": "0.5"}, "threshold"),
        ("failure_rate", {"window_s": 59}, "window_s"),
        ("failure_rate", {"window_s": 90.5}, "window_s"),
        ("failure_rate", {"min_count": 0}, "min_count"),
        ("failure_rate", {"destination_id": "x"}, "destination_id"),
        ("failure_rate", {"destination_id": HOOK, "together": True}, "together"),
        ("failure_rate", {"together": "yes"}, "together"),
        ("failure_rate", {"states": ["disabled"]}, "states"),
        ("state", {"states": []}, "states"),
        ("state", {"states": ["healthy"]}, "states"),
        ("state", {"states": [["disabled"]]}, "states"),
        ("state", {"threshold": 3}, "threshold"),
        ("backlog", {"threshold": 0.5}, "threshold"),
        ("backlog", {"destination_id": HOOK}, "destination_id"),
        ("held", {"threshold": 10**10}, "threshold"),
        ("integration", {"calm_s": -1}, "calm_s"),
        ("integration", {"remind_s": 1}, "remind_s"),
        ("integration", {"emails": "a@example.com"}, "emails"),
        ("integration", {"emails": ["a@example.com, b@example.com"]}, "emails"),
        ("integration", {"emails": ["a@example.com\r\nBcc: b@example.com"]}, "emails"),
        ("integration", {"emails": ["nobody"]}, "emails"),
        ("integration", {"emails": [f"a{n}@example.com" for n in range(11)]}, "emails"),
        ("integration", {"destinations": [5]}, "destinations"),
    ],
)
def test_what_makes_no_sense_is_refused(kind, fields, field):
    """The error names the field."""
    with pytest.raises(AlertError) as caught:
        parsed(kind, fields)
    assert caught.value.field == field


def test_doubles_are_one():
    """Whoever is named twice is told once."""
    made = parsed("state", {"emails": ["a@example.com"] * 2, "destinations": [HOOK, HOOK.upper()]})
    assert (made.emails, made.destinations) == (("a@example.com",), (HOOK,))


@pytest.mark.parametrize("name", ["", "  ", None, 5, "two\nlines", "x" * (LONGEST_NAME + 1)])
def test_a_name_is_one_line(name):
    """It stands in subjects of mails."""
    with pytest.raises(AlertError):
        name_of(name)
    assert name_of(" Häufige Fehler ") == "Häufige Fehler"
