"""Claims: deliveries that are sent only if the ledger says so, because of what came before them.

Three settings of a destination ask for that, and an invocation passes them in this order: a *threshold* counts (counting.py),
*masking* leaves out repetitions (masking.py), a *digest* gathers (gathering.py). All are decided in the settling transaction,
which gives the winner an open row and every other its verdict: so it is decided once, before anything is sent, whichever worker
has the event, and no crash can swallow the only copy or count an invocation twice.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from hedgerow.delivery import counting, gathering, masking
from hedgerow.delivery.erasure import gone
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.delivery.sandbox import Job, Sandbox
from hedgerow.delivery.world import World
from hedgerow.destinations import CompiledDestination, FilterError, InputError, SecretsError
from hedgerow.destinations.globals import with_source
from hedgerow.destinations.model import Config
from hedgerow.hog import HogError, Host, OverBudget
from hedgerow.store import Connection

CPU_MS: Final = 100
# How long windows of a replay are remembered after it last looked at them.
PAST_KEPT_MS: Final = 7 * 86_400_000
SETTINGS: Final = ("threshold", "masking", "digest")

Asked = counting.Threshold | masking.Mask | gathering.Digest
"""What one setting asks about an invocation."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An invocation that asks to be sent.

    Attributes:
        invocation: whose.
        asked: whom it has to pass, in order.
    """

    invocation: Invocation
    asked: Sequence[Asked]


class ClaimError(Exception):
    """What an invocation has in common with others could not be worked out.

    Attributes:
        kind: what failed, as the ledger calls it.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def claim(
    invocation: Invocation, compiled: CompiledDestination, now: float, patience_ms: float = math.inf
) -> Claim | None:
    """What an invocation has to claim before it may be sent; None when nothing keeps it back.

    Args:
        invocation: fresh from matching.
        compiled: its destination.
        now: seconds since the epoch.
        patience_ms: CPU time that the keys, and the inputs they need, may take here.

    Raises:
        ClaimError: a key, or an input that it needs, could not be worked out.
        OverBudget: it takes longer: ``claim_in_helper`` has the time.
    """
    if not compiled.claims:
        return None
    limits = replace(compiled.limits, cpu_ms=CPU_MS)
    host = Host(now=lambda: now, seed=invocation.id, limits=limits, patience_ms=patience_ms)
    values = with_source(invocation.globals, compiled.destination)
    with _failures(compiled):
        if compiled.keys_need_inputs:
            values["inputs"] = compiled.render(values, invocation.mapping, host)
        return _claimed(invocation, compiled, compiled.claim_keys(values, invocation.mapping, host))


async def claim_anywhere(world: World, invocation: Invocation, compiled: CompiledDestination) -> Claim | None:
    """As ``claim``: on the event loop while it is quick.

    Raises:
        ClaimError: it could not be worked out.
    """
    if world.sandbox is None:
        return claim(invocation, compiled, world.now())
    try:
        return claim(invocation, compiled, world.now(), world.sandbox.patience_ms)
    except OverBudget:
        return await claim_in_helper(world.sandbox, invocation, compiled)


async def claim_in_helper(
    sandbox: Sandbox, invocation: Invocation, compiled: CompiledDestination
) -> Claim | None:
    """As ``claim``, worked out in a helper process."""
    values = with_source(invocation.globals, compiled.destination)
    job = Job(compiled, values, invocation.mapping, seed=invocation.id, render=compiled.keys_need_inputs)
    with _failures(compiled):
        keys = await sandbox.claim_keys(job, replace(compiled.limits, cpu_ms=CPU_MS))
    return _claimed(invocation, compiled, keys)


@contextmanager
def _failures(compiled: CompiledDestination) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise ClaimError("inputs", str(error)) from error
    except SecretsError as error:
        raise ClaimError("secrets", str(error)) from error
    except (FilterError, HogError) as error:
        raise ClaimError(_kind(error, compiled.destination.config), str(error)) from error


def _kind(error: Exception, config: Config) -> str:
    """Which setting's template failed: its name stands before what is wrong, unless they took too long together."""
    mine = [name for name in SETTINGS if getattr(config, name) is not None]
    name = str(error).partition(":")[0]
    return name if name in mine else mine[0]


