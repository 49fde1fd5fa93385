"""What differs between two states of a destination: as data for programs, as text for people, without secrets in either.

Lists whose items have names (inputs of a form, mappings, events of a filter) are compared by name, so that an item put in
front does not look like a change of all that follow. A secret that was exchanged is told to have changed, nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import unified_diff
from typing import Any, Final

import orjson

from hedgerow.destinations.model import CONFIG_FIELDS, MISSING_MARK, SECRET_MARK, Config, Inputs, Secrets
from hedgerow.destinations.redaction import Redactor, secret_values
from hedgerow.destinations.references import is_reference
from hedgerow.destinations.templating import is_template
from hedgerow.destinations.validation import Existing

_NAMES: Final = ("key", "id", "name")
_CONTEXT: Final = 3
_EXACT: Final = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
NOTHING: Final = Existing(Config(hog=""), Secrets())
"""What there is before the first revision."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs.

    Attributes:
        attr: where, names joined by ``__`` as in errors (``inputs__url__value``).
        change: ``added``, ``removed`` or ``changed``.
        before: what it was; of a secret ``{"secret": true}``.
        after: what it is.
        secret: whether its values are kept back.
        lines: of a text of several lines, a unified diff.
    """

    attr: str
    change: str
    before: Any = None
    after: Any = None
    secret: bool = False
    lines: list[str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The change as the API shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Hidden:
    """A value that is compared and never shown."""

    value: Any


def compare(before: Existing, after: Existing) -> list[Change]:
    """What changed from one state to another, in the order of the fields."""
    secret_keys = _secret_keys(before) | _secret_keys(after)
    redactor = Redactor({*known(before), *known(after)})
    found = _walk((), _plain(before, secret_keys), _plain(after, secret_keys))
    return [_told(path, was, now, redactor) for path, was, now in found]


def changed(before: Existing, after: Existing) -> list[str]:
    """What changed, in few words: ``hog``, ``inputs.url``."""
    secret_keys = _secret_keys(before) | _secret_keys(after)
    found = _walk((), _plain(before, secret_keys), _plain(after, secret_keys))
    return list(dict.fromkeys(".".join(path[:2]) for path, _, _ in found))


def known(whole: Existing) -> set[str]:
    """The texts of a state that nobody should read: secrets, and credentials that stand in the open."""
    config, secrets = whole.config, whole.secrets
    forms = [(config.inputs_schema, config.inputs, secrets.inputs)]
    forms += [
        (item["inputs_schema"], item["inputs"], secrets.mappings.get(item["id"], {}))
        for item in config.mappings or ()
    ]
    found: set[str] = set()
    for schema, items, hidden in forms:
        shown = {key: item.get("value") for key, item in items.items() if not is_template(item.get("value"))}
        found.update(secret_values(schema, shown))
        found.update(secret_values(schema, {key: item.get("value") for key, item in hidden.items()}, hidden))
    return found


def texts_of(secrets: Secrets) -> set[str]:
    """The texts of secret inputs alone."""
    forms = [secrets.inputs, *secrets.mappings.values()]
    return {
        text
        for items in forms
        for text in secret_values((), {key: item.get("value") for key, item in items.items()}, items)
    }


# ------------------------------------------------------------------ comparing


def _secret_keys(whole: Existing) -> frozenset[tuple[str, str]]:
    """Which inputs are secret, by mapping: what is so on one side is hidden on both."""
    config = whole.config
    own = {("", field["key"]) for field in config.inputs_schema if field.get("secret")}
    of_mappings = {
        (mapping["id"], field["key"])
        for mapping in config.mappings or ()
        for field in mapping["inputs_schema"]
        if field.get("secret")
    }
    return frozenset(own | of_mappings)


def _plain(whole: Existing, secret_keys: frozenset[tuple[str, str]]) -> dict[str, Any]:
    config, secrets = whole.config, whole.secrets
    plain = {name: getattr(config, name) for name in CONFIG_FIELDS}
    plain["inputs"] = _hidden("", config.inputs, secrets.inputs, secret_keys)
    if config.mappings is not None:
        plain["mappings"] = [
            {
                **mapping,
                "inputs": _hidden(
                    mapping["id"], mapping["inputs"], secrets.mappings.get(mapping["id"], {}), secret_keys
                ),
            }
            for mapping in config.mappings
        ]
    return plain


def _hidden(
    mapping: str, shown: Inputs, secrets: Inputs, secret_keys: frozenset[tuple[str, str]]
) -> dict[str, Any]:
    return {
        key: _Hidden(secrets.get(key, item))
        if (mapping, key) in secret_keys and not is_reference(item) and item != MISSING_MARK
        else item
        for key, item in shown.items()
    }


_MISSING: Final = object()
Found = tuple[tuple[str, ...], Any, Any]


def _walk(path: tuple[str, ...], was: Any, now: Any) -> Iterator[Found]:
    """The smallest parts that differ."""
    if _same(was, now):
        return
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*now, *was]):
            yield from _walk((*path, str(key)), was.get(key, _MISSING), now.get(key, _MISSING))
    elif isinstance(was, list) and isinstance(now, list) and (keyed := _keyed(was, now)):
        yield from _walk(path, *keyed)
    else:
        yield path, was, now


def _same(was: Any, now: Any) -> bool:
    """Whether two values are written alike: in JSON 1 is not true. The order of entries does not matter."""
    if was is _MISSING or now is _MISSING:
        return was is now
    return _written(was) == _written(now)


def _written(value: Any) -> bytes:
    return orjson.dumps(value, default=_kept_apart, option=_EXACT)


def _kept_apart(hidden: _Hidden) -> Any:
    """A secret is like no value in the open."""
    return ["secret", hidden.value]


def _keyed(was: list[Any], now: list[Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Two lists by the names of their items; None when not every item has one of its own, or only the order differs."""
    if not all(isinstance(item, Mapping) for item in (*was, *now)):
        return None
    for name in _NAMES:
        one, other = ({str(item.get(name)): item for item in some if item.get(name)} for some in (was, now))
        if len(one) == len(was) and len(other) == len(now):
            return None if _moved(one, other) else (one, other)
    return None


