"""Moving house: thirty destinations of a PostHog project deliver from here, to vendors that stand on this machine."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hedgerow.cli.app import hedgerow_command
from hedgerow.cli.errors import CommandFailed
from support.background import BackgroundSink
from support.certificates import self_signed
from support.posthog import PostHog
from support.server import KEY, Server, eventually
from support.shop import COUNTS, furnish
from support.sink import Step

VENDORS = Path(__file__).parents[1] / "support" / "vendors"
TOOL = "tool.shop.example"
HOSTS = {
    "webhook": TOOL, "own": TOOL, "posthog": TOOL, "slack": "slack.com", "discord": "discord.com", "teams": "shop.webhook.office.com",
    "hubspot": "api.hubapi.com", "customerio": "track.customer.io", "klaviyo": "a.klaviyo.com", "zapier": "hooks.zapier.com",
    "intercom": "api.intercom.io", "storage": "storage.googleapis.com",
}  # fmt: skip
ANSWERS = {
    "/api/auth.test": {"ok": True, "team_id": "T1", "team": "Shop"},
    "/api/chat.postMessage": {"ok": True},
    "/account-info/v3/details": {"portalId": 7, "uiDomain": "shop.example"},
    "/me": {"id": "9", "email": "ada@shop.example", "app": {"region": "US"}},
    "/contacts/search": {"total_count": 0, "data": []},
    "/token": {"access_token": "ya29.storage", "expires_in": 3600},
}


@pytest.fixture(scope="module")
def vendors(tmp_path_factory):
    """All vendors at once: they are told apart by the names that they are called by."""
    folder = tmp_path_factory.mktemp("vendors")
    tls, certificate = self_signed(folder, *HOSTS.values(), "oauth2.googleapis.com")
    with BackgroundSink(tls) as sink:
        for path, body in ANSWERS.items():
            sink.script(path, Step(body=json.dumps(body)), forever=True)
        sink.certificate = certificate
        yield sink


@pytest.fixture(scope="module")
def server(tmp_path_factory, vendors):
    """A server to which every vendor's name leads to this machine; all else is real, certificates too."""
    names = {
        "PYTHONPATH": str(VENDORS),
        "VENDORS_PORT": vendors.url.rsplit(":", 1)[1],
        "SSL_CERT_FILE": str(vendors.certificate),
    }
    with Server(tmp_path_factory.mktemp("server"), **names) as running:
        yield running


@pytest.fixture(scope="module")
def posthog():
    with PostHog() as running:
        furnish(running, f"https://{TOOL}")
        yield running


@pytest.fixture(scope="module")
def private_key():
    key = rsa.generate_private_key(65537, 2048)
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


@pytest.fixture
def command(server, posthog, monkeypatch, capsys):
    """Runs a command line in this process and gives what it printed."""
    monkeypatch.setenv("HEDGEROW_URL", server.url)
    monkeypatch.setenv("HEDGEROW_API_KEY", KEY)
    monkeypatch.setenv("HEDGEROW_POSTHOG_KEY", posthog.key)
    monkeypatch.chdir(server.folder)

    def run(*words):
        hedgerow_command.main([*words], standalone_mode=False)
        return capsys.readouterr().out

    return run


def connect(server, private_key):
    """The accounts that the destinations need, as their owner connects them."""
    key = {"client_email": "robot@shop.example", "project_id": "shop", "private_key": private_key}
    for kind, config in (
        ("slack", {"access_token": "xoxb-1"}), ("hubspot", {"access_token": "pat-1"}), ("intercom", {"access_token": "dG9r"}),
        ("google-cloud-storage", {"key": key}),
    ):  # fmt: skip
        server.api("POST", "integrations/", {"kind": kind, "config": config})


