"""Passwords: argon2id, off the event loop, few at a time.

A hash takes some 50 ms and 64 MiB on purpose. So no more than two are made at once, whoever else comes waits in a short
line, and when that is full they are sent away: a flood of logins must not take the memory or the threads of capture.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from hedgerow.accounts.users import BadField

T = TypeVar("T")

SHORTEST, LONGEST = 10, 256
LEAST_DIFFERENT = 5
AT_ONCE, LONGEST_LINE = 2, 32
# The second of the two recommendations of RFC 9106: 64 MiB, three passes, four lanes.
PASSES, MEMORY_KIB, LANES = 3, 64 * 1024, 4


class TooBusy(Exception):
    """Too many passwords are waiting to be checked. Whoever asks may try again in a second."""


def check_password(text: object, *, email: str = "") -> str:
    """Accept a password that somebody chose.

    Length is what counts against guessing; rules about which characters it must have only lead to notes on monitors.

    Raises:
        BadField: it is too easy to guess, or none at all.
    """
    if not isinstance(text, str) or not SHORTEST <= len(text) <= LONGEST:
        raise BadField("password", f"Must be a text of {SHORTEST} to {LONGEST} characters.")
    if len(set(text)) < LEAST_DIFFERENT or text.casefold() in {email, email.partition("@")[0]}:
        raise BadField("password", "This password is too easy to guess.")
    return text


class Passwords:
    """Makes and compares hashes.

    Args:
        passes: how often argon2 goes through its memory.
        memory_kib: how much memory that is.
        lanes: how many threads share it.
        at_once: hashes made at the same time.
        line: callers that may wait besides.
    """

    def __init__(
        self,
        *,
        passes: int = PASSES,
        memory_kib: int = MEMORY_KIB,
        lanes: int = LANES,
        at_once: int = AT_ONCE,
        line: int = LONGEST_LINE,
    ) -> None:
        self._hasher = PasswordHasher(passes, memory_kib, lanes)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="passwords")
        self._room = at_once + line
        self._nobody = _unmatched(passes, memory_kib, lanes)

    async def hash(self, password: str) -> str:
        """A hash to be stored, with its parameters.

        Raises:
            TooBusy: the line is full.
        """
        return await self._run(lambda: self._hasher.hash(_plain(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether this is the password; without a hash it takes as long and is not.

        Raises:
            TooBusy: the line is full.
        """
        return await self._run(lambda: self._same(stored or self._nobody, password)) and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than new ones are."""
        return self._hasher.check_needs_rehash(stored)

    def _same(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, _plain(password))
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._room <= 0:
            raise TooBusy("Too many people are logging in at this moment. Try again in a second.")
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room += 1


def _plain(password: str) -> str:
    """One form for what looks the same, however a keyboard composes it."""
    return unicodedata.normalize("NFKC", password)


def _unmatched(passes: int, memory_kib: int, lanes: int) -> str:
    """A hash that no password has, as dear to compare as any other."""
    salt, tail = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${tail}"
