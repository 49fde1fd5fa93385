"""What a destination is: who it is, and the configuration that one revision of it holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, TypeAlias

import orjson

from hedgerow.destinations.secrets import Keyring

TYPES: Final = (
    "destination",
    "internal_destination",
    "site_destination",
    "site_app",
    "source_webhook",
    "transformation",
)
RUNNABLE_TYPES: Final = ("destination", "internal_destination")
SECRET_MARK: Final = {"secret": True}
MISSING_MARK: Final = {"missing": True}
"""Stands in place of a required input that is still to be filled in; only a destination that is off may have one."""

Inputs: TypeAlias = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Config:
    """All that a person decides about a destination; a revision is one of these.

    Inputs that are secret stand in ``inputs`` as ``{"secret": true}``; their values are in ``Secrets``.

    Attributes:
        type: one of ``TYPES``; never changes after creation.
        hog: source of the program.
        inputs_schema: the form, a list of fields.
        inputs: key -> ``{"value": ..., "templating"?: "hog" | "liquid"}``, in order of evaluation.
        filters: which events it wants, in PostHog's form.
        mappings: None, or a list; each matching mapping makes a delivery of its own. Each has an ``id``.
        masking: None, or ``{"hash", "ttl", "threshold"}``.
        threshold: None, or ``{"key", "count", "window"}``: only the last of so many events within a time is sent.
        digest: None, or ``{"key", "interval", "limit"}``: the first event is sent at once, those that follow together.
        sampling: None, or ``{"percentage", "by"}``.
        retry: None, the name of a schedule, or delays in seconds.
        rate_limit: None, or ``{"per_second"}``: deliveries that may start in a second.
        ordering: None, or ``distinct_id`` or ``person``: deliveries of the same one go out one after the other, in the
            order of capture, across retries too. What was held goes out in its own order, beside what is fresh.
        fetch: None, or how requests are made: ``{"timeout", "connect_timeout", "follow_redirects", "calls"}``.
        schedule: None, or when it fires over the persons that its filters choose, see ``schedule.py``; ``filters.source`` is then
            ``schedule``.
        origin: None, or where it was imported from; importing it again changes this very one.
    """

    type: str = "destination"
    name: str = ""
    description: str = ""
    enabled: bool = False
    deleted: bool = False
    hog: str = ""
    template_id: str | None = None
    icon_url: str | None = None
    inputs_schema: list[dict[str, Any]] = field(default_factory=list)
    inputs: Inputs = field(default_factory=dict)
    filters: dict[str, Any] = field(default_factory=lambda: {"source": "events"})
    mappings: list[dict[str, Any]] | None = None
    masking: dict[str, Any] | None = None
    threshold: dict[str, Any] | None = None
    digest: dict[str, Any] | None = None
    sampling: dict[str, Any] | None = None
    retry: str | list[float] | None = None
    rate_limit: dict[str, float] | None = None
    ordering: str | None = None
    fetch: dict[str, Any] | None = None
    schedule: dict[str, Any] | None = None
    execution_order: int | None = None
    batch_export_id: str | None = None
    origin: str | None = None

    def encode(self) -> str:
        """The text a revision row keeps."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def decode(cls, text: str) -> Config:
        """The configuration of a revision row; fields that this version does not know are left out."""
        raw = orjson.loads(text)
        return cls(**{name: raw[name] for name in CONFIG_FIELDS if name in raw})


CONFIG_FIELDS: Final = tuple(item.name for item in fields(Config))


@dataclass(slots=True)
class Secrets:
    """Secret input items in clear, in memory only: of the destination, and per mapping id."""

    inputs: Inputs = field(default_factory=dict)
    mappings: dict[str, Inputs] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.inputs) or any(self.mappings.values())

    def of(self, mapping: str) -> Mapping[str, dict[str, Any]]:
        """The secret items that an invocation of this mapping sees."""
        return {**self.inputs, **self.mappings.get(mapping, {})} if mapping else self.inputs

    def seal(self, keyring: Keyring, destination_id: str) -> bytes | None:
        """The bytes a revision row keeps, or None when there are no secrets."""
        if not self:
            return None
        return keyring.seal_json({"inputs": self.inputs, "mappings": self.mappings}, destination_id)

    @classmethod
    def open(cls, sealed: bytes | None, keyring: Keyring, destination_id: str) -> Secrets:
        """The secrets of a revision.

        Raises:
            SecretsError: they cannot be read with these keys.
        """
        if sealed is None:
            return cls()
        raw: Any = keyring.open_json(sealed, destination_id)
        return cls(raw["inputs"], raw["mappings"])


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something.

    Attributes:
        name: what people read; None when nobody knows.
        user_id: of the user, when it is one.
    """

    name: str | None = None
    user_id: int | None = None


@dataclass(slots=True)
class Destination:
    """One destination at one revision.

    Attributes:
        id: canonical UUID text, time-ordered.
        revision: 1 for the first; every change makes the next.
        config: what the revision says.
        sealed: its secrets, encrypted.
        created_at: milliseconds since the epoch.
        updated_at: likewise.
        author: who made it, as people call them.
        created_by: id of the user who made it, when it was one.
    """

    id: str
    project_id: int
    revision: int
    config: Config
    sealed: bytes | None = None
    created_at: int = 0
    updated_at: int = 0
    author: str | None = None
    created_by: int | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.config.name

    @property
    def type(self) -> str:
        """One of ``TYPES``."""
        return self.config.type

    @property
    def enabled(self) -> bool:
        """Whether it takes live events."""
        return self.config.enabled and not self.config.deleted

    def secrets(self, keyring: Keyring) -> Secrets:
        """Its secrets in clear.

        Raises:
            SecretsError: they cannot be read with these keys.
        """
        return Secrets.open(self.sealed, keyring, self.id)


def new_id(now_ms: int, randomness: bytes) -> str:
    """A time-ordered UUID (version 7).

    Args:
        now_ms: milliseconds since the epoch.
        randomness: at least 10 random bytes.
    """
    high = (now_ms & (2**48 - 1)) << 80
    low = int.from_bytes(randomness[:10], "big") & ~(0xF << 76) & ~(0b11 << 62)
    return str(uuid.UUID(int=high | 7 << 76 | 0b10 << 62 | low))
