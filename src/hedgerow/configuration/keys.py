"""The names that files have for things: ``destinations/sign-ups.yaml`` is the destination ``sign-ups``.

What was applied from a file keeps the name of the file, whatever becomes of its own name. What was made elsewhere is given one,
made of its name, that nothing else has.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hedgerow.store import Connection

KINDS: Final = ("cohorts", "actions", "destinations")
"""In the order in which they refer to each other."""
CASES: Final = "cases"
"""The part of a destination's file that is for ``hedgerow test`` alone."""
SINGULAR: Final = {"cohorts": "cohort", "actions": "action", "destinations": "destination"}
LONGEST: Final = 200
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_PUT: Final = """
INSERT INTO configuration_keys (project_id, kind, item, key) VALUES (?, ?, ?, ?)
ON CONFLICT (project_id, kind, item) DO UPDATE SET key = excluded.key
"""


def is_key(text: object) -> bool:
    """Whether something can be the name of a file here, on any system, and never leads out of its folder."""
    return isinstance(text, str) and len(text) <= LONGEST and _KEY.fullmatch(text) is not None


def slug(name: str, otherwise: str) -> str:
    """A name as part of a file's name: small letters, digits and hyphens.

    Args:
        name: what people call it.
        otherwise: for names that have none of these.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-") or otherwise


def assign(named: Iterable[tuple[str, str]], stored: Mapping[str, str], kind: str) -> dict[str, str]:
    """The key of each thing of a kind, by its id.

    Args:
        named: id and name of each, the oldest first.
        stored: keys by id of those that were applied from a file, and perhaps of some that are gone.
        kind: one of ``KINDS``.
    """
    found: dict[str, str] = {}
    waiting: list[tuple[str, str]] = []
    for identity, name in named:
        key = stored.get(identity)
        if key is None or key in found.values():
            waiting.append((identity, name))
        else:
            found[identity] = key
    taken = set(found.values())
    for identity, name in waiting:
        found[identity] = key = _free(slug(name, SINGULAR[kind]), taken)
        taken.add(key)
    return found


def _free(wanted: str, taken: set[str]) -> str:
    """The first of ``wanted``, ``wanted-2``, ``wanted-3``... that nothing has."""
    key, number = wanted, 1
    while key in taken:
        number += 1
        key = f"{wanted}-{number}"
    return key


def stored_keys(conn: Connection, project_id: int) -> dict[str, dict[str, str]]:
    """The keys of a project: by kind, then by id."""
    found: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
    rows = conn.execute("SELECT kind, item, key FROM configuration_keys WHERE project_id = ?", (project_id,))
    for kind, item, key in rows:
        found.setdefault(kind, {})[item] = key
    return found


def put_key(conn: Connection, project_id: int, kind: str, item: str, key: str) -> None:
    """Remember from which file something came."""
    conn.execute(_PUT, (project_id, kind, item, key))


def drop_key(conn: Connection, project_id: int, kind: str, item: str) -> None:
    """Forget it."""
    conn.execute(
        "DELETE FROM configuration_keys WHERE project_id = ? AND kind = ? AND item = ?",
        (project_id, kind, item),
    )
