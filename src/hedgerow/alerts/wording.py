"""What people read: an incident in one line, and in a few."""

from __future__ import annotations

from datetime import UTC, datetime

from hedgerow.alerts.model import BACKLOG, HELD, INTEGRATION, STATE

SUBJECTS = {
    "failure_rate": "failing deliveries",
    STATE: "health",
    BACKLOG: "backlog",
    HELD: "held deliveries",
    INTEGRATION: "account",
}
STEPS = {
    "failure_rate": "hedgerow deliveries --verdict failed{destination}",
    STATE: "hedgerow logs {subject} --level warn",
    BACKLOG: "hedgerow deliveries",
    HELD: "hedgerow deliveries --verdict held{destination}",
    INTEGRATION: "hedgerow integrations",
}
"""Where to look, by kind."""


def title(status: str, text: str) -> str:
    """An incident in one line, without a full stop."""
    words = text.rstrip(".")
    return {"resolved": f"Recovered: {words}", "reminder": f"Still: {words}", "test": f"Test: {words}"}.get(
        status, words
    )


def span(ms: int) -> str:
    """A time as people say it."""
    seconds = max(0, ms) / 1000
    if seconds < 120:
        return f"{round(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def moment(ms: int) -> str:
    """A time, for people anywhere."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def where_to_look(kind: str, subject: str, project_id: int) -> str:
    """The command that shows more."""
    destination = f" --destination {subject}" if subject else ""
    return STEPS[kind].format(subject=subject, destination=destination) + f" --project {project_id}"


def share(value: float) -> str:
    """A share in percent; never rounded to nothing or everything."""
    percent = value * 100
    if 0 < percent < 1 or 99 < percent < 100:
        return f"{percent:.1f} %"
    return f"{percent:.0f} %"
