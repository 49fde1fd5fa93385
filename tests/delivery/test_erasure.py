"""An erasure holds from its own transaction on: nothing that is still in somebody's hands brings anything back."""

from __future__ import annotations

import pytest

from hedgerow.delivery import ledger
from hedgerow.delivery.eraser import deletions, request
from hedgerow.delivery.erasure import erase, gone, scrub, scrub_index, traces
from hedgerow.delivery.invocation import Attempt, Excerpt, Invocation, Outcome
from hedgerow.telemetry import Batch
from support.people import store

HOOK = b"d" * 16


class PlainSealer:
    def seal(self, plain, context):
        return plain

    def open(self, sealed, context):
        return sealed


@pytest.fixture
def conn():
    with store() as opened:
        yield opened


def invocation(number, who="ada", at=1000):
    """An invocation whose every field tells who it is about."""
    return Invocation(
        id=number.to_bytes(16, "big"), project_id=1, destination_id=HOOK, revision=1, mapping="", run="", partition=0,
        position=number, event_uuid=b"e" * 16, event="bought", distinct_id=who, captured_at=at, created_at=at,
        globals={"event": {"distinct_id": who}}, tries=1,
    )  # fmt: skip


def outcome(number, verdict, who="ada", at=1000):
    """What became of it, with a request and a log line."""
    sent = Excerpt({}, who.encode(), len(who))
    attempt = Attempt(1, 0, at, 5, "POST", f"https://x/{who}", 500, None, sent, None, str)
    due = None if verdict in {"delivered", "failed"} else 5000
    return Outcome(
        invocation(number, who, at), verdict, at, error=f"about {who}", next_at=due, attempts=[attempt]
    )


def settle(conn, *outcomes):
    """Settle outcomes with a line of each, and give back the telemetry that was told."""
    telemetry = Batch()
    for each in outcomes:
        telemetry.line(1, HOOK, each.invocation.id, each.at, "info", f"line of {each.invocation.distinct_id}")
    successes = [(each.invocation.id, each.attempts) for each in outcomes if each.verdict == "delivered"]
    ledger.settle(conn, ledger.Settlement(list(outcomes), {}, telemetry, successes), PlainSealer())
    return telemetry


def rows(conn):
    """Verdict and kind of each delivery, by number."""
    found = conn.execute("SELECT id, verdict, kind, distinct_id FROM deliveries ORDER BY id")
    return {int.from_bytes(row[0], "big"): row[1:] for row in found}


def everything(conn):
    """All that the store holds, as one text."""
    tables = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return "".join(repr(conn.execute(f"SELECT * FROM {name}").fetchall()) for name in tables)


def test_only_what_was_accepted_before_is_gone(conn):
    """By project, id and time; without any erasure nothing is looked at."""
    events = [(1, "ada", 1000), (1, "ada", 1001), (2, "ada", 1000), (1, "grace", 1000)]
    assert gone(conn, events) == [False] * 4
    erase(conn, 1, ["ada"], 1000)
    assert gone(conn, events) == [True, False, False, False]
    erase(conn, 1, ["ada"], 2000)
    assert gone(conn, events)[:2] == [True, True]
    assert "ada" not in everything(conn)
    assert gone(conn, []) == []


def test_what_is_settled_later_says_nothing_of_the_person(conn):
    """Final verdicts stay as they are, open ones are discarded and counted; lines and requests are not kept."""
    erase(conn, 1, ["ada"], 1000)
    told = settle(
        conn,
        outcome(1, "delivered"),
        outcome(2, "failed"),
        outcome(3, "retrying"),
        outcome(4, "failed", "grace"),
    )
    found = rows(conn)
    assert [found[n][:2] for n in (1, 2, 3)] == [
        ("delivered", None),
        ("failed", None),
        ("discarded", "erased"),
    ]
    assert found[4] == ("failed", None, "grace")
    assert [line.message for line in told.lines] == ["line of grace"]
    assert sum(n for (*_, name), n in told.metrics.items() if name == "discarded") == 1
    assert "ada" not in everything(conn)
    assert "grace" in everything(conn)


def test_a_row_that_was_discarded_stays_so(conn):
    """A run that was under way when its row was erased cannot open it again, nor leave its request behind."""
    settle(conn, outcome(1, "running"), outcome(2, "running", "grace"))
    erase(conn, 1, ["ada"], 1000)
    _, found = traces(conn, partition=0, after=0, who=(1, "ada", 1000), step=10)
    scrub(conn, found, (1, "ada", 1000))
    settle(conn, outcome(1, "retrying"), outcome(2, "retrying", "grace"))
    assert rows(conn) == {1: ("discarded", "erased", ""), 2: ("retrying", None, "grace")}
    assert (
        conn.execute(
            "SELECT count(*) FROM delivery_attempts WHERE delivery_id = ?", ((1).to_bytes(16, "big"),)
        ).get
        == 0
    )


def test_the_ledger_is_scrubbed_in_stretches(conn):
    """Every row of the id is met, whatever the step; neighbours keep theirs, index entries included."""
    settle(conn, *(outcome(n, "failed", "ada" if n % 3 else "grace") for n in range(1, 30)))
    for n in range(1, 30):
        who = "ada" if n % 3 else "grace"
        conn.execute("INSERT INTO event_index VALUES (0, ?, 1, ?, 'bought', ?, 1000)", (n, b"u" * 16, who))
    who, after, count = (1, "ada", 1000), 0, 0
    while True:
        after, found = traces(conn, partition=0, after=after, who=who, step=4)
        if not after:
            break
        scrub(conn, found, who)
        count += len(found)
    while after := scrub_index(conn, partition=0, after=after, who=who, step=4):
        pass
    assert count == 20
    assert conn.execute("SELECT count(*) FROM event_index").get == 9
    assert sum(who == "grace" for *_, who in rows(conn).values()) == 9
    assert "'ada'" not in everything(conn)


def test_a_request_is_a_job_until_it_is_done(conn):
    """It is listed from the start, without a time of finishing."""
    number = request(conn, 1, ["ada", "anon"], 1000)
    (job,) = deletions(conn, 1)
    assert (job.id, job.requested_at, job.finished_at) == (number, 1000, None)
    assert deletions(conn, 2) == []
    assert gone(conn, [(1, "anon", 1000)]) == [True]
