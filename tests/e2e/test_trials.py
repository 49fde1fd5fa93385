"""Trying destinations on a real server: what is shown is what is sent, and nothing else happens."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path

import pytest

from support.server import eventually

SECRET = "sk-canary-27182818"
HOG = """\
print('paid', event.properties.total)
fetch(inputs.url, {
  'headers': {'Authorization': f'Bearer {inputs.token}', 'X-Who': person.properties.email},
  'body': {'total': event.properties.total}
})
"""
LOOP = "let n := 0\nwhile (true) {\n  n := n + 1\n}"


@pytest.fixture(scope="module")
def paid(server, sink):
    """A destination that is off, and an event that it would want; returns both ids."""
    config = {
        "type": "destination", "name": "Payments", "enabled": False, "hog": HOG,
        "inputs_schema": [{"key": "url", "type": "string"}, {"key": "token", "type": "string", "secret": True}],
        "inputs": {"url": {"value": f"{sink.url}/trial"}, "token": {"value": SECRET}},
        "filters": {"events": [{"id": "paid", "type": "events"}]},
    }  # fmt: skip
    destination = server.api("POST", "hog_functions/", config)["id"]
    server.send("paid", "ada", total=7, **{"$set": {"email": "ada@example.com"}})
    server.send("left", "ada")
    found = eventually(lambda: server.api("GET", f"hog_functions/{destination}/matching_events/")["results"])
    return destination, found[0]["uuid"]


def test_nothing_is_sent_until_it_is_asked_for(server, sink, paid):
    """A mocked trial reaches nobody; a real one sends exactly what the mocked one showed, once."""
    destination, event = paid
    path, same = f"hog_functions/{destination}/invocations/", "0192b7a0-0000-7000-8000-00000000000a"
    mocked = server.api("POST", path, {"event_uuid": event, "invocation_id": same})
    assert sink.at("/trial") == []
    real = server.api(
        "POST", path, {"event_uuid": event, "invocation_id": same, "mock_async_functions": False}
    )
    (arrived,) = sink.at("/trial")
    (shown,), (again,) = (answer["invocations"][0]["requests"] for answer in (mocked, real))
    assert shown["request"] == again["request"]
    assert arrived.body.decode() == shown["request"]["body"]
    hidden = {name.lower(): value for name, value in shown["request"]["headers"].items()}
    assert hidden.pop("authorization") == "Bearer ***REDACTED***"
    assert arrived.headers["authorization"] == f"Bearer {SECRET}"
    assert hidden == {name: arrived.headers[name] for name in hidden}
    assert real["hosts"] == [sink.url.removeprefix("http://")]
    assert SECRET not in json.dumps([mocked, real])


def test_the_guard_stands_before_real_calls(server):
    """As before deliveries: an address inside is not called, and not named among the hosts."""
    draft = {"type": "destination", "name": "Inside", "hog": "fetch('http://169.254.169.254/latest')"}
    request = {"configuration": draft, "event": "x", "mock_async_functions": False}
    answer = server.api("POST", "hog_functions/new/invocations/", request)
    assert (answer["invocations"][0]["kind"], answer["hosts"]) == ("egress", [])


def test_nothing_is_kept(server, paid):
    """Neither a delivery nor a log line nor a number comes of trials."""
    destination, event = paid
    server.api("POST", f"hog_functions/{destination}/invocations/", {"event_uuid": event})
    assert server.deliveries(destination=destination) == []
    assert server.api("GET", f"hog_functions/{destination}/logs/")["results"] == []
    assert server.api("GET", f"hog_functions/{destination}/metrics/totals/")["totals"] == {}


def test_trials_read_well(server, sink, paid, tmp_path):
    """The command shows filter, inputs, request and end; its status tells whether the event would be delivered."""
    _, event = paid
    tried = server.cli("try", "Payments")
    assert tried.returncode == 0, tried.stderr
    for line in (
        '  ✓ the event is "paid"',
        "  token  ***REDACTED***",
        "Request 1, line 2 of the program",
        f"  POST {sink.url}/trial",
        "  X-Who: ada@example.com",
        '    "total": 7',
        "  paid 7",
    ):
        assert line in tried.stdout.splitlines()
    assert "It would be delivered: 1 request. Nothing was sent; --real sends." in tried.stdout
    assert server.cli("try", "Payments", "--list").stdout.splitlines()[1].endswith(event)
    written = tmp_path / "event.json"
    written.write_text('{"event": "left", "properties": {"total": 1}}')
    skipped = server.cli("try", "Payments", "--event-file", str(written))
    assert skipped.returncode == 1
    assert '  ✗ the event is "paid"   it is "left"' in skipped.stdout.splitlines()
    answers = tmp_path / "answers.json"
    answers.write_text('[{"status": 500}]')
    failed = server.cli("try", "Payments", "--sample", "--answers", str(answers), "--trace")
    assert failed.returncode == 1
    assert "It would fail" in failed.stdout
    assert "     1   print('paid', event.properties.total)" in failed.stdout.splitlines()
    as_json = json.loads(server.cli("try", "Payments", "--event", event, "--json").stdout)
    assert as_json["event"]["uuid"] == event
    assert SECRET not in tried.stdout + failed.stdout


def test_a_saved_draft_can_be_tried(server, paid):
    """With what it changes, on any event; what is live stays as it is. Choosing two events is a mistake."""
    destination, event = paid
    server.api("PATCH", f"hog_functions/{destination}/draft/", {"hog": "return f'draft of {event.event}'"})
    tried = server.cli("try", "Payments", "--draft", "--event", event)
    assert tried.returncode == 0, tried.stderr
    assert '  "draft of paid"' in tried.stdout.splitlines()
    assert '  "draft of paid"' not in server.cli("try", "Payments", "--event", event).stdout.splitlines()
    mistaken = server.cli("try", "Payments", "--event", event, "--sample")
    assert (mistaken.returncode, "Choose one of" in mistaken.stderr) == (2, True)
    assert server.cli("try", "Nobody").returncode == 2


def test_a_file_can_be_tried_before_it_is_applied(server, tmp_path):
    """A destination of a file, on an event made up; its secrets are those that are saved."""
    file = tmp_path / "destinations.yaml"
    file.write_text(
        "destinations:\n"
        "  - name: Unsaved\n"
        "    template: template-webhook\n"
        "    events: [signed up]\n"
        "    inputs:\n"
        "      url: https://example.com/\n"
        "      body: {plan: '{event.properties.plan}'}\n"
    )
    tried = server.cli("try", "-f", str(file))
    assert (tried.returncode, "made up" in tried.stderr) == (0, True)
    assert '    "plan": "<plan>"' in tried.stdout.splitlines()
    file.write_text(file.read_text().replace("      url: https://example.com/\n", ""))
    refused = server.cli("try", "-f", str(file), "--sample")
    assert refused.returncode == 1
    assert f"{file}:5: inputs__url: This field is required." in refused.stderr


def test_programs_without_end_disturb_nobody(server, sink):
    """While several drafts loop, events are taken and delivered; the time they take is not the web process's."""
    server.webhook(f"{sink.url}/beside", events=["beside"])
    draft = {"type": "destination", "name": "Loop", "hog": LOOP, "inputs_schema": [], "inputs": {}}
    request = {"configuration": draft, "event": "x"}
    web = server.children()["web"]
    before, answers = cpu_seconds(web), []

    def work():
        answers.append(patient(server, "hog_functions/new/invocations/", request))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        server.send("beside", f"user-{number}")
    for thread in threads:
        thread.join(120)
    eventually(lambda: len(sink.at("/beside")) == 20)
    assert [answer["invocations"][0]["kind"] for answer in answers] == ["limit_time"] * 4
    assert cpu_seconds(web) - before < 1.0, "four loops of half a second each ran elsewhere"
    assert server.children()["web"] == web


def test_a_program_that_brings_its_helper_down_is_told_so(server):
    """It takes nothing with it: the next trial is served."""
    hog = "let a := []\nwhile (true) {\n  a := [a, a, concat('x', toString(length(a)))]\n}"
    draft = {"type": "destination", "name": "Bomb", "hog": hog, "inputs_schema": [], "inputs": {}}
    path = "hog_functions/new/invocations/"
    answer = patient(server, path, {"configuration": draft, "event": "x"})
    assert answer["status"] == "error"
    assert answer["invocations"][0]["kind"].startswith("limit_")
    calm = patient(server, path, {"configuration": {**draft, "hog": "return 1"}, "event": "x"})
    assert (calm["status"], calm["result"]) == ("success", 1)


def patient(server, path, body):
    """The answer of a request that may have to wait for its turn on a busy machine."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        connection.request(
            "POST", f"/api/projects/1/{path}", json.dumps(body), {"Authorization": f"Bearer {server.key}"}
        )
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    assert answer.status == 200, text
    return json.loads(text)


def cpu_seconds(pid):
    """CPU time that a process used, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
