"""Rules over a real store: what is decided, once, whoever decides."""

from __future__ import annotations

import pytest

from hedgerow.alerts import incidents, rules
from hedgerow.delivery import standby

FAILING = {"threshold": 0.5, "window_s": 600, "min_count": 20, "calm_s": 60}


async def test_a_failing_destination_is_told_once_and_its_recovery_once(house):
    """From too many failures to their end there is one incident, told twice: begun and over."""
    hook = house.destination()
    house.rule("failure_rate", **FAILING, emails=["ops@example.com"])
    house.results(hook, good=8, bad=12)
    assert await house.look() == ["opened"]
    assert await house.look(steps=30) == []
    house.results(hook, good=100)
    assert await house.look(steps=8) == ["resolved"]
    (incident,) = house.incidents()
    assert incident.opening["text"] == "Hook: 60 % of 20 deliveries failed within 10 min."
    assert (incident.resolution, incident.ending["value"]) == ("recovered", pytest.approx(12 / 120))
    assert [event.event for event in house.events()] == ["$alert_opened", "$alert_resolved"]


async def test_open_incidents_are_counted(house):
    """By whether somebody looks after them; one that is over counts no more."""
    hook = house.destination()
    house.rule("failure_rate", **FAILING)
    house.results(hook, bad=20)
    await house.look()
    assert await house.state.read(incidents.open_counts) == {False: 1, True: 0}
    identity = house.incidents()[0].id
    house.state.write_now(lambda c: incidents.acknowledge(c, identity, "ada", 1))
    assert await house.state.read(incidents.open_counts) == {False: 0, True: 1}
    house.results(hook, good=1000)
    await house.look(steps=8)
    assert await house.state.read(incidents.open_counts) == {False: 0, True: 0}


async def test_what_happened_before_a_rule_does_not_count(house):
    """A rule looks at what happens from now on."""
    hook = house.destination()
    house.results(hook, bad=1000)
    house.rule("failure_rate", **FAILING)
    assert await house.look(steps=3) == []
    house.results(hook, bad=20)
    assert await house.look() == ["opened"]


async def test_the_first_results_of_a_new_destination_count(house):
    """A destination that is made after the rule is watched from its first delivery on."""
    house.rule("failure_rate", **FAILING)
    await house.look()
    house.results(house.destination(), bad=20)
    assert await house.look() == ["opened"]


async def test_each_destination_is_judged_on_its_own_or_all_together(house):
    """A rule without a destination watches each; together, the sum decides."""
    first, second = house.destination("First"), house.destination("Second")
    house.rule("failure_rate", "Each", **FAILING)
    house.rule("failure_rate", "All", **FAILING, together=True)
    house.results(first, bad=20)
    house.results(second, good=100)
    assert await house.look() == ["opened"]
    assert house.incidents()[0].subject == first
    house.results(second, bad=200)
    assert await house.look() == ["opened", "opened"]
    assert {one.subject for one in house.incidents()} == {first, second, ""}


async def test_one_destination_alone(house):
    """A rule about one destination does not look at others."""
    mine, other = house.destination("Mine"), house.destination("Other")
    house.rule("failure_rate", **FAILING, destination_id=mine)
    house.results(other, bad=100)
    assert await house.look() == []
    house.results(mine, bad=100)
    assert await house.look() == ["opened"]


async def test_a_change_of_state(house):
    """Quarantined is an incident, healthy its end; degraded is neither when it was not asked for."""
    hook = house.destination()
    house.rule("state", calm_s=0)
    house.health(hook, "degraded")
    assert await house.look() == []
    house.health(hook, "quarantined", "Half of it failed.")
    assert await house.look() == ["opened"]
    house.health(hook, "disabled", "Too many quarantines.")
    assert await house.look() == []
    house.health(hook, "healthy")
    assert await house.look() == ["resolved"]
    assert house.incidents()[0].opening["text"] == "Hook is quarantined. Half of it failed."


async def test_worse_is_no_recovery(house):
    """What was degraded and is quarantined now is the same incident."""
    hook = house.destination()
    house.rule("state", states=["degraded"], calm_s=0)
    house.health(hook, "degraded", "5 of 5 results failed. It is degraded.")
    assert await house.look() == ["opened"]
    house.health(hook, "quarantined")
    assert await house.look() == []
    house.health(hook, "healthy")
    assert await house.look() == ["resolved"]
    assert house.incidents()[0].opening["text"] == "Hook is degraded. 5 of 5 results failed."


