"""Connecting accounts over the API: consent, tokens, keys; who may end what they began; nothing shown that is secret."""

import uuid
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

import orjson
import pytest

from hedgerow.integrations.hub import Hub
from support.api import Api, Application
from support.house import House
from support.store import fresh_store
from support.vendor import agree, vendors_of

BASE = "/api/projects/1/integrations"


class Place:
    """An API whose only vendor is the server."""

    def __init__(self, api, server):
        self.house = House(api)
        # Each request has a loop of its own here, and so has what talks to the vendor.
        hub = Hub(vendors_of(server, keep_alive=0.0), "http://127.0.0.1:8000")
        self.services = replace(self.house.services, hub=hub)
        self.house.app = Application(self.services)
        self.key = self.house.key(None, "*")

    def call(self, method, path, body=None, key=None):
        return self.house.with_key(key or self.key, method, f"{BASE}{path}", body)


@pytest.fixture
def place(tmp_path, server):
    fresh_store(tmp_path)
    api = Api(tmp_path)
    yield Place(api, server)
    api.close()


def begun(place, browser, after=""):
    """The vendor's page, as somebody's browser is led to it."""
    reply = browser.call("GET", f"{BASE}/authorize/?{urlencode({'kind': 'acme', 'next': after})}")
    assert reply.status == 302, reply.body
    return reply.header("location")


def came_back(browser, back):
    return browser.call("GET", f"/integrations/acme/callback?{urlencode(back)}")


def test_a_person_connects_with_their_browser(place, server):
    """To the vendor, back, and on to where they came from: the account is there, its token is not shown."""
    place.house.user("ed@example.com", "editor")
    browser = place.house.browser("ed@example.com")
    reply = came_back(browser, agree(begun(place, browser, "/project/1")))
    assert (reply.status, reply.header("location")) == (302, "/project/1")
    (found,) = place.call("GET", "/").json["results"]
    assert (found["kind"], found["display_name"], found["errors"]) == ("acme", "Acme", "")
    assert found["config"] == {"app.region": "EU"}
    assert found["created_by"]["email"] == "ed@example.com"
    assert found["expires_at"]
    assert server.tokens[0].access not in orjson.dumps(found).decode()


def test_a_key_connects_by_hand(place):
    """Whoever has no browser session asks for the address, and brings back code and state."""
    reply = place.house.browser().call(
        "GET", f"{BASE}/authorize/?kind=acme", authorization=f"Bearer {place.key}", accept="application/json"
    )
    back = agree(reply.json["url"])
    made = place.call("POST", "/", {"kind": "acme", "config": back})
    assert made.status == 201
    assert made.json["kind"] == "acme"
    again = place.call("POST", "/", {"kind": "acme", "config": back})
    assert (again.status, again.json["attr"]) == (400, "state"), "a state counts once"


def test_nobody_ends_what_somebody_else_began(place):
    """A consent page that was put before a victim gives its author nothing."""
    for name in ("ed", "victim"):
        place.house.user(f"{name}@example.com", "editor")
    author, victim = place.house.browser("ed@example.com"), place.house.browser("victim@example.com")
    back = agree(begun(place, author))
    assert came_back(victim, back).status == 400
    assert came_back(place.house.browser(), back).status == 401
    assert place.call("POST", "/", {"kind": "acme", "config": back}).status == 400
    assert place.call("GET", "/").json["count"] == 0


def test_a_state_ends_after_ten_minutes(place):
    """Later the connection has to be begun again."""
    place.house.user("ed@example.com", "editor")
    browser = place.house.browser("ed@example.com")
    back = agree(begun(place, browser))
    place.house.pass_time(601)
    reply = came_back(browser, back)
    assert reply.status == 400
    assert b"too long ago" in reply.body


def test_who_is_no_editor_any_more_connects_nothing(place):
    """The role counts when they come back."""
    user = place.house.user("ed@example.com", "editor")
    browser = place.house.browser("ed@example.com")
    back = agree(begun(place, browser))
    place.house.state.write_now(lambda c: c.execute("DELETE FROM members WHERE user_id = ?", (user.id,)))
    assert came_back(browser, back).status == 403
    assert place.call("GET", "/").json["count"] == 0


def test_a_refusal_at_the_vendor_is_shown(place):
    """The words are the vendor's, and no markup of theirs."""
    place.house.user("ed@example.com", "editor")
    reply = came_back(
        place.house.browser("ed@example.com"), {"error": "access_denied", "error_description": "<b>no</b>"}
    )
    assert reply.status == 400
    assert b"&lt;b&gt;no&lt;/b&gt;" in reply.body


@pytest.mark.parametrize("after", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_it_leads_nowhere_else(place, after):
    """``next`` is a path on this server."""
    assert place.call("GET", f"/authorize/?{urlencode({'kind': 'acme', 'next': after})}").status == 400


def test_a_token_is_enough(place):
    """Connected again it is the same account; a wrong token, a wrong kind and a wrong shape are clear errors."""
    body = {"kind": "acme", "config": {"access_token": "pasted-token"}}
    first, second = place.call("POST", "/", body), place.call("POST", "/", body)
    assert first.json["id"] == second.json["id"]
    wrong = place.call("POST", "/", {"kind": "acme", "config": {"access_token": "wrong"}})
    assert (wrong.status, "refuses the token" in wrong.json["detail"]) == (400, True)
    assert place.call("POST", "/", {"kind": "sleck"}).json["attr"] == "kind"
    assert place.call("POST", "/", {"kind": "acme", "config": []}).json["attr"] == "config"


def test_tokens_are_sealed_and_gone_when_disconnected(place):
    """Neither the files nor the audit log have them; what is deleted is deleted."""
    number = place.call("POST", "/", {"kind": "acme", "config": {"access_token": "pasted-token"}}).json["id"]
    sealed = place.house.state.read_now(lambda c: c.execute("SELECT secrets FROM integrations").get)
    assert b"pasted-token" not in sealed
    assert place.call("DELETE", f"/{number}/").status == 204
    assert place.call("GET", f"/{number}/").status == 404
    log = place.house.with_key(place.key, "GET", "/api/projects/1/activity_log/?scope=Integration")
    assert [entry["activity"] for entry in log.json["results"]] == ["deleted", "created"]
    assert b"pasted-token" not in log.body


def test_a_key_file_is_uploaded(place, service_key):
    """As a form, as PostHog's clients send it; what is no key says so."""
    border = uuid.uuid4().hex

    def sent(content):
        lines = [
            f'--{border}\r\nContent-Disposition: form-data; name="kind"\r\n\r\nacme\r\n',
            f'--{border}\r\nContent-Disposition: form-data; name="key"; filename="k.json"\r\n\r\n{content}\r\n',
            f"--{border}--\r\n",
        ]
        return place.house.browser().call(
            "POST",
            f"{BASE}/",
            "".join(lines).encode(),
            authorization=f"Bearer {place.key}",
            content_type=f"multipart/form-data; boundary={border}",
        )

    made = sent(orjson.dumps(service_key).decode())
    assert made.status == 201
    assert made.json["display_name"] == "robot@acme.example"
    assert sent("no json").json["attr"] == "key"


def test_kinds_say_how_they_are_connected(place):
    """What the operator has no application for is offered without consent only."""
    (kind,) = place.call("GET", "/kinds/").json
    assert kind["connect"] == ["oauth", "token", "service_account"]
    assert urlsplit(kind["kind"]).path == "acme"
