"""Mistakes from every side: a clear answer each, and nothing else is harmed."""

from __future__ import annotations

import pytest

from support.server import Server, eventually, free_port

MANIFEST = """\
destinations:
  - name: Good one
    template: template-webhook
    inputs:
      url: {url}
  - name: Bad one
    {bad}
"""
URL = "inputs: {url: 'https://example.com/'}"


@pytest.fixture(autouse=True)
def _unharmed(server, sink):
    """After each mistake a good event still reaches a good destination."""
    yield
    path = "/unharmed"
    if not any(item["name"] == "Unharmed" for item in server.api("GET", "hog_functions/")["results"]):
        server.webhook(f"{sink.url}{path}", events=["good"], name="Unharmed")
    before = len(sink.at(path))
    server.send("good")
    eventually(lambda: len(sink.at(path)) > before)
    assert server.call("GET", "/_health/ready")[0] == 200


def test_malformed_json(server):
    """400 with the reason, as SDKs expect it: plain text."""
    status, text = server.call("POST", "/batch/", b'{"api_key": "x", "batch": [')
    assert status == 400
    assert text.startswith("failed to parse request: ")


@pytest.mark.parametrize("token", ["phc_unknown_token_of_nobody", "phx_a_personal_key_instead", ""])
def test_wrong_token(server, token):
    """401; nothing is kept."""
    status, text = server.call("POST", "/capture/", {"api_key": token, "event": "lost", "distinct_id": "a"})
    assert status == 401
    assert text
    assert not server.api("GET", "events/?event=lost")["results"]


@pytest.mark.parametrize(
    ("bad", "line", "says"),
    [
        ("inptus: {}", 7, "no field 'inptus'. Did you mean 'inputs'?"),
        ("template: template-webhook\n    inputs: {}", 8, "inputs__url: This field is required."),
        (f"{URL}\n    template: nope", 8, "No template found"),
        ("template: template-webhook\n    template_id: template-webhook", 8, "'template' and 'template_id'"),
        ("template: template-webhook\n    inputs:\n      url: '{event.'", 9, "Invalid template"),
        (
            f"template: template-webhook\n    {URL}\n    filters:\n      properties: [{{key: a, type: event, operator: nope}}]",
            10,
            "choose a value",
        ),
    ],
)
def test_a_file_with_a_fault_changes_nothing(server, sink, tmp_path, bad, line, says):
    """File and line of the fault are told, and not even the good destination of the file is made."""
    file = tmp_path / "destinations.yaml"
    file.write_text(MANIFEST.format(url=sink.url, bad=bad))
    answer = server.cli("apply", "-f", str(file))
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith(f"Error: {file}:{line}: ")
    assert says in answer.stderr
    assert "Good one" not in {item["name"] for item in server.api("GET", "hog_functions/")["results"]}


def test_a_syntax_error_in_hog(server, tmp_path):
    """The line in the file, the line of the program, and a caret under the place."""
    file = tmp_path / "destinations.yaml"
    file.write_text("destinations:\n  - name: Mine\n    hog: |\n      let a := 1\n      let b := (a +\n")
    answer = server.cli("apply", "-f", str(file))
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Error: {file}:5: Mine: hog: Hog code has errors.")
    assert "let b := (a +" in answer.stderr
    assert "^" in answer.stderr


def test_an_unreachable_host(server):
    """The delivery is retried, and the ledger says why."""
    port = free_port()
    server.webhook(f"http://127.0.0.1:{port}/", events=["unreachable"], name="Unreachable")
    server.send("unreachable")
    (row,) = eventually(lambda: server.deliveries(event="unreachable", verdict="retrying"))
    assert row["kind"] == "refused"
    assert str(port) in row["error"]
    assert row["next_at"]
    eventually(lambda: "retrying" in server.cli("deliveries", "--event", "unreachable").stdout)
    server.api("PATCH", f"hog_functions/{row['destination']['id']}/", {"enabled": False})


def test_a_private_address(server):
    """The guard refuses it at once, and says which setting would allow it."""
    server.webhook("http://10.1.2.3/", events=["private"], name="Private")
    server.send("private")
    (row,) = eventually(lambda: server.deliveries(event="private", verdict="failed"))
    assert row["kind"] == "egress"
    assert "10.1.2.3" in row["error"]
    assert "HEDGEROW_EGRESS_ALLOW" in row["error"]
    assert row["attempts"] <= 1


def test_loopback_needs_leave_too(tmp_path, sink):
    """Without the setting, a destination cannot reach what listens beside the server."""
    with Server(tmp_path, HEDGEROW_EGRESS_ALLOW="") as running:
        running.webhook(f"{sink.url}/loopback", events=["private"])
        running.send("private")
        (row,) = eventually(lambda: running.deliveries(verdict="failed"))
        assert row["kind"] == "egress"
    assert not sink.at("/loopback")


def test_a_program_that_fails_is_told(server):
    """An uncaught error is a failed delivery with its place in the program."""
    payload = {
        "name": "Throws", "enabled": True, "hog": "print('before')\nthrow Error('no such customer')",
        "filters": {"events": [{"id": "throws", "type": "events"}]},
    }  # fmt: skip
    owner = server.api("POST", "hog_functions/", payload)["id"]
    server.send("throws")
    (row,) = eventually(lambda: server.deliveries(event="throws", verdict="failed"))
    assert "no such customer" in row["error"]
    lines = eventually(lambda: server.api("GET", f"hog_functions/{owner}/logs/")["results"])
    assert "before" in {line["message"] for line in lines}
    assert "before" in server.cli("logs", "throws").stdout