async def test_the_age_of_the_backlog(house):
    """Workers that are behind are an incident until they have caught up."""
    house.rule("backlog", threshold=300, calm_s=0)
    house.lag = 299
    assert await house.look() == []
    house.lag = 301
    assert await house.look() == ["opened"]
    house.lag = 250
    assert await house.look() == []
    house.lag = 1
    assert await house.look() == ["resolved"]


async def test_what_is_held(house):
    """Too many held deliveries are an incident, of one destination or of all."""
    first, second = house.destination(), house.destination()
    house.rule("held", threshold=5, calm_s=0)
    house.rule("held", threshold=8, calm_s=0, together=True)
    house.hold(first, 4)
    house.hold(second, 3)
    assert await house.look() == []
    house.hold(second, 5)
    assert await house.look() == ["opened", "opened"]
    house.hold(second, 0)
    assert await house.look() == ["resolved", "resolved"]


async def test_an_account_that_has_to_be_connected_again(house):
    """A token that cannot be renewed is an incident; connecting again ends it, and so does removing the account."""
    house.run(
        "INSERT INTO integrations (id, project_id, kind, external_id, name, created_at, updated_at) "
        "VALUES (7, 1, 'slack', 'T1', 'Acme', 0, 0)"
    )
    house.rule("integration", calm_s=0)
    assert await house.look() == []
    house.run("UPDATE integrations SET errors = 'TOKEN_REFRESH_FAILED'")
    assert await house.look() == ["opened"]
    house.run("UPDATE integrations SET errors = ''")
    assert await house.look() == ["resolved"]
    house.run("UPDATE integrations SET errors = 'TOKEN_REFRESH_FAILED'")
    assert await house.look() == ["opened"]
    house.run("DELETE FROM integrations")
    assert await house.look() == ["resolved"]
    assert [one.resolution for one in house.incidents()] == ["gone", "recovered"]
    assert house.events()[0].properties["integration_name"] == "slack: Acme"


async def test_what_is_gone_is_over(house):
    """The incident of a destination that was switched off ends, and says why."""
    hook = house.destination()
    house.rule("state")
    house.health(hook, "disabled")
    await house.look()
    house.run("UPDATE destinations SET enabled = 0")
    assert await house.look() == ["resolved"]
    assert (
        house.incidents()[0].ending["text"] == "Hook is not watched any more. It was switched off or deleted."
    )


async def test_a_rule_that_goes_takes_its_incidents_with_it(house):
    """Nobody hears of the end of an incident whose rule was removed; it stays to be read."""
    hook = house.destination()
    rule = house.rule("state", emails=["ops@example.com"])
    house.health(hook, "disabled")
    await house.look()
    house.state.write_now(lambda c: rules.remove(c, rule, house.now))
    assert await house.look() == []
    assert [one.resolution for one in house.incidents()] == ["withdrawn"]
    assert await house.send() == []


async def test_two_processes_decide_once(house):
    """While one has the lease the other only looks on; once it is over, the other goes on where it stopped."""
    hook = house.destination()
    house.rule("failure_rate", **FAILING)
    second = house.watchman("second")
    house.results(hook, bad=15)
    assert await house.look() == []
    house.results(hook, bad=5)
    assert await second.tick() == []
    house.now += 31_000
    assert [one.step for one in await second.tick()] == ["opened"]
    assert await house.look() == []
    assert len(house.incidents()) == 1


async def test_who_slept_through_its_lease_decides_nothing(house):
    """What was decided from an old picture is not written once another has taken over."""
    hook = house.destination()
    house.rule("state")
    house.health(hook, "disabled")
    await house.look()
    second, slow = house.watchman("second"), house.evaluator
    house.health(hook, "healthy")
    _, picture = house.state.read_now(lambda c: slow._look(c, house.now))
    from hedgerow.alerts.evaluator import decide

    house.now += 200_000
    late = decide(picture, house.now)
    await second.tick()
    assert not house.state.write_now(lambda c: slow._write(c, late, house.now))


async def test_a_clock_that_was_set_back_silences_nobody(house):
    """The lease of a process that is gone ends, also when its end is now far away."""
    house.rule("state")
    hook = house.destination()
    await house.look()
    house.now -= 86_400_000
    house.health(hook, "disabled")
    house.evaluator = house.watchman("after the restart")
    assert await house.look() == ["opened"]


