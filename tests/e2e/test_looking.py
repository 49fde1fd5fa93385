"""Watching a running server: the tail, the warnings, and capture that closes before it overflows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

from support.server import Server, eventually


def following(server, *arguments):
    """``hedgerow tail`` in the background, once it follows."""
    before = readers(server)
    process = subprocess.Popen(
        [sys.executable, "-m", "hedgerow", "tail", *arguments], env=server.environment, cwd=server.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    eventually(lambda: readers(server) > before)
    return process


def readers(server):
    """How many follow."""
    line = next(
        x for x in server.call("GET", "/metrics")[1].splitlines() if x.startswith("hedgerow_tail_readers")
    )
    return int(line.split()[1])


def test_the_tail_prints_events_as_they_come(server):
    """Of one name, as lines or JSON; it ends by itself after so many."""
    plain, machine = (
        following(server, "-e", "bought", "-n", "2"),
        following(server, "-p", "grace", "-n", "1", "--json"),
    )
    server.send("left", "ada")
    server.send("bought", "ada", total=3)
    server.send("bought", "grace")
    out, error = plain.communicate(timeout=20)
    assert [line.split()[1:3] for line in out.splitlines()] == [["bought", "ada"], ["bought", "grace"]]
    assert '{"total": 3' in out
    assert (plain.returncode, error) == (0, "")
    assert json.loads(machine.communicate(timeout=20)[0])["distinct_id"] == "grace"
    eventually(lambda: readers(server) == 0)


def test_a_reader_that_leaves_or_sleeps_harms_nobody(server):
    """Its place becomes free when it hangs up; while it does not read, capture goes on as ever."""
    request = f"GET /api/projects/1/events/tail/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n\r\n".encode()
    sleeping = socket.create_connection(("127.0.0.1", server.port))
    sleeping.sendall(request)
    eventually(lambda: readers(server) == 1)
    batch = {
        "api_key": server.token,
        "batch": [{"event": "big", "distinct_id": "d", "properties": {"p": "x" * 5000}}] * 200,
    }
    for _ in range(20):
        assert server.call("POST", "/batch/", batch)[0] == 200
    sleeping.close()
    eventually(lambda: readers(server) == 0)


def test_refusals_are_told_to_whoever_asks(server):
    """What capture refuses of a known project shows in the list of warnings, and on the command line."""
    body = {"api_key": server.token, "event": "x", "distinct_id": "ada", "properties": {"p": "x" * 2**20}}
    assert server.call("POST", "/capture/", body)[0] == 413
    kinds = lambda: [item["type"] for item in server.api("GET", "ingestion_warnings/")["results"]]  # noqa: E731
    eventually(lambda: any("refused" in kind for kind in kinds()))
    assert "refused" in server.cli("warnings").stdout


def test_a_resent_event_leaves_a_trace(server):
    """It is acknowledged, kept out, and counted among the warnings."""
    body = {
        "api_key": server.token,
        "event": "once",
        "distinct_id": "ada",
        "uuid": "0190a5e0-0000-7000-8000-00000000abcd",
    }
    for _ in range(3):
        assert server.call("POST", "/capture/", body)[0] == 200

    def counted():
        found = {item["type"]: item["count"] for item in server.api("GET", "ingestion_warnings/")["results"]}
        return found.get("duplicate_event") == 2

    eventually(counted)
    assert len(server.api("GET", "events/?event=once")["results"]) == 1


class Closed(Server):
    """A server that answers but is never ready."""

    def is_ready(self):
        """Whether it is alive."""
        with contextlib.suppress(OSError):
            return self.call("GET", "/_health/live")[0] == 200
        return False


def test_capture_closes_before_the_disk_is_full(tmp_path):
    """503 in the words that SDKs retry on, the reason in health and log; nothing is acknowledged."""
    with Closed(tmp_path, HEDGEROW_DISK_RESERVE_BYTES=str(2**60)) as server:
        body = {"api_key": server.token, "event": "x", "distinct_id": "ada"}
        assert server.call("POST", "/capture/", body) == (503, "transient error, please retry")
        status, health = server.call("GET", "/_health/ready")
        assert status == 503
        assert any("the disk is nearly full" in trouble for trouble in health["troubles"])
        eventually(lambda: "the disk is nearly full" in server.output())


def test_capture_closes_while_the_workers_cannot_follow(tmp_path):
    """With the workers stopped and a small limit, capture takes some and then refuses; it opens when they have caught up."""
    with Server(tmp_path, HEDGEROW_BACKLOG_LIMIT_BYTES=str(1 << 20)) as server:
        workers = [pid for name, pid in server.children().items() if name.startswith("worker")]
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        batch = {
            "api_key": server.token,
            "batch": [{"event": "big", "distinct_id": "d", "properties": {"p": "x" * 5000}}] * 100,
        }
        eventually(lambda: server.call("POST", "/batch/", batch)[0] == 503, 20, 0.1)
        assert any(
            "the workers are behind" in trouble
            for trouble in server.call("GET", "/_health/ready")[1]["troubles"]
        )
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        eventually(lambda: server.call("POST", "/batch/", batch)[0] == 200, 20, 0.2)
