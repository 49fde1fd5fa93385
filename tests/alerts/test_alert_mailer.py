"""Mails: made once, sent until they are taken, never two where one does."""

from __future__ import annotations

import asyncio

import pytest

from support.alerts import refused


@pytest.fixture
def ill(house):
    """A destination, and a rule that mails when it is ill."""
    hook = house.destination()
    house.rule("state", "Health", emails=["ops@example.com"], calm_s=0, remind_s=3600)
    return hook


async def test_beginning_and_end_are_one_mail_each(house, ill):
    """Two mails, of which the second belongs to the first for mail programs."""
    house.health(ill, "quarantined", "Half of it failed.")
    await house.look()
    assert await house.send() == ["[Hedgerow] Hook is quarantined"]
    await house.look(steps=5)
    house.health(ill, "healthy")
    await house.look()
    assert await house.send() == ["[Hedgerow] Recovered: Hook is healthy"]
    first, second = house.post.messages
    assert second["In-Reply-To"] == first["Message-ID"] != second["Message-ID"]
    assert (first["To"], first["From"]) == ("ops@example.com", "hedgerow@example.com")
    text = first.get_content()
    assert "Hook is quarantined. Half of it failed." in text
    assert f"hedgerow logs {ill} --level warn --project 1" in text
    assert "Alert Health of project Shop (1) at https://hedgerow.example.com" in text


async def test_a_mail_that_is_refused_is_tried_again_as_it_is(house, ill):
    """Until the server takes it, further apart each time, the very same message."""
    house.health(ill, "disabled")
    await house.look()
    house.post.faults = [refused("not now"), refused("not now")]
    assert await house.send() == []
    house.now += 4_000
    assert await house.send() == []
    assert len(house.post.faults) == 1
    house.now += 1_001
    assert await house.send() == []
    house.now += 15_001
    assert len(await house.send()) == 1
    row = house.state.read_now(
        lambda c: c.execute("SELECT attempts, error, next_at FROM alert_mails").fetchone()
    )
    assert row == (3, "", None)


async def test_a_death_before_the_note_repeats_the_same_message(house, ill):
    """Sent, and killed before that was noted: it is sent again under the same Message-ID."""
    house.health(ill, "disabled")
    await house.look()

    class Killed(Exception):
        pass

    async def killed(_work):
        raise Killed

    house.mailer._insist = killed
    with pytest.raises(Killed):
        await house.mailer.once()
    house.mailer = house.postman()
    house.now += 130_000
    assert len(await house.send()) == 1
    first, second = house.post.messages
    assert first.as_bytes() == second.as_bytes()


async def test_a_death_before_the_mail_loses_nothing(house, ill):
    """Decided, and killed before the mail was made: whoever comes after makes it."""
    house.health(ill, "disabled")
    await house.look()
    house.mailer = house.postman()
    assert len(await house.send()) == 1


async def test_while_one_waits_the_next_gathers(house, ill):
    """A server that is down for hours gets the first mail, and one with all that happened since."""
    house.health(ill, "disabled")
    await house.look()
    house.post.faults = [refused()] * 3
    await house.send()
    house.health(ill, "healthy")
    await house.look()
    house.health(ill, "quarantined")
    await house.look()
    house.now += 3_600_000
    house.post.faults = []
    assert await house.send() == [
        "[Hedgerow] Hook is disabled",
        "[Hedgerow] 2 times Health: Recovered: Hook is healthy ...",
    ]
    text = house.post.messages[1].get_content()
    assert text.index("Recovered: Hook is healthy.") < text.index("Hook is quarantined.")


async def test_many_incidents_at_once_are_one_mail(house):
    """When everything fails a mail says so, not hundreds."""
    house.rule("state", "Health", emails=["ops@example.com", "boss@example.com"])
    for number in range(30):
        house.health(house.destination(f"Hook {number}"), "disabled")
    await house.look()
    subjects = await house.send()
    assert subjects == ["[Hedgerow] 30 times Health: Hook 0 is disabled ..."] * 2
    assert {message["To"] for message in house.post.messages} == {"ops@example.com", "boss@example.com"}
    told = house.incidents()
    assert len(told) == 30


