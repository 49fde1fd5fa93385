"""Parts that other rooms add to a worker: what they are given, and what the pipeline asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from hedgerow.delivery.configuration import Configuration
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.invocation import Outcome
from hedgerow.delivery.lanes import Lanes
from hedgerow.delivery.world import Options, Store, World


@dataclass(frozen=True, slots=True)
class Bench:
    """What a keeper works with.

    Attributes:
        world: clock, store, log, network.
        options: the pipeline's knobs.
        gates: which destinations take something now.
        configuration: the destinations, compiled.
        lanes: where invocations run.
        reader: for reading transactions that take their time: those of live traffic do not wait behind it.
    """

    world: World
    options: Options
    gates: Gates
    configuration: Configuration
    lanes: Lanes
    reader: Store


class Keeper(Protocol):
    """A part of a pipeline."""

    def own(self, partitions: Iterable[int]) -> None:
        """Say which partitions are ours."""

    def settled(self, outcome: Outcome) -> None:
        """The ledger has this outcome of an invocation of some run now."""

    async def run(self) -> None:
        """Work until cancelled."""


KeeperMaker: TypeAlias = Callable[[Bench], Keeper]