def _moved(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the same items stand in another order, which their names do not show."""
    return list(one) != list(other) and one == other


def _told(path: tuple[str, ...], was: Any, now: Any, redactor: Redactor) -> Change:
    change = "added" if was is _MISSING else "removed" if now is _MISSING else "changed"
    secret = isinstance(was, _Hidden) or isinstance(now, _Hidden)
    before, after = (_safe(value, redactor) for value in (was, now))
    return Change("__".join(path), change, before, after, secret, None if secret else _lines(before, after))


def _safe(value: Any, redactor: Redactor) -> Any:
    return None if value is _MISSING or value is None else redacted(value, redactor)


def redacted(value: Any, redactor: Redactor) -> Any:
    """A JSON value with the secrets in its texts replaced."""
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, _Hidden):  # also within a mapping that is new as a whole
        return dict(SECRET_MARK)
    if isinstance(value, Mapping):
        return {redactor.redact(key): redacted(item, redactor) for key, item in value.items()}
    return [redacted(item, redactor) for item in value] if isinstance(value, list) else value


def _lines(before: Any, after: Any) -> list[str] | None:
    """A unified diff, for texts of several lines."""
    texts = [value if isinstance(value, str) else "" for value in (before, after)]
    if not any("\n" in text for text in texts):
        return None
    old, new = (text.splitlines() for text in texts)
    return [line.rstrip("\n") for line in unified_diff(old, new, n=_CONTEXT, lineterm="")][2:]


# ------------------------------------------------------------------ telling


def text(changes: Sequence[Change]) -> str:
    """The changes as people read them, a paragraph for each; lines that are gone begin with ``-``, new ones with ``+``."""
    return "\n".join(line for change in changes for line in _paragraph(change))


def _paragraph(change: Change) -> Iterator[str]:
    place = change.attr.replace("__", ".")
    if change.secret:
        yield f"{place}: secret {'set' if change.change == 'added' else change.change}"
    elif change.lines is not None:
        yield f"{place}:"
        yield from (f"  {line}" for line in change.lines)
    else:
        yield f"{place}:"
        if change.change != "added" and change.before is not None:
            yield from (f"  - {line}" for line in _shown(change.before))
        if change.change != "removed" and change.after is not None:
            yield from (f"  + {line}" for line in _shown(change.after))


def _shown(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.splitlines() or ['""']
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode().splitlines()
