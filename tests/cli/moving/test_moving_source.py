"""Reading a PostHog instance: patient, thorough, and careful with the key."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.moving.source import Absent, Denied, Instance, Place, Reply, asked
from support.posthog import PostHog


@pytest.fixture
def posthog():
    with PostHog(page=3) as running:
        running.actions = [{"id": number, "name": f"A{number}"} for number in range(8)]
        yield running


@pytest.fixture
def told():
    return []


@pytest.fixture
def instance(posthog, told):
    return Instance(Place.of(posthog.url), posthog.key, rest=told.append, tell=told.append)


@pytest.fixture
def answering():
    """A server that answers everything alike; gives its address and what it was asked."""
    running = []

    def serve(status, body=b"{}", **headers):
        seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append((self.path, self.headers.get("authorization")))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}", seen

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()


def test_all_pages_are_read(instance):
    """A list is followed to its end, whatever the size of its pages."""
    assert [one["id"] for one in instance.pages("/api/projects/2/actions/", limit=100)] == list(range(8))


def test_a_busy_server_is_asked_again(instance, posthog, told):
    """After 429 and 5xx it rests, ever longer unless it is told how long, and goes on where it was."""
    posthog.faults.extend([200, 502, 503, 429])
    assert len(list(instance.pages("/api/projects/2/actions/"))) == 8
    assert [one for one in told if not isinstance(one, str)] == [1.0, 2.0, 0.0]
    assert any("502" in one for one in told if isinstance(one, str))


def test_patience_has_an_end(instance, posthog):
    """A server that stays ill is given up with a word on what to do."""
    posthog.faults.extend([502] * 6)
    with pytest.raises(CommandFailed, match=r"status 502.*run this again"):
        instance.get("/api/projects/2/")


@pytest.mark.parametrize(
    ("text", "least", "most"), [("7", 7, 7), ("a date", 30, 91), ("soon", None, None), ("", None, None)]
)
def test_how_long_to_wait_is_read_in_both_forms(text, least, most):
    """``Retry-After`` is a number of seconds or a date; anything else says nothing."""
    if text == "a date":  # of now, not of when the tests were collected
        text = format_datetime(datetime.now(UTC) + timedelta(seconds=90))
    found = asked(Reply(429, {"retry-after": text}, b""))
    assert found is None if least is None else least <= found <= most


def test_nobody_sits_through_an_hour(answering, told):
    """A server that wants to be left alone for very long is left alone, and whoever waits is told."""
    url, _ = answering(429, **{"Retry-After": "3600"})
    with pytest.raises(CommandFailed, match="3600 seconds"):
        Instance(Place.of(url), "phx_1", rest=told.append, tell=told.append).get("/api/projects/")
    assert told == []


def test_a_wrong_key_is_told_apart(posthog):
    """Neither retried nor shown: the message says what kind of key is wanted."""
    wrong = Instance(Place.of(posthog.url), "phx_wrong")
    with pytest.raises(CommandFailed, match="does not know this key") as caught:
        wrong.get("/api/projects/2/")
    assert "phx_wrong" not in str(caught.value)
    assert len(posthog.asked) == 1
    assert "phx_wrong" not in repr(wrong)


def test_what_the_key_may_not_read_and_what_is_not_there(instance, posthog):
    """They are errors of their own, so that the rest can still be read."""
    posthog.forbidden = {"cohorts"}
    with pytest.raises(Denied, match="missing required scope"):
        instance.get("/api/projects/2/cohorts/")
    with pytest.raises(Absent):
        instance.get("/api/projects/2/nothing/")


def test_the_key_is_not_sent_on(answering):
    """A redirect is not followed, and of the next page's address only the path counts."""
    other, seen = answering(200, b'{"results": []}')
    url, _ = answering(308, Location=other)
    with pytest.raises(CommandFailed, match="sends on to"):
        Instance(Place.of(url), "phx_1").get("/api/projects/")
    first, asked_first = answering(200, b'{"results": [], "next": "%s/steal?x=1"}' % other.encode())
    with pytest.raises(CommandFailed, match="does not end"):
        list(Instance(Place.of(first), "phx_1").pages("/api/projects/"))
    assert [path for path, _ in asked_first] == ["/api/projects/", "/steal?x=1"]
    assert seen == []


@pytest.mark.parametrize("body", [b"<html>", b'"x"', b'{"a": 1}'])
def test_something_else_than_posthog_is_recognised(answering, body):
    """What is no JSON, or no list where one is expected, is refused with a reason."""
    url, _ = answering(200, body)
    with pytest.raises(CommandFailed, match=r"no JSON|no list"):
        list(Instance(Place.of(url), "phx_1").pages("/api/projects/"))


@pytest.mark.parametrize(
    ("given", "url"),
    [("eu.posthog.com", "https://eu.posthog.com"), ("HTTPS://EU.posthog.com/", "https://eu.posthog.com"),
     ("http://10.0.0.5:8000/ph/", "http://10.0.0.5:8000/ph")],
)  # fmt: skip
def test_the_place_is_read(given, url):
    """Without a scheme it is https; a path before the API is kept."""
    assert Place.of(given).url == url


@pytest.mark.parametrize("given", ["", "ftp://x", "https://user:pass@x", "https://"])
def test_what_is_no_place(given):
    """It is refused before anything is sent."""
    with pytest.raises(CommandFailed, match="no address"):
        Place.of(given)
