"""From an empty folder to an instance with an owner, an editor and a second project: by the commands and the links they print."""

from __future__ import annotations

import http.client
import json
import re

import pytest

from support.server import Server, eventually

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A server that nobody chose a key for."""
    with Server(tmp_path_factory.mktemp("fresh"), HEDGEROW_API_KEY="", HEDGEROW_PROJECT_TOKEN="") as running:
        running.key = (running.data / "api.key").read_text().strip()
        yield running


class Browser:
    """Just enough of one."""

    def __init__(self, server):
        self.server, self.cookies = server, {}

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        headers = {"Content-Type": "application/json", "Origin": self.server.url}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            headers["X-CSRFToken"] = self.cookies.get("hedgerow_csrftoken", "")
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        for line in answer.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text)


def ok(answer):
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_first_owner_comes_by_the_printed_link(fresh):
    """The link in the output of ``serve`` makes an account that owns everything, once."""
    token = eventually(lambda: re.search(r"/join#([\w-]{43})", fresh.output()))[1]
    owner = Browser(fresh)
    fields = {"token": token, "email": "ada@example.com", "first_name": "Ada", "password": PASSWORD}
    status, answer = owner.call("POST", "/api/links/join/", fields)
    assert (status, answer["user"]["is_owner"]) == (201, True)
    assert owner.call("GET", "/api/users/")[1]["count"] == 1
    assert Browser(fresh).call("POST", "/api/links/join/", fields)[0] == 400
    listed = ok(fresh.cli("users"))
    assert re.search(r"ada@example\.com +Ada +owner", listed)


def test_a_restart_prints_no_link_once_there_is_an_owner(fresh):
    """Sessions outlive it."""
    owner = Browser(fresh)
    assert owner.call("POST", "/api/login/", {"email": "ada@example.com", "password": PASSWORD})[0] == 200
    before = fresh.output().count("/join#")
    fresh.stop()
    fresh.start()
    assert fresh.output().count("/join#") == before
    assert owner.call("GET", "/api/users/@me/")[0] == 200


def test_somebody_is_invited_and_forgets_the_password(fresh):
    """``users invite`` and ``users reset-link`` print links that work once."""
    link = ok(fresh.cli("users", "invite", "grace@example.com", "--role", "editor")).strip()
    assert link.startswith(f"{fresh.url}/join#")
    assert "grace@example.com" in ok(fresh.cli("users", "invites"))
    grace = Browser(fresh)
    body = {"token": link.partition("#")[2], "first_name": "Grace", "password": PASSWORD}
    assert grace.call("POST", "/api/links/join/", body)[0] == 201
    assert re.search(r"grace@example\.com +Grace +editor", ok(fresh.cli("users", "members")))
    reset = ok(fresh.cli("users", "reset-link", "grace@example.com")).strip()
    body = {"token": reset.partition("#")[2], "password": "a different one"}
    assert Browser(fresh).call("POST", "/api/links/reset/", body)[0] == 200
    assert grace.call("GET", "/api/users/@me/")[0] == 401
    login = {"email": "grace@example.com", "password": "a different one"}
    assert grace.call("POST", "/api/login/", login)[0] == 200
    ok(fresh.cli("users", "role", "grace@example.com", "viewer"))
    assert grace.call("POST", "/api/projects/1/actions/", {"name": "x", "steps": [{"event": "x"}]})[0] == 403
    ok(fresh.cli("users", "change", "grace@example.com", "--off"))
    assert grace.call("GET", "/api/users/@me/")[0] == 401
    ok(fresh.cli("users", "delete", "grace@example.com", "--yes"))
    assert "grace" not in ok(fresh.cli("users"))


def test_a_token_is_rotated_without_losing_events(fresh):
    """Events with the former token are taken as long as was said, those with the new one at once."""
    former = fresh.call("GET", "/api/projects/1/")[1]["api_token"]
    fresh.token = former
    fresh.send("before")
    token = ok(fresh.cli("projects", "rotate-token", "--grace", "1")).strip()
    assert token != former
    fresh.send("with the former")
    fresh.token = token
    eventually(
        lambda: (
            fresh.call("POST", "/capture/", {"api_key": token, "event": "new", "distinct_id": "a"})[0] == 200
        )
    )
    last = ok(fresh.cli("projects", "rotate-token", "--grace", "0")).strip()
    body = {"api_key": token, "event": "too late", "distinct_id": "ada"}
    eventually(lambda: fresh.call("POST", "/capture/", body)[0] == 401)
    fresh.token = last


def test_projects_come_and_go(fresh):
    """A second project has its own token and events; deleted, it takes none and is found no more."""
    made = json.loads(ok(fresh.cli("projects", "create", "Second", "--json")))
    first, fresh.token = fresh.token, made["api_token"]
    fresh.send("second only")
    project = str(made["id"])
    found = eventually(lambda: fresh.call("GET", f"/api/projects/{project}/events/")[1]["results"])
    assert [event["event"] for event in found] == ["second only"]
    names = {event["event"] for event in fresh.call("GET", "/api/projects/1/events/")[1]["results"]}
    assert "second only" not in names
    ok(fresh.cli("projects", "rename", "Another", "--project", project))
    assert "Another" in ok(fresh.cli("projects"))
    ok(fresh.cli("projects", "delete", "--project", project, "--yes"))
    assert fresh.call("GET", f"/api/projects/{project}/")[0] == 404
    body = {"api_key": made["api_token"], "event": "late", "distinct_id": "ada"}
    eventually(lambda: fresh.call("POST", "/capture/", body)[0] == 401)
    assert "Another" not in ok(fresh.cli("projects"))
    fresh.token = first


def test_all_of_it_is_in_the_audit_log(fresh):
    """Who did what, in the order of events."""
    found = json.loads(ok(fresh.cli("audit", "--all", "--json")))
    done = [(entry["scope"], entry["activity"]) for entry in reversed(found)]
    expected = [("User", "joined"), ("OrganizationInvite", "created"), ("User", "reset_password"), ("Project", "rotated_token"),
                ("Project", "created"), ("Project", "updated"), ("Project", "deleted")]  # fmt: skip
    assert set(expected) <= set(done)
    assert PASSWORD not in json.dumps(found)
    assert "ada@example.com" in ok(fresh.cli("audit", "--all", "--activity", "joined"))
