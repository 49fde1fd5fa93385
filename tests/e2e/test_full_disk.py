"""The disk is really full: capture says so, acknowledges nothing that it cannot keep, and goes on by itself once there is room."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest

from support.server import Server, eventually

DISK_MB = 96
REFUSED = (503, "transient error, please retry")


@pytest.fixture
def disk(tmp_path):
    """A disk of its own in the memory, where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "hedgerow-full", str(folder)]
    if (
        sys.platform != "linux"
        or os.geteuid() != 0
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("mounting a small disk takes root on Linux")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(file):
    """Leave no byte free."""
    with file.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(1 << 16))
    with file.open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(16))


def stored(server):
    """Uuids of all events in the list."""
    found, cursor = set(), None
    while True:
        page = server.api("GET", f"events/?limit=1000{f'&cursor={cursor}' if cursor else ''}")
        found |= {event["uuid"] for event in page["results"]}
        if not page["next"]:
            return found
        cursor = page["next"].partition("cursor=")[2].partition("&")[0]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("reserve", [0, 8 << 20], ids=["found out by writing", "seen coming"])
def test_a_full_disk_is_told_and_survived(disk, tmp_path, reserve):
    """503 while there is no room, with the reason in health and log; what was acknowledged is there, the rest is not; then 200 again."""
    server = Server(disk / "instance", HEDGEROW_DISK_RESERVE_BYTES=str(reserve))
    server.log = tmp_path / "serve.log"  # what it says must not be lost with the disk
    with server:
        acknowledged, refused = set(), set()

        def send(number):
            identity = f"0190a5e0-0000-7000-8000-{number:012x}"
            body = {
                "api_key": server.token,
                "event": "x",
                "distinct_id": f"d{number}",
                "uuid": identity,
                "properties": {"p": "x" * 3000},
            }
            answer = server.call("POST", "/capture/", body)
            assert answer[0] in {200, 503}, answer
            (acknowledged if answer[0] == 200 else refused).add(identity)
            return answer

        for number in range(20):
            assert send(number)[0] == 200
        ballast = disk / "ballast"
        fill(ballast)
        numbers = iter(range(20, 10_000))
        eventually(lambda: send(next(numbers)) == REFUSED, 30, 0.01)
        eventually(lambda: all(send(next(numbers)) == REFUSED for _ in range(3)), 30)
        status, health = server.call("GET", "/_health/ready")
        assert status == 503
        assert any("disk" in trouble for trouble in health["troubles"]), health
        eventually(lambda: "Events are refused with 503" in server.output())
        assert "disk" in server.output()
        ballast.unlink()
        eventually(lambda: send(next(numbers))[0] == 200, 30, 0.2)
        eventually(lambda: server.call("GET", "/_health/ready")[0] == 200, 30, 0.2)
        eventually(lambda: stored(server) == acknowledged, 30, 0.2)
        assert refused
        assert not refused & stored(server)
