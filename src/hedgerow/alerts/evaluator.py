"""The evaluator: looks at all rules every few seconds, and begins and ends incidents.

It keeps nothing in memory: what rules remember is in the store, so whoever takes over goes on where another stopped. A lease, checked
in the transaction that writes, makes sure that one process decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from hedgerow.alerts import incidents, lease, rules
from hedgerow.alerts.judging import Open, Step, end, judge
from hedgerow.alerts.model import BACKLOG, FAILURE_RATE, Reading, Rule
from hedgerow.alerts.picture import Picture, look, readings, totals, watch_of
from hedgerow.alerts.telling import News, tell
from hedgerow.delivery import standby
from hedgerow.store import Connection, Database, StoreError

log = logging.getLogger(__name__)

LEASE: Final = "alerts"
LEASE_TICKS: Final = 3
GONE: Final = "It was switched off or deleted."
STALE_MS: Final = 90 * 86_400_000
TIDY_MS: Final = 3_600_000
TIDY: Final = (
    "DELETE FROM alert_watches WHERE rule_id NOT IN (SELECT id FROM alert_rules)",
    "DELETE FROM alert_notices WHERE rule_id NOT IN (SELECT id FROM alert_rules)",
)
STALE_MAILS: Final = """
DELETE FROM alert_mails WHERE id IN (SELECT id FROM alert_mails WHERE created_at < ? AND next_at IS NULL LIMIT ?)
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """An incident begins, ends or is told of again; ``resolution`` says how it ends."""

    step: Step
    rule: Rule
    reading: Reading
    incident: Open | None = None
    resolution: str = "recovered"


@dataclass(slots=True)
class Outcome:
    """What is to be written: decisions about rules, and what these remember now, by rule and subject."""

    rules: list[Rule]
    decisions: list[Decision] = field(default_factory=list)
    memories: dict[tuple[int, str], str] = field(default_factory=dict)


def decide(picture: Picture, now: int) -> Outcome:
    """Judge all rules. Pure, but for what the picture's watches learn.

    Args:
        picture: what there is to see.
        now: milliseconds.
    """
    before = {key: watch.text() for key, watch in picture.watches.items()}
    decisions: list[Decision] = []
    for rule in picture.rules:
        decisions += _judged(rule, picture, now)
    after = {key: watch.text() for key, watch in picture.watches.items()}
    return Outcome(
        picture.rules,
        decisions,
        {key: memory for key, memory in after.items() if memory != before.get(key, "")},
    )


def _judged(rule: Rule, picture: Picture, now: int) -> list[Decision]:
    found: list[Decision] = []
    seen: set[str] = set()
    for reading in readings(rule, picture, now):
        seen.add(reading.subject)
        incident = picture.open.get((rule.id, reading.subject))
        step = judge(rule.config, watch_of(picture, rule, reading.subject), reading, incident, now)
        if step is not None:
            found.append(Decision(step, rule, reading, incident))
    for (rule_id, subject), incident in picture.open.items():
        if rule_id == rule.id and subject not in seen:
            end(watch_of(picture, rule, subject), now)
            reading = Reading(
                subject, incident.name, False, f"{incident.name} is not watched any more. {GONE}"
            )
            found.append(Decision("resolved", rule, reading, incident, "gone"))
    return found


