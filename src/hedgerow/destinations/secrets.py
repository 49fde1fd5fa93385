"""Secrets at rest: AES-256-GCM under one of several keys, bound to what they belong to.

A sealed blob is ``version (1) | key id (4) | nonce (12) | ciphertext and tag``. The context (a destination's id, say) is
authenticated with it, so that one destination's secrets cannot be put in another's row. The first key seals; every key
can open what it once sealed, which is how keys are rotated.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hedgerow.destinations.connections import Connections
from hedgerow.destinations.errors import SecretsError
from hedgerow.destinations.references import References
from hedgerow.store.syncing import sync

if TYPE_CHECKING:
    from hedgerow.settings import Settings  # helper processes need none, and it takes a while to load

logger = logging.getLogger(__name__)

VERSION = 1
KEY_FILE = "secrets.key"
SHORTEST_KEY = 16
_HEADER = 5
_NONCE = 12


def _derive(text: str) -> bytes:
    """Key texts are random, not memorable, so a plain hash is enough to bring them to the cipher's size."""
    return hashlib.sha256(b"hedgerow secrets 1\0" + text.encode()).digest()


class Keyring:
    """The keys of one instance, and what else its destinations may read.

    The key file may change while the server runs (``hedgerow keys rotate``): it is looked at before anything is sealed, and
    when something was sealed with a key that is not known yet.

    Attributes:
        references: what inputs may refer to instead of having a value.
        connections: accounts at vendors that inputs may name.
    """

    def __init__(
        self, keys: Sequence[str], *, references: References | None = None, file: Path | None = None
    ) -> None:
        """Take the key texts, the one that seals first.

        Args:
            keys: from the setting, or all there are.
            references: what inputs may refer to; nothing when absent.
            file: where more keys stand, one a line.

        Raises:
            SecretsError: there is none, or one is too short to be safe.
        """
        self.references = references or References()
        self.connections = Connections()
        self._configured = tuple(keys)
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._ciphers: dict[bytes, AESGCM] = {}
        self._take([*keys, *(read_keys(file) if file else ())])

    def _take(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SecretsError("No key for secrets: set HEDGEROW_SECRET_KEYS or let the server make one.")
        if any(len(key) < SHORTEST_KEY for key in keys):
            raise SecretsError(
                f"A key for secrets is shorter than {SHORTEST_KEY} characters. "
                "Use random ones, for example from: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        derived = [_derive(key) for key in keys]
        # A key that was taken away still opens what this process has in memory.
        self._ciphers = {_name(key): AESGCM(key) for key in derived} | self._ciphers
        self._first = _name(derived[0])

    @classmethod
    def load(cls, configured: str, data_dir: Path, references: References | None = None) -> Keyring:
        """The keys from the setting, then those of the key file; the file is made when there is neither.

        Args:
            configured: comma-separated keys (``HEDGEROW_SECRET_KEYS``), may be empty.
            data_dir: the data folder; its ``secrets.key`` holds one key per line and is readable by its owner only.
            references: what inputs may refer to; nothing when absent.

        Raises:
            SecretsError: a key is unusable or the file cannot be read.
        """
        keys = [key.strip() for key in configured.split(",") if key.strip()]
        path = data_dir / KEY_FILE
        if not keys and not path.exists():
            _make_key_file(path)
        return cls(keys, references=references, file=path)

    @classmethod
    def of(cls, settings: Settings) -> Keyring:
        """The keys of an instance, with what its settings let destinations refer to.

        Raises:
            SecretsError: as ``load``.
        """
        references = References(settings.secrets_env_prefix, settings.secrets_folder)
        return cls.load(settings.secret_keys.get_secret_value(), settings.data_dir, references)

    @property
    def current(self) -> str:
        """The name of the key that seals, as ``name_of`` gives it."""
        self._look()
        return self._first.hex()

    @property
    def names(self) -> list[str]:
        """The names of all keys, the one that seals first."""
        return [name.hex() for name in self._ciphers]

    def _look(self) -> None:
        """Take the key file anew if somebody changed it."""
        if self._file is None:
            return
        try:
            state = self._file.stat()
            seen = (state.st_ino, state.st_mtime_ns)
            if seen != self._seen:
                self._take([*self._configured, *read_keys(self._file)])
                self._seen = seen
        except (OSError, SecretsError) as error:
            if not isinstance(error, FileNotFoundError):
                logger.warning("keys_unreadable error=%s", error)  # those at hand still do

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt under the first key, bound to ``context``."""
        self._look()
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
            self._look()
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


def _name(derived: bytes) -> bytes:
    """What stands in a blob for the key that sealed it; says nothing about the key."""
    return hashlib.sha256(derived).digest()[:4]


def name_of(sealed: bytes) -> str | None:
    """The name of the key that sealed a blob; None for something else."""
    is_sealed = len(sealed) >= _HEADER + _NONCE and sealed[0] == VERSION
    return sealed[1:_HEADER].hex() if is_sealed else None


def names_of(keys: Sequence[str]) -> list[str]:
    """The names of keys."""
    return [_name(_derive(key)).hex() for key in keys]


def read_keys(path: Path) -> list[str]:
    """The keys of a key file, the one that seals first; none when there is no file.

    Raises:
        SecretsError: it cannot be read.
    """
    try:
        return path.read_text("utf-8").split()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SecretsError(f"Cannot read the key file {path}: {error.strerror}.") from error


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """Put a new key file in place of the old one, whole or not at all, for its owner only.

    Raises:
        SecretsError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("".join(f"{key}\n" for key in keys))
            file.flush()
            _as_before(path, file.fileno())
            os.fsync(file.fileno())
        draft.replace(path)
        sync(path.parent)
    except OSError as error:
        raise SecretsError(f"Cannot write the key file {path}: {error.strerror}.") from error


def _as_before(path: Path, handle: int) -> None:
    """Let the file belong to whom it belonged: who rotates may be another user than the server."""
    if path.exists() and (owner := path.stat()).st_uid != os.geteuid():
        os.fchown(handle, owner.st_uid, owner.st_gid)


def new_key() -> str:
    """A random key."""
    return secrets.token_urlsafe(32)


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
        file.write(new_key() + "\n")
        file.flush()
        os.fsync(file.fileno())
