"""When the power fails, everything that was acknowledged or settled is still there.

The files live on a SQLite VFS that knows what was synced. At a random moment it gives what a disk would hold after a power
cut: the synced content, and a random part of what was written since. The same proof with ``synchronous=OFF`` fails.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from hedgerow.delivery import ledger
from hedgerow.delivery.identity import delivery_id
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.events import Draft
from hedgerow.log.segments import HOUR_MS
from hedgerow.log.sqlite import SqliteLog
from hedgerow.store import Database, open_connection
from support.power import PowerVFS
from support.store import fresh_store

ROUNDS = 40


class Sealer:
    def seal(self, plain, context):
        return plain

    def open(self, sealed, context):
        return sealed


def restore(images: dict[str, bytes], old: Path, new: Path) -> None:
    for path, content in images.items():
        target = new / Path(path).relative_to(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


async def lost_events(folder: Path, seed: int, synchronous: str) -> int:
    """Append, cut the power at a random moment, count acknowledged events that are gone."""
    chance = random.Random(seed)
    vfs = PowerVFS(f"power-log-{synchronous}-{seed}")
    before, after = folder / f"{seed}-before", folder / f"{seed}-after"
    log = SqliteLog(
        before,
        2,
        clock=lambda: 490_000 * HOUR_MS / 1000,
        synchronous=synchronous,
        vfs=f"power-log-{synchronous}-{seed}",
    )
    acknowledged: set[bytes] = set()

    async def sender(name: int) -> None:
        for number in range(12):
            payload = f"{name}-{number}".encode() * 40
            await log.append([Draft(1, str(name), 0, payload)])
            acknowledged.add(payload)

    senders = [asyncio.create_task(sender(name)) for name in range(4)]
    for _ in range(chance.randint(3, 40)):
        await asyncio.sleep(0)
        await asyncio.sleep(0.0005)
    promised = set(acknowledged)
    images = vfs.fail(chance)
    await asyncio.gather(*senders)
    log.close()
    after.mkdir()
    restore(images, before, after)
    return len(promised - await asyncio.to_thread(stored, after))


def stored(folder: Path) -> set[bytes]:
    found = set()
    for file in folder.glob("*.db"):
        connection = open_connection(file)
        if connection.pragma("user_version"):
            found |= {row[0] for row in connection.execute("SELECT payload FROM records")}
        connection.close()
    return found


def outcome(number: int) -> Outcome:
    event = number.to_bytes(16, "big")
    invocation = Invocation(
        delivery_id(number, event, event),
        1,
        event,
        1,
        "",
        "",
        0,
        number,
        event,
        "e",
        "d",
        number,
        number,
        {"event": {}},
    )
    return Outcome(invocation, "delivered", number)


async def lost_verdicts(folder: Path, seed: int, synchronous: str) -> int:
    """Settle, cut the power, count settled records without their verdict or position."""
    chance = random.Random(seed)
    name = f"power-settle-{synchronous}-{seed}"
    vfs = PowerVFS(name)
    before, after = folder / f"{seed}-before", folder / f"{seed}-after"
    before.mkdir()
    fresh_store(before)
    store = Database(before / "state.db", synchronous=synchronous, vfs=name)
    await store.write(lambda c: ledger.take(c, 0))
    promised = 0
    for number in range(1, chance.randint(5, 30)):
        settlement = ledger.Settlement(outcomes=[outcome(number)], positions={0: number})
        await store.write(lambda c, settlement=settlement: ledger.settle(c, settlement, Sealer()))
        promised = number
    images = vfs.fail(chance)
    store.close()
    after.mkdir()
    restore(images, before, after)
    return promised - await asyncio.to_thread(verdicts, after / "state.db")


def verdicts(path: Path) -> int:
    connection = open_connection(path)
    (count,) = connection.execute("SELECT COUNT(*) FROM deliveries").fetchone()
    settled = connection.execute("SELECT settled_to FROM positions WHERE partition = 0").get
    connection.close()
    assert settled == count, "position and verdicts are written together"
    return count


@pytest.mark.parametrize("proof", [lost_events, lost_verdicts])
async def test_nothing_acknowledged_is_lost_when_the_power_fails(proof, tmp_path):
    """With full synchronisation no acknowledged event and no settled verdict is missing, whenever the power goes."""
    lost = [await proof(tmp_path, seed, "FULL") for seed in range(ROUNDS)]
    assert sum(lost) == 0, lost


@pytest.mark.parametrize("proof", [lost_events, lost_verdicts])
async def test_the_proof_notices_a_store_that_does_not_wait_for_the_disk(proof, tmp_path):
    """The same proof fails when commits do not wait for the disk, so it proves something."""
    lost = []
    for seed in range(ROUNDS):
        try:
            lost.append(await proof(tmp_path, seed, "OFF"))
        except Exception:
            lost.append(1)  # a torn file is a loss too
    assert sum(lost) > 0


async def lost_people(folder: Path, seed: int, synchronous: str) -> int:
    """Fold (not durable by itself) and settle; after a power cut every settled record must be folded."""
    chance = random.Random(seed)
    name = f"power-fold-{synchronous}-{seed}"
    vfs = PowerVFS(name)
    before, after = folder / f"{seed}-before", folder / f"{seed}-after"
    before.mkdir()
    fresh_store(before)
    store = Database(before / "state.db", synchronous=synchronous, vfs=name)
    await store.write(lambda c: ledger.take(c, 0))
    for number in range(1, chance.randint(5, 30)):
        await store.write(lambda c, number=number: ledger.folded(c, {0: number}), durable=False)
        if chance.random() < 0.5:
            settlement = ledger.Settlement(outcomes=[outcome(number)], positions={0: number})
            await store.write(lambda c, settlement=settlement: ledger.settle(c, settlement, Sealer()))
    images = vfs.fail(chance)
    store.close()
    after.mkdir()
    restore(images, before, after)
    connection = open_connection(after / "state.db")
    folded, settled = connection.execute("SELECT folded_to, settled_to FROM positions").fetchone()
    connection.close()
    return max(0, settled - folded)


async def test_what_is_settled_is_folded_when_the_power_fails(tmp_path):
    """A fold does not wait for the disk, and yet nothing is settled that is not folded, whenever the power goes."""
    assert [await lost_people(tmp_path, seed, "FULL") for seed in range(ROUNDS)] == [0] * ROUNDS
