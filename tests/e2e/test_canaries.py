"""A secret never appears: canaries in every place that takes one, then a search through everything that can be read.

A real server delivers for real, to tools that echo what they got in every disguise, and fail, succeed, redirect and time out with it.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from support.background import BackgroundSink
from support.server import Server, eventually
from support.sink import Step

# Characters that read differently in JSON, in addresses and in base64.
ODD = '"é/+=&\\'


def canary(name: str) -> str:
    return f"sk_{name}_{secrets.token_hex(12)}{ODD}"


INPUT, MAPPED, HEADER, ADDRESS = canary("input"), canary("mapped"), canary("header"), secrets.token_hex(16)
FROM_ENV, FROM_FILE, OLD = canary("env"), canary("file"), canary("old")
SIGNING = base64.b64encode(secrets.token_bytes(32)).decode()
PASSWORD, WRONG_PASSWORD = f"correct horse {secrets.token_hex(12)}", f"wrong horse {secrets.token_hex(12)}"
UNKNOWN_KEY = "phx_" + secrets.token_hex(24)

SCHEMA = [
    {"key": "url", "type": "string", "required": True},
    {"key": "token", "type": "string", "secret": True},
    {"key": "hook", "type": "string", "secret": True},
    {"key": "signing", "type": "string", "secret": True},
    {"key": "headers", "type": "dictionary", "secret": True},
    {"key": "env", "type": "string", "secret": True},
    {"key": "file", "type": "string", "secret": True},
]
PROGRAM = """
print('using', inputs.token, inputs.headers, inputs.env, inputs.file)
let first := fetch(f'{inputs.url}/first/{inputs.hook}?api_key={encodeURLComponent(inputs.token)}', {
  'method': 'POST',
  'headers': {'Authorization': f'Bearer {inputs.token}', 'X-Basic': f'Basic {base64Encode(f'user:{inputs.token}')}',
    'X-Env': encodeURLComponent(inputs.env), 'X-File': encodeURLComponent(inputs.file), 'X-Own': encodeURLComponent(inputs.headers.own)},
  'body': {'token': inputs.token, 'nested': jsonStringify({'again': inputs.token}), 'env': inputs.env, 'file': inputs.file,
    'own': inputs.headers.own},
  'standard_webhooks': {'secret_input': 'signing'},
})
print('first', first.status, first.body)
let second := fetch(f'{inputs.url}/second/{event.event}', {'method': 'POST', 'body': {'echo': first.body, 'token': inputs.token}})
print('second', second.status, second.body)
if (second.status >= 400 or event.event == 'throws') {
  throw Error(f'it said {jsonStringify(second.body)} about {inputs.token} and {inputs.headers.own}')
}
"""


def disguises(secret: str) -> dict[str, str]:
    """The forms in which a secret may stand somewhere."""
    raw = secret.encode()
    escaped = json.dumps(secret)[1:-1]
    forms = {
        "plain": secret,
        "JSON": escaped,
        "JSON in UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "JSON in JSON": json.dumps(escaped)[1:-1],
        "address": quote(secret, safe=""),
        "address with slashes": quote(secret),
        "form": quote_plus(secret),
        "bearer": f"Bearer {secret}",
        "hexadecimal": raw.hex(),
        "printed by Hog": secret.replace("\\", "\\\\").replace("'", "\\'"),
    }
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + raw + b"\0\0\0").decode()
        stable = whole[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]
        forms |= {
            f"base64 at {offset}": stable,
            f"base64 in an address at {offset}": stable.replace("+", "-").replace("/", "_"),
        }
    return forms


def echoes() -> str:
    """What a careless tool answers: all that it was told, in every form."""
    known = [INPUT, HEADER, FROM_ENV, FROM_FILE, SIGNING, ADDRESS]
    told = {f"{n} {form}": text for n, one in enumerate(known) for form, text in disguises(one).items()}
    return json.dumps({"you sent": known, "in other words": told})


def plants(server: Server, sink: BackgroundSink) -> dict[str, str]:
    """Destinations with canaries in every input that is secret; returns their ids."""
    made = {}
    inputs = {
        "url": sink.url, "token": OLD, "hook": ADDRESS, "signing": f"whsec_{SIGNING}", "headers": {"own": HEADER},
        "env": {"from_env": "DESTINATION_1_CANARY"}, "file": {"from_file": "canary"},
    }  # fmt: skip
    for name, options in {
        "works": {}, "fails": {"retry": [0.05]}, "waits": {"retry": [3600]}, "held": {}, "throws": {"retry": []}
    }.items():  # fmt: skip
        payload = {
            "name": name, "enabled": True, "hog": PROGRAM, "inputs_schema": SCHEMA,
            "inputs": {key: value if isinstance(value, dict) and "own" not in value else {"value": value} for key, value in inputs.items()},
            "filters": {"events": [{"id": name, "type": "events"}]}, **options,
        }  # fmt: skip
        made[name] = server.api("POST", "hog_functions/", payload)["id"]
        server.api(
            "PATCH",
            f"hog_functions/{made[name]}/",
            {"inputs": {**payload["inputs"], "token": {"value": INPUT}}},
        )
    mapping = {
        "name": "one", "inputs_schema": [{"key": "key", "type": "string", "secret": True}],
        "inputs": {"key": {"value": MAPPED}}, "filters": {"events": [{"id": "mapped", "type": "events"}]},
    }  # fmt: skip
    hog = (
        "print(inputs.key)\nlet r := fetch(f'{inputs.url}/mapped', {'body': inputs.key})\nthrow Error(r.body)"
    )
    payload = {
        "name": "mapped", "enabled": True, "hog": hog, "inputs_schema": SCHEMA[:1], "retry": [], "mappings": [mapping],
        "inputs": {"url": {"value": sink.url}},
    }  # fmt: skip
    made["mapped"] = server.api("POST", "hog_functions/", payload)["id"]
    server.api("POST", f"hog_functions/{made['held']}/pause/")
    return made


def misbehave(sink: BackgroundSink) -> None:
    told, headers = (
        echoes(),
        {"X-Echo": quote(INPUT), "Set-Cookie": f"token={quote(INPUT)}", "Content-Type": "text/plain"},
    )
    sink.script(f"/first/{ADDRESS}", Step(body=told, headers=headers), forever=True)
    for event, status in {"works": 200, "fails": 500, "waits": 503, "held": 200, "throws": 200}.items():
        sink.script(f"/second/{event}", Step(status=status, body=told, headers=headers), forever=True)
    sink.script("/mapped", Step(status=401, body=json.dumps({"bad key": MAPPED})), forever=True)


def people(server: Server) -> list[str]:
    """The first owner, a login that works and one that does not; returns what else is secret since."""
    token = re.search(r"/join#(\S+)", server.output()).group(1)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    found = [token]
    for path, body in (
        (
            "/api/links/join/",
            {"token": token, "email": "ada@example.com", "first_name": "Ada", "password": PASSWORD},
        ),
        ("/api/login/", {"email": "ada@example.com", "password": PASSWORD}),
        ("/api/login/", {"email": "ada@example.com", "password": WRONG_PASSWORD}),
    ):
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        assert (answer.status < 300) == (body["password"] == PASSWORD), text
        set_ = (one.partition(";")[0].partition("=") for one in answer.headers.get_all("Set-Cookie") or [])
        found += [value for name, _, value in set_ if "session" in name]
    connection.close()
    return found


def readable(server: Server, made: dict[str, str], key: str) -> dict[str, str]:
    """Everything that the API shows, by the address where it stands."""
    base = "/api/projects/1"
    paths = [
        "/api/projects/",
        "/api/users/@me/",
        "/api/personal_api_keys/",
        "/api/activity_log/",
        "/api/schema/",
        "/_metrics",
        "/_health",
    ]
    paths += [
        f"{base}/{name}/"
        for name in (
            "",
            "hog_functions",
            "deliveries",
            "events",
            "persons",
            "activity_log",
            "ingestion_warnings",
            "reruns",
            "actions",
            "members",
        )
    ]
    paths += [
        f"{base}/hog_functions/?full=true&search=s&personal_api_key={key}&limit=1",
        f"{base}/deliveries/?search=sk_",
    ]
    for one in made.values():
        paths += [
            f"{base}/hog_functions/{one}/{more}"
            for more in ("", "logs/?limit=500", "metrics/", "revisions/", "revisions/1/", "revisions/2/")
        ]
    shown = {}
    for row in server.deliveries(limit="500"):
        paths.append(f"{base}/deliveries/{row['id']}/")
    for person in server.api("GET", "persons/")["results"]:
        paths.append(f"{base}/persons/{person['id']}/export/")
    for path in paths:
        shown[path] = json.dumps(server.call("GET", path)[1], ensure_ascii=False)
    for name, one in made.items():
        for mocked in (True, False):
            trial = {"event": name, "mock_async_functions": mocked, "trace": True}
            answer = server.call("POST", f"{base}/hog_functions/{one}/invocations/", trial)[1]
            assert answer["invocations"][0]["requests"], answer
            shown[f"trial of {name}, {mocked=}"] = json.dumps(answer, ensure_ascii=False)
        wrong = {"inputs": {"token": {"value": {"not": INPUT}}, "url": {"value": 5}}}
        shown[f"mistake in {one}"] = json.dumps(
            server.call("PATCH", f"{base}/hog_functions/{one}/", wrong)[1]
        )
    shown["unknown key"] = json.dumps(server.call("GET", f"{base}/deliveries/", key=UNKNOWN_KEY)[1])
    return shown


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A server that has seen it all: what it shows, prints and holds, while it runs and after."""
    folder = tmp_path_factory.mktemp("canary")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "canary").write_text(FROM_FILE)
    environment = {"DESTINATION_1_CANARY": FROM_ENV, "HEDGEROW_SECRETS_FOLDER": str(folder / "secrets")}
    with (
        BackgroundSink() as sink,
        Server(folder / "server", HEDGEROW_LOG_LEVEL="debug", **environment) as server,
    ):
        misbehave(sink)
        sessions = people(server)
        made = plants(server, sink)
        fresh = server.call("POST", "/api/personal_api_keys/", {"label": "made", "scopes": ["*"]})[1]["value"]
        for event in (*made, "works"):
            server.send(event, "ada", plan="pro", **{"$set": {"email": "ada@example.com"}})
        wanted = {
            "works": "delivered",
            "fails": "failed",
            "waits": "retrying",
            "held": "held",
            "throws": "failed",
            "mapped": "failed",
        }
        for event, verdict in wanted.items():
            eventually(
                lambda event=event, verdict=verdict: server.deliveries(event=event, verdict=verdict), 30
            )
        sent = sink.requests
        shown = readable(server, made, fresh)
        for words in (["deliveries"], ["destinations"], ["logs"], ["audit"]):
            said = server.cli(*words)
            shown[f"command {words[0]}"] = said.stdout + said.stderr
        running = contents(server.data)
    return {
        "shown": shown, "files": {**running, **{f"{name}, stopped": text for name, text in contents(server.data).items()}},
        "printed": server.output(), "keys": [fresh, server.key], "sessions": sessions, "sent": sent,
    }  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    """What stands in the files of a folder at this moment, write-ahead logs included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# The keys that open everything else lie in files of their own, which only their owner can read.
OWN_FILES = {"secrets.key", "api.key"}


def hidden(scene) -> dict[str, str]:
    """Every canary by name; ``sessions`` begin with the first owner's link, which is meant to be printed."""
    found = {
        "secret input": INPUT, "former secret input": OLD, "secret input of a mapping": MAPPED, "secret header": HEADER,
        "secret address": ADDRESS, "signing key": SIGNING, "environment": FROM_ENV, "file": FROM_FILE,
        "password": PASSWORD, "wrong password": WRONG_PASSWORD, "unknown key": UNKNOWN_KEY,
    }  # fmt: skip
    found |= {f"key {n}": one for n, one in enumerate(scene["keys"])}
    return found | {f"session {n}": one for n, one in enumerate(scene["sessions"])}


