"""``hedgerow persons`` against a running server."""

from __future__ import annotations

import json

from support.server import eventually


def test_persons_on_the_command_line(server, tmp_path):
    """Listed by text, address and property; shown by any id; exported; and forgotten when asked twice."""
    server.send(
        "$identify",
        "ada",
        **{"$anon_distinct_id": "visitor", "$set": {"email": "ada@example.com", "plan": "pro"}},
    )
    server.send("$set", "grace", **{"$set": {"email": "grace@example.com", "plan": "free"}})
    eventually(lambda: len(server.api("GET", "persons/")["results"]) == 2)

    def listed(*options):
        return [item["name"] for item in json.loads(server.cli("persons", *options, "--json").stdout)]

    assert listed() == ["grace@example.com", "ada@example.com"]
    assert (
        listed("--search", "VISITOR")
        == listed("--email", "ada@example.com")
        == listed("-p", "plan=pro")
        == ["ada@example.com"]
    )
    assert listed("-p", "plan=pro", "-p", "plan=free") == []
    table = server.cli("persons", "--search", "ada")
    assert (table.returncode, table.stderr) == (0, "")
    assert "ada@example.com" in table.stdout
    assert "ada, visitor" in table.stdout
    assert "Nobody fits" in server.cli("persons", "-s", "nobody").stderr
    assert server.cli("persons", "-p", "plan").returncode == 2

    shown = server.cli("persons", "show", "visitor").stdout
    assert "ada@example.com" in shown
    assert '"plan": "pro"' in shown
    person = json.loads(server.cli("persons", "show", "ada", "--json").stdout)
    assert json.loads(server.cli("persons", "show", person["id"], "--json").stdout) == person
    assert "There is nobody with the id 'nobody'." in server.cli("persons", "show", "nobody").stderr

    printed = json.loads(server.cli("persons", "export", "ada").stdout)
    assert printed["person"]["id"] == person["id"]
    assert [event["event"] for event in printed["events"]] == ["$identify"]
    file = tmp_path / "ada.json"
    assert server.cli("persons", "export", "visitor", "-o", str(file)).returncode == 0
    assert json.loads(file.read_text()) == printed
    assert (
        "cannot be written" in server.cli("persons", "export", "ada", "-o", str(tmp_path / "no" / "x")).stderr
    )

    refused = server.cli("persons", "delete", "ada")
    assert refused.returncode != 0
    assert listed("--search", "ada") == ["ada@example.com"]
    assert "is forgotten" in server.cli("persons", "delete", "ada", "--yes", "--with-events").stdout
    assert listed() == ["grace@example.com"]
    eventually(lambda: server.api("GET", "events/?event=$identify")["results"] == [], 20)
