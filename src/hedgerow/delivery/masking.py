"""Masking: of deliveries that repeat each other within a window, only the first, or one in so many, is sent.

A repetition is told by a hash that the destination's owner chose. Whether an invocation is the one to send is decided in the
settling transaction, which gives the winner an open row and every other its verdict ``masked``: so it is decided once,
before anything is sent, and no crash can mask the only copy or count an invocation twice.

Source of the rules: PostHog's masking. The window begins with the first occurrence and does not slide; with a threshold T
occurrences 1, T + 1, 2 T + 1 of a window are sent, without one only the first. Unlike there, a hash that cannot be worked out is
a failure that can be run again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.delivery.sandbox import Job, Sandbox
from hedgerow.destinations import CompiledDestination, FilterError, InputError, SecretsError
from hedgerow.destinations.globals import with_source
from hedgerow.hog import HogError, Host
from hedgerow.store import Connection

CPU_MS: Final = 100

FIND = "SELECT expires_at, count, winner FROM masks WHERE destination_id = ? AND hash = ?"
KEEP = """
INSERT INTO masks (destination_id, hash, expires_at, count, winner) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (destination_id, hash) DO UPDATE SET
    expires_at = excluded.expires_at, count = excluded.count, winner = excluded.winner
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """An invocation that asks to be the one that is sent.

    Attributes:
        invocation: whose.
        hash: what its repetitions have in common, 16 bytes.
        ttl_ms: length of the window.
        threshold: one in so many is sent; None: only the first.
    """

    invocation: Invocation
    hash: bytes
    ttl_ms: int
    threshold: int | None


@dataclass(slots=True)
class _Window:
    expires_at: int
    count: int
    winner: bytes


class MaskingError(Exception):
    """The hash could not be worked out.

    Attributes:
        kind: what failed, as the ledger calls it.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def claim(
    invocation: Invocation, compiled: CompiledDestination, now: float, patience_ms: float = math.inf
) -> Claim | None:
    """What an invocation has to claim before it may be sent; None when nothing masks it.

    Args:
        invocation: fresh from matching.
        compiled: its destination.
        now: seconds since the epoch.
        patience_ms: CPU time that the hash, and the inputs it needs, may take here.

    Raises:
        MaskingError: the hash, or an input that it needs, could not be worked out.
        OverBudget: it takes longer: ``claim_in_helper`` has the time.
    """
    masking = compiled.destination.config.masking
    if masking is None:
        return None
    limits = replace(compiled.limits, cpu_ms=CPU_MS)
    host = Host(now=lambda: now, seed=invocation.id, limits=limits, patience_ms=patience_ms)
    values = with_source(invocation.globals, compiled.destination)
    with _failures():
        if _needs_inputs(masking):
            values["inputs"] = compiled.render(values, invocation.mapping, host)
        return _claimed(invocation, masking, compiled.mask_key(values, host))


async def claim_in_helper(
    sandbox: Sandbox, invocation: Invocation, compiled: CompiledDestination
) -> Claim | None:
    """As ``claim``, worked out in a helper process."""
    masking = compiled.destination.config.masking
    if masking is None:
        return None
    values = with_source(invocation.globals, compiled.destination)
    job = Job(compiled, values, invocation.mapping, seed=invocation.id, render=_needs_inputs(masking))
    with _failures():
        hashed = await sandbox.mask_key(job, replace(compiled.limits, cpu_ms=CPU_MS))
    return _claimed(invocation, masking, hashed)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise MaskingError("inputs", str(error)) from error
    except SecretsError as error:
        raise MaskingError("secrets", str(error)) from error
    except (FilterError, HogError) as error:
        raise MaskingError("masking", str(error)) from error


def _needs_inputs(masking: Mapping[str, Any]) -> bool:
    return "inputs" in masking["hash"]


def _claimed(invocation: Invocation, masking: Mapping[str, Any], hashed: str | None) -> Claim | None:
    if hashed is None:
        return None
    return Claim(invocation, bytes.fromhex(hashed), masking["ttl"] * 1000, masking["threshold"])


def decide(connection: Connection, claims: Sequence[Claim], now_ms: int) -> list[Outcome]:
    """Which claims win: an open row for each that does, ``masked`` for the others.

    Args:
        connection: inside the transaction that writes the outcomes.
        claims: in the order in which their events arrived.
        now_ms: milliseconds since the epoch.
    """
    windows: dict[tuple[bytes, bytes], _Window] = {}
    outcomes: list[Outcome] = []
    for one in claims:
        name = one.invocation.destination_id, one.hash
        window = windows.get(name) or _find(connection, name)
        if window is None or window.expires_at <= now_ms:
            window = _Window(now_ms + one.ttl_ms, 0, one.invocation.id)
        windows[name] = window
        outcomes.append(_decide(one, window, now_ms))
    connection.executemany(KEEP, [(*name, w.expires_at, w.count, w.winner) for name, w in windows.items()])
    return outcomes


def _find(connection: Connection, name: tuple[bytes, bytes]) -> _Window | None:
    row = connection.execute(FIND, name).fetchone()
    return None if row is None else _Window(*row)


def _decide(one: Claim, window: _Window, now_ms: int) -> Outcome:
    wins = window.count == 0 if one.threshold is None else window.count % one.threshold == 0
    window.count += 1
    if wins:
        window.winner = one.invocation.id
        return Outcome(one.invocation, "running", now_ms, next_at=now_ms)
    return Outcome(one.invocation, "masked", now_ms, error=f"It repeats delivery {text(window.winner)}.")
