"""Deliveries fail, and people hear of it: once when it begins, once when it is over, whatever is killed in between.

With the real server, a real mail server that wants encryption and a login, and webhooks.
"""

from __future__ import annotations

import signal

import pytest

from support.certificates import self_signed
from support.mailhouse import ACCOUNT, MailServer
from support.server import Server, eventually, free_port
from support.sink import Step

TELL = "fetch('{url}', {{'body': event}})"
RATE = {"kind": "failure_rate", "window_s": 60, "min_count": 5, "calm_s": 0}


@pytest.fixture(scope="module")
def trust(tmp_path_factory):
    """A server's context, and the file that vouches for it."""
    return self_signed(tmp_path_factory.mktemp("trust"))


@pytest.fixture(scope="module")
def port():
    """Where the mail server is, when it is."""
    return free_port()


@pytest.fixture
def mails(trust, port):
    """The mail server."""
    with MailServer(port=port, context=trust[0], login=True) as running:
        yield running


@pytest.fixture(scope="module")
def alert(tmp_path_factory, trust, port):
    """A server that looks at alerts all the time, with mail set up."""
    settings = {
        "ALERTS_EVERY_S": "0.2", "ALERTS_MAIL_GAP_S": "0", "SMTP_HOST": "localhost", "SMTP_PORT": str(port),
        "SMTP_USERNAME": ACCOUNT[0], "SMTP_PASSWORD": ACCOUNT[1], "SMTP_FROM": "alerts@shop.example", "SMTP_TIMEOUT_S": "1",
    }  # fmt: skip
    environment = {f"HEDGEROW_{name}": value for name, value in settings.items()}
    with Server(tmp_path_factory.mktemp("alert"), **environment, SSL_CERT_FILE=str(trust[1])) as running:
        yield running


def teller(server, sink, path, **fields):
    """A destination that posts what it gets, and wants no event by itself."""
    filters = {"events": [{"id": "never sent", "type": "events"}]}
    payload = {"name": path, "enabled": True, "hog": TELL.format(url=sink.url + path), "filters": filters}
    return server.api("POST", "hog_functions/", {**payload, **fields})["id"]


def told(sink, path):
    """What a teller was given: names of events and their texts."""
    return [(one.json["event"], one.json["properties"]["title"]) for one in sink.at(path)]


def fail(server, sink, path, event, count=5):
    """Deliveries that fail at once."""
    sink.script(path, Step(400), forever=True)
    for number in range(count):
        server.send(event, f"user-{number}")


def state(server):
    return [one["state"] for one in server.api("GET", "alerts/incidents/")["results"]]


def test_once_per_incident_and_recovery_told(alert, sink, mails):
    """A mail, an event to a destination whose filter would not let it through, and one to whoever listens to such events: each twice."""
    hook = alert.webhook(f"{sink.url}/hook", name="Orders", events=["ordered"])
    ordinary = teller(alert, sink, "/ordinary")
    listening = {
        "events": [{"id": "$alert_opened", "type": "events"}, {"id": "$alert_resolved", "type": "events"}]
    }
    teller(alert, sink, "/listener", type="internal_destination", filters=listening)
    made = alert.api(
        "POST",
        "alerts/",
        {**RATE, "name": "Orders fail", "destinations": [ordinary], "emails": ["ops@example.com"]},
    )
    fail(alert, sink, "/hook", "ordered")
    eventually(lambda: state(alert) == ["open"])
    assert mails.wait(1) == ["[Hedgerow] Orders: 100 % of 5 deliveries failed within 60 s"]
    fail(alert, sink, "/hook", "ordered")
    sink.script("/hook", Step(200), forever=True)
    for number in range(20):
        alert.send("ordered", f"later-{number}")
    eventually(lambda: state(alert) == ["resolved"])
    assert len(mails.wait(2)) == 2
    opened, resolved = mails.mails
    assert resolved["Subject"].startswith("[Hedgerow] Recovered: Orders:")
    assert resolved["In-Reply-To"] == opened["Message-ID"]
    assert (opened["From"], opened["To"]) == ("alerts@shop.example", "ops@example.com")
    for path in ("/ordinary", "/listener"):
        eventually(lambda path=path: len(told(sink, path)) >= 2)
        assert [name for name, _ in told(sink, path)] == ["$alert_opened", "$alert_resolved"]
    assert sink.at("/ordinary")[0].json["properties"]["destination_id"] == hook
    (incident,) = alert.api("GET", f"alerts/incidents/?alert={made['id']}")["results"]
    assert incident["resolution"] == "recovered"
    assert [
        (mail["recipient"], mail["error"], mail["sent_at"] is not None) for mail in incident["mails"]
    ] == [("ops@example.com", "", True)] * 2
    alert.api("DELETE", f"alerts/{made['id']}/")


