"""Bells and the roster: how the processes hear from each other."""

from __future__ import annotations

import asyncio
import json

import pytest

from hedgerow.serve.status import Bells, Roster
from hedgerow.serve.supervisor import datagram_pair


def test_many_rings_are_one_message():
    """All appends of one turn of the loop wake a worker once."""

    async def scenario():
        pair = datagram_pair()
        bells = Bells([pair.near.detach()])
        for _ in range(100):
            bells.ring()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert pair.far.recv(10) == b"!"
        with pytest.raises(BlockingIOError):
            pair.far.recv(10)
        bells.ring()
        await asyncio.sleep(0.01)
        assert pair.far.recv(10) == b"!"

    asyncio.run(scenario())


def test_a_deaf_worker_stops_nobody():
    """Ringing never blocks, however long a worker does not listen."""

    async def scenario():
        pair = datagram_pair()
        bells = Bells([pair.near.detach()])
        for _ in range(5000):
            bells.ring()
            await asyncio.sleep(0)
        pair.far.close()
        bells.ring()
        await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_the_roster_knows_who_is_missing():
    """The last word of the supervisor counts."""

    async def scenario():
        pair = datagram_pair()
        roster = Roster(pair.far.detach())
        for pid in (10, 0):
            pair.near.send(json.dumps([{"name": "worker-1", "pid": pid, "restarts": 0}]).encode())
            await asyncio.sleep(0.01)
            assert roster.missing == ([] if pid else ["worker-1"])
        roster.report_up()
        assert pair.near.recv(10) == b"up"

    asyncio.run(scenario())
