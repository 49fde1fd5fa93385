"""The commands against a real server: from an empty instance to a delivery that is looked at."""

from __future__ import annotations

import json

import pytest

from support.server import Server, eventually

MANIFEST = """\
destinations:
  - name: Sign-ups
    template: template-webhook
    events: [signed_up]
    inputs:
      url: {url}/signups
      body:
        text: "{{person.properties.email}} signed up"
  - name: Quiet
    enabled: false
    hog: |
      print('never')
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """An instance that nobody else uses."""
    with Server(tmp_path_factory.mktemp("shop")) as running:
        yield running


def test_the_tour(shop, sink, tmp_path):
    """Apply, send, look: each command shows what the one before has done."""
    file = tmp_path / "destinations.yaml"
    file.write_text(MANIFEST.format(url=sink.url))
    assert "No destinations yet" in shop.cli("destinations").stderr
    assert "No deliveries yet" in shop.cli("deliveries").stderr
    dry = shop.cli("apply", "--dry-run", "-f", str(file))
    assert dry.stdout == "created    Sign-ups\ncreated    Quiet\n"
    assert shop.api("GET", "hog_functions/")["count"] == 0
    assert shop.cli("apply", "-f", str(file)).stdout == "created    Sign-ups\ncreated    Quiet\n"
    assert shop.cli("apply", "-f", str(file)).stdout == "unchanged  Sign-ups\nunchanged  Quiet\n"
    file.write_text(MANIFEST.format(url=sink.url).replace("signed up", "is here"))
    assert shop.cli("apply", "-f", str(file)).stdout == "updated    Sign-ups\nunchanged  Quiet\n"

    body = {"$set": {"email": "ada@example.com"}}
    shop.send("signed_up", "ada", **body)
    (request,) = eventually(lambda: sink.at("/signups"))
    assert request.json == {"text": "ada@example.com is here"}
    (row,) = eventually(lambda: shop.deliveries(verdict="delivered"))

    listed = shop.cli("deliveries")
    assert listed.stdout.splitlines()[0].split() == [
        "TIME", "VERDICT", "DESTINATION", "EVENT", "PERSON", "TRIES", "STATUS", "TOOK", "PROBLEM", "ID",
    ]  # fmt: skip
    assert row["id"] in listed.stdout
    assert "\x1b" not in listed.stdout
    assert json.loads(shop.cli("deliveries", "--json").stdout)[0]["id"] == row["id"]
    assert "Verdict" in shop.cli("deliveries", row["id"]).stdout
    eventually(lambda: " 1 " in shop.cli("destinations").stdout.splitlines()[1])
    assert "ada@example.com" not in shop.cli("destinations", "sign-ups").stdout
    assert "{person.properties.email} is here" in shop.cli("destinations", "sign-ups").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["deliveries", "00000000-0000-0000-0000-000000000000"], 1, "Not found"),
        (["deliveries", "--verdict", "lost"], 1, "There is no verdict 'lost'"),
        (["deliveries", "--since", "soon"], 1, "'soon' is no time"),
        (["deliveries", "--destination", "nobody"], 2, "There is no destination 'nobody'"),
        (["logs", "nobody"], 2, "There is no destination 'nobody'"),
        (["destinations", "--project", "7"], 1, "Project not found"),
        (["apply", "-f", "missing.yaml"], 2, "missing.yaml"),
    ],
)
def test_mistakes_are_explained(shop, arguments, status, says):
    """On standard error, with a status that scripts can act on."""
    answer = shop.cli(*arguments)
    assert (answer.returncode, answer.stdout) == (status, "")
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_wrong_key_is_named(shop):
    """The message says where the key came from, and does not show it."""
    answer = shop.cli("destinations", HEDGEROW_API_KEY="phx_wrong_wrong_wrong_wrong")
    assert answer.returncode == 1
    assert "does not know the API key in HEDGEROW_API_KEY" in answer.stderr
    assert "phx_wrong" not in answer.stderr
