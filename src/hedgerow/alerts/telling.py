"""Telling of an incident, in the transaction that begins or ends it: so nothing that was decided is ever left unsaid.

Destinations get it as an event, by the way of all events: durable, tried again, found in the ledger. Mails wait in a table until
they are sent (see ``mailer.py``).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hedgerow.alerts.model import INTEGRATION, Reading, Rule
from hedgerow.alerts.wording import title
from hedgerow.delivery import internal
from hedgerow.events import Event, timestamps
from hedgerow.store import Connection

EVENTS: Final = {
    "opened": "$alert_opened",
    "resolved": "$alert_resolved",
    "reminder": "$alert_reminder",
    "test": "$alert_test",
}
NOTE: Final = """
INSERT INTO alert_notices (project_id, rule_id, incident_id, recipient, status, body, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True, slots=True)
class News:
    """What there is to tell. Times in milliseconds.

    Attributes:
        status: ``opened``, ``resolved``, ``reminder`` or ``test``.
        rule: which found it.
        reading: what it sees now.
        incident: its id, 16 bytes.
        opened_at: when it began.
        at: now.
    """

    status: str
    rule: Rule
    reading: Reading
    incident: bytes
    opened_at: int
    at: int

    @property
    def title(self) -> str:
        """In one line."""
        return title(self.status, self.reading.head or self.reading.text)

    @property
    def identity(self) -> str:
        """Of the event: the same however often it is told."""
        return str(uuid.uuid5(uuid.UUID(bytes=self.incident), f"{self.status}:{self.at}"))

    def properties(self) -> dict[str, Any]:
        """Of the event."""
        reading, rule = self.reading, self.rule
        about: dict[str, Any] = {}
        if reading.subject:
            who = "integration" if rule.kind == INTEGRATION else "destination"
            about = {f"{who}_id": reading.subject, f"{who}_name": reading.name}
        return {
            "status": self.status,
            "title": self.title,
            "text": reading.text,
            "alert_id": rule.id,
            "alert_name": rule.name,
            "kind": rule.kind,
            "incident_id": str(uuid.UUID(bytes=self.incident)),
            "opened_at": timestamps.write(self.opened_at),
            "resolved_at": timestamps.write(self.at) if self.status == "resolved" else None,
            "value": reading.value,
            "threshold": rule.config.threshold,
            "evidence": dict(reading.evidence),
            internal.NOTIFY: list(rule.config.destinations),
            **about,
        }


def tell(connection: Connection, news: News, partitions: int) -> None:
    """Tell everybody whom a rule tells: those that subscribed to such events too.

    Args:
        connection: inside the transaction that it is about.
        news: what to tell.
        partitions: of the event log.
    """
    send_event(connection, news, partitions)
    body = orjson.dumps(
        {
            "title": news.title,
            "text": news.reading.text,
            "subject": news.reading.subject,
            "opened_at": news.opened_at,
            "at": news.at,
        }
    ).decode()
    for recipient in news.rule.config.emails:
        connection.execute(
            NOTE,
            (news.rule.project_id, news.rule.id, news.incident, recipient, news.status, body, news.at),
        )


def send_event(connection: Connection, news: News, partitions: int) -> str:
    """Leave the event in the outbox; answers its uuid."""
    about = str(uuid.UUID(bytes=news.incident))
    stamp = timestamps.write(news.at)
    event = Event(news.identity, EVENTS[news.status], about, news.properties(), stamp, news.at, internal=True)
    home = int.from_bytes(news.incident[-8:], "big") % partitions
    connection.execute(internal.PUT, (home, news.rule.project_id, news.at, event.encode()))
    return news.identity
