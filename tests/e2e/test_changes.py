"""Changing destinations while events flow: drafts, rollbacks, secrets from outside, and new keys, with real processes."""

from __future__ import annotations

import json

import pytest

from support.server import Server, eventually
from support.sink import Step

CANARY = "canary-from-the-environment-4711"
STORED = "canary-that-is-stored-0815"
HOG = """
let answer := fetch(inputs.url, {'method': 'POST', 'headers': {'authorization': f'Bearer {inputs.token}', 'x-key': inputs.key}})
print('sent with', inputs.token, inputs.key)
return answer.status
"""
FORM = [
    {"key": "url", "type": "string", "required": True},
    {"key": "token", "type": "string", "secret": True},
    {"key": "key", "type": "string", "secret": True},
]


@pytest.fixture(scope="module")
def secrets_folder(tmp_path_factory):
    """The folder of files that inputs may come from."""
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def server(tmp_path_factory, secrets_folder):
    """A server whose operator put something into its environment."""
    settings = {"HEDGEROW_SECRETS_FOLDER": str(secrets_folder), "DESTINATION_1_TOKEN": CANARY}
    with Server(tmp_path_factory.mktemp("changes"), **settings) as running:
        yield running


def hook(server, sink, name, **inputs):
    """An enabled destination for events of its own name."""
    given = {
        "url": {"value": f"{sink.url}/{name}"},
        "token": {"value": STORED},
        "key": {"value": STORED},
        **inputs,
    }
    payload = {
        "name": name, "hog": HOG, "enabled": True, "inputs_schema": FORM, "inputs": given, "retry": [0.2, 0.2, 0.2],
        "filters": {"source": "events", "events": [{"id": name, "name": name, "type": "events"}]},
    }  # fmt: skip
    return server.api("POST", "hog_functions/", payload)["id"]


def delivered(server, name, count=1):
    """The deliveries of a destination once so many of them are done."""

    def rows():
        found = server.deliveries(event=name, verdict="delivered")
        return found if len(found) >= count else None

    return eventually(rows)


def everything(server):
    """The bytes of all files of the data folder, and what the server printed."""
    files = [path for path in server.data.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files) + server.log.read_bytes()


def test_secrets_from_outside_are_used_and_kept_nowhere(server, sink, secrets_folder):
    """The tool gets them; logs, ledger and files do not, not even when it echoes them; a file counts at once."""
    (secrets_folder / "key").write_text("canary-from-a-file-1\n")
    sink.script("/outside", Step(status=500, body=CANARY), Step(status=200, body=CANARY))
    one = hook(server, sink, "outside", token={"from_env": "DESTINATION_1_TOKEN"}, key={"from_file": "key"})
    server.send("outside")
    delivered(server, "outside")
    assert {r.headers["authorization"] for r in sink.at("/outside")} == {f"Bearer {CANARY}"}
    assert {r.headers["x-key"] for r in sink.at("/outside")} == {"canary-from-a-file-1"}
    (secrets_folder / "key").write_text("canary-from-a-file-22\n")
    server.send("outside")
    delivered(server, "outside", 2)
    assert sink.at("/outside")[-1].headers["x-key"] == "canary-from-a-file-22"
    shown = server.api("GET", f"hog_functions/{one}/")
    assert shown["inputs"]["token"] == {"from_env": "DESTINATION_1_TOKEN"}
    lines = eventually(lambda: server.api("GET", f"hog_functions/{one}/logs/?search=sent+with")["results"])
    assert "REDACTED" in lines[0]["message"]
    assert b"canary-from" not in everything(server)


def test_nothing_else_of_the_server_can_be_read(server, sink):
    """Neither its keys nor any other variable, nor a file outside of the folder."""
    for strange in (
        {"from_env": "HEDGEROW_API_KEY"},
        {"from_env": "PATH"},
        {"from_file": "../data/secrets.key"},
    ):
        payload = {
            "name": "x",
            "hog": HOG,
            "inputs_schema": FORM,
            "inputs": {"url": {"value": "u"}, "token": strange},
        }
        status, answer = server.call("POST", "/api/projects/1/hog_functions/", payload)
        assert (status, answer["attr"]) == (400, "inputs__token"), strange


