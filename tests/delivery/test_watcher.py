"""The watcher's decisions: a table of what leads where, and what must hold whatever happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.delivery.watcher import (
    DEGRADED,
    DISABLED,
    HEALTHY,
    QUARANTINED,
    Health,
    Policy,
    Tally,
    Window,
    complaint,
    probed,
    reopened,
    review,
)

POLICY = Policy()
MINUTE = 60_000
NOW = 1_780_000_000_000
GOOD, BAD = Tally(40), Tally(40, failed=20)


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (Tally(19, failed=19), None),
        (Tally(20, failed=9), None),
        (Tally(20, failed=10), "10 of 20 results in 5 minutes failed"),
        (Tally(20, failed=6, uncaught=4), "10 of 20 results in 5 minutes failed"),
        (Tally(20, uncaught=10), "10 of 20 results in 5 minutes were uncaught errors of its program"),
        (Tally(20, slow=2), None),
        (Tally(20, slow=3), "3 of 20 results in 5 minutes took more than 80% of the time-out"),
        (Tally(1000), None),
    ],
)
def test_each_budget_is_its_own(tally, words):
    """Failures, uncaught errors and slowness each have a budget, and none is judged on too few results."""
    assert complaint(tally, POLICY) == words


def stepped(health, tally, now=NOW):
    step = review(health, tally, now, POLICY)
    return step and (step.kind, step.health.state)


@pytest.mark.parametrize(
    ("health", "tally", "expected"),
    [
        (Health(), GOOD, None),
        (Health(), BAD, ("change", DEGRADED)),
        (Health(DEGRADED, NOW - MINUTE, ill=True), BAD, None),
        (Health(DEGRADED, NOW - MINUTE), BAD, ("note", DEGRADED)),
        (Health(DEGRADED, NOW - 5 * MINUTE, ill=True), BAD, ("warning", DEGRADED)),
        (Health(DEGRADED, NOW - 6 * MINUTE, ill=True, warned=True), BAD, None),
        (Health(DEGRADED, NOW - 10 * MINUTE, ill=True), BAD, ("change", QUARANTINED)),
        (Health(DEGRADED, NOW - 10 * MINUTE, (NOW - 7200_000,)), BAD, ("change", QUARANTINED)),
        (Health(DEGRADED, NOW - 10 * MINUTE, (NOW - 7200_000, NOW - 3600_000)), BAD, ("change", DISABLED)),
        (Health(DEGRADED, NOW - 10 * MINUTE, (NOW - 90_000_000, NOW - 3600_000)), BAD, ("change", QUARANTINED)),
        (Health(DEGRADED, NOW - MINUTE, ill=True), GOOD, ("change", HEALTHY)),
        (Health(DEGRADED, NOW - MINUTE, ill=True), Tally(5, failed=5), ("note", DEGRADED)),
        (Health(DEGRADED, NOW - 10 * MINUTE), Tally(5, failed=5), ("change", HEALTHY)),
        (Health(QUARANTINED, NOW - 60 * MINUTE), BAD, None),
        (Health(DISABLED, NOW - 600 * MINUTE), GOOD, None),
    ],
)  # fmt: skip
def test_results_lead_from_state_to_state(health, tally, expected):
    """The table of the design: five minutes ill is degraded, ten minutes so quarantined, the third time disabled."""
    assert stepped(health, tally) == expected


def test_probes_wait_longer_each_time():
    """After 1, 5 and 15 minutes, and then every 15; an answer leads back to degraded."""
    step = review(Health(DEGRADED, NOW - 10 * MINUTE), BAD, NOW, POLICY)
    health, waits, now = step.health, [], NOW
    for _ in range(4):
        waits.append((health.probe_at - now) // MINUTE)
        now = health.probe_at
        health = probed(health, False, now, POLICY).health
    assert waits == [1, 5, 15, 15]
    back = probed(health, True, now, POLICY).health
    assert (back.state, back.quarantines, back.probe_at) == (DEGRADED, health.quarantines, None)


def test_probes_that_fail_for_a_day_end_in_disabled():
    """The owner is warned once, half-way; nothing is probed after it."""
    health = review(Health(DEGRADED, NOW - 10 * MINUTE), BAD, NOW, POLICY).health
    told = []
    while health.state == QUARANTINED:
        now = health.probe_at
        step = probed(health, False, now, POLICY)
        health = step.health
        if step.kind != "note":
            told.append(((now - NOW) // (60 * MINUTE), step.kind, health.state))
    assert told == [(12, "warning", QUARANTINED), (24, "change", DISABLED)]
    assert health.probe_at is None
    assert probed(health, True, now, POLICY) is None


def test_a_quarantine_that_nothing_was_tried_in_is_not_hopeless():
    """A first probe that fails days later is a first one: it is neither warned of nor the end."""
    health = review(Health(DEGRADED, NOW - 10 * MINUTE), BAD, NOW, POLICY).health
    step = probed(health, False, NOW + 3 * 86_400_000, POLICY)
    assert (step.kind, step.health.state) == ("note", QUARANTINED)


def test_the_owner_is_warned_a_step_ahead():
    """Half-way to a quarantine, and in the quarantine before the one that disables."""
    almost = Health(DEGRADED, NOW - 5 * MINUTE, (NOW - 2, NOW - 1))
    assert "it will be disabled" in review(almost, BAD, NOW, POLICY).reason
    first = review(Health(DEGRADED, NOW - 10 * MINUTE), BAD, NOW, POLICY).reason
    second = review(Health(DEGRADED, NOW - 10 * MINUTE, (NOW - 1,)), BAD, NOW, POLICY).reason
    assert "will disable" not in first
    assert "will disable" in second


@pytest.mark.parametrize("state", [QUARANTINED, DISABLED])
def test_a_person_reopens(state):
    """It starts anew: watched, and with a clean record."""
    step = reopened(Health(state, NOW - 1, (NOW - 3, NOW - 2, NOW - 1), probe_at=NOW), NOW)
    assert step.health == Health(DEGRADED, NOW)
    assert reopened(Health(DEGRADED, NOW - 1), NOW) is None


def test_the_window_forgets():
    """Results count for five minutes, in steps of ten seconds."""
    window = Window(300.0)
    window.add(NOW, Tally(1, failed=1))
    window.add(NOW + 1000, Tally(2))
    assert window.total(NOW + 2000) == Tally(3, failed=1)
    window.add(NOW + 200_000, Tally(4))
    assert window.total(NOW + 310_000) == Tally(4)
    assert window.total(NOW + 900_000) == Tally()


def test_what_is_kept_is_read_back():
    """A state survives the store; one of a release with other fields has defaults."""
    health = Health(QUARANTINED, NOW, (NOW - 5, NOW), 2, NOW + 1, NOW + 9, True, True)
    assert Health.remembered(health.state, health.since, health.memory()) == health
    assert Health.remembered(DEGRADED, 7, '{"strange": 1}') == Health(DEGRADED, 7)


tallies = st.builds(
    lambda n, f, u, s: Tally(n, failed=min(f, n), uncaught=min(u, n - min(f, n)), slow=min(s, n)),
    *[st.integers(0, 60)] * 4,
)
moves = st.lists(st.tuples(st.integers(1, 20 * MINUTE), st.one_of(tallies, st.booleans())), max_size=60)
ALLOWED = {
    (HEALTHY, DEGRADED), (DEGRADED, HEALTHY), (DEGRADED, QUARANTINED), (DEGRADED, DISABLED), (QUARANTINED, DEGRADED),
    (QUARANTINED, DISABLED),
}  # fmt: skip


@given(moves)
def test_whatever_happens_the_rules_hold(history):
    """Disabled stays; only allowed steps are taken; a quarantine needs ten minutes of illness and waits for its probes."""
    health, now = Health(), NOW
    for wait, what in history:
        now += wait
        if isinstance(what, bool):
            if health.probe_at is None or health.probe_at > now:
                continue
            step = probed(health, what, now, POLICY)
        else:
            step = review(health, what, now, POLICY)
        if step is None:
            continue
        after = step.health
        assert health.state != DISABLED
        assert (step.kind == "change") == (after.state != health.state)
        if step.kind == "change":
            assert (health.state, after.state) in ALLOWED
            assert after.since == now
            assert step.reason
        if after.holds and not health.holds:
            assert now - health.since >= POLICY.patience_s * 1000
            recent = [at for at in after.quarantines if at > now - POLICY.memory_s * 1000]
            assert (after.state == DISABLED) == (len(recent) >= POLICY.quarantines)
        assert (after.state == QUARANTINED) == (after.probe_at is not None)
        assert replace(after) == Health.remembered(after.state, after.since, after.memory())
        health = after