def test_they_come_and_deliver(server, posthog, vendors, command, private_key):
    """Through a rate limit and a bad gateway all thirty come; with their secrets entered again each delivers to its vendor."""
    connect(server, private_key)
    posthog.faults.extend([200, 429, 200, 200, 502])
    report = json.loads(command("import", "posthog", "--host", posthog.url, "--enable", "--json"))
    rows = {row["name"]: row for row in report["rows"] if row["what"] == "destination"}
    names = [f"{kind.title()} {number + 1}" for kind, count in COUNTS.items() for number in range(count)]
    assert len(names) == 30
    assert {rows[name]["change"] for name in names} == {"created"}
    waiting = [name for name in names if rows[name]["secrets"]]
    assert Counter(name.split()[0] for name in waiting) == {"Customerio": 2, "Klaviyo": 2, "Own": 3}
    for name in waiting:
        (key,) = rows[name]["secrets"]
        command("fill", name, "--input", f"{key}=secret of {name}", "--enable")
    on = {item["name"] for item in server.api("GET", "hog_functions/?enabled=true&limit=100")["results"]}
    assert on >= set(names) - {"Webhook 3"}
    server.send(
        "order paid", "ada", order=17, **{"$current_url": "https://shop.example/checkout"},
        **{"$set": {"email": "ada@customer.example", "plan": "pro"}},
    )  # fmt: skip
    done = eventually(lambda: _settled(server, len(on)), 60)
    wanted = Counter({name: 1 for name in names if name != "Webhook 3"})
    assert {name: found for name, found in done.items() if name in wanted} == dict.fromkeys(
        wanted, "delivered"
    )
    _arrived(vendors)


def _settled(server, count):
    """The verdict of each destination, once all are final."""
    found = {one["destination"]["name"]: one["verdict"] for one in server.deliveries(limit="200")}
    open_ones = {"running", "retrying", "held", "scheduled"}
    return found if len(found) >= count - 1 and not open_ones & set(found.values()) else None


def _arrived(vendors):
    """Each vendor got what its destinations send, with what was entered again."""
    by_host = Counter(request.headers["host"] for request in vendors.requests if request.method == "POST")
    for kind in ("slack", "discord", "teams", "hubspot", "customerio", "klaviyo", "zapier"):
        assert by_host[HOSTS[kind]] == COUNTS[kind] + (kind == "slack"), (
            kind
        )  # Slack was asked whose token it is
    hooks = [request for request in vendors.requests if request.path.startswith("/hook/")]
    assert sorted(request.path for request in hooks) == ["/hook/0", "/hook/1", "/hook/3", "/hook/4"]
    assert {tuple(request.json.values()) for request in hooks} == {(17, "ada@customer.example")}
    looked = [r.headers["authorization"] for r in vendors.requests if r.path.endswith("/lookup")]
    assert sorted(looked) == [f"Bearer secret of Own {number}" for number in (1, 2, 3)]
    assert len([r for r in vendors.requests if r.path.endswith("/done")]) == 3


def test_doing_it_again_makes_nothing_twice(server, posthog, command):
    """A second import changes nothing but what changed there; secrets, and what is on, stay."""
    before = {one["id"]: one["revision"] for one in server.api("GET", "hog_functions/?limit=100")["results"]}
    posthog.functions[0]["description"] = "The first of all"
    posthog.functions[4]["name"] = "Webhook five"
    report = json.loads(command("import", "posthog", "--host", posthog.url, "--json"))
    changes = Counter(row["change"] for row in report["rows"] if row["what"] == "destination")
    assert (changes["created"], changes["updated"]) == (0, 2)
    after = {one["id"]: one for one in server.api("GET", "hog_functions/?limit=100")["results"]}
    assert set(after) == set(before)
    assert sorted(one["name"] for one in after.values() if one["revision"] > before[one["id"]]) == [
        "Webhook 1",
        "Webhook five",
    ]
    assert all(one["enabled"] for one in after.values() if one["name"].startswith("Own"))


def test_what_people_read(posthog, command):
    """The report says what came, what is to be done, and what stays behind with the reason."""
    printed = command("import", "posthog", "--host", posthog.url, "--dry-run")
    assert "the cohort Seen this week, which did not come" in printed
    assert "destination Pixel: it runs in browsers" in printed
    assert posthog.key not in printed


def test_the_way_back(server, command):
    """The files of an export, posted as the page on moving says, make the same destinations elsewhere."""
    done = json.loads(command("export", "--format", "posthog", "back", "--json"))
    for one in done:
        _enter(server.folder / one["path"], one["note"])
    other = server.call("POST", "/api/projects/", {"name": "Elsewhere"})[1]["id"]
    page = (Path(__file__).parents[2] / "docs" / "moving-from-posthog.md").read_text()
    program = page.split("```python\n")[1].split("```")[0]
    said = {
        "https://eu.posthog.com": server.url,
        "2, ": f"{other}, ",
        "phx_...": KEY,
        "back-to-posthog": "back",
    }
    for words, ours in said.items():
        program = program.replace(words, ours, 1)
    exec(compile(program, "moving-from-posthog.md", "exec"), {})
    there = server.call("GET", f"/api/projects/{other}/hog_functions/?full=true&limit=100")[1]["results"]
    here = server.api("GET", "hog_functions/?full=true&limit=100")["results"]
    assert {one["name"]: one["hog"].strip() for one in there} == {
        one["name"]: one["hog"].strip() for one in here
    }
    (first,) = [one for one in there if one["name"] == "Webhook 1"]
    actions = server.call("GET", f"/api/projects/{other}/actions/")[1]["results"]
    assert first["filters"]["actions"][0]["id"] in {one["id"] for one in actions}


