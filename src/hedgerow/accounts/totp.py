"""The second factor: six digits that change every half minute (RFC 6238), and codes for the day the phone is lost.

A code is good once. Its step is written down in the transaction that accepts it, and neither it nor an older one is taken
again. A clock may be one step off.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from hedgerow.destinations.secrets import Keyring
from hedgerow.store import Connection

ISSUER = "Hedgerow"
DIGITS, STEP_S, SECRET_BYTES = 6, 30, 20
TOLERANCE = 1
RECOVERY_CODES, RECOVERY_BYTES, RECOVERY_GROUP = 10, 10, 4

Bytes = Callable[[int], bytes]


def begin(conn: Connection, keyring: Keyring, user_id: int, random: Bytes = secrets.token_bytes) -> bytes:
    """Give somebody a new secret, which is of no effect until they have shown a code of it."""
    secret = random(SECRET_BYTES)
    sql = "UPDATE users SET totp = ?, totp_confirmed_at = NULL, totp_step = 0 WHERE id = ?"
    conn.execute(sql, (keyring.seal(secret, context(user_id)), user_id))
    return secret


def confirm(conn: Connection, keyring: Keyring, user_id: int, code: str, now: int) -> bool:
    """Put the new secret in force if this is a code of it."""
    if not accept(conn, keyring, user_id, code, now):
        return False
    conn.execute("UPDATE users SET totp_confirmed_at = ? WHERE id = ?", (now, user_id))
    return True


def disable(conn: Connection, user_id: int) -> None:
    """Do without a second factor."""
    conn.execute(
        "UPDATE users SET totp = NULL, totp_confirmed_at = NULL, totp_step = 0 WHERE id = ?", (user_id,)
    )
    conn.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user_id,))


def accept(conn: Connection, keyring: Keyring, user_id: int, code: str, now: int) -> bool:
    """Take a code, which is then used up.

    Args:
        conn: inside a writing transaction.
        keyring: what opens the secret.
        user_id: whose it should be.
        code: what they typed.
        now: milliseconds since the epoch.

    Raises:
        SecretsError: the secret was sealed with a key that is gone.
    """
    row = conn.execute("SELECT totp, totp_step FROM users WHERE id = ?", (user_id,)).fetchone()
    if row is None or row[0] is None:
        return False
    step = matching_step(keyring.open(row[0], context(user_id)), code, now, after=row[1])
    if step is None:
        return False
    conn.execute("UPDATE users SET totp_step = ? WHERE id = ?", (step, user_id))
    return True


def matching_step(secret: bytes, code: str, now: int, *, after: int) -> int | None:
    """The step that a code is of, if that is about now and later than ``after``.

    All candidates are compared, whichever it is, so that the time it takes says nothing.
    """
    given = "".join(code.split()).encode("utf-8", "surrogatepass")
    current, found = now // 1000 // STEP_S, None
    for step in range(max(0, current - TOLERANCE), current + TOLERANCE + 1):
        if hmac.compare_digest(code_at(secret, step), given) and step > after:
            found = step
    return found


def code_at(secret: bytes, step: int) -> bytes:
    """The code of a step."""
    return TOTP(secret, DIGITS, SHA1(), STEP_S).generate(step * STEP_S)  # noqa: S303 - what every phone implements


def uri(secret: bytes, email: str) -> str:
    """The address that a phone reads from a QR code."""
    return TOTP(secret, DIGITS, SHA1(), STEP_S).get_provisioning_uri(email, ISSUER)  # noqa: S303 - as above


def spelled(secret: bytes) -> str:
    """The secret to be typed."""
    return base64.b32encode(secret).decode()


def new_recovery_codes(conn: Connection, user_id: int, random: Bytes = secrets.token_bytes) -> list[str]:
    """Codes for the day the phone is lost, each good once; those before them are void. They cannot be read again."""
    codes = [
        _grouped(base64.b32encode(random(RECOVERY_BYTES)).decode().lower()) for _ in range(RECOVERY_CODES)
    ]
    conn.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user_id,))
    rows = [(user_id, _fingerprint(code)) for code in codes]
    conn.executemany("INSERT INTO recovery_codes (user_id, hash) VALUES (?, ?)", rows)
    return codes


def use_recovery_code(conn: Connection, user_id: int, code: str) -> bool:
    """Take a recovery code, which is then gone."""
    conn.execute("DELETE FROM recovery_codes WHERE user_id = ? AND hash = ?", (user_id, _fingerprint(code)))
    return conn.changes() > 0


def recovery_codes_left(conn: Connection, user_id: int) -> int:
    """How many are not used yet."""
    return int(conn.execute("SELECT count(*) FROM recovery_codes WHERE user_id = ?", (user_id,)).get)


def context(user_id: int) -> str:
    """What a sealed secret is bound to."""
    return f"totp:{user_id}"


def _grouped(code: str) -> str:
    return "-".join(code[at : at + RECOVERY_GROUP] for at in range(0, len(code), RECOVERY_GROUP))


def _fingerprint(code: str) -> str:
    """Eighty random bits need no slow hash. Dashes, spaces and capitals are the reader's."""
    bare = "".join(char for char in code.lower() if char.isalnum())
    return hashlib.sha256(b"recovery\0" + bare.encode()).hexdigest()
