"""The audit log: who changed what, when, from where, and how it was before.

An entry is written in the transaction of the change that it tells of: there is no change without its entry and no entry
without its change. Secrets are told to have changed, never shown. The words (``activity``, ``scope``, ``changes``) are
those of PostHog's activity log.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.accounts.actors import Actor
from hedgerow.store import Connection

HIDDEN = "(hidden)"
# A longer value is only told to have changed: programs and their history are kept with the destination.
LONGEST_VALUE = 4000
# Changes on every save that say nothing.
NOISE = frozenset({"updated_at", "revision", "bytecode", "version"})

_SECRET = re.compile(
    r"(?i)(pass(word|phrase|wd)|secret|token|(api|access|private|signing)[_-]?key|authorization|salt|cookie|credential)"
)
_INSERT = """
INSERT INTO audit (at, project_id, user_id, actor, via, address, activity, scope, item_id, item_name, changes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_COLUMNS = """
SELECT id, at, project_id, user_id, actor, via, address, activity, scope, item_id, item_name, changes FROM audit
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. ``changes`` is a list of ``{type, action, field, before, after}``."""

    id: int
    at: int
    project_id: int | None
    user_id: int | None
    actor: str
    via: str
    address: str
    activity: str
    scope: str
    item_id: str
    item_name: str
    changes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries are wanted; None means all."""

    project_id: int | None = None
    scope: str | None = None
    item_id: str | None = None
    activity: str | None = None
    actor: str | None = None
    after: int | None = None
    before: int | None = None
    below: int | None = None
    limit: int = 100


def record(
    conn: Connection,
    actor: Actor,
    now: int,
    *,
    activity: str,
    scope: str,
    item_id: object = "",
    item_name: str | None = "",
    project_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    secrets: Collection[str] = (),
) -> None:
    """Write an entry. An ``updated`` by which nothing changed leaves none.

    Args:
        conn: inside the transaction of the change.
        actor: who does it.
        now: milliseconds since the epoch.
        activity: ``created``, ``updated``, ``deleted`` or another word for what was done.
        scope: the kind of thing, such as ``HogFunction``.
        item_id: which one.
        item_name: how it is called.
        project_id: whose it is; None for the instance's own.
        before: the thing as it was, as the API shows it; None when it was not there.
        after: the thing as it is.
        secrets: names of secret fields that changed, which ``before`` and ``after`` cannot show.
    """
    changes = [*differences(scope, before or {}, after or {}), *_hidden(scope, secrets)]
    if activity == "updated" and not changes:
        return
    told = orjson.dumps(changes, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    conn.execute(
        _INSERT,
        (now, project_id, actor.user_id, actor.label, actor.via, actor.address, activity, scope, str(item_id),
         item_name or "", told),
    )  # fmt: skip


def differences(scope: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What differs, field by field, without secrets."""
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name), after.get(name)
        if was == now or name in NOISE:
            continue
        action = "created" if name not in before else "deleted" if name not in after else "changed"
        yield _change(scope, action, name, _bounded(redacted(was, name)), _bounded(redacted(now, name)))


def _hidden(scope: str, names: Collection[str]) -> list[dict[str, Any]]:
    return [_change(scope, "changed", name, HIDDEN, HIDDEN) for name in names]


def _change(scope: str, action: str, name: str, before: Any, after: Any) -> dict[str, Any]:
    return {"type": scope, "action": action, "field": name, "before": before, "after": after}


def redacted(value: Any, name: str = "") -> Any:
    """A value without what its names give away as secret. That there is one, or none, may be told."""
    if isinstance(value, Mapping):
        return {key: redacted(each, f"{name}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(each, name) for each in value]
    if value is None or isinstance(value, bool) or not _SECRET.search(name):
        return value
    return HIDDEN


def _bounded(value: Any) -> Any:
    size = len(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))
    return value if size <= LONGEST_VALUE else f"({size} bytes)"


def search(conn: Connection, wanted: Search) -> list[Entry]:
    """Entries, the latest first."""
    clauses, values = _conditions(wanted)
    where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
    rows = conn.execute(f"{_COLUMNS}{where} ORDER BY id DESC LIMIT ?", (*values, wanted.limit))
    return [_entry(row) for row in rows]


def _conditions(wanted: Search) -> tuple[list[str], list[Any]]:
    pairs = {
        "project_id = ?": wanted.project_id, "scope = ?": wanted.scope, "item_id = ?": wanted.item_id,
        "activity = ?": wanted.activity, "actor = ?": wanted.actor, "at >= ?": wanted.after, "at < ?": wanted.before,
        "id < ?": wanted.below,
    }  # fmt: skip
    given = {clause: value for clause, value in pairs.items() if value is not None}
    return list(given), list(given.values())


def _entry(row: Any) -> Entry:
    return Entry(*(*row[:-1], orjson.loads(row[-1])))