def _enter(path, note):
    """What a person writes into a file that lacks secrets and accounts."""
    told = [part for part in note.split("; ") if part.startswith("to be entered there: ")]
    if told:
        body = json.loads(path.read_text())
        kinds = {form["key"]: form["type"] for form in body["inputs_schema"]}
        for key in told[0].removeprefix("to be entered there: ").split(", "):
            body["inputs"][key] = {"value": 1 if kinds[key] == "integration" else "entered"}
        path.write_text(json.dumps(body))


def test_accounts_are_looked_after_in_a_terminal(server, vendors, command, monkeypatch):
    """A wrong kind, way or token is told in the command's own words; whoever disconnects learns what used the account."""
    for words, said in (
        (("slak",), "Did you mean slack"),
        (("slack",), "--token -"),
        (("google-cloud-storage", "--token", "x"), "--key-file FILE"),
        (("slack", "--back", "http://x/?error=access_denied&state=1"), "did not agree: access_denied"),
    ):
        with pytest.raises(CommandFailed, match=said):
            command("integrations", "connect", *words)
    monkeypatch.setattr("sys.stdin", io.StringIO("pat-2\n"))
    vendors.script("/account-info/v3/details", Step(body='{"portalId": 8, "uiDomain": "b.example"}'))
    number = int(command("integrations", "connect", "hubspot", "--token", "-").split()[-1].rstrip("."))
    made = server.api("POST", "hog_functions/", {
        "name": "Second portal", "template_id": "template-hubspot", "inputs": {"oauth": {"value": number}, "email": {"value": "a"}},
    })  # fmt: skip
    assert "b.example" in command("integrations")
    assert "Second portal" in command("integrations", "disconnect", str(number))
    assert "b.example" not in command("integrations")
    server.api("PATCH", f"hog_functions/{made['id']}/", {"deleted": True})


def test_what_is_missing_is_filled_in_from_anywhere(server, command):
    """From the command line, a variable of the server, in a mapping; nothing is switched on before it is complete."""
    form = [{"key": key, "type": kind, "secret": key == "token", "required": True} for key, kind in
            (("token", "string"), ("limit", "number"), ("flags", "json"))]  # fmt: skip
    blank = {form_["key"]: {"missing": True} for form_ in form}
    mapping = {
        "name": "Paid",
        "inputs_schema": form[:1],
        "inputs": {"token": {"missing": True}},
        "filters": {},
    }
    made = server.api("POST", "hog_functions/", {
        "name": "Waiting", "hog": "return 1", "inputs_schema": form, "inputs": blank, "mappings": [mapping],
    })  # fmt: skip
    with pytest.raises(CommandFailed, match=r"still to be filled in"):
        command("enable", "Waiting")
    for words, said in (
        (("--input", "nothing=1"), "It waits for: token, limit, flags, Paid: token"),
        (("--input", "limit=many"), "no number"),
    ):
        with pytest.raises(CommandFailed, match=said):
            command("fill", "Waiting", *words)
    printed = command("fill", "Waiting", "--from-env", "token=DESTINATION_1_TOKEN", "--input", "limit=3")
    assert "still waits for: flags, Paid: token" in printed
    printed = command(
        "fill", "Waiting", "--input", 'flags={"a": 1}', "--input", "Paid: token=s3cret", "--enable", "--json"
    )
    assert json.loads(printed)["inputs"]["flags"]["value"] == {"a": 1}
    found = server.api("GET", f"hog_functions/{made['id']}/")
    assert found["enabled"]
    assert found["inputs"]["token"] == {"from_env": "DESTINATION_1_TOKEN"}
    assert found["mappings"][0]["inputs"]["token"] == {"secret": True}
    assert "Waiting is off." in command("disable", "Waiting")
    server.api("PATCH", f"hog_functions/{made['id']}/", {"deleted": True})
