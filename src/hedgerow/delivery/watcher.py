"""The watcher: what the results of a destination say about its health. Pure decisions; time comes in as a number.

    healthy <-> degraded -> quarantined -> disabled
                    ^____________|  ^ a person ______|

*Degraded* still delivers. *Quarantined* holds what is wanted and tries a single delivery from time to time; one that is
answered leads back to degraded, and probes that fail for a whole day end in *disabled*, as a third quarantine does. *Disabled* holds as
well, and stays until a person acts.

The numbers are the design's. PostHog's HogWatcher charges for slowness alone; here errors count too, each kind with a
budget of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import orjson

HEALTHY: Final = "healthy"
DEGRADED: Final = "degraded"
QUARANTINED: Final = "quarantined"
DISABLED: Final = "disabled"
STATES: Final = (HEALTHY, DEGRADED, QUARANTINED, DISABLED)
HOLDING: Final = frozenset({QUARANTINED, DISABLED})

BUCKET_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Policy:
    """The watcher's numbers.

    Attributes:
        window_s: how far back results count.
        least: with fewer results in the window nothing is judged.
        failure_share: share of results that failed, for whatever reason, from which a destination is ill.
        uncaught_share: the same for errors of its program alone.
        slow_share: the same for slow results; 0.1 means that the 90th percentile is slow.
        slow_of_timeout: share of the time-out from which a call is slow.
        patience_s: how long a degraded destination may stay ill before it is quarantined.
        probe_delays_s: waits before the probes of a quarantine; the last one repeats.
        quarantines: the one of this number within ``memory_s`` disables instead.
        memory_s: how long a quarantine is remembered.
        hopeless_s: how long the probes of one quarantine may fail until the destination is disabled.
    """

    window_s: float = 300.0
    least: int = 20
    failure_share: float = 0.5
    uncaught_share: float = 0.5
    slow_share: float = 0.1
    slow_of_timeout: float = 0.8
    patience_s: float = 600.0
    probe_delays_s: Sequence[float] = (60.0, 300.0, 900.0)
    quarantines: int = 3
    memory_s: float = 86_400.0
    hopeless_s: float = 86_400.0


@dataclass(
    slots=True
)  # not frozen, though never changed: one is made for each result, and frozen takes three times as long
class Tally:
    """Results, counted: all of them, those that failed on the tool's side, by an uncaught error, and slow ones."""

    results: int = 0
    failed: int = 0
    uncaught: int = 0
    slow: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.results + other.results,
            self.failed + other.failed,
            self.uncaught + other.uncaught,
            self.slow + other.slow,
        )


class Window:
    """The tallies of the last minutes, in steps of ten seconds."""

    def __init__(self, length_s: float) -> None:
        self._length_ms = int(length_s * 1000)
        self._buckets: deque[tuple[int, Tally]] = deque()

    def add(self, at: int, tally: Tally) -> None:
        """Count results of a moment (milliseconds, not earlier than those before)."""
        start = at - at % BUCKET_MS
        if self._buckets and self._buckets[-1][0] >= start:
            start, earlier = self._buckets.pop()
            tally = earlier + tally
        self._buckets.append((start, tally))

    def total(self, now: int) -> Tally:
        """What is within the window now."""
        while self._buckets and self._buckets[0][0] <= now - self._length_ms:
            self._buckets.popleft()
        return sum((tally for _, tally in self._buckets), Tally())


@dataclass(frozen=True, slots=True)
class Health:
    """A destination's state and what has to be remembered to change it.

    Attributes:
        state: one of ``STATES``.
        since: when it was entered, milliseconds.
        quarantines: when the recent ones began.
        stage: probes of this quarantine that failed.
        failing_since: when the first of them did.
        probe_at: when the next probe is due; None outside of a quarantine.
        warned: whether the next worse state was warned of since ``since``.
        ill: whether a budget is overdrawn right now (of a degraded destination: then nothing held is sent).
    """

    state: str = HEALTHY
    since: int = 0
    quarantines: tuple[int, ...] = ()
    stage: int = 0
    failing_since: int | None = None
    probe_at: int | None = None
    warned: bool = False
    ill: bool = False

    @property
    def holds(self) -> bool:
        """Whether invocations are held instead of run."""
        return self.state in HOLDING

    def memory(self) -> str:
        """What the store keeps beside state and time, as JSON."""
        kept = asdict(self)
        del kept["state"], kept["since"]
        return orjson.dumps(kept).decode()

    @classmethod
    def remembered(cls, state: str, since: int, memory: str) -> Health:
        """What was kept; fields of another release are left out, missing ones have their defaults."""
        raw: dict[str, Any] = orjson.loads(memory)
        known = {name: raw[name] for name in _MEMORY if name in raw}
        return cls(state, since, tuple(raw.get("quarantines", ())), **known)


_MEMORY: Final = ("stage", "failing_since", "probe_at", "warned", "ill")


@dataclass(frozen=True, slots=True)
class Step:
    """A decision.

    Attributes:
        health: from now on.
        kind: ``change`` of state, ``warning`` of the next worse one, or ``note``: to be remembered, not told.
        reason: for people.
    """

    health: Health
    kind: str
    reason: str = ""


