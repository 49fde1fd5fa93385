"""What rules look at, read at one moment: health, holds, accounts and counts, of those projects alone that have rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from hedgerow.alerts import incidents, rules
from hedgerow.alerts.judging import Open, Watch, compared, rated
from hedgerow.alerts.model import BACKLOG, FAILURE_RATE, HELD, INTEGRATION, STATE, STATES, Reading, Rule
from hedgerow.alerts.rules import Totals
from hedgerow.alerts.wording import share, span
from hedgerow.delivery import holding
from hedgerow.delivery.identity import text
from hedgerow.store import Connection

DESTINATIONS = """
SELECT d.id, d.project_id, d.name, d.enabled, h.state, h.evidence FROM destinations d
LEFT JOIN destination_health h ON h.destination_id = d.id
WHERE d.project_id IN (SELECT value FROM json_each(?)) AND d.deleted = 0
"""
ACCOUNTS = "SELECT id, project_id, kind, name, errors FROM integrations WHERE project_id IN (SELECT value FROM json_each(?))"
TOTALS = """
SELECT destination_id, kind, count FROM metrics_hourly
WHERE project_id = ? AND hour = 0 AND (kind, name) IN (('success', 'succeeded'), ('failure', 'failed'))
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """A destination.

    Attributes:
        id: its id as text.
        enabled: whether it is switched on.
        state: of its health.
        reason: why it is in that state, as a sentence.
        held: how many deliveries it holds.
    """

    id: str
    project_id: int
    name: str
    enabled: bool
    state: str = "healthy"
    reason: str = ""
    held: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a vendor; ``errors`` says whether it has to be connected again."""

    id: int
    project_id: int
    kind: str
    name: str
    errors: str = ""


@dataclass(slots=True)
class Picture:
    """What there is to decide by.

    Attributes:
        rules: all that are on.
        destinations: of these projects.
        accounts: of these projects.
        open: incidents that are not over, by rule and subject.
        watches: what rules remember, by rule and subject.
        totals: results since the beginning, by destination.
        lag_s: age of the oldest event that is not settled; None: nobody knows.
    """

    rules: list[Rule] = field(default_factory=list)
    destinations: list[Watched] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    open: dict[tuple[int, str], Open] = field(default_factory=dict)
    watches: dict[tuple[int, str], Watch] = field(default_factory=dict)
    totals: dict[str, tuple[int, int]] = field(default_factory=dict)
    lag_s: float | None = None

    def of(self, rule: Rule) -> list[Watched]:
        """The destinations that a rule watches."""
        only = rule.config.destination_id
        return [
            one for one in self.destinations if one.project_id == rule.project_id and only in (None, one.id)
        ]


def look(connection: Connection) -> Picture:
    """Read all but the counts, which are in another file; inside a transaction on the state database."""
    active = rules.active(connection)
    if not active:
        return Picture()
    projects = orjson.dumps(sorted({rule.project_id for rule in active})).decode()
    held = _held(connection) if any(rule.kind == HELD for rule in active) else {}
    return Picture(
        active,
        list(_destinations(connection, projects, held)),
        [Account(*row) for row in connection.execute(ACCOUNTS, (projects,))],
        incidents.opened(connection),
        rules.watches(connection),
    )


def _destinations(connection: Connection, projects: str, held: Mapping[bytes, int]) -> Iterator[Watched]:
    for identity, project_id, name, enabled, state, evidence in connection.execute(DESTINATIONS, (projects,)):
        reason = orjson.loads(evidence).get("reason") if evidence else None
        shown = name or f"Destination {text(identity)}"
        yield Watched(
            text(identity), project_id, shown, bool(enabled), state or "healthy", str(reason or ""), held.get(identity, 0)
        )  # fmt: skip


def _held(connection: Connection) -> dict[bytes, int]:
    """How much each destination holds; those that hold nothing cost nothing."""
    return {
        identity: connection.execute(holding.COUNT, (identity,)).fetchone()[0]  # type: ignore[index]
        for identity in holding.waiting(connection)
    }


def totals(connection: Connection, projects: Iterable[int]) -> dict[str, tuple[int, int]]:
    """Results since the beginning, by destination; ``connection`` is on the telemetry file."""
    found: dict[str, tuple[int, int]] = {}
    for project_id in projects:
        for identity, kind, count in connection.execute(TOTALS, (project_id,)):
            good, bad = found.get(text(identity), (0, 0))
            found[text(identity)] = (good + count, bad) if kind == "success" else (good, bad + count)
    return found


# ---------------------------------------------------------------- readings


def readings(rule: Rule, picture: Picture, now: int) -> list[Reading]:
    """What a rule sees, of everything that it watches."""
    return READERS[rule.kind](rule, picture, now)


def watch_of(picture: Picture, rule: Rule, subject: str) -> Watch:
    """What a rule remembers of something."""
    return picture.watches.setdefault((rule.id, subject), Watch())


def _rates(rule: Rule, picture: Picture, now: int) -> list[Reading]:
    watched = [one for one in picture.of(rule) if one.enabled]
    if rule.config.together:
        return [_rate(rule, picture, "", "All destinations", _sum(watched, picture.totals), now)]
    return [
        _rate(rule, picture, one.id, one.name, picture.totals.get(one.id, (0, 0)), now) for one in watched
    ]


def _rate(
    rule: Rule, picture: Picture, subject: str, name: str, counts: tuple[int, int], now: int
) -> Reading:
    assert rule.config.window_s is not None
    window_ms = rule.config.window_s * 1000
    good, bad = watch_of(picture, rule, subject).within(window_ms, now, *counts)
    results = good + bad
    value = bad / results if results else 0.0
    said = f"{share(value)} of {results} deliveries failed" if results else "no deliveries"
    evidence = {"results": results, "failed": bad, "window_s": rule.config.window_s}
    return Reading(
        subject,
        name,
        rated(good, bad, rule.config),
        f"{name}: {said} within {span(window_ms)}.",
        value,
        evidence,
    )


def _sum(watched: Iterable[Watched], counts: Totals) -> tuple[int, int]:
    some = [counts.get(one.id, (0, 0)) for one in watched]
    return sum(good for good, _ in some), sum(bad for _, bad in some)


def _states(rule: Rule, picture: Picture, _now: int) -> list[Reading]:
    assert rule.config.states is not None
    # What gets worse than was asked for is no recovery.
    mildest = min(STATES.index(state) for state in rule.config.states)
    return [_state(one, STATES[mildest:]) for one in picture.of(rule) if one.enabled]


def _state(one: Watched, bad: Collection[str]) -> Reading:
    head = f"{one.name} is {one.state}"
    reason = one.reason.removesuffix(f"It is {one.state}.").rstrip() if one.state != "healthy" else ""
    said = f"{head}. {reason}".rstrip()
    return Reading(one.id, one.name, one.state in bad, said, None, {"state": one.state}, head)


def _backlog(rule: Rule, picture: Picture, _now: int) -> list[Reading]:
    assert rule.config.threshold is not None
    lag = picture.lag_s
    bad = None if lag is None else compared(lag, rule.config.threshold)
    return [
        Reading("", "Backlog", bad, f"The oldest waiting event is {span(int((lag or 0) * 1000))} old.", lag)
    ]


def _holds(rule: Rule, picture: Picture, _now: int) -> list[Reading]:
    watched = picture.of(rule)
    if rule.config.together:
        return [_hold(rule, "", "All destinations", sum(one.held for one in watched))]
    return [_hold(rule, one.id, one.name, one.held) for one in watched]


def _hold(rule: Rule, subject: str, name: str, count: int) -> Reading:
    assert rule.config.threshold is not None
    said = f"{name}: {count} deliveries are held."
    return Reading(subject, name, compared(count, rule.config.threshold), said, count)


def _accounts(rule: Rule, picture: Picture, _now: int) -> list[Reading]:
    return [
        Reading(
            str(one.id),
            f"{one.kind}: {one.name}",
            bool(one.errors),
            f"The {one.kind} account {one.name} has to be connected again."
            if one.errors
            else f"The {one.kind} account {one.name} is connected.",
            None,
            {"errors": one.errors},
        )
        for one in picture.accounts
        if one.project_id == rule.project_id
    ]


READERS: Mapping[str, Callable[[Rule, Picture, int], list[Reading]]] = {
    FAILURE_RATE: _rates,
    STATE: _states,
    BACKLOG: _backlog,
    HELD: _holds,
    INTEGRATION: _accounts,
}
