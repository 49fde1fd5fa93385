"""The two kinds of secret a user handles: how they are made, and what may pass for one.

A project token (``phc_``) is public: it stands in every web page that sends events. A personal API key (``phx_``) is
secret and opens the management API.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable

PROJECT_TOKEN = "phc_"  # noqa: S105 - a prefix, not a secret
API_KEY = "phx_"

# 32 random bytes make 43 characters of URL-safe base64.
ENTROPY_BYTES = 32

_TAIL = re.compile(r"[A-Za-z0-9_-]+")
_SHORTEST_TOKEN, _SHORTEST_KEY, _LONGEST = 8, 20, 60

Random = Callable[[int], str]
"""Makes that many random bytes, as URL-safe text."""


class MalformedCredential(ValueError):
    """A token or key from the settings cannot be one. For the operator; the message never shows the secret."""


def new_token(random: Random = secrets.token_urlsafe) -> str:
    """A random project token."""
    return PROJECT_TOKEN + random(ENTROPY_BYTES)


def new_key(random: Random = secrets.token_urlsafe) -> str:
    """A random personal API key."""
    return API_KEY + random(ENTROPY_BYTES)


def check_token(token: str) -> str:
    """Accept a project token that somebody chose.

    Raises:
        MalformedCredential: SDKs or capture would refuse it.
    """
    return _check(token, PROJECT_TOKEN, "project token", "HEDGEROW_PROJECT_TOKEN", _SHORTEST_TOKEN)


def check_key(key: str) -> str:
    """Accept a personal API key that somebody chose.

    Raises:
        MalformedCredential: it has the wrong form, or is so short that it could be guessed.
    """
    return _check(key, API_KEY, "personal API key", "HEDGEROW_API_KEY", _SHORTEST_KEY)


def _check(text: str, prefix: str, what: str, knob: str, shortest: int) -> str:
    tail = text.removeprefix(prefix)
    if text.startswith(prefix) and _TAIL.fullmatch(tail) and shortest <= len(tail) <= _LONGEST:
        return text
    raise MalformedCredential(
        f"The {what} ({knob}) must be {prefix!r} followed by {shortest} to {_LONGEST} letters, digits, '-' or '_'; "
        f"the given one has {len(text)} characters and begins with {text[: len(prefix)]!r}."
    )


def fingerprint(key: str) -> str:
    """What is stored of an API key.

    A plain SHA-256: a key has 256 random bits, so that guessing is hopeless at any speed, and a slow hash, which protects
    passwords that people think up, would only slow down each request. The lookup by this hash tells by its timing nothing
    about the key, since nobody can choose how the hash of a guess begins.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def hint(key: str) -> str:
    """As much of a key as may be shown, to tell it from others."""
    return f"{key[:4]}...{key[-4:]}"
