"""The machine fails instead of the processes: the disk is full, or somebody else holds the database for seconds.

``make chaos ROUNDS=200`` runs these rounds as well. The clock's turn is in ``tests/simulation/test_clock.py``, where it can jump.
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
from test_chaos import BATCH, ROUNDS, SEED, Sender, judge, misbehaviour, quiet

from hedgerow.store import open_connection
from support.server import Server
from support.sink import Sink

TURNS = max(4, ROUNDS // 8)
BATCHES = 25
DISK_MB = 96 + 4 * TURNS
FULL_S = 2.5
LOCKED_S = 3.0


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
    async with Sink() as sink:
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
async def test_nothing_acknowledged_is_lost_when_the_disk_is_full_or_the_database_locked(tmp_path):
    """What was acknowledged before, between and after has its verdict; what could not be kept was refused."""
    with small_disk(tmp_path / "disk") as disk:
        server = Server(disk / "instance", HEDGEROW_FETCH_TIMEOUT_S="2")
        faults = [lambda: fill(disk), lambda: lock(server.data / "state.db"), lambda: lock_the_log(server)]
        await rounds(server, faults)


def lock_the_log(server: Server) -> None:
    """Hold the newest file of the event log: capture has to wait or to refuse."""
    lock(max((server.data / "events").glob("*.db"), key=lambda path: path.stat().st_mtime))