async def test_a_restart_loses_nothing(house):
    """Half of the failures before it and half after it are an incident; what was told is not told again."""
    hook = house.destination()
    house.rule("failure_rate", **FAILING)
    house.results(hook, bad=10)
    assert await house.look() == []
    house.evaluator = house.watchman("after the restart")
    house.results(hook, bad=10)
    assert await house.look(31) == ["opened"]
    house.evaluator = house.watchman("after another")
    assert await house.look(31, steps=3) == []


async def test_a_rule_that_was_changed_meanwhile_is_not_decided_on(house):
    """What was read of a rule before somebody changed it decides nothing."""
    hook = house.destination()
    rule = house.rule("state")
    house.health(hook, "disabled")
    house.now += 10_000
    _, picture = house.state.read_now(lambda c: house.evaluator._look(c, house.now))
    from dataclasses import replace

    from hedgerow.alerts.evaluator import decide

    house.state.write_now(lambda c: rules.change(c, rule, replace(rule, name="New"), {}, house.now))
    outcome = decide(picture, house.now)
    assert len(outcome.decisions) == 1
    house.state.write_now(lambda c: house.evaluator._write(c, outcome, house.now))
    assert house.incidents() == []
    assert await house.look() == ["opened"]


async def test_reminders_until_somebody_acknowledges(house):
    """Who acknowledges an incident is not reminded of it, and hears of its end."""
    hook = house.destination()
    house.rule("state", remind_s=600, calm_s=0)
    house.health(hook, "disabled")
    assert await house.look() == ["opened"]
    assert await house.look(60, steps=10) == ["reminder"]
    identity = house.incidents()[0].id
    assert house.state.write_now(lambda c: incidents.acknowledge(c, identity, "ada", house.now))
    assert not house.state.write_now(lambda c: incidents.acknowledge(c, identity, "bob", house.now))
    assert await house.look(60, steps=30) == []
    house.health(hook, "healthy")
    assert await house.look() == ["resolved"]


async def test_an_event_says_what_there_is_to_know(house):
    """Whoever gets an alert as an event finds what it is about, in words and in numbers."""
    hook, teller = house.destination(), house.destination("Teller")
    rule = house.rule("failure_rate", "Too many", **FAILING, destinations=[teller])
    house.results(hook, good=5, bad=15)
    await house.look()
    (event,) = house.events()
    assert event.internal
    told = event.properties
    assert (told["$notify"], told["destination_id"], told["destination_name"]) == ([teller], hook, "Hook")
    assert (told["status"], told["alert_id"], told["alert_name"]) == ("opened", rule.id, "Too many")
    assert told["title"] == "Hook: 75 % of 20 deliveries failed within 10 min"
    assert (told["value"], told["threshold"]) == (0.75, 0.5)
    assert told["evidence"] == {"results": 20, "failed": 15, "window_s": 600}


async def test_many_at_once_are_many_incidents(house):
    """When the network is down each destination has an incident of its own."""
    hooks = [house.destination(f"Hook {n}") for n in range(40)]
    house.rule("state")
    for hook in hooks:
        house.health(hook, "quarantined")
    assert await house.look() == ["opened"] * 40
    assert len({one.id for one in house.incidents()}) == 40


async def test_without_rules_nothing_is_written(house):
    """An instance that has no alerts pays nothing for them."""
    await house.look(steps=3)
    assert house.state.read_now(lambda c: c.execute("SELECT count(*) FROM leases").fetchone()) == (0,)


async def test_an_instance_that_stands_by_is_silent(house):
    """A copy of an instance neither decides nor mails what its original decides and mails; it goes on once it is in charge."""
    hook = house.destination()
    house.rule("state", emails=["ops@example.com"])
    house.health(hook, "disabled")
    await house.look()
    house.state.write_now(lambda c: standby.begin(c, house.now))
    house.health(hook, "healthy")
    assert await house.look(60, steps=10) == []
    assert await house.send() == []
    house.state.write_now(standby.end)
    assert await house.look(60, steps=4) == ["resolved"]
    assert len(await house.send()) == 1


async def test_deleted_projects_are_not_looked_at(house):
    """Rules of a project that is being deleted are still."""
    hook = house.destination()
    house.rule("state")
    house.health(hook, "disabled")
    house.run("INSERT INTO deleted_projects (project_id, deleted_at) VALUES (1, 0)")
    assert await house.look() == []
