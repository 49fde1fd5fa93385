"""Digests: the first event at once, the others in one summary per interval, each in exactly one of them."""

from __future__ import annotations

import pytest

from hedgerow.delivery import gathering, ledger
from hedgerow.delivery.claims import Claim, decide
from hedgerow.delivery.counting import Threshold
from hedgerow.delivery.erasure import erase, honoured, scrub, traces
from hedgerow.delivery.gathering import Digest, Interval
from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import Attempt, Excerpt, Invocation, Outcome
from hedgerow.destinations import CompiledDestination, Keyring, Project, builtin, validate
from hedgerow.telemetry import Batch

NOW = 1_767_323_045_000
MINUTE = 60_000
PROJECT = Project(1)
RING = Keyring(["a key for tests of digests only"])
HOURLY = Digest(b"h" * 16, 60, 3)


class NoSeal:
    """Leaves everything as it is."""

    def seal(self, plain: bytes, context: str) -> bytes:
        return plain

    def open(self, sealed: bytes, context: str) -> bytes:
        return sealed


@pytest.fixture(scope="module")
def compiled():
    digest = {"key": None, "interval": 60, "limit": 3}
    payload = {"hog": "return 1", "digest": digest}
    valid = validate(payload, project=PROJECT, templates=builtin())
    return CompiledDestination(valid.unsaved(1, RING), RING, PROJECT)


def event(number: int, who: str = "ann") -> Invocation:
    identity = bytes(15) + bytes([number])
    shown = {
        "project": {"id": 1, "name": "P", "url": "https://h/project/1"},
        "event": {"event": "paid", "uuid": text(identity), "distinct_id": who, "properties": {"n": number}},
        "person": {"name": who}, "groups": {},
    }  # fmt: skip
    return Invocation(identity, 1, b"d" * 16, 1, "", "", 0, number, identity, "paid", who, NOW, NOW, shown)


def come(connection, *events: Invocation, at: int = 0) -> list[Outcome]:
    """Events arrive: what was decided of them is settled, as the settler does it."""
    decided = decide(connection, [Claim(one, [HOURLY]) for one in events], NOW + at)
    ledger.settle(connection, ledger.Settlement(outcomes=decided), NoSeal())
    return decided


def verdicts(outcomes: list[Outcome]) -> list[str]:
    return [outcome.verdict for outcome in outcomes]


def taken(connection, compiled, at: int) -> list[Invocation]:
    """What is due, taken in hand as a lane takes it."""
    due = ledger.due(
        connection, b"d" * 16, now=NOW + at, partitions="[0]", limit=10, holding=(), sealer=NoSeal()
    ).invocations
    return [one for one in due if one.carrier is None or gathering.take(connection, one, compiled)]


def test_the_first_is_sent_at_once_and_the_others_together(connection, compiled):
    """The summary lists them oldest first, with their persons, at the end of the interval."""
    first, carrier, other = come(connection, event(1), event(2, "bob"), event(3, "cid"))
    assert verdicts([first, carrier, other]) == ["running", "scheduled", "digested"]
    assert carrier.next_at == NOW + MINUTE
    assert other.error == f"It is part of the summary in delivery {text(carrier.invocation.id)}."
    ledger.settle(
        connection, ledger.Settlement(outcomes=[Outcome(first.invocation, "delivered", NOW)]), NoSeal()
    )
    assert taken(connection, compiled, MINUTE - 1) == []
    (sent,) = taken(connection, compiled, MINUTE)
    assert [(one["properties"]["n"], one["person"]["name"]) for one in sent.summary["events"]] == [
        (2, "bob"), (3, "cid"),
    ]  # fmt: skip
    assert sent.summary["digest"] == {"count": 2, "listed": 2, "is_summary": True}


def test_a_summary_lists_so_many_and_counts_all(connection, compiled):
    """Of those beyond the limit the variables are not even kept."""
    outcomes = come(connection, *(event(n) for n in range(1, 7)))
    assert verdicts(outcomes) == ["running", "scheduled"] + ["digested"] * 4
    assert "lists the first 3" in outcomes[-1].error
    sent = taken(connection, compiled, MINUTE)[-1]
    assert sent.summary["digest"] == {"count": 5, "listed": 3, "is_summary": True}
    kept = connection.execute("SELECT count(*) FROM delivery_payloads").get
    assert kept == 4


def test_a_summary_has_a_largest_size(connection, compiled, monkeypatch):
    """What does not fit is counted; one event is listed however large it is."""
    monkeypatch.setattr(gathering, "LARGEST", 10)
    come(connection, *(event(n) for n in range(1, 5)))
    assert taken(connection, compiled, MINUTE)[-1].summary["digest"]["listed"] == 1


def test_intervals_follow_each_other_until_one_is_quiet():
    """Behind a summary comes another interval; behind an interval without one the next event is a first one."""
    quiet, busy = Interval(until=100), Interval(until=100, count=2, carrier=b"c")
    assert quiet.at(99, 50) == quiet
    assert quiet.at(100, 50) is None
    assert busy.at(99, 50) == busy
    assert busy.at(149, 50) == Interval(until=150)
    assert busy.at(150, 50) is None


