"""What re-runs, replays and ticks of schedules have in common at the API: how they are shown, begun, paused and cancelled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response

from hedgerow.api.access import Access, id_bytes
from hedgerow.api.errors import ApiError, Invalid, Json, NotFound
from hedgerow.api.times import iso
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import FINAL
from hedgerow.destinations import repository
from hedgerow.replay import KeyTaken, Progress, Run, RunUnderWay, runs, waiting
from hedgerow.store import Connection

FASTEST: Final = 100_000
LONGEST_KEY: Final = 200
SWITCHED_OFF: Final = "The destination is switched off."


class UnderWay(ApiError):
    """The same selection is being run already."""

    status, type, code = 409, "invalid_request", "already_running"

    def __init__(self, run: Run) -> None:
        super().__init__(str(RunUnderWay(run)))
        self.run = run

    def response(self) -> Response:
        """The envelope, with the run that is under way."""
        body = {
            "type": self.type,
            "code": self.code,
            "detail": self.detail,
            "attr": None,
            "run": text(self.run.id),
        }
        return Json(body, self.status)


class KeyMismatch(ApiError):
    """The idempotency key was used for something else before."""

    status, type, code = 409, "invalid_request", "idempotency_mismatch"


@dataclass(frozen=True, slots=True)
class Shown:
    """A run and what is told of it beside its row."""

    run: Run
    progress: Progress
    waits_for: Mapping[str, str]


def read(connection: Connection, run: Run) -> Shown:
    """What is to be told of a run.

    Args:
        connection: inside a reading transaction.
        run: which.
    """
    reached = runs.progress(connection, run)
    waits = {} if run.finished_at or run.dry_run else _waits_for(connection, run, reached)
    return Shown(run, reached, waits)


def _waits_for(connection: Connection, run: Run, reached: Progress) -> dict[str, str]:
    """Destinations whose part of a run does not go on now, and why."""
    gates, found = Gates(), {}
    gates.refresh(connection)
    owners = set(waiting.owners(connection, run))
    if run.kind == runs.SCHEDULE and reached.selecting and run.destination_id is not None:
        owners.add(run.destination_id)  # it selects no more than is sent
    for owner in sorted(owners):
        gate = gates.of(owner)
        if repository.status(connection, owner) == "disabled":
            found[text(owner)] = SWITCHED_OFF
        elif gate.closed or gate.health.ill:
            found[text(owner)] = gate.closed or "The destination is not well."
    return found


def presented(shown: Shown) -> dict[str, Any]:
    """A run as the API shows it."""
    run, reached = shown.run, shown.progress
    settled = sum(number for verdict, number in reached.verdicts.items() if verdict in FINAL)
    return {
        "id": text(run.id),
        "kind": run.kind,
        "state": run.state,
        "destination": None if run.destination_id is None else text(run.destination_id),
        "revision": run.wanted.get("revision", "current"),
        "rate": run.rate,
        "tick": iso(run.wanted["at"]) if run.kind == runs.SCHEDULE else None,
        "created_at": iso(run.created_at),
        "created_by": run.author,
        "finished_at": None if run.finished_at is None else iso(run.finished_at),
        "progress": {
            "total": run.total,
            "looked_at": reached.looked_at,
            "selected": reached.selected,
            "left_out": dict(reached.left_out),
            "persons": dict(reached.persons),
            "selecting": reached.selecting,
            "settled": settled,
            "open": sum(reached.verdicts.values()) - settled,
            "verdicts": dict(reached.verdicts),
        },
        "waits_for": [{"destination": owner, "reason": reason} for owner, reason in shown.waits_for.items()],
    }


async def begin(access: Access, order: runs.Order, *, total: int | None = None) -> Run:
    """Begin a run, or find the one that an idempotency key stands for.

    Args:
        access: who asks.
        order: what it is to be.
        total: how many there are to look at, where that is known.

    Raises:
        UnderWay: the same is being run.
        KeyMismatch: the key was used for something else.
    """
    services = access.services

    def work(connection: Connection) -> Run:
        run, new = runs.start(
            connection, order, partitions=services.log.partitions, now=services.now(), randomness=services.random(10)
        )  # fmt: skip
        if new and total is not None:
            runs.expect(connection, run, total)
        if new and not order.dry_run:
            subject = order.destination_id
            told = {"run": text(run.id), "rate": order.rate}
            access.record(
                connection, order.kind, "HogFunction", text(subject) if subject else "several", after=told, before={}
            )  # fmt: skip
        return run

    try:
        run = await services.state.write(work)
    except RunUnderWay as error:
        raise UnderWay(error.run) from error
    except KeyTaken as error:
        raise KeyMismatch(str(error)) from error
    services.changed()
    return run


async def one(access: Access, run_id: str, kind: str, owner: bytes | None = None) -> Run:
    """A run of the project.

    Args:
        access: whose project.
        run_id: its id.
        kind: what it must be.
        owner: whose it must be, if that matters.

    Raises:
        NotFound: there is none.
    """
    key = id_bytes(run_id)
    run = await access.services.state.read(lambda connection: runs.find(connection, access.project.id, key))
    if run is None or run.kind != kind or (owner is not None and run.destination_id != owner):
        raise NotFound
    return run


async def show(access: Access, run: Run) -> dict[str, Any]:
    """A run as it is now."""

    def work(connection: Connection) -> Shown:
        return read(connection, runs.find(connection, run.project_id, run.id) or run)

    return presented(await access.services.state.read(work))


async def change(access: Access, run: Run, what: str) -> dict[str, Any]:
    """Pause, resume or cancel a run; one that is over stays as it is."""
    carry_out = {"pause": runs.pause, "resume": runs.resume, "cancel": runs.cancel}[what]
    subject = text(run.destination_id) if run.destination_id else "several"

    def work(connection: Connection) -> None:
        if carry_out(connection, run):
            told = {"run": text(run.id)}
            access.record(connection, f"{run.kind}_{what}", "HogFunction", subject, before={}, after=told)

    await access.services.state.write(work)
    access.services.changed()
    return await show(access, run)


# ------------------------------------------------------------------ reading bodies


def fields(body: Any, known: set[str], what: str) -> dict[str, Any]:
    """A JSON object that has only fields that are known.

    Raises:
        Invalid: it is something else.
    """
    if not isinstance(body, dict):
        raise Invalid("Invalid data. Expected a dictionary.")
    for name in body:
        if name not in known:
            raise Invalid(
                f"{what} has no field {name!r}: it takes {', '.join(sorted(known))}.", attr=str(name)
            )
    return body


def flag(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """A yes or no.

    Raises:
        Invalid: it is neither.
    """
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise Invalid("Must be true or false.", attr=name)
    return value


def rate(body: Mapping[str, Any]) -> float | None:
    """Deliveries a second, None for the default.

    Raises:
        Invalid: it is no such number.
    """
    value = body.get("rate")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= FASTEST:
        raise Invalid(f"Must be a number of deliveries per second, up to {FASTEST}.", attr="rate")
    return float(value) if math.isfinite(value) else None


def idempotency_key(request: Request, body: Mapping[str, Any]) -> str | None:
    """The key of an order, from the header ``Idempotency-Key`` or the field ``idempotency_key``.

    Raises:
        Invalid: it is no short text.
    """
    value = body.get("idempotency_key") or request.headers.get("idempotency-key") or None
    if value is not None and (not isinstance(value, str) or len(value) > LONGEST_KEY):
        raise Invalid(f"Must be a text of at most {LONGEST_KEY} characters.", attr="idempotency_key")
    return value
