"""Drafts: the next revision of a destination while somebody works on it. Live deliveries see nothing of it.

A destination has at most one. It is checked like any change when it is saved: which of its inputs are secret is known only
from a form that is in order. Publishing merges it with what was published meanwhile, part by part; two different wishes for
the same part are for people to settle.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

import orjson

from hedgerow.destinations.errors import DestinationError
from hedgerow.destinations.model import Author, Config, Destination, Secrets
from hedgerow.destinations.repository import id_bytes
from hedgerow.destinations.secrets import Keyring
from hedgerow.destinations.validation import Existing
from hedgerow.store.database import Connection

FORMAT: Final = 1
_FORM: Final = frozenset({"inputs_schema", "inputs", "mappings"})
"""What only makes sense together: a form, its values and its secrets."""

_COLUMNS = "destination_id, format, base, version, config, secrets, author, author_id, message, created_at, updated_at"


class DraftUnreadable(DestinationError):
    """A newer release saved the draft: it must be upgraded to, or the draft discarded."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody prepares.

    Attributes:
        destination_id: for which destination.
        base: the revision it began from.
        version: how often it was saved.
        config: what it says; ``enabled`` and ``deleted`` mean what they mean in a revision.
        sealed: its secrets, encrypted.
        author: who saved it last.
        message: for the history, once it is published.
        created_at: milliseconds since the epoch.
        updated_at: likewise.
    """

    destination_id: str
    base: int
    version: int
    config: Config
    sealed: bytes | None
    author: Author
    message: str | None
    created_at: int
    updated_at: int

    def secrets(self, keyring: Keyring) -> Secrets:
        """Its secrets in clear.

        Raises:
            SecretsError: they cannot be read with these keys.
        """
        return Secrets.open(self.sealed, keyring, self.destination_id)

    def whole(self, keyring: Keyring) -> Existing:
        """Configuration and secrets."""
        return Existing(self.config, self.secrets(keyring))

    def destination(self, owner: Destination) -> Destination:
        """The destination as it would be, for trying it out; its revision is 0."""
        return replace(owner, revision=0, config=self.config, sealed=self.sealed)


def _from_row(row: Sequence[Any]) -> Draft:
    owner, form, base, version, config, sealed, author, author_id, message, created, updated = row
    if form > FORMAT:
        raise DraftUnreadable(
            f"This draft was saved by a newer release (format {form}): upgrade to work on it, or discard it."
        )
    identity = str(uuid.UUID(bytes=owner))
    return Draft(
        identity,
        base,
        version,
        Config.decode(config),
        sealed,
        Author(author, author_id),
        message,
        created,
        updated,
    )


def get(conn: Connection, destination_id: str) -> Draft | None:
    """The draft of a destination, or None.

    Raises:
        DraftUnreadable: a newer release wrote it.
    """
    sql = f"SELECT {_COLUMNS} FROM destination_drafts WHERE destination_id = ?"  # noqa: S608 - our own words
    row = conn.execute(sql, (id_bytes(destination_id),)).fetchone()
    return _from_row(row) if row else None


def of_many(conn: Connection, destination_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Who works on which of some destinations: version, base, author and time of each draft, by id."""
    wanted = orjson.dumps([uuid.UUID(one).hex for one in destination_ids]).decode()
    rows = conn.execute(
        "SELECT destination_id, version, base, author, message, updated_at FROM destination_drafts"
        " WHERE destination_id IN (SELECT unhex(value) FROM json_each(?))",
        (wanted,),
    )
    names = ("version", "base", "author", "message", "updated_at")
    return {str(uuid.UUID(bytes=owner)): dict(zip(names, rest, strict=True)) for owner, *rest in rows}


def put(
    conn: Connection,
    owner: Destination,
    whole: Existing,
    *,
    base: int,
    keyring: Keyring,
    now: int,
    author: Author,
    message: str | None = None,
) -> Draft:
    """Save the draft of a destination, a new one or in place of the one there is.

    Args:
        conn: a connection inside a writing transaction.
        owner: the destination as it is now.
        whole: validated configuration and secrets.
        base: the revision from which the draft was made.
        keyring: what seals the secrets.
        now: milliseconds since the epoch.
        author: who does this.
        message: for the history.
    """
    before = conn.execute(
        "SELECT version, created_at, updated_at FROM destination_drafts WHERE destination_id = ?",
        (id_bytes(owner.id),),
    ).fetchone()
    version, created, updated = before or (0, now, 0)
    draft = Draft(
        owner.id, base, version + 1, whole.config, whole.secrets.seal(keyring, owner.id), author, message,
        created, max(now, updated + 1),
    )  # fmt: skip
    conn.execute(
        f"INSERT OR REPLACE INTO destination_drafts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own words
        (id_bytes(owner.id), FORMAT, draft.base, draft.version, draft.config.encode(), draft.sealed, author.name,
         author.user_id, message, draft.created_at, draft.updated_at),
    )  # fmt: skip
    return draft


def discard(conn: Connection, destination_id: str) -> bool:
    """Throw a draft away, even one that cannot be read; whether there was one."""
    conn.execute("DELETE FROM destination_drafts WHERE destination_id = ?", (id_bytes(destination_id),))
    return conn.changes() > 0


# ------------------------------------------------------------------ merging


def merged(draft: Existing, base: Existing, current: Existing) -> tuple[Existing, list[str]]:
    """What is published when others published since the draft began.

    Args:
        draft: what is wanted.
        base: from where it began.
        current: what is live.

    Returns:
        The live configuration with what the draft changed of its base; and the names of the parts that both changed, to
        different ends, where the draft's is taken.
    """
    wanted, started, live = (_parts(one) for one in (draft, base, current))
    ours = {name for name in wanted if wanted[name] != started[name]}
    clashes = sorted(name for name in ours if live[name] not in (started[name], wanted[name]))
    config = replace(current.config, **{name: getattr(draft.config, name) for name in _fields_of(ours)})
    return Existing(config, draft.secrets if "inputs" in ours else current.secrets), clashes


def _parts(whole: Existing) -> dict[str, Any]:
    """A configuration by the parts in which it is merged; the whole form counts as one, called ``inputs``."""
    plain = asdict(whole.config)
    form = {name: plain.pop(name) for name in _FORM}
    return {**plain, "inputs": (form, whole.secrets.inputs, whole.secrets.mappings)}


def _fields_of(parts: Iterable[str]) -> set[str]:
    chosen = set(parts)
    return (chosen | _FORM if "inputs" in chosen else chosen) & {item.name for item in fields(Config)}
