"""Claims: deliveries that are sent only if the ledger says so, because of what came before them.

Three settings of a destination ask for that, and an invocation passes them in this order: a *threshold* counts (counting.py),
*masking* leaves out repetitions (masking.py), a *digest* gathers (gathering.py). All are decided in the settling transaction,
which gives the winner an open row and every other its verdict: so it is decided once, before anything is sent, whichever worker
has the event, and no crash can swallow the only copy or count an invocation twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from hedgerow.delivery import counting, gathering, masking
from hedgerow.delivery.erasure import gone
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.delivery.sandbox import Job, Sandbox
from hedgerow.destinations import CompiledDestination, FilterError, InputError, SecretsError
from hedgerow.destinations.globals import with_source
from hedgerow.destinations.model import Config
from hedgerow.hog import HogError, Host
from hedgerow.store import Connection

CPU_MS: Final = 100
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


def decide(connection: Connection, claims: Sequence[Claim], now_ms: int) -> list[Outcome]:
    """Which claims win: an open row for each that does, a final verdict for the others.

    Args:
        connection: inside the transaction that writes the outcomes.
        claims: in the order in which their events arrived.
        now_ms: milliseconds since the epoch.
    """
    counts, masks, digests = (
        counting.Counts(connection),
        masking.Masks(connection),
        gathering.Digests(connection),
    )
    erased = gone(
        connection,
        [
            (one.invocation.project_id, one.invocation.distinct_id, one.invocation.captured_at)
            for one in claims
        ],
    )

    def ask(invocation: Invocation, asked: Asked) -> Outcome | None:
        if isinstance(asked, counting.Threshold):
            return counts.ask(invocation, asked, now_ms)
        if isinstance(asked, masking.Mask):
            return masks.ask(invocation, asked, now_ms)
        return digests.ask(invocation, asked, now_ms)

    def outcome(one: Claim, is_erased: bool) -> Outcome:
        if is_erased:  # it must not be what carries others, nor what they repeat
            return Outcome(one.invocation, "discarded", now_ms, kind="erased")
        kept_back = (ask(one.invocation, asked) for asked in one.asked)
        verdict = next((found for found in kept_back if found is not None), None)
        return verdict or Outcome(one.invocation, "running", now_ms, next_at=now_ms)

    outcomes = [outcome(*pair) for pair in zip(claims, erased, strict=True)]
    for kept in (counts, masks, digests):
        kept.write()
    return outcomes
