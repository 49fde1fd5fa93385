"""Secrets at rest: AES-256-GCM under one of several keys, bound to what they belong to.

A sealed blob is ``version (1) | key id (4) | nonce (12) | ciphertext and tag``. The context (a destination's id, say) is
authenticated with it, so that one destination's secrets cannot be put in another's row. The first key seals; every key
can open what it once sealed, which is how keys are rotated.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hedgerow.destinations.errors import SecretsError

VERSION = 1
KEY_FILE = "secrets.key"
SHORTEST_KEY = 16
_HEADER = 5
_NONCE = 12


def _derive(text: str) -> bytes:
    """Key texts are random, not memorable, so a plain hash is enough to bring them to the cipher's size."""
    return hashlib.sha256(b"hedgerow secrets 1\0" + text.encode()).digest()


class Keyring:
    """The keys of one instance."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the key texts, the one that seals first.

        Raises:
            SecretsError: there is none, or one is too short to be safe.
        """
        if not keys:
            raise SecretsError("No key for secrets: set HEDGEROW_SECRET_KEYS or let the server make one.")
        if any(len(key) < SHORTEST_KEY for key in keys):
            raise SecretsError(
                f"A key in HEDGEROW_SECRET_KEYS is shorter than {SHORTEST_KEY} characters. "
                "Use random ones, for example from: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        derived = [_derive(key) for key in keys]
        self._ciphers = {hashlib.sha256(key).digest()[:4]: AESGCM(key) for key in derived}
        self._first = hashlib.sha256(derived[0]).digest()[:4]

    @classmethod
    def load(cls, configured: str, data_dir: Path) -> Keyring:
        """The keys from the setting, then those of the key file; the file is made when there is neither.

        Args:
            configured: comma-separated keys (``HEDGEROW_SECRET_KEYS``), may be empty.
            data_dir: the data folder; its ``secrets.key`` holds one key per line and is readable by its owner only.

        Raises:
            SecretsError: a key is unusable or the file cannot be read.
        """
        keys = [key.strip() for key in configured.split(",") if key.strip()]
        path = data_dir / KEY_FILE
        if not keys and not path.exists():
            _make_key_file(path)
        if path.exists():
            try:
                keys += path.read_text("utf-8").split()
            except OSError as error:
                raise SecretsError(f"Cannot read the key file {path}: {error.strerror}.") from error
        return cls(keys)

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt under the first key, bound to ``context``."""
        nonce = os.urandom(_NONCE)
        header = bytes([VERSION]) + self._first
        return header + nonce + self._ciphers[self._first].encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what ``seal`` made for the same context.

        Raises:
            SecretsError: the key is not in this ring, or bytes or context are not those that were sealed.
        """
        if len(sealed) < _HEADER + _NONCE or sealed[0] != VERSION:
            raise SecretsError("These are not sealed secrets, or a newer version of Hedgerow sealed them.")
        cipher = self._ciphers.get(sealed[1:_HEADER])
        if cipher is None:
            raise SecretsError(
                "These secrets were sealed with a key that is not here. Add the former key to HEDGEROW_SECRET_KEYS, "
                "after the new one."
            )
        try:
            nonce, body = sealed[_HEADER : _HEADER + _NONCE], sealed[_HEADER + _NONCE :]
            return cipher.decrypt(nonce, body, context.encode())
        except InvalidTag as error:
            raise SecretsError("Sealed secrets were altered, or belong to something else.") from error

    def seal_json(self, value: object, context: str) -> bytes:
        """``seal`` for a JSON value."""
        return self.seal(orjson.dumps(value), context)

    def open_json(self, sealed: bytes, context: str) -> object:
        """``open`` for a JSON value."""
        value: object = orjson.loads(self.open(sealed, context))
        return value


def _make_key_file(path: Path) -> None:
    """Write a new key that only the owner may read; a race with another process is won by whoever is first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise SecretsError(f"Cannot write the key file {path}: {error.strerror}.") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
