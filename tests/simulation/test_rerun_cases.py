"""What becomes of deliveries that cannot simply be run again: each ends in a verdict of the run that says why."""

from __future__ import annotations

from collections import Counter

import pytest

from hedgerow.delivery.identity import raw
from hedgerow.delivery.queries import Search
from hedgerow.destinations import Config, Secrets, repository
from hedgerow.replay import runs
from hedgerow.replay.selection import Selection
from hedgerow.store.database import transact
from simulation.run import PROJECT
from simulation.test_rerunning import HOOK, Run, prepared  # noqa: F401 - a fixture
from simulation.world import START

VERDICTS = "SELECT verdict, kind, mapping FROM deliveries WHERE run = ? AND destination_id = ?"
COPY = """
INSERT INTO deliveries (id, project_id, destination_id, revision, partition, position, event_uuid, event, distinct_id,
    verdict, kind, captured_at, created_at, updated_at)
SELECT randomblob(16), project_id, ?, 1, partition, position, event_uuid, event, distinct_id, 'failed', 'filter',
    captured_at, created_at, updated_at FROM deliveries WHERE destination_id = ?
"""


class Case(Run):
    """A history without crashes, and one re-run."""

    def __init__(self, prepared) -> None:  # noqa: F811 - a fixture
        super().__init__(7, prepared)
        self.cancels, self.wishes = False, []
        self.life(None, self._first())
        self.transport.refused.clear()

    def rerun(self, verdicts, **wanted) -> list[tuple]:
        """Run a selection again, and tell what became of it: verdict, kind and mapping of each row."""
        selection = Selection(
            int(self.now * 1000), Search(destination=self.target, verdicts=verdicts), **wanted
        )
        self.order = runs.Order(PROJECT, runs.RERUN, selection.encode(), rate=500.0)
        self.run = self._start()
        self.life(None, self._settle_down())
        return self.store.connection.execute(VERDICTS, (self.run.name, self.target)).fetchall()

    def edit(self, **changes) -> None:
        """Save a new revision of the target."""

        def work(connection) -> None:
            found = repository.load(connection, self.target)
            for name, value in changes.items():
                setattr(found.config, name, value)
            now = int(self.now * 1000)
            repository.update(connection, found, found.config, Secrets(), keyring=self.keyring, now=now)

        transact(self.store.connection, work)


@pytest.fixture
def case(prepared):  # noqa: F811 - a fixture
    """Some events that arrived and some that were refused."""
    return Case(prepared)


def test_what_is_no_longer_wanted_is_superseded(case):
    """The revision of now decides, as it does for what is held."""
    case.edit(filters={"source": "events", "events": [{"id": "never", "type": "events"}]})
    assert set(case.rerun(("failed",))) == {("superseded", None, "")}


def test_the_original_revision_runs_on_request(case):
    """Then an edit makes no difference."""
    case.edit(filters={"source": "events", "events": [{"id": "never", "type": "events"}]})
    assert set(case.rerun(("failed",), revision="original")) == {("delivered", None, "")}


def test_what_belongs_to_a_deleted_destination_is_discarded(case):
    """It does not wait for ever."""
    case.edit(deleted=True)
    assert set(case.rerun(("failed",))) == {("discarded", None, "")}


def test_what_is_nowhere_any_more_fails(case):
    """Of an event that neither ledger nor log has, nothing can be sent; it is told by a verdict."""
    for records in case.log._records.values():
        records.clear()
    case.store.connection.execute("DELETE FROM delivery_payloads")  # of those that took a second attempt
    assert set(case.rerun(("delivered",))) == {("failed", "gone", "")}


def test_what_failed_at_a_filter_is_matched_anew(case):
    """A filter that failed knew no mapping: each that matches now gets its delivery, and nothing is left over."""
    mapping = {"inputs_schema": [], "inputs": {}, "filters": {"source": "events"}}
    never = {**mapping, "filters": {"source": "events", "events": [{"id": "never", "type": "events"}]}}
    config = Config(
        name="mapped", enabled=True, hog=HOOK,
        mappings=[{**mapping, "id": "a"}, {**mapping, "id": "b"}, {**never, "id": "c"}],
    )  # fmt: skip

    def make(connection):
        made = repository.create(
            connection, PROJECT, config, Secrets(), keyring=case.keyring, now=int(START * 1000)
        )
        connection.execute(COPY, (raw(made.id), case.hook))
        return raw(made.id)

    case.target = transact(case.store.connection, make)
    events = len(case.events)
    assert Counter(case.rerun(("failed",))) == {
        ("delivered", None, "a"): events,
        ("delivered", None, "b"): events,
    }
    assert case.rerun(("failed",)) == []


def test_no_more_run_than_were_asked_for(case):
    """The oldest of a selection, up to a number."""
    assert len(case.rerun(("failed", "delivered"), most=3)) == 3
