"""Sending one mail by SMTP, with the operator's settings. The host is theirs to choose, so it may be private."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final

from hedgerow.alerts.errors import MailError
from hedgerow.settings import Settings
from hedgerow.store.thread import OneThread

PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
WHOLE: Final = 4
"""How many times the patience for one answer all of a mail may take."""


@dataclass(frozen=True, slots=True)
class Post:
    """A mail server and how to speak to it.

    Attributes:
        host: where it is.
        port: its port.
        security: ``starttls``, ``tls`` or ``none``.
        sender: who mails are from.
        username: to log in with; empty: no login.
        password: goes nowhere but to the server.
        timeout_s: patience for one answer.
    """

    host: str
    port: int
    security: str
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)
    timeout_s: float = 10.0

    @classmethod
    def of(cls, settings: Settings) -> Post | None:
        """As the operator set it up; None: there is no mail."""
        if not settings.smtp_host:
            return None
        return cls(
            settings.smtp_host,
            settings.smtp_port or PORTS[settings.smtp_security],
            settings.smtp_security,
            settings.smtp_from or f"hedgerow@{settings.smtp_host}",
            settings.smtp_username,
            settings.smtp_password.get_secret_value(),
            settings.smtp_timeout_s,
        )

    @property
    def domain(self) -> str:
        """What ids of messages end with."""
        return self.sender.rstrip(">").rpartition("@")[2]

    @property
    def longest_s(self) -> float:
        """How long a mail may take."""
        return self.timeout_s * WHOLE

    async def send(self, message: EmailMessage, recipient: str) -> None:
        """Hand a mail over; returns when the server has taken it.

        Raises:
            MailError: it did not.
        """
        try:
            async with asyncio.timeout(self.longest_s):
                # One for each mail, as a server may hold it up for long; it keeps nobody from ending.
                await OneThread("smtp").run(lambda: self._send(message, recipient))
        except TimeoutError:
            raise MailError(f"{self.host} took too long.") from None

    def greet(self) -> None:
        """Connect and log in as for a mail, and send none. Blocks for as long as ``timeout_s`` says for each answer.

        Raises:
            MailError: no mail would go out.
        """
        with self._session():
            pass

    def _send(self, message: EmailMessage, recipient: str) -> None:
        with self._session() as server:
            server.send_message(message, self.sender, [recipient])

    @contextlib.contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        try:
            with contextlib.closing(self._connected()) as server:
                if self.username:
                    server.login(self.username, self.password)
                yield server
                with contextlib.suppress(smtplib.SMTPException, OSError):  # it has the mail already
                    server.quit()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self._explained(error) from error

    def _connected(self) -> smtplib.SMTP:
        name = socket.gethostname()  # the fully qualified one may take a resolver's patience
        if self.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, name, timeout=self.timeout_s, context=context)
        server = smtplib.SMTP(self.host, self.port, name, timeout=self.timeout_s)
        try:
            if self.security == "starttls":
                server.starttls(context=ssl.create_default_context())
        except smtplib.SMTPNotSupportedError:
            server.close()
            raise MailError(
                f"{self.host}:{self.port} does not offer STARTTLS; see HEDGEROW_SMTP_SECURITY."
            ) from None
        except BaseException:
            server.close()
            raise
        return server

    def _explained(self, error: Exception) -> MailError:
        """What went wrong, and whether it may be better later. A wrong password may be put right; a wrong address stays wrong."""
        where = f"{self.host}:{self.port}"
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            code, said = next(iter(error.recipients.values()))
            return MailError(f"{where} refuses the recipient: {code} {_line(said)}", final=code >= 500)
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return MailError(
                f"{where} does not take the user name and password: {error.smtp_code} {_line(error.smtp_error)}"
            )
        if isinstance(error, smtplib.SMTPDataError):
            return MailError(
                f"{where} refuses the mail: {error.smtp_code} {_line(error.smtp_error)}",
                final=error.smtp_code >= 500,
            )
        if isinstance(error, smtplib.SMTPResponseException):
            return MailError(f"{where} says: {error.smtp_code} {_line(error.smtp_error)}")
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            return MailError(f"{where} did not answer within {self.timeout_s:g} seconds.")
        reason = (
            (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        )
        return MailError(f"{where} cannot be used: {_line(reason)}")


def _line(said: bytes | str) -> str:
    """What a server says, on one line."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:300]