def test_nothing_joins_a_summary_that_is_in_hand(connection, compiled):
    """Also when the clock is set back before its end: what comes then is carried by the next one."""
    come(connection, event(1), event(2))
    assert len(taken(connection, compiled, MINUTE)) == 2
    (late,) = come(connection, event(3), at=MINUTE - 10)
    assert (late.verdict, late.next_at) == ("scheduled", NOW + MINUTE)
    assert [len(one.summary["events"]) for one in taken(connection, compiled, MINUTE) if one.carrier][-1] == 1


def test_nothing_joins_a_summary_that_was_discarded(connection, compiled):
    """Whatever ended it: an event is not given to what will never be sent."""
    come(connection, event(1), event(2))
    connection.execute("UPDATE deliveries SET verdict = 'discarded', next_at = NULL WHERE position = 2")
    (outcome,) = come(connection, event(3))
    assert outcome.verdict == "scheduled"


def test_a_clock_that_was_set_back_does_not_put_summaries_off(connection):
    """Nobody waits for an end that lies further ahead than an interval."""
    come(connection, event(1), event(2), at=60 * MINUTE)
    (outcome,) = come(connection, event(3))
    assert (outcome.verdict, outcome.next_at) == ("scheduled", NOW + MINUTE)


def test_a_threshold_comes_before_the_digest(connection):
    """What only counts is gathered by nobody."""
    asked = [Threshold(b"t" * 16, 2, 60), HOURLY]
    outcomes = decide(connection, [Claim(event(n), asked) for n in range(1, 5)], NOW)
    assert verdicts(outcomes) == ["counted", "running", "counted", "scheduled"]


def test_run_again_a_summary_has_its_events(connection, compiled):
    """A run of it names the first carrier; it is not listed itself."""
    come(connection, event(1), event(2), event(3))
    again = event(9)
    ledger.settle(connection, ledger.Settlement(outcomes=[Outcome(again, "scheduled", NOW)]), NoSeal())
    connection.execute(gathering.CARRY_AGAIN, (again.id, event(2).id))
    again.carrier = event(2).id
    assert gathering.attach(connection, again, compiled)
    assert [one["properties"]["n"] for one in again.summary["events"]] == [2, 3]
    assert again.summary["digest"]["count"] == 2


# ------------------------------------------------------------------- erasing


def forget(connection, who: str) -> None:
    """Delete a person, and carry it out."""
    erase(connection, 1, [who], NOW)
    given = (1, who, NOW)
    _, found = traces(connection, partition=0, after=0, who=given, step=100)
    scrub(connection, found, given)


def rows(connection) -> dict[int, tuple]:
    found = connection.execute("SELECT position, verdict, distinct_id FROM deliveries")
    return {position: (verdict, name) for position, verdict, name in found}


def test_a_summary_goes_out_without_the_events_of_a_deleted_person(connection, compiled):
    """Whoever it is: the one whose event carries it, or another."""
    come(connection, event(1), event(2, "bob"), event(3, "cid"), event(4, "dan"))
    forget(connection, "bob")
    forget(connection, "dan")
    assert rows(connection) | {1: None} == {
        1: None, 2: ("scheduled", ""), 3: ("digested", "cid"), 4: ("digested", ""),
    }  # fmt: skip
    sent = next(one for one in taken(connection, compiled, MINUTE) if one.carrier)
    assert [one["properties"]["n"] for one in sent.summary["events"]] == [3]
    assert sent.globals["person"] == {"name": "cid"}


def test_a_summary_of_which_nothing_is_left_is_discarded(connection, compiled):
    """The last of its persons ends it."""
    come(connection, event(1), event(2, "bob"), event(3, "cid"))
    for who in ("bob", "cid"):
        forget(connection, who)
    assert rows(connection)[2] == ("discarded", "")
    assert all(one.carrier is None for one in taken(connection, compiled, MINUTE))


def test_what_a_summary_was_sent_with_is_forgotten_with_one_of_its_persons(connection, compiled):
    """Its requests and lines held them all, in the ledger and in a worker's hand."""
    come(connection, event(1), event(2, "bob"), event(3, "cid"))
    sent = next(one for one in taken(connection, compiled, MINUTE) if one.carrier)
    outcome = Outcome(sent, "retrying", NOW, error="cid said no", next_at=NOW + 1, attempts=[request()])
    ledger.settle(connection, ledger.Settlement(outcomes=[outcome]), NoSeal())
    assert connection.execute("SELECT count(*) FROM delivery_attempts").get == 1
    forget(connection, "cid")
    assert connection.execute("SELECT count(*) FROM delivery_attempts").get == 0
    row = connection.execute("SELECT verdict, error FROM deliveries WHERE position = 2").fetchone()
    assert row == ("retrying", None)
    telemetry = Batch()
    telemetry.line(1, b"d" * 16, sent.id, NOW, "error", "cid said no")
    (kept,), erased = honoured(connection, [outcome], telemetry)
    assert (kept.verdict, kept.error, kept.attempts, telemetry.lines) == ("retrying", None, [], [])
    assert erased == {sent.id}


def request() -> Attempt:
    body = Excerpt({}, b"cid", 3)
    return Attempt(1, 0, NOW, 1, "POST", "https://x.test", 503, None, body, None, lambda text: text)


def test_an_erased_event_carries_nobody(connection):
    """A person who was deleted before it was decided leaves no summary without an end."""
    come(connection, event(1))
    erase(connection, 1, ["bob"], NOW)
    gone, carrier = come(connection, event(2, "bob"), event(3, "cid"))
    assert (gone.verdict, gone.kind, carrier.verdict) == ("discarded", "erased", "scheduled")