def _claimed(invocation: Invocation, compiled: CompiledDestination, keys: Mapping[str, str]) -> Claim | None:
    asked = list(asked_of(compiled.destination.config, keys))
    return Claim(invocation, asked) if asked else None


def asked_of(config: Config, keys: Mapping[str, str]) -> Iterator[Asked]:
    """Whom a delivery with some keys has to pass.

    Args:
        config: of the destination.
        keys: as ``CompiledDestination.claim_keys`` has them.
    """
    if config.threshold is not None and "threshold" in keys:
        settings = config.threshold
        yield counting.Threshold(bytes.fromhex(keys["threshold"]), settings["count"], settings["window"])
    if config.masking is not None and "masking" in keys:
        settings = config.masking
        yield masking.Mask(bytes.fromhex(keys["masking"]), settings["ttl"] * 1000, settings["threshold"])
    if config.digest is not None and "digest" in keys:
        settings = config.digest
        yield gathering.Digest(bytes.fromhex(keys["digest"]), settings["interval"], settings["limit"])


class _Desk:
    """Asks all that a claim has to pass, within one transaction."""

    def __init__(self, counts: counting.Counts, masks: masking.Masks, digests: gathering.Digests) -> None:
        self._parts = (counts, masks, digests)

    def decide(self, one: Claim, now_ms: int) -> Outcome:
        """The first that keeps it back says what becomes of it."""
        for asked in one.asked:
            if (kept_back := self._ask(one.invocation, asked, now_ms)) is not None:
                return kept_back
        return Outcome(one.invocation, "running", now_ms, next_at=now_ms)

    def _ask(self, invocation: Invocation, asked: Asked, now_ms: int) -> Outcome | None:
        counts, masks, digests = self._parts
        if isinstance(asked, counting.Threshold):
            return counts.ask(invocation, asked, now_ms)
        if isinstance(asked, masking.Mask):
            return masks.ask(invocation, asked, now_ms)
        return digests.ask(invocation, asked, now_ms)

    def write(self) -> None:
        """Keep what was decided."""
        for part in self._parts:
            part.write()


def decide(connection: Connection, claims: Sequence[Claim], now_ms: int) -> list[Outcome]:
    """Which claims win: an open row for each that does, a final verdict for the others.

    Args:
        connection: inside the transaction that writes the outcomes.
        claims: in the order in which their events arrived.
        now_ms: milliseconds since the epoch.
    """
    desk = _Desk(counting.Counts(connection), masking.Masks(connection), gathering.Digests(connection))
    who = [(i.project_id, i.distinct_id, i.captured_at) for i in (one.invocation for one in claims)]
    outcomes = [
        # What is erased must not be what carries others, nor what they repeat.
        Outcome(one.invocation, "discarded", now_ms, kind="erased") if is_erased else desk.decide(one, now_ms)
        for one, is_erased in zip(claims, gone(connection, who), strict=True)
    ]
    desk.write()
    return outcomes


def decide_past(connection: Connection, claims: Sequence[Claim], run: str, now_ms: int) -> list[Outcome]:
    """The same for events of the past, by the time at which they were captured, in windows of a run's own.

    Args:
        connection: inside the transaction that writes the outcomes.
        claims: in the order of capture.
        run: the replay that wants them.
        now_ms: milliseconds since the epoch.
    """
    kept_to = now_ms + PAST_KEPT_MS
    desk = _Desk(
        counting.Counts(connection, kept_to),
        masking.PastMasks(connection, kept_to),
        gathering.Digests(connection, kept_to),
    )
    outcomes = [desk.decide(_of_run(one, run), one.invocation.captured_at) for one in claims]
    desk.write()
    return outcomes


def _of_run(one: Claim, run: str) -> Claim:
    """A claim whose windows nothing live looks at."""
    return replace(one, asked=[replace(asked, hash=_hash_of_run(asked.hash, run)) for asked in one.asked])


def _hash_of_run(hash_: bytes, run: str) -> bytes:
    return hashlib.md5(run.encode() + b"\0" + hash_, usedforsecurity=False).digest()
