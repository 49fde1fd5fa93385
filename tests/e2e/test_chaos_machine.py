"""The machine fails instead of the processes: the disk is full, somebody else holds the database for seconds, the clock is set.

``make chaos ROUNDS=200`` runs these rounds as well. Clocks that go back by minutes are in ``tests/simulation/test_clock.py``, where waiting
costs nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from test_chaos import BATCH, KEPT, ROUNDS, SEED, Sender, judge, misbehaviour, quiet

from hedgerow.store import open_connection
from support.server import Server
from support.sink import Sink

TURNS = max(4, ROUNDS // 8)
BATCHES = 25
DISK_MB = 96 + 4 * TURNS
FULL_S = 2.5
LOCKED_S = 3.0
AHEAD_S, BACK_S = 3600.0, 15.0
CLOCK = Path(__file__).parents[1] / "support" / "chaos_clock"


@contextmanager
def small_disk(folder: Path):
    """A disk of its own in the memory, where that is allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "hedgerow-chaos", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("mounting a small disk takes root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(folder: Path) -> None:
    """Leave no byte free for a while."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        time.sleep(FULL_S)
    finally:
        ballast.unlink()


def lock(database: Path) -> None:
    """Keep everybody from writing for a while."""
    connection = open_connection(database)
    try:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_S)
        connection.execute("ROLLBACK")
    finally:
        connection.close()


class Clock:
    """The time of day of a server's processes: a file says how far it is from the machine's."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.offset = 0.0
        self.environment = {"PYTHONPATH": os.pathsep.join([str(CLOCK), *sys.path]), "CHAOS_CLOCK": str(file)}

    def set(self, seconds: float) -> None:
        self.offset += seconds
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(self.offset))
        fresh.replace(self.file)

    def jump(self) -> None:
        """An hour ahead, and a little back again."""
        self.set(AHEAD_S)
        time.sleep(1.0)
        self.set(-BACK_S)


def while_failing(sender: Sender, turn: int, fault) -> None:
    """Send as ever while the fault comes and goes."""
    trouble = threading.Thread(target=fault)
    for index in range(BATCHES):
        if index == BATCHES // 3:
            trouble.start()
        sender.send(sender.batch(turn * BATCHES + index))
        time.sleep(0.01)
    trouble.join()


async def rounds(server: Server, faults) -> None:
    """Rounds with these faults in turn, and the judgement."""
    chance = random.Random(SEED)
    async with Sink(keep_bytes=KEPT) as sink:
        with server:
            sender = Sender(server, chance)
            server.webhook(f"{sink.url}/hook", body={"uuid": "{event.uuid}"})
            for turn in range(TURNS):
                sink.script("/hook", *misbehaviour(chance)[: BATCHES * BATCH])
                await asyncio.to_thread(while_failing, sender, turn, faults[turn % len(faults)])
            sink.calm()
            await quiet(server.data / "state.db", len(sender.acknowledged))
            assert await asyncio.to_thread(server.stop) == 0
        judge(sender, sink, server.data / "state.db", TURNS, TURNS)


@pytest.mark.e2e
@pytest.mark.chaos
@pytest.mark.timeout(60 + TURNS * 30)
@pytest.mark.xdist_group("heavy")
async def test_nothing_acknowledged_is_lost_when_the_machine_fails(tmp_path):
    """What was acknowledged before, between and after has its verdict; what could not be kept was refused."""
    with small_disk(tmp_path / "disk") as disk:
        clock = Clock(tmp_path / "clock")
        server = Server(disk / "instance", HEDGEROW_FETCH_TIMEOUT_S="2", **clock.environment)
        faults = [
            lambda: fill(disk),
            lambda: lock(server.data / "state.db"),
            lambda: lock_the_log(server),
            clock.jump,
        ]
        await rounds(server, faults)
        assert hours_covered(server.data / "state.db") >= TURNS // len(faults), "the clock stood still"


def hours_covered(database: Path) -> float:
    """How far apart the first and the last event are by the server's clock."""
    connection = open_connection(database)
    try:
        first, last = connection.execute(
            "SELECT min(captured_at), max(captured_at) FROM deliveries"
        ).fetchone()
    finally:
        connection.close()
    return (last - first + BACK_S * 1000 * TURNS) / 3_600_000


def lock_the_log(server: Server) -> None:
    """Hold the newest file of the event log: capture has to wait or to refuse."""
    lock(max((server.data / "events").glob("*.db"), key=lambda path: path.stat().st_mtime))
