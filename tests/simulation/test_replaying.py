"""Replaying events of the log, with deaths in between: each event that is wanted has exactly one delivery of the replay.

What happens around it is as in ``test_rerunning``. The replay is for a destination that was made after the events came, and wants some of
them; or for the one that was there, which lacks what its tool refused.
"""

from __future__ import annotations

import pytest

from hedgerow.delivery.identity import raw
from hedgerow.destinations import Config
from hedgerow.events import Event
from hedgerow.replay import runs
from hedgerow.replay.replaying import Span
from simulation.run import PROJECT, saved
from simulation.seeds import RUNS, survive
from simulation.test_rerunning import CHUNKS, HOOK, Run, prepared  # noqa: F401 - a fixture
from simulation.world import START

PRO = {
    "source": "events",
    "properties": [{"key": "plan", "value": "pro", "operator": "exact", "type": "event"}],
}


class Replay(Run):
    """One seed."""

    def _ask(self) -> None:
        """Mend the tool, and order the replay; a second order for the same is refused."""
        self.transport.refused.clear()
        self.before = dict(self._rows("", self.hook))
        if self.chance.random() < 0.5:
            self.target = self._make_late()
        # Two thirds of the events are in it, or all of them.
        self.until = (
            int(START * 1000) + len(self.events) * 2 // 3
            if self.chance.random() < 0.3
            else int(self.now * 1000)
        )
        span = Span(int(START * 1000) - 1, self.until, PRO if self.chance.random() < 0.3 else None)
        self.narrow = span.filters is not None
        self.order = runs.Order(
            PROJECT, runs.REPLAY, span.encode(), self.target, rate=self.chance.choice([None, 20.0, 500.0])
        )  # fmt: skip
        self.run = self._start()
        with pytest.raises(runs.RunUnderWay):
            self._start()

    def _make_late(self) -> bytes:
        config = Config(name="late", enabled=True, hog=HOOK, filters=PRO)
        return raw(saved(self.store.connection, config, self.keyring, now=self.now))

    def _chosen(self, event: Event) -> bool:
        is_pro = event.properties["plan"] == "pro"
        if event.captured_at >= self.until or (self.narrow and not is_pro):
            return False
        return event.uuid in self.refused if self.target == self.hook else is_pro


@pytest.mark.simulation
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_each_event_that_is_wanted_is_replayed_once(chunk, prepared):  # noqa: F811 - a fixture
    """Wherever workers die: what the destination wants and has not got is delivered, each exactly once in the ledger."""
    survive(lambda seed: Replay(seed, prepared), RUNS // 100, chunk, CHUNKS)