def test_the_canaries_were_in_use(scene):
    """Otherwise nothing below would prove anything: the tools got every secret, and gave it back."""
    got = b"".join(
        request.path.encode() + repr(request.headers).encode() + request.body for request in scene["sent"]
    ).decode()
    for secret in (INPUT, HEADER, FROM_ENV, FROM_FILE):
        assert any(form in got for form in disguises(secret).values())
    assert ADDRESS in got
    assert json.dumps(MAPPED)[1:-1] in got or MAPPED in got
    assert "webhook-signature" in got.lower()
    assert sum("REDACTED" in text for text in scene["shown"].values()) > 10


def test_nothing_that_is_shown_holds_a_secret(scene):
    """API answers, log lines, ledger, audit log, exports, trials, mistakes, the command line."""
    seen = [
        f"{name} as {form} in {place}: ...{text[max(0, text.find(value) - 60) : text.find(value) + 20]}"
        for place, text in scene["shown"].items()
        for name, secret in hidden(scene).items()
        for form, value in disguises(secret).items()
        if value in text
    ]
    assert not seen, "\n".join(seen)


def test_nothing_that_is_printed_holds_a_secret(scene):
    """Not even at the most talkative level. The first owner's link is printed once, on purpose."""
    seen = [
        f"{name} as {form}"
        for name, secret in hidden(scene).items()
        for form, value in disguises(secret).items()
        if value in scene["printed"] and name != "session 0"
    ]
    assert not seen, "\n".join(seen)


def test_no_file_holds_a_secret(scene):
    """Databases, write-ahead logs and the event log, byte by byte; the keys themselves lie apart."""
    seen = [
        f"{name} as {form} in {place}"
        for place, content in scene["files"].items()
        if place.partition(",")[0] not in OWN_FILES
        for name, secret in hidden(scene).items()
        for form, value in disguises(secret).items()
        if value.encode() in content
    ]
    assert not seen, "\n".join(seen)
