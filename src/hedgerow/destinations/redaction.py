"""Taking secrets out of texts before anybody reads them: log lines, errors, recorded requests.

What counts as secret: values of secret inputs; of inputs and dictionary entries whose name says so; and the part of an
authorization value after its scheme. Each is looked for as it stands and in the disguises in which HTTP carries it:
escaped in JSON, percent-encoded (in both cases), as a form, in base64 (at any offset) and in hexadecimal.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, quote_plus

from hedgerow.hog import print_form

MARKER: Final = "***REDACTED***"
SHORTEST: Final = 4
"""Shorter secrets are not looked for: they would blank out half of every text and protect nothing."""

_SHORTEST_BASE64: Final = 6
_DEEPEST: Final = 10
_CREDENTIAL: Final = re.compile(
    r"authorization|cookie|token|secret|password|passcode|passphrase|credential"
    r"|(?:api|private|signing|access|auth|write|client)[-_ ]?key",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"(?:bearer|basic|token|apikey|api-key|digest)\s+(.+)", re.IGNORECASE | re.DOTALL)
_UNICODE_ESCAPE: Final = re.compile(r"\\u([0-9a-f]{4})")
# What keys of Standard Webhooks begin with; the key itself stands behind it.
_PREFIX: Final = "whsec_"
_WHOLE_TYPES: Final = frozenset({"integration", "integration_multi", "push_subscription"})


def secret_values(
    schema: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any], hidden: Iterable[str] = ()
) -> list[str]:
    """The texts among inputs that nobody should read.

    Args:
        schema: the form of the inputs.
        inputs: their values by key.
        hidden: keys that are secret whatever the form says.
    """
    found: list[str] = []
    types = {field["key"]: field for field in schema}
    always = frozenset(hidden)
    for key, value in inputs.items():
        field = types.get(key, {})
        named = _names_credential(key) and not isinstance(value, bool)
        if key in always or field.get("secret") or field.get("type") in _WHOLE_TYPES or named:
            found += _texts(value, 0)
        elif isinstance(value, Mapping):
            _add_credentials(value, 1, found)
    return found


@lru_cache(maxsize=8192)
def _names_credential(name: str) -> bool:
    """Whether what stands under a name is secret. The names in events are few, and asked about again and again."""
    return _CREDENTIAL.search(name) is not None


def _texts(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, depth + 1)


def _add_credentials(values: Mapping[Any, Any], depth: int, found: list[str]) -> None:
    """Add what stands in dictionaries under names such as ``Authorization``; whole events may have to be gone through."""
    for key, item in values.items():
        if _names_credential(str(key)):
            found += _texts(item, depth)
        elif type(item) is not str and depth <= _DEEPEST and isinstance(item, Mapping):
            _add_credentials(item, depth + 1, found)


class Redactor:
    """Replaces known secrets in texts, in one pass, the longest first."""

    __slots__ = ("_search",)

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the secrets; blank and very short ones are left alone."""
        forms = {form for secret in _bare(secrets) for form in disguises(secret)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._search: Callable[[str, str], str] | None = (
            re.compile("|".join(map(re.escape, ordered))).sub if ordered else None
        )

    def redact(self, text: str) -> str:
        """The text with a marker in place of every secret."""
        return text if self._search is None else self._search(MARKER, text)


def _bare(secrets: Iterable[str]) -> Iterator[str]:
    """Each secret, and what follows the scheme in an authorization value or the prefix of a signing key."""
    for secret in secrets:
        text = secret.strip()
        if len(text) < SHORTEST:
            continue
        yield text
        if len(rest := text.removeprefix(_PREFIX)) >= SHORTEST and rest != text:
            yield rest
        found = _SCHEME.fullmatch(text)
        if found and len(rest := found.group(1).strip()) >= SHORTEST:
            yield rest


def disguises(secret: str) -> set[str]:
    """The forms in which a secret may stand in a text."""
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {secret, raw.hex(), raw.hex().upper()} | _json_forms(secret)
    forms |= set(map(_printed, forms))
    for escaped in (quote(raw, safe=""), quote(raw), quote_plus(raw), quote(raw, safe="!'()*~")):
        forms |= {escaped, _lower_escapes(escaped)}
    forms |= set(_base64_forms(raw))
    return {form for form in forms if len(form) >= SHORTEST}


def _printed(text: str) -> str:
    """How Hog prints a text that stands in an array or object: quotes and backslashes escaped."""
    return print_form([text])[2:-2]


def _json_forms(text: str) -> set[str]:
    """How JSON libraries write a text, and how JSON within JSON reads: letters beyond ASCII and slashes escaped or not."""
    once = _json(text)
    return once | {form for inner in once for form in _json(inner)}


def _json(text: str) -> set[str]:
    ascii_only = json.dumps(text)[1:-1]
    upper = _UNICODE_ESCAPE.sub(lambda found: "\\u" + found.group(1).upper(), ascii_only)
    plain = {json.dumps(text, ensure_ascii=False)[1:-1], ascii_only, upper}
    return plain | {form.replace("/", "\\/") for form in plain}


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The base64 of the secret alone, and the part of it that stays the same when it stands within longer bytes."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        start = (offset * 8 + 5) // 6
        stop = (offset + len(raw)) * 8 // 6
        stable = encoded[start:stop]
        if len(stable) >= _SHORTEST_BASE64:
            escaped = quote(stable, safe="")
            yield from (stable, stable.replace("+", "-").replace("/", "_"), escaped, _lower_escapes(escaped))
    yield base64.b64encode(raw).decode()


def _lower_escapes(text: str) -> str:
    """Percent escapes in lower case, as some libraries write them."""
    return re.sub(r"%[0-9A-F]{2}", lambda found: found.group().lower(), text)