def test_killed_while_it_tells_it_loses_nothing(alert, sink, trust, port):
    """The mail server has the mail and was not heard when all is killed: it gets the same message again, and nobody else hears twice."""
    alert.webhook(f"{sink.url}/second", name="Second", events=["second"])
    ordinary = teller(alert, sink, "/told-after")
    made = alert.api(
        "POST",
        "alerts/",
        {**RATE, "name": "Second", "destinations": [ordinary], "emails": ["ops@example.com"]},
    )
    with MailServer(port=port, context=trust[0], login=True) as mails:
        mails.mute()
        fail(alert, sink, "/second", "second")
        mails.wait(1, 60)
        alert.stop(signal.SIGKILL)
        mails.speak()
        alert.start()
        first, *more = eventually(lambda: len(mails.mails) > 1 and list(mails.mails), 60)
        assert all(mail.as_bytes() == first.as_bytes() for mail in more)
        assert first["Subject"] == "[Hedgerow] Second: 100 % of 5 deliveries failed within 60 s"
        sink.script("/second", Step(200), forever=True)
        for number in range(20):
            alert.send("second", f"later-{number}")
        eventually(lambda: mails.subjects()[-1].startswith("[Hedgerow] Recovered: Second"), 60)
        assert len(mails.mails) == 1 + len(more) + 1
    eventually(lambda: len(told(sink, "/told-after")) >= 2, 60)
    assert [name for name, _ in told(sink, "/told-after")] == ["$alert_opened", "$alert_resolved"]
    assert state(alert)[0] == "resolved"
    alert.api("DELETE", f"alerts/{made['id']}/")


def test_a_test_says_what_came_of_it(alert, sink, mails):
    """Whoever made an alert learns by the command line that mails and events arrive; the password is nowhere."""
    teller(alert, sink, "/channel", name="Ops channel")
    added = alert.cli(
        "alerts",
        "add",
        "failure_rate",
        "--threshold",
        "10%",
        "--email",
        "ops@example.com",
        "--notify",
        "Ops channel",
    )
    assert added.returncode == 0, added.stderr
    assert (
        "any destination: 10.0% of 20 or more failed within 10m. It tells ops@example.com, Ops channel."
        in added.stdout
    )
    tested = alert.cli("alerts", "test", added.stdout.split()[1].rstrip(":"))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "ops@example.com: mailed" in tested.stdout
    assert mails.wait(1) == ["[Hedgerow] Test: This is what the alert failure rate looks like"]
    eventually(lambda: [name for name, _ in told(sink, "/channel")] == ["$alert_test"])
    assert ACCOUNT[1] not in alert.cli("settings").stdout + alert.output()


def test_a_mail_server_that_is_gone_is_told_to_whoever_tests(alert):
    """Nobody listens there: the test says so, and does not pretend."""
    made = alert.api("POST", "alerts/", {"kind": "backlog", "name": "Late", "emails": ["ops@example.com"]})
    found = alert.api("POST", f"alerts/{made['id']}/test/")
    assert not found["emails"][0]["sent"]
    assert "refused" in found["emails"][0]["error"]
    alert.api("DELETE", f"alerts/{made['id']}/")
