"""What a rule is: what it watches, from when on that is an incident, and whom it tells."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson

from hedgerow.alerts.errors import AlertError

FAILURE_RATE, STATE, BACKLOG, HELD, INTEGRATION = "failure_rate", "state", "backlog", "held", "integration"
STATES: Final = ("degraded", "quarantined", "disabled")
MOST_TARGETS: Final = 10
MOST_RULES: Final = 100
LONGEST_NAME: Final = 200
DAY_S: Final = 86_400
ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*"
)

FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    FAILURE_RATE: {
        "destination_id": None, "together": False, "threshold": 0.5, "window_s": 600, "min_count": 20,
    },
    STATE: {"destination_id": None, "states": ("quarantined", "disabled")},
    BACKLOG: {"threshold": 300},
    HELD: {"destination_id": None, "together": False, "threshold": 1000},
    INTEGRATION: {},
}  # fmt: skip
"""The fields of a condition by its kind, each with its default."""
ALWAYS: Final[Mapping[str, Any]] = {"calm_s": 120, "remind_s": None, "destinations": (), "emails": ()}


@dataclass(frozen=True, slots=True)
class Config:
    """A rule's condition and whom it tells. A field that its kind has no use for is None.

    Attributes:
        destination_id: the only one that is watched; None: all of the project.
        together: whether all are watched as one, instead of each on its own.
        threshold: from where on it is an incident: a share, seconds or a number, after the kind.
        window_s: how far back results count.
        min_count: with fewer results in the window nothing is decided.
        states: of a destination's health, which are an incident.
        calm_s: how long all must be well until it is over.
        remind_s: after so long without an acknowledgement it is told again; None: never.
        destinations: ids of those that get it as an event, whatever their filters.
        emails: who gets a mail.
    """

    destination_id: str | None = None
    together: bool | None = None
    threshold: float | None = None
    window_s: int | None = None
    min_count: int | None = None
    states: tuple[str, ...] | None = None
    calm_s: int = 120
    remind_s: int | None = None
    destinations: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()

    def text(self) -> str:
        """As the store keeps it."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def stored(cls, text: str) -> Config:
        """From the store."""
        found = orjson.loads(text)
        states = found["states"]
        lists = {
            "states": None if states is None else tuple(states),
            "destinations": tuple(found["destinations"]),
            "emails": tuple(found["emails"]),
        }
        return cls(**{**found, **lists})

    @property
    def condition(self) -> tuple[Any, ...]:
        """What decides whether something is an incident; when it changes, counting begins anew."""
        return (
            self.destination_id,
            self.together,
            self.threshold,
            self.window_s,
            self.min_count,
            self.states,
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert. Times in milliseconds.

    Attributes:
        since: from when on results count.
    """

    id: int
    project_id: int
    name: str
    kind: str
    enabled: bool
    config: Config
    since: int = 0
    created_by: int | None = None
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule sees of one thing that it watches.

    Attributes:
        subject: a destination's or an account's id; empty for all together.
        name: what people call it.
        bad: whether it is an incident; None: there is too little to say, or it is neither.
        text: what is seen, as a sentence.
        value: the number that is compared with the threshold.
        evidence: other numbers.
        head: the same in a few words; empty: the sentence is short.
    """

    subject: str
    name: str
    bad: bool | None
    text: str
    value: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    head: str = ""


# ------------------------------------------------------------- what people write


def parsed(kind: object, fields: Mapping[str, Any], before: Config | None = None) -> Config:
    """A rule's condition and targets from what somebody sent.

    Args:
        kind: of the rule.
        fields: what was sent; those that are missing stay as they are, or get their defaults.
        before: what the rule has, when it is changed.

    Raises:
        AlertError: a field makes no sense.
    """
    if not isinstance(kind, str) or kind not in FIELDS:
        raise AlertError(f"One of {', '.join(FIELDS)}.", field="kind")
    known = {**FIELDS[kind], **ALWAYS}
    found: dict[str, Any] = {}
    for name, check in CHECKS.items():
        given = fields.get(name)
        if name not in known:
            if given is not None:
                raise AlertError(f"A rule of kind {kind} has no {name}.", field=name)
        elif name in fields and (given is not None or known[name] is None):
            found[name] = check(given, kind)
        else:
            found[name] = known[name] if before is None else getattr(before, name)
    if found.get("together") and found.get("destination_id") is not None:
        raise AlertError(
            "One destination cannot be watched together: leave destination_id out.", field="together"
        )
    return Config(**found)


def name_of(given: object) -> str:
    """The name of a rule.

    Raises:
        AlertError: there is none, or it is too long, or has more than one line.
    """
    text = given.strip() if isinstance(given, str) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise AlertError(f"A name has one line of 1 to {LONGEST_NAME} characters.", field="name")
    return text


def _number(name: str, least: int, most: int) -> Callable[[Any, str], int]:
    def check(value: Any, _kind: str) -> int:
        right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not right or not least <= value <= most or value != int(value):
            raise AlertError(f"Must be a whole number from {least} to {most}.", field=name)
        return int(value)

    return check


def _threshold(value: Any, kind: str) -> float:
    if kind == FAILURE_RATE:
        share = isinstance(value, int | float) and not isinstance(value, bool) and 0.001 <= value <= 1
        if not share:
            raise AlertError(
                "Must be a share from 0.001 to 1, such as 0.5 for half of them.", field="threshold"
            )
        return float(value)
    return float(_number("threshold", 1, 1_000_000_000)(value, kind))


def _maybe(check: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda value, kind: None if value is None else check(value, kind)


def _truth(value: Any, _kind: str) -> bool:
    if not isinstance(value, bool):
        raise AlertError("Must be true or false.", field="together")
    return value


def _states(value: Any, _kind: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value or any(one not in STATES for one in value):
        raise AlertError(f"One or more of {', '.join(STATES)}.", field="states")
    return tuple(one for one in STATES if one in value)


def _identity(value: Any, name: str) -> str:
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise AlertError("Must be the id of a destination.", field=name) from None


def _destination(value: Any, _kind: str) -> str:
    return _identity(value, "destination_id")


def _destinations(value: Any, _kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_identity(one, "destinations") for one in _few(value, "destinations")))


def _emails(value: Any, _kind: str) -> tuple[str, ...]:
    for one in _few(value, "emails"):
        if not isinstance(one, str) or len(one) > 254 or not ADDRESS.fullmatch(one):
            raise AlertError(f"{str(one)[:100]!r} is no e-mail address.", field="emails")
    return tuple(dict.fromkeys(value))


def _few(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list | tuple) or len(value) > MOST_TARGETS:
        raise AlertError(f"Must be a list of at most {MOST_TARGETS}.", field=name)
    return list(value)


CHECKS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "destination_id": _maybe(_destination),
    "together": _truth,
    "threshold": _threshold,
    "window_s": _number("window_s", 60, DAY_S),
    "min_count": _number("min_count", 1, 1_000_000),
    "states": _states,
    "calm_s": _number("calm_s", 0, DAY_S),
    "remind_s": _maybe(_number("remind_s", 60, 30 * DAY_S)),
    "destinations": _destinations,
    "emails": _emails,
}