def complaint(tally: Tally, policy: Policy) -> str | None:
    """Which budget is overdrawn, in words; None when all is well or too little is known."""
    if tally.results < policy.least:
        return None
    counts = f"of {tally.results} results in {_span(policy.window_s)}"
    if tally.uncaught >= policy.uncaught_share * tally.results:
        return f"{tally.uncaught} {counts} were uncaught errors of its program"
    if tally.failed + tally.uncaught >= policy.failure_share * tally.results:
        return f"{tally.failed + tally.uncaught} {counts} failed"
    if tally.slow > policy.slow_share * tally.results:
        return f"{tally.slow} {counts} took more than {policy.slow_of_timeout:.0%} of the time-out"
    return None


def review(health: Health, tally: Tally, now: int, policy: Policy) -> Step | None:
    """Judge a destination by its recent results.

    Args:
        health: as it is.
        tally: of the window.
        now: milliseconds.
        policy: the numbers.

    Returns:
        What changes; None when nothing does. Quarantined and disabled destinations have no results to be judged by.
    """
    problem = complaint(tally, policy)
    if health.state == HEALTHY and problem is not None:
        step = replace(health, state=DEGRADED, since=now, warned=False, ill=True)
        return Step(step, "change", f"{_sentence(problem)} It is degraded.")
    if health.state != DEGRADED:
        return None
    if problem is not None:
        return _still_ill(health, problem, now, policy)
    return _perhaps_well(health, tally, now, policy)


def _still_ill(health: Health, problem: str, now: int, policy: Policy) -> Step | None:
    patience = policy.patience_s * 1000
    elapsed = now - health.since
    if elapsed >= patience:
        return _quarantine(health, problem, now, policy)
    if elapsed >= patience / 2 and not health.warned:
        worse = DISABLED if _is_last(health, now, policy) else QUARANTINED
        left = _span((patience - elapsed) / 1000)
        reason = f"{_sentence(problem)} If that goes on for another {left} it will be {worse}."
        return Step(replace(health, warned=True, ill=True), "warning", reason)
    return None if health.ill else Step(replace(health, ill=True), "note")


def _perhaps_well(health: Health, tally: Tally, now: int, policy: Policy) -> Step | None:
    enough = tally.results >= policy.least
    if enough or now - health.since >= policy.patience_s * 1000:
        well = replace(health, state=HEALTHY, since=now, warned=False, ill=False)
        return Step(well, "change", "Its results are good again. It is healthy.")
    return Step(replace(health, ill=False), "note") if health.ill else None


def _recent(health: Health, now: int, policy: Policy) -> tuple[int, ...]:
    return tuple(at for at in health.quarantines if at > now - policy.memory_s * 1000)


def _is_last(health: Health, now: int, policy: Policy) -> bool:
    """Whether the next quarantine would be the one that disables."""
    return len(_recent(health, now, policy)) + 1 >= policy.quarantines


def _quarantine(health: Health, problem: str, now: int, policy: Policy) -> Step:
    recent = (*_recent(health, now, policy), now)
    if len(recent) >= policy.quarantines:
        gone = Health(DISABLED, now, recent)
        reason = (
            f"{_sentence(problem)} This is quarantine {len(recent)} within {policy.memory_s / 3600:g} hours, so it is "
            "disabled: what it wants is held until somebody saves it enabled again."
        )
        return Step(gone, "change", reason)
    held = Health(QUARANTINED, now, recent, probe_at=now + int(policy.probe_delays_s[0] * 1000))
    reason = (
        f"{_sentence(problem)} It is quarantined: what it wants is held, and it is tried again by itself."
    )
    if len(recent) + 1 >= policy.quarantines:
        reason += f" The next quarantine within {policy.memory_s / 3600:g} hours will disable it."
    return Step(held, "change", reason)


def probed(health: Health, ok: bool, now: int, policy: Policy) -> Step | None:
    """What a probe's result means; nothing outside of a quarantine."""
    if health.state != QUARANTINED:
        return None
    if ok:
        back = Health(DEGRADED, now, health.quarantines)
        return Step(back, "change", "A probe was answered. It is tried again, what was held follows.")
    return _probe_failed(health, now, policy)


def _probe_failed(health: Health, now: int, policy: Policy) -> Step:
    """The next probe is due later; or none is, when it went on like that for too long."""
    stage, failing_since = health.stage + 1, now if health.failing_since is None else health.failing_since
    elapsed_s = (now - failing_since) / 1000
    if elapsed_s >= policy.hopeless_s:
        reason = (
            f"{stage} probes failed within {_span(elapsed_s)}. It is disabled: what it wants is held until somebody saves it "
            "enabled again."
        )
        return Step(Health(DISABLED, now, health.quarantines), "change", reason)
    delay = policy.probe_delays_s[min(stage, len(policy.probe_delays_s) - 1)]
    waiting = replace(health, stage=stage, failing_since=failing_since, probe_at=now + int(delay * 1000))
    if elapsed_s >= policy.hopeless_s / 2 and not health.warned:
        left = _span(policy.hopeless_s - elapsed_s)
        reason = f"{stage} probes failed within {_span(elapsed_s)}. If that goes on for another {left} it will be disabled."
        return Step(replace(waiting, warned=True), "warning", reason)
    return Step(waiting, "note", f"A probe failed. The next one is in {_span(delay)}.")


def reopened(health: Health, now: int) -> Step | None:
    """What a person's saving means for a destination that is quarantined or disabled: it starts anew, watched."""
    if not health.holds:
        return None
    return Step(Health(DEGRADED, now), "change", "Somebody saved it enabled. It is tried again.")


def _span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 120:
        return f"{max(1, round(seconds))} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
