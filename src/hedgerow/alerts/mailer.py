"""Mails: what there is to tell somebody becomes one message, and that is sent until the server has taken it.

What a mail says is written down before it is sent, and never changes: sent again after a crash it is the same message, with the
same ``Message-ID``. While one waits, or was made a moment ago, further news gather for the next: many incidents at once are one mail.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any, Final

import orjson

from hedgerow.alerts.errors import MailError
from hedgerow.alerts.smtp import Post
from hedgerow.alerts.wording import moment, span, title, where_to_look
from hedgerow.delivery import standby
from hedgerow.store import Connection, Database, StoreError

log = logging.getLogger(__name__)

MARGIN_MS: Final = 5000
POLL_S: Final = 5.0
RETRY_S: Final = (5, 15, 30, 60, 120, 300, 600, 900)
GIVE_UP_MS: Final = 86_400_000
LONGEST_MS: Final = 3_600_000
"""No mail waits longer than this for its next try: one that would, was put off before the clock was set back."""
LAST_MOMENT_S: Final = 1.0
MOST_IN_ONE: Final = 50
MARK_TRIES: Final = 20
LONGEST_LINE: Final = 250
UNSET: Final = "Mail is not set up here: HEDGEROW_SMTP_HOST is empty."

WAITING: Final = """
SELECT rule_id, recipient FROM alert_notices n GROUP BY rule_id, recipient HAVING NOT EXISTS (
    SELECT 1 FROM alert_mails m WHERE m.rule_id = n.rule_id AND m.recipient = n.recipient
    AND (m.next_at IS NOT NULL OR m.created_at BETWEEN ? AND ?)
) ORDER BY min(id) LIMIT 1
"""
NOTICES: Final = """
SELECT n.id, n.project_id, n.incident_id, n.status, n.body, r.name, r.kind, p.name FROM alert_notices n
LEFT JOIN alert_rules r ON r.id = n.rule_id LEFT JOIN projects p ON p.id = n.project_id
WHERE n.rule_id = ? AND n.recipient = ? ORDER BY n.id LIMIT ?
"""
FORGET: Final = "DELETE FROM alert_notices WHERE rule_id = ? AND recipient = ? AND id <= ?"
LAST: Final = """
SELECT id, headers FROM alert_mails WHERE rule_id = ? AND recipient = ? ORDER BY created_at DESC LIMIT 20
"""
PUT: Final = """
INSERT INTO alert_mails (id, project_id, rule_id, recipient, subject, body, headers, created_at, next_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
DUE: Final = """
SELECT id, recipient, subject, body, headers, created_at, attempts FROM alert_mails
WHERE next_at IS NOT NULL AND (next_at <= :now OR next_at > :now + :longest) ORDER BY next_at, recipient LIMIT 1
"""
BUSY: Final = "UPDATE alert_mails SET next_at = ? WHERE id = ?"
SENT: Final = (
    "UPDATE alert_mails SET sent_at = ?, next_at = NULL, attempts = attempts + 1, error = '' WHERE id = ?"
)
FAILED: Final = "UPDATE alert_mails SET next_at = ?, attempts = attempts + 1, error = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that is to be sent. Times in milliseconds."""

    id: bytes
    recipient: str
    subject: str
    body: str
    follows: str
    created_at: int
    attempts: int = 0

    def message(self, post: Post) -> EmailMessage:
        """The message, the same each time."""
        # A subject of more than one line would begin on its second one; only encoded ones have to be folded.
        made = EmailMessage(
            policy=SMTP.clone(max_line_length=LONGEST_LINE) if self.subject.isascii() else SMTP
        )
        made["From"] = post.sender
        made["To"] = self.recipient
        made["Subject"] = self.subject
        made["Date"] = formatdate(self.created_at / 1000)
        made["Message-ID"] = f"<{uuid.UUID(bytes=self.id)}@{post.domain}>"
        made["Auto-Submitted"] = "auto-generated"
        if self.follows:
            made["In-Reply-To"] = made["References"] = f"<{self.follows}@{post.domain}>"
        made.set_content(self.body)
        return made


class Mailer:
    """Sends what waits; any number of processes may have one. Whoever sends a mail has it for so long as that may take."""

    def __init__(
        self,
        state: Database,
        post: Post | None,
        *,
        now: Callable[[], int],
        random: Callable[[int], bytes],
        gap_s: float,
        base_url: str = "",
    ) -> None:
        """Work on a store.

        Args:
            state: has what there is to tell.
            post: takes mails; None: nobody does, they wait until somebody does.
            now: milliseconds.
            random: bytes for ids.
            gap_s: so far apart are mails of one rule to one recipient.
            base_url: where this server is, for readers.
        """
        self._state, self._post = state, post
        self._now, self._random = now, random
        self._gap_ms, self._base_url = int(gap_s * 1000), base_url
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There is something to mail."""
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._news.clear()
            try:
                while await self.once():
                    pass
            except StoreError as error:
                log.warning("alert_mails_behind error=%s", error)
            except Exception:
                log.exception("alert_mails_failed")  # whoever is to tell of trouble must outlive its own
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._news.wait()

    async def once(self) -> bool:
        """Make mails of what there is to tell, and send one; False: there is nothing to send now."""
        now = self._now()
        if not await self._state.read(lambda c: self._is_due(c, now)):
            return False
        mail = await self._state.write(lambda c: self._take(c, now))
        if mail is None:
            return False
        delivering = asyncio.create_task(self._deliver(mail))
        try:
            await asyncio.shield(delivering)
        except asyncio.CancelledError:
            # A mail that is nearly sent is better noted than sent again.
            await asyncio.wait([delivering], timeout=LAST_MOMENT_S)
            delivering.cancel()
            raise
        return True

    def _is_due(self, connection: Connection, now: int) -> bool:
        if standby.since(connection) is not None:
            return False  # another copy of this instance tells
        return self._news_of(connection, now) is not None or _next(connection, now) is not None

    def _news_of(self, connection: Connection, now: int) -> tuple[int, str] | None:
        """A rule and a recipient for whom there is something to make a mail of."""
        row = connection.execute(WAITING, (now - self._gap_ms + 1, now)).fetchone()
        return None if row is None else (int(row[0]), str(row[1]))

    def _take(self, connection: Connection, now: int) -> Mail | None:
        """The next mail, which is ours to send for a while."""
        while (news := self._news_of(connection, now)) is not None:
            self._compose(connection, *news, now)
        mail = _next(connection, now)
        if mail is not None:
            connection.execute(BUSY, (now + self._busy_ms, mail.id))
        return mail

    def _compose(self, connection: Connection, rule_id: int, recipient: str, now: int) -> None:
        rows = list(connection.execute(NOTICES, (rule_id, recipient, MOST_IN_ONE)))
        told = list(dict.fromkeys(incident.hex() for _, _, incident, *_ in rows))
        headers = {"incidents": told, "follows": _follows(connection, rule_id, recipient, set(told))}
        subject, body = composed(rows, self._base_url)
        values = (
            self._random(16),
            rows[0][1],
            rule_id,
            recipient,
            subject,
            body,
            orjson.dumps(headers).decode(),
            now,
            now,
        )
        connection.execute(PUT, values)
        connection.execute(FORGET, (rule_id, recipient, rows[-1][0]))

    @property
    def _busy_ms(self) -> int:
        """How long a mail is left alone while somebody sends it."""
        return MARGIN_MS + (int(self._post.longest_s * 1000) if self._post else 0)

    async def _deliver(self, mail: Mail) -> None:
        try:
            if self._post is None:
                raise MailError(UNSET)  # noqa: TRY301 - waits and is given up like one that is refused
            await self._post.send(mail.message(self._post), mail.recipient)
        except MailError as error:
            fault = error
            await self._insist(lambda c: self._failed(c, mail, fault))
        else:
            log.info("alert_mailed id=%s to=%s", uuid.UUID(bytes=mail.id), mail.recipient)
            await self._insist(lambda c: self._sent(c, mail))

    def _sent(self, connection: Connection, mail: Mail) -> None:
        connection.execute(SENT, (self._now(), mail.id))

    def _failed(self, connection: Connection, mail: Mail, error: MailError) -> None:
        now = self._now()
        over = error.final or now - mail.created_at >= GIVE_UP_MS
        rest = RETRY_S[min(mail.attempts, len(RETRY_S) - 1)] * 1000
        log.warning("alert_mail_failed id=%s given_up=%s error=%s", uuid.UUID(bytes=mail.id), over, error)
        connection.execute(FAILED, (None if over else now + rest, str(error), mail.id))

    async def _insist(self, work: Callable[[Connection], None]) -> None:
        """Note what became of a mail: unnoted it would be sent again."""
        for left in reversed(range(MARK_TRIES)):
            try:
                await self._state.write(work)
            except StoreError:
                if not left:
                    raise
                await asyncio.sleep(0.5)
            else:
                return


def _next(connection: Connection, now: int) -> Mail | None:
    """The mail that is to be sent first."""
    row = connection.execute(DUE, {"now": now, "longest": LONGEST_MS}).fetchone()
    if row is None:
        return None
    identity, recipient, subject, body, headers, created_at, attempts = row
    return Mail(identity, recipient, subject, body, orjson.loads(headers)["follows"], created_at, attempts)


def _follows(connection: Connection, rule_id: int, recipient: str, told: set[str]) -> str:
    """The last mail that told of one of these incidents, so that mail programs show them together."""
    for identity, headers in connection.execute(LAST, (rule_id, recipient)):
        if told & set(orjson.loads(headers)["incidents"]):
            return str(uuid.UUID(bytes=identity))
    return ""


def composed(rows: list[tuple[Any, ...]], base_url: str) -> tuple[str, str]:
    """Subject and text of a mail.

    Args:
        rows: what there is to tell, as ``NOTICES`` has it, oldest first.
        base_url: where this server is.
    """
    _, project_id, _, _, _, rule, kind, project = rows[0]
    news = [(status, orjson.loads(body)) for _, _, _, status, body, *_ in rows]
    first = news[0][1]["title"]
    line = first if len(news) == 1 else f"{len(news)} times {rule}: {first} ..."
    parts = [_part(status, body, kind, project_id) for status, body in news]
    foot = f"Alert {rule} of project {project} ({project_id})" + (f" at {base_url}" if base_url else "")
    subject = " ".join(f"[Hedgerow] {line}".split())
    return subject[:200], "\n\n".join([*parts, f"-- \n{foot}\n"])


def _part(status: str, body: dict[str, Any], kind: str, project_id: int) -> str:
    said, began = f"{title(status, body['text'])}.", f"It began on {moment(body['opened_at'])}"
    if status == "resolved":
        return f"{said}\n{began} and is over after {span(body['at'] - body['opened_at'])}."
    return f"{said}\n{began}.\nTo look closer: {where_to_look(kind, body['subject'], project_id)}"