class Evaluator:
    """Looks at the rules of an instance; any number of processes may have one."""

    def __init__(
        self,
        state: Database,
        telemetry: Database,
        *,
        lag: Callable[[], Awaitable[float]],
        now: Callable[[], int],
        random: Callable[[int], bytes],
        partitions: int,
        every_s: float,
        holder: str,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        """Work on a store.

        Args:
            state: rules, incidents, and most of what they look at.
            telemetry: results of destinations.
            lag: tells how old the oldest unsettled event is, in seconds.
            now: milliseconds.
            random: bytes for ids.
            partitions: of the event log.
            every_s: how often rules are looked at.
            holder: names this process, unlike any other there is or was.
            told: called when there is something to mail.
        """
        self._state, self._telemetry = state, telemetry
        self._lag, self._now, self._random = lag, now, random
        self._partitions, self._every_s = partitions, every_s
        self._holder, self._told = holder, told
        self._tidied_at = 0

    @property
    def lease_ms(self) -> int:
        """How long the work stays ours when we are not heard of."""
        return int(max(self._every_s * LEASE_TICKS, 5.0) * 1000)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            try:
                await self.tick()
            except StoreError as error:
                log.warning("alerts_behind error=%s", error)
            except Exception:
                log.exception("alerts_failed")  # whoever is to tell of trouble must outlive its own
            await asyncio.sleep(self._every_s)

    async def tick(self) -> list[Decision]:
        """Look at all rules once; returns what was decided."""
        now = self._now()
        left, picture = await self._state.read(lambda c: self._look(c, now))
        if left is None or not picture.rules:
            return []
        await self._complete(picture)
        outcome = decide(picture, now)
        if outcome.decisions or outcome.memories or left < self.lease_ms // 2:
            # What rules remember may be undone by a power cut; what was decided may not.
            done = await self._state.write(
                lambda c: self._write(c, outcome, now), durable=bool(outcome.decisions)
            )
            if not done:
                return []
        self._say(outcome.decisions)
        return outcome.decisions

    def _look(self, connection: Connection, now: int) -> tuple[int | None, Picture]:
        if standby.since(connection) is not None:
            return None, Picture()  # another copy of this instance tells
        left = lease.left(connection, LEASE, self._holder, now)
        return left, Picture() if left is None else look(connection)

    async def _complete(self, picture: Picture) -> None:
        """Add what is not in the state database."""
        kinds = {rule.kind for rule in picture.rules}
        if FAILURE_RATE in kinds:
            counted = sorted({rule.project_id for rule in picture.rules if rule.kind == FAILURE_RATE})
            picture.totals = await self._telemetry.read(lambda c: totals(c, counted))
        if BACKLOG in kinds:
            picture.lag_s = await self._lag()

    def _write(self, connection: Connection, outcome: Outcome, now: int) -> bool:
        """Write what was decided, unless the work is another's by now; rules that were changed meanwhile wait for the next look."""
        if not lease.take(connection, LEASE, self._holder, now=now, lasts=self.lease_ms):
            return False
        current = {rule.id: rule.updated_at for rule in rules.active(connection)}
        same = {rule.id for rule in outcome.rules if current.get(rule.id) == rule.updated_at}
        outcome.decisions[:] = [one for one in outcome.decisions if one.rule.id in same]
        rules.remember(
            connection,
            (
                (number, subject, memory)
                for (number, subject), memory in outcome.memories.items()
                if number in same
            ),
        )
        for decision in outcome.decisions:
            self._carry_out(connection, decision, now)
        self._tidy(connection, now)
        return True

    def _carry_out(self, connection: Connection, decision: Decision, now: int) -> None:
        rule, reading, incident = decision.rule, decision.reading, decision.incident
        identity = self._random(16) if incident is None else incident.id
        if decision.step == "opened":
            incidents.put(connection, identity, rule, reading, now)
        elif decision.step == "resolved":
            incidents.end(connection, identity, reading, decision.resolution, now)
        else:
            incidents.told(connection, identity, now)
        opened_at = now if incident is None else incident.opened_at
        tell(connection, News(decision.step, rule, reading, identity, opened_at, now), self._partitions)

    def _tidy(self, connection: Connection, now: int) -> None:
        """Forget what nobody needs any more, now and then."""
        if now - self._tidied_at < TIDY_MS:
            return
        self._tidied_at = now
        for sql in TIDY:
            connection.execute(sql)
        for sql in (incidents.STALE, STALE_MAILS):
            connection.execute(sql, (now - STALE_MS, 1000))

    def _say(self, decisions: list[Decision]) -> None:
        for one in decisions:
            log.warning(
                "alert_%s rule=%d project=%d text=%s",
                one.step,
                one.rule.id,
                one.rule.project_id,
                one.reading.text,
            )
        if decisions:
            self._told()
