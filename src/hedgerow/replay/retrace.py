"""Retracing a delivery: its program once more, line by line, with the answers that it got. Nothing is sent.

An open delivery has a journal of its completed calls. Of one that is over the ledger has the requests and answers, as far as it
kept them: redacted and cut. A call of which neither knows the answer is answered with 200 and an empty object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hedgerow.delivery.fetch import NO_RESPONSE, parse_body
from hedgerow.delivery.identity import raw
from hedgerow.delivery.queries import Details, Request
from hedgerow.delivery.sandbox import Job
from hedgerow.delivery.state import unpack_journal
from hedgerow.destinations import DestinationError, Keyring, with_source
from hedgerow.destinations.model import Destination
from hedgerow.hog import AsyncCall, Finished, HogError, JournalEntry
from hedgerow.replay.trial import Trials, prepared
from hedgerow.replay.trial_event import Setting
from hedgerow.store import Connection

JOURNAL = "SELECT journal FROM deliveries WHERE id = ?"
MOST_CALLS: Final = 100
MADE_UP: Final[Mapping[str, Any]] = {"status": 200, "headers": {}, "body": {}}


@dataclass(slots=True)
class _Answers:
    """What calls are answered with, and how often that had to be made up."""

    kept: dict[int, Request]
    recorded: int = 0
    made_up: int = 0

    def __call__(self, call: AsyncCall) -> Any:
        """The answer to a call, as the program is to see it."""
        if call.name != "fetch":
            return None
        request = self.kept.get(call.ordinal)
        if request is None or (request.response is None and request.error is None):
            self.made_up += 1
            return dict(MADE_UP)
        self.recorded += 1
        return _result(request)


def journal_of(connection: Connection, delivery_id: bytes, keyring: Keyring) -> list[JournalEntry]:
    """The completed calls of an open delivery; none when it is over.

    Raises:
        SecretsError: it cannot be read with these keys.
    """
    return unpack_journal(connection.execute(JOURNAL, (delivery_id,)).get, delivery_id, keyring)[0]


async def retrace(
    trials: Trials,
    keyring: Keyring,
    setting: Setting,
    destination: Destination,
    found: Details,
    journal: Sequence[JournalEntry],
    *,
    summary: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run a delivery's program again and note every line.

    Args:
        trials: have the helpers.
        keyring: opens secrets.
        setting: of the project.
        destination: at the revision that the delivery ran with.
        found: the delivery with its requests and the event's globals.
        journal: from ``journal_of``.
        summary: what it carried besides, as ``gathering.read`` has it.

    Returns:
        As JSON, secrets taken out: ``steps`` (line, source, what it changed), ``complete``, ``error``, ``printed``,
        ``answers`` (how many came from where), and the ``revision``.

    Raises:
        ValidationError: the revision does not compile any more.
    """
    compiled = await asyncio.to_thread(prepared, destination, keyring, setting.project, trials.limits)
    answers = _Answers({one.ordinal: one for one in found.requests})
    printed: list[str] = []
    seen: dict[str, Any] = {}
    job = Job(
        compiled, with_source(found.globals, destination, summary), found.delivery.mapping, seed=raw(found.delivery.id),
        journal=list(journal), emit=printed.append, rendered=seen.update,
    )  # fmt: skip
    completed, error = await _run(trials, job, answers)
    trace = await _traced(trials, job, completed)
    shown = {
        **trace,
        "error": trace.get("error") or error,
        "printed": printed,
        "revision": destination.revision,
        "answers": {"journal": len(journal), "ledger": answers.recorded, "made_up": answers.made_up},
    }
    return _hidden(shown, lambda text: compiled.redact(text, seen))  # type: ignore[no-any-return]


async def _run(trials: Trials, job: Job, answers: _Answers) -> tuple[list[JournalEntry], str | None]:
    """The calls of the whole run, and how it failed if it did."""
    run = trials.sandbox.start(job)
    try:
        for _ in range(MOST_CALLS):
            step = await run.advance()
            if isinstance(step, Finished):
                return run.journal, None
            run.answer(answers(step))
    except (HogError, DestinationError) as error:
        return run.journal, str(error)
    return run.journal, f"More than {MOST_CALLS} calls are not retraced."


async def _traced(trials: Trials, job: Job, journal: list[JournalEntry]) -> dict[str, Any]:
    whole = Job(job.compiled, job.globals, job.mapping, seed=job.seed, journal=journal)
    try:
        return await trials.sandbox.trace(whole)
    except (HogError, DestinationError) as error:
        return {"steps": [], "complete": False, "error": str(error)}


def _result(request: Request) -> dict[str, Any]:
    """What ``fetch`` evaluated to, as far as the ledger kept it."""
    if request.response is None:
        body = {"error": "unreachable", "message": request.error}
        return {"status": NO_RESPONSE, "headers": {}, "body": body}
    try:
        kept = orjson.loads(request.response)
    except orjson.JSONDecodeError:
        kept = {"headers": {}, "body": request.response}
    body = parse_body(str(kept.get("body") or "").encode("utf-8", "replace"))
    return {"status": request.status, "headers": kept.get("headers") or {}, "body": body}


def _hidden(value: Any, redact: Callable[[str], str]) -> Any:
    """A value without secrets, wherever they stand in it."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _hidden(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item, redact) for item in value]
    return value
