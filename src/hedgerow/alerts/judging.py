"""When an incident begins, ends, or is told of again. Pure decisions; time comes in as a number.

A reading is *bad* from the threshold on and *good* only well below it; in between nothing changes. An incident ends once its
readings were good for ``calm_s`` on end. What comes back within an hour needs twice as long the next time, so that flapping
becomes one long incident instead of many short ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import orjson

from hedgerow.alerts.model import Config, Reading

Step: TypeAlias = Literal["opened", "resolved", "reminder"]
Sample: TypeAlias = tuple[int, int, int]
"""When, and how many had succeeded and failed by then since the beginning."""

SAMPLES: Final = 30
WELL_BELOW: Final = 0.8
"""Share of the threshold up to which a number is good again."""
FLAP_MS: Final = 3_600_000
MOST_DOUBLINGS: Final = 6
LONGEST_CALM_MS: Final = 3_600_000


@dataclass(slots=True)
class Watch:
    """What a rule remembers of one thing that it watches. Times in milliseconds.

    Attributes:
        calm: since when an open incident's readings are good.
        ended: when the last incident ended.
        flaps: how often one came back soon after its end.
        samples: counts of the past window, oldest first.
    """

    calm: int | None = None
    ended: int | None = None
    flaps: int = 0
    samples: list[Sample] = field(default_factory=list)

    def text(self) -> str:
        """As the store keeps it; empty when there is nothing to remember."""
        kept = {"calm": self.calm, "ended": self.ended, "flaps": self.flaps, "samples": self.samples}
        found = {name: value for name, value in kept.items() if value}
        return orjson.dumps(found).decode() if found else ""

    @classmethod
    def remembered(cls, text: str) -> Watch:
        """From the store."""
        found: dict[str, Any] = orjson.loads(text) if text else {}
        samples = [(at, good, bad) for at, good, bad in found.pop("samples", ())]
        return cls(**found, samples=samples)

    def within(self, window_ms: int, now: int, good: int, bad: int) -> tuple[int, int]:
        """How many succeeded and failed in the past window.

        Args:
            window_ms: how long it is.
            now: milliseconds.
            good: how many succeeded since the beginning; without a sample all of them are news.
            bad: how many failed.
        """
        if self.samples and (good < self.samples[-1][1] or bad < self.samples[-1][2]):
            self.samples = [(now, good, bad)]  # the counts came back from a backup
        before = [sample for sample in self.samples if sample[0] <= now - window_ms]
        base = before[-1] if before else self.samples[0] if self.samples else (0, 0, 0)
        self._remember(window_ms, now, good, bad, len(before))
        return good - base[1], bad - base[2]

    def _remember(self, window_ms: int, now: int, good: int, bad: int, past: int) -> None:
        """Keep a sample now and then, and of those before the window the last one."""
        del self.samples[: max(0, past - 1)]
        last = self.samples[-1] if self.samples else (0, 0, 0)
        if (good, bad) != last[1:] and now - last[0] >= window_ms // SAMPLES:
            if not self.samples:
                self.samples.append((now - 1, 0, 0))
            self.samples.append((now, good, bad))


@dataclass(frozen=True, slots=True)
class Open:
    """An incident that is not over; ``name`` is that of what it is about."""

    id: bytes
    name: str
    opened_at: int
    told_at: int
    acknowledged: bool


def judge(config: Config, watch: Watch, reading: Reading, incident: Open | None, now: int) -> Step | None:
    """What a reading means for a rule.

    Args:
        config: of the rule.
        watch: what it remembers; changed.
        reading: of this moment.
        incident: the one that is open about the same thing.
        now: milliseconds.
    """
    if incident is None:
        return _perhaps_open(watch, reading, now)
    if _is_calm(watch, reading, now):
        if now - (watch.calm or now) < patience_ms(config, watch):
            return None
        end(watch, now)
        return "resolved"
    due = config.remind_s is not None and now - incident.told_at >= config.remind_s * 1000
    return "reminder" if due and not incident.acknowledged else None


def _is_calm(watch: Watch, reading: Reading, now: int) -> bool:
    """Whether all is well, as far as one can tell: it once was, and nothing bad was seen since."""
    if reading.bad:
        watch.calm = None
    elif watch.calm is None and reading.bad is False:
        watch.calm = now
    return watch.calm is not None


def _perhaps_open(watch: Watch, reading: Reading, now: int) -> Step | None:
    recent = watch.ended is not None and now - watch.ended < FLAP_MS
    if not recent:
        watch.ended, watch.flaps = None, 0
    if not reading.bad:
        return None
    watch.calm = None
    watch.flaps += recent
    return "opened"


def end(watch: Watch, now: int) -> None:
    """An incident is over."""
    watch.calm, watch.ended = None, now


def patience_ms(config: Config, watch: Watch) -> int:
    """How long all must be well until an incident is over."""
    calm = config.calm_s * 1000
    return min(calm << min(watch.flaps, MOST_DOUBLINGS), max(calm, LONGEST_CALM_MS))


def compared(value: float, threshold: float) -> bool | None:
    """Whether a number is bad, good, or in between."""
    if value >= threshold:
        return True
    return False if value <= threshold * WELL_BELOW else None


def rated(good: int, bad: int, config: Config) -> bool | None:
    """Whether so many successes and failures are bad. Few results decide nothing, unless none of them failed."""
    assert config.threshold is not None
    assert config.min_count is not None
    if good + bad >= config.min_count:
        return compared(bad / (good + bad), config.threshold)
    return False if good and not bad else None
