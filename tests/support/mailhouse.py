"""A real mail server on this machine: takes mails, keeps them, and refuses on command."""

from __future__ import annotations

import asyncio
import contextlib
import email
import threading
import time
from email.message import EmailMessage
from email.policy import default
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

ACCOUNT = ("alerts", "p4ss-w0rd-of-the-operator")


class MailServer:
    """Start with ``with MailServer() as server``.

    Attributes:
        mails: what was taken, oldest first.
        refuse: answers for the next recipients, one each; empty: all are welcome.
    """

    def __init__(self, *, port: int = 0, context=None, wrapped: bool = False, login: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse: list[str] = []
        self._spoken = threading.Event()
        self._spoken.set()
        options = {"auth_required": login, "authenticator": self._authenticate} if login else {}
        if context is not None and not wrapped:
            options |= {"tls_context": context, "require_starttls": True}
        self._controller = Controller(
            self, "127.0.0.1", port, ssl_context=context if wrapped else None, ready_timeout=20,
            auth_exclude_mechanism=["LOGIN"], decode_data=False, **options,
        )  # fmt: skip
        if port == 0:
            from support.server import free_port

            self._controller.port = free_port()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._controller.port

    @staticmethod
    def _authenticate(_server, _session, _envelope, _mechanism, data) -> AuthResult:
        found = (data.login.decode(), data.password.decode())
        return AuthResult(success=found == ACCOUNT, handled=False)

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - the library's name
        if self.refuse:
            return self.refuse.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - the library's name
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        await asyncio.to_thread(self._spoken.wait, 60)
        return "250 taken"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(AssertionError):
            self._controller.stop()

    def mute(self) -> None:
        """Take mails, and do not say so."""
        self._spoken.clear()

    def speak(self) -> None:
        """Say what was taken."""
        self._spoken.set()

    def subjects(self) -> list[str]:
        """Of all that was taken."""
        return [mail["Subject"] for mail in self.mails]

    def wait(self, count: int, seconds: float = 30.0) -> list[str]:
        """The subjects once there are so many."""
        deadline = time.monotonic() + seconds
        while len(self.mails) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.subjects()