def test_a_delivery_names_the_revision_that_made_it(server, sink):
    """A draft changes nothing until it is published; after a rollback the former program runs again."""
    one = hook(server, sink, "revised")
    server.send("revised")
    (first,) = delivered(server, "revised")
    server.api("PUT", f"hog_functions/{one}/draft/", {"inputs": {"url": {"value": f"{sink.url}/revised-2"}}})
    server.send("revised")
    assert {row["destination"]["revision"] for row in delivered(server, "revised", 2)} == {1}
    server.api("POST", f"hog_functions/{one}/draft/publish/", {"message": "another door"})
    server.send("revised")
    assert delivered(server, "revised", 3)[0]["destination"]["revision"] == 2
    assert sink.at("/revised-2")[0].headers["x-key"] == STORED
    done = server.cli("rollback", "revised", "1", "--yes", "-m", "the old door was better")
    assert done.returncode == 0, done.stderr
    assert "revised is at revision 3, the same as revision 1; it is live." in done.stdout
    server.send("revised")
    assert delivered(server, "revised", 4)[0]["destination"]["revision"] == 3
    assert len(sink.at("/revised")) == 3
    assert first["destination"]["revision"] == 1


def test_the_history_on_the_command_line(server, sink):
    """Who changed what and why, what differs, and what is being prepared."""
    one = hook(server, sink, "told")
    server.api(
        "PATCH", f"hog_functions/{one}/", {"hog": HOG.replace("sent with", "sent  with"), "message": "wider"}
    )
    listed = server.cli("revisions", "told").stdout
    assert "REVISION" in listed
    assert "wider" in listed
    assert "hog" in listed.splitlines()[1]
    shown = server.cli("revisions", "diff", "told", "2").stdout
    assert "hog:\n" in shown
    assert "  +print('sent  with', inputs.token, inputs.key)" in shown
    assert "-print('sent  with'" in server.cli("revisions", "diff", "told", "2", "1").stdout
    assert (
        json.loads(server.cli("revisions", "diff", "told", "1", "current", "--json").stdout)["against"] == "1"
    )
    whole = server.cli("revisions", "show", "told", "1").stdout
    assert "inputs.token: secret set" in whole
    assert STORED not in whole
    manifest = server.folder / "destinations.yaml"
    manifest.write_text(
        f"destinations:\n- name: told\n  inputs: {{url: '{sink.url}/elsewhere', token: {{from_env: DESTINATION_1_TOKEN}}}}\n"
    )
    saved = server.cli("draft", "save", "-f", str(manifest))
    assert saved.stdout == "told: would change inputs.url, inputs.token.\n", saved.stderr
    assert "told" in server.cli("draft", "list").stdout
    assert f"  + {sink.url}/elsewhere" in server.cli("draft", "diff", "told").stdout
    published = server.cli("draft", "publish", "told", "--yes", "-m", "moved").stdout
    assert published == "told: revision 3 is live.\n"
    refused = server.cli("draft", "publish", "told", "--yes")
    assert (refused.returncode, "no draft" in refused.stderr) == (1, True)


def test_keys_are_rotated_while_events_flow(server, sink):
    """Everything is sealed anew, what was waiting for a retry goes on, and the former key is needed no more."""
    one = hook(server, sink, "rotating")
    sink.script("/rotating", Step(status=500), Step(status=500), Step(status=200), Step(status=500))
    server.send("rotating")
    eventually(lambda: sink.at("/rotating"))
    former = json.loads(server.cli("keys", "list", "--json").stdout)
    done = server.cli("keys", "rotate", "--forget")
    assert done.returncode == 0, done.stderr
    assert "1 former key is forgotten." in done.stdout
    delivered(server, "rotating")
    server.api("PATCH", f"hog_functions/{one}/", {"name": "rotating still"})
    server.send("rotating")
    delivered(server, "rotating", 2)
    (now,) = json.loads(server.cli("keys", "list", "--json").stdout)
    assert now["state"] == "present"
    assert now["key"] != former[0]["key"]
    assert now["seals"]["revisions"] >= 3
    server.stop()
    server.start()
    server.send("rotating")
    assert len(delivered(server, "rotating", 3)) == 3
    assert sink.at("/rotating")[-1].headers["x-key"] == STORED
    assert STORED.encode() not in everything(server)
