"""The processes of one instance: killed, restarted, stopped."""

from __future__ import annotations

import os
import re
import signal
import stat
import time
from pathlib import Path

import pytest

from support.server import START_S, Server, eventually
from support.sink import Step


@pytest.fixture(scope="module")
def harmed(tmp_path_factory):
    """A server that tests may harm."""
    with Server(tmp_path_factory.mktemp("harmed")) as running:
        yield running


@pytest.fixture
def own(harmed):
    """The same, running again whatever the test before did to it."""
    if harmed.process is None or harmed.process.poll() is not None:
        harmed.start()
    eventually(lambda: harmed.is_ready() and len(harmed.children()) == 2, START_S)
    return harmed


def gone(pid):
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("name", ["web", "worker-1"])
def test_a_killed_child_is_started_again(own, sink, name):
    """After kill -9 of web or worker the instance heals and goes on delivering."""
    own.webhook(f"{sink.url}/healed-{name}", events=["after"])
    first = own.children()[name]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: own.children().get(name) not in (None, first) and own.is_ready(), START_S)
    assert f"{name} was ended by SIGKILL; starting it again" in own.output()
    own.send("after")
    eventually(lambda: sink.at(f"/healed-{name}"))


def test_clients_wait_while_the_web_process_restarts(own):
    """The socket stays open in the supervisor: no connection is refused."""
    os.kill(own.children()["web"], signal.SIGKILL)
    assert own.call("GET", "/_health/live")[0] == 200


def test_children_die_with_the_supervisor(own):
    """kill -9 of the supervisor leaves no process behind, and the next start finds folder and port free."""
    pids = list(own.children().values())
    assert len(pids) == 2
    own.stop(signal.SIGKILL)
    eventually(lambda: all(map(gone, pids)), 15)
    own.start()


def test_sigterm_ends_in_good_order(own):
    """SIGTERM stops the children, answers with status 0 and leaves the ports free."""
    pids = list(own.children().values())
    began = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - began < 10
    assert all(map(gone, pids))


def test_an_unfinished_delivery_does_not_hold_up_the_end(own, sink):
    """A receiver that never answers is put down, not waited for; after the restart the delivery is tried again."""
    sink.script("/never", Step(then="hang"))
    own.webhook(f"{sink.url}/never", events=["stuck"])
    own.send("stuck")
    eventually(lambda: sink.at("/never"))
    began = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - began < 10.5
    own.start()
    eventually(lambda: [row["verdict"] for row in own.deliveries(event="stuck")] == ["delivered"], 60)


def test_the_first_start_tells_what_is_needed(tmp_path):
    """Token, key and snippet are printed once; the key is kept for the owner only, and stored hashed."""
    with Server(tmp_path, HEDGEROW_API_KEY="", HEDGEROW_PROJECT_TOKEN="") as running:
        said = running.output()
        key, token = re.search(r"phx_[\w-]{43}", said)[0], re.search(r"phc_[\w-]{43}", said)[0]
        assert f'Posthog("{token}", host="{running.url}")' in said
        assert running.call("GET", "/api/projects/", key=key)[1]["results"][0]["api_token"] == token
        file = running.data / "api.key"
        assert file.read_text().strip() == key
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert running.cli("destinations").returncode == 0
        stored = b"".join(path.read_bytes() for path in running.data.glob("*.db*"))
        assert key.encode() not in stored
        running.stop()
        running.start()
        assert running.output().count(key) == 1


def test_a_second_instance_is_refused(own, tmp_path):
    """Neither the same folder nor the same port can be taken twice; the message says what to do."""
    same_folder = own.cli("serve", "--port", "1", HEDGEROW_PORT="")
    same_port = own.cli("serve", "--data-dir", str(tmp_path / "other"))
    assert (same_folder.returncode, same_port.returncode) == (1, 1)
    assert "is in use by another Hedgerow" in same_folder.stderr
    assert f"Port {own.port} on 127.0.0.1 is in use" in same_port.stderr


def test_fixed_credentials_must_have_their_form(tmp_path):
    """A token or key that cannot work is refused at the start, without being shown."""
    server = Server(tmp_path, HEDGEROW_API_KEY="my-secret-key")
    answer = server.cli("serve")
    assert answer.returncode == 1
    assert "HEDGEROW_API_KEY" in answer.stderr
    assert "my-secret-key" not in answer.stderr


def test_two_workers_share_the_partitions(tmp_path, sink):
    """Events of many people reach the receiver, whichever worker owns their partition."""
    with Server(tmp_path, HEDGEROW_WORKERS="2") as running:
        assert set(running.children()) == {"web", "worker-1", "worker-2"}
        running.webhook(f"{sink.url}/two", events=["shared"], body={"who": "{event.distinct_id}"})
        people = {f"person {n}" for n in range(40)}
        for person in people:
            running.send("shared", person)
        eventually(lambda: {request.json["who"] for request in sink.at("/two")} == people)