async def test_mails_of_a_rule_are_apart(house, ill):
    """What happens right after a mail waits for the next one."""
    house.mailer = house.postman(gap_s=60)
    house.health(ill, "disabled")
    await house.look()
    assert len(await house.send()) == 1
    house.health(ill, "healthy")
    await house.look()
    assert await house.send() == []
    house.now += 60_000
    assert await house.send() == ["[Hedgerow] Recovered: Hook is healthy"]


async def test_an_address_that_is_refused_for_good_is_given_up(house):
    """The others get theirs, and the incident tells what went wrong."""
    hook = house.destination()
    house.rule("state", emails=["gone@example.com", "ops@example.com"])
    house.health(hook, "disabled")
    await house.look()
    house.post.faults = [refused("550 no such user", final=True)]
    assert len(await house.send()) == 1
    (incident,) = house.incidents()
    from hedgerow.alerts import incidents

    told = house.state.read_now(lambda c: incidents.mails(c, [incident]))[incident.id]
    assert {mail["recipient"]: (mail["error"], mail["sent_at"] is not None) for mail in told} == {
        "gone@example.com": ("550 no such user", False),
        "ops@example.com": ("", True),
    }


async def test_a_mail_is_given_up_after_a_day(house, ill):
    """News of yesterday wake nobody."""
    house.health(ill, "disabled")
    await house.look()
    house.post.faults = [refused("down")] * 2
    await house.send()
    house.now += 86_400_000
    await house.send()
    house.now += 86_400_000
    assert await house.send() == []
    assert house.post.faults == []


async def test_two_processes_do_not_both_send(house, ill):
    """What one is sending the other leaves alone, until it would have been done."""
    house.health(ill, "disabled")
    await house.look()
    assert house.state.write_now(lambda c: house.mailer._take(c, house.now)) is not None
    assert not await house.postman().once()
    house.now += 45_001
    assert await house.postman().once()


async def test_without_a_mail_server_mails_wait(house, ill):
    """Who sets up mail within the day gets what was to be mailed."""
    house.health(ill, "disabled")
    await house.look()
    house.mailer = house.postman()
    house.mailer._post = None
    await house.send()
    (error,) = house.state.read_now(lambda c: c.execute("SELECT error FROM alert_mails").fetchone())
    assert "HEDGEROW_SMTP_HOST" in error
    house.now += 130_000
    house.mailer = house.postman()
    assert len(await house.send()) == 1


async def test_names_cannot_forge_headers(house):
    """A line break in the name of a destination is none in a mail."""
    hook = house.destination("Hook\r\nBcc: everybody@example.com")
    house.rule("state", emails=["ops@example.com"])
    house.health(hook, "disabled")
    await house.look()
    await house.send()
    (message,) = house.post.messages
    assert message["Bcc"] is None
    assert b"\r\nBcc:" not in message.as_bytes().partition(b"\r\n\r\n")[0]


async def test_a_clock_that_was_set_back_holds_no_mail_up(house, ill):
    """What was put off before is not put off for as long as the clock went back."""
    house.health(ill, "disabled")
    await house.look()
    house.post.faults = [refused()]
    await house.send()
    house.now -= 86_400_000
    assert len(await house.send()) == 1


async def test_who_ends_lets_a_mail_that_is_nearly_sent_be_noted(house, ill):
    """Stopping in good order does not send twice."""
    house.health(ill, "disabled")
    await house.look()
    begun, taken = asyncio.Event(), asyncio.Event()

    async def slow(_message, _recipient):
        begun.set()
        await taken.wait()

    house.post.send = slow
    running = asyncio.create_task(house.mailer.run())
    await begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    taken.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    row = house.state.read_now(lambda c: c.execute("SELECT sent_at FROM alert_mails").fetchone())
    assert row != (None,)
