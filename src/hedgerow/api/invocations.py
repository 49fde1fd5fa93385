"""``/api/projects/:id/hog_functions/:id/invocations/``: trying a destination on an event before trusting it with all of them.

PostHog's test endpoint, with more in its answer: why the event is wanted or not, what every input became, what would be sent.
Nothing is sent unless ``mock_async_functions`` is false, and nothing is written to the ledger either way.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.api import presenters
from hedgerow.api.access import Access, json_body, needs
from hedgerow.api.errors import ApiError, Forbidden, Invalid, Json, NotFound
from hedgerow.api.hog_functions import checked
from hedgerow.api.paging import number
from hedgerow.api.times import parse_time
from hedgerow.delivery.recent import EventSearch, find_event, place
from hedgerow.destinations import CompiledDestination, SecretsError, ValidationError, drafts, repository
from hedgerow.destinations.model import Destination
from hedgerow.destinations.validation import UNSAVED
from hedgerow.hog import HogError
from hedgerow.people.queries import group_types
from hedgerow.replay.restraints import Looking, restraints, says
from hedgerow.replay.trial import TooMany, Trial, prepared
from hedgerow.replay.trial_choice import Choice, choose
from hedgerow.replay.trial_event import Setting, Subject, clickhouse, given, stored
from hedgerow.replay.trial_report import report
from hedgerow.replay.trial_sample import sample
from hedgerow.replay.trial_transport import read_answers
from hedgerow.replay.variables import as_now, records_at
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/hog_functions/{destination_id}")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]
Writing = Annotated[Access, Depends(needs("hog_function:write"))]

NEW: Final = "new"
FIELDS: Final = frozenset(
    {
        "configuration", "use_draft", "globals", "clickhouse_event", "event", "person", "groups", "event_uuid", "sample",
        "latest", "mock_async_functions", "mock_answers", "trace", "invocation_id",
    }
)  # fmt: skip
NO_EVENT: Final = (
    "Which event? Send one of globals, clickhouse_event, event (with person and groups), event_uuid, "
    '"latest": true for the latest that matches, or "sample": true for one made up.'
)
FEW: Final = 10


class Throttled(ApiError):
    """Too many others ask for the same."""

    status, type, code = 429, "throttled_error", "throttled"


class Unreadable(ApiError):
    """Stored secrets, or a draft of a newer release, cannot be read: the operator must act."""

    status, type, code = 409, "invalid_request", "unreadable"


@router.post("/invocations")
async def invoke(destination_id: str, request: Request, access: Writing) -> Response:
    """Try a destination on one event.

    The path names a saved destination, or is ``new``. ``configuration`` is tried instead of what is saved; its secrets
    (``{"secret": true}``) take the saved values. Calls are answered by the test itself (``mock_answers``, or 200 and an empty object),
    unless ``mock_async_functions`` is false: then they are made, through the same guard as deliveries, once and without retries.
    """
    body = _body(await json_body(request))
    began = asyncio.get_running_loop().time()
    trials = access.services.trials
    try:
        compiled = await _compiled(destination_id, body, access)
    except ValidationError as error:
        return Json(_fields(error), 400)
    trial = Trial(
        compiled,
        await _subject(body, compiled, access),
        real=not _flag(body, "mock_async_functions", default=True),
        answers=read_answers(body.get("mock_answers")),
        traced=_flag(body, "trace"),
        invocation_id=_identity(body.get("invocation_id"), "invocation_id"),
    )
    if trial.real:
        await _recorded(access, compiled.destination)
    try:
        tried = await trials.run(trial)
    except TooMany as error:
        raise Throttled(str(error)) from error
    except HogError as error:
        raise Invalid(f"The filters could not be explained: {error}", attr="filters") from error
    took = int((asyncio.get_running_loop().time() - began) * 1000)
    shown = await asyncio.to_thread(report, trial, tried, took)
    if tried.runs and (said := await _said(trial, tried.runs[0].invocation.mapping, access)):
        shown["notes"].append(f"Now, for such an event: {said}")
    return Json(shown)


async def _said(trial: Trial, mapping: str, access: Access) -> str | None:
    """What masking, a threshold or a digest would make of the event if it came now; None without them."""
    if not trial.compiled.claims or trial.compiled.destination.id == UNSAVED:
        return None
    services = access.services
    looking = Looking(services.state, services.trials.sandbox, services.now())
    return says(await restraints(looking, trial.compiled, trial.subject.globals, mapping))


@router.get("/matching_events")
async def matching(destination_id: str, request: Request, access: Reading) -> dict[str, Any]:
    """Recent events that a saved destination would want, the latest first, for choosing one to try it on.

    A page may be shorter than ``limit`` and still have a ``cursor``: the search stops now and then so that nobody has to wait for it.
    """
    query = request.query_params
    body = {"use_draft": True} if query.get("use_draft") == "true" else {}
    return _choice(await _choose(request, access, await _compiled(destination_id, body, access), query))


@router.post("/matching_events")
async def matching_of(destination_id: str, request: Request, access: Reading) -> Any:
    """The same for a ``configuration`` that is not saved; the path names a saved destination, or is ``new``."""
    body = _body(await json_body(request))
    try:
        compiled = await _compiled(destination_id, body, access)
    except ValidationError as error:
        return Json(_fields(error), 400)
    return _choice(await _choose(request, access, compiled, request.query_params))


# --------------------------------------------------------------- what to try


async def _compiled(destination_id: str, body: Mapping[str, Any], access: Access) -> CompiledDestination:
    """The destination to try; filters and program are compiled off the event loop.

    Raises:
        ValidationError: the configuration that was sent is refused.
    """
    services = access.services
    try:
        chosen = await _destination(destination_id, body, access)
        return await asyncio.to_thread(
            prepared, chosen, services.keyring, access.seen, services.trials.limits
        )
    except (SecretsError, drafts.DraftUnreadable) as error:
        raise Unreadable(str(error)) from error


async def _destination(destination_id: str, body: Mapping[str, Any], access: Access) -> Destination:
    """The destination as saved, as in its draft, or as sent."""
    draft = _flag(body, "use_draft")
    found = None if destination_id == NEW else await _saved(destination_id, access, draft=draft)
    if body.get("configuration") is not None:
        return await _sent(body["configuration"], found, access)
    if found is not None:
        return found
    if destination_id == NEW:
        raise Invalid("Send the configuration to be tried.", attr="configuration", code="required")
    raise NotFound


async def _saved(destination_id: str, access: Access, *, draft: bool) -> Destination | None:
    """The destination with this id, as it is or as its draft has it; None when nobody knows it."""

    def work(connection: Connection) -> Destination | None:
        found = repository.get(connection, access.project.id, destination_id)
        if found is None or not draft:
            return found
        coming = drafts.get(connection, found.id)
        if coming is None:
            raise Invalid("This destination has no draft.", attr="use_draft")
        return coming.destination(found)

    return await access.services.state.read(work)


async def _sent(configuration: Any, saved: Destination | None, access: Access) -> Destination:
    """A destination as somebody has it on the screen; what it leaves out is as it was saved."""
    keyring = access.services.keyring
    valid = await checked(access, configuration, saved)
    identity = saved.id if saved else UNSAVED
    return valid.unsaved(access.project.id, keyring, destination_id=identity)


async def _subject(body: Mapping[str, Any], compiled: CompiledDestination, access: Access) -> Subject:
    """The event that the request names, brings, or asks to be made up."""
    setting = await _setting(access)
    if body.get("event_uuid") is not None:
        identity = _identity(body["event_uuid"], "event_uuid")
        assert identity is not None
        return await _by_uuid(identity, setting, access)
    if body.get("globals") is not None:
        return given(_object(body, "globals"), setting)
    if body.get("event") is not None:
        return given({name: body.get(name) for name in ("event", "person", "groups")}, setting)
    if body.get("clickhouse_event") is not None:
        return clickhouse(_object(body, "clickhouse_event"), setting)
    if _flag(body, "latest"):
        return await _latest(compiled, setting, access)
    if _flag(body, "sample"):
        return given(sample(compiled), setting, "sample")
    raise Invalid(NO_EVENT, attr="globals", code="required")


async def _setting(access: Access) -> Setting:
    services = access.services
    types = await services.state.read(lambda connection: group_types(connection, access.project.id))
    return Setting(access.seen, services.settings.base_url, services.now(), dict(types))


def _may_look(access: Access) -> None:
    """Stored events show what was captured, and of whom.

    Raises:
        Forbidden: the key is not for that.
    """
    for scope in ("event:read", "person:read"):
        if not access.actor.allows(scope):
            raise Forbidden(f"API key missing required scope '{scope}'.")


async def _by_uuid(identity: uuid.UUID, setting: Setting, access: Access) -> Subject:
    _may_look(access)
    state, project = access.services.state, access.project
    entry = await state.read(lambda connection: find_event(connection, project.id, identity.bytes))
    places = [(entry.partition, entry.position)] if entry else []
    records = [record for record in await records_at(access.services.log, places) if record]
    seen = await state.read(lambda connection: as_now(connection, records))
    found = next((one for one in seen if one is not None), None)
    if found is None:
        raise NotFound(f"There is no event {identity} (any more).")
    return stored(found, setting)


async def _latest(compiled: CompiledDestination, setting: Setting, access: Access) -> Subject:
    _may_look(access)
    services = access.services
    choice = await _searched(
        choose(services.state, services.log, services.trials.sandbox, compiled, EventSearch(limit=1))
    )
    if not choice.matches:
        raise NotFound(f"None of the last {choice.scanned} events matches. Choose one, or a sample.")
    return stored(choice.matches[0].seen, setting)


# ------------------------------------------------------------------- choosing


async def _choose(
    request: Request, access: Access, compiled: CompiledDestination, query: Mapping[str, str]
) -> Choice:
    _may_look(access)
    services, now = access.services, access.services.now()
    cursor = place(query["cursor"]) if query.get("cursor") else None
    if query.get("cursor") and cursor is None:
        raise Invalid("Use the cursor as it was given.", attr="cursor")
    wanted = EventSearch(
        query.get("event") or None,
        None,
        parse_time(query.get("after"), now, "after"),
        parse_time(query.get("before"), now, "before"),
        cursor,
        number(request, "limit", FEW, least=1),
    )
    return await _searched(choose(services.state, services.log, services.trials.sandbox, compiled, wanted))


async def _searched(search: Awaitable[Choice]) -> Choice:
    try:
        return await search
    except HogError as error:
        raise Invalid(f"The filters take too long to search with: {error}", attr="filters") from error


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        "results": [
            {
                **presenters.event(match.seen.event),
                "mappings": [mapping for mapping in match.mappings if mapping],
            }
            for match in choice.matches
        ],
        "scanned": choice.scanned,
        "cursor": choice.cursor,
    }


# ---------------------------------------------------------------------- parts


async def _recorded(access: Access, destination: Destination) -> None:
    """Real calls leave the house: who made them is told in the audit log."""
    name = destination.config.name
    await access.services.state.write(
        lambda connection: access.record(connection, "tested", "HogFunction", destination.id, name=name)
    )


def _body(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Invalid("Expected a dictionary.")
    for name in raw:
        if name not in FIELDS:
            near = get_close_matches(name, FIELDS, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise Invalid(f"A test has no field {name!r}.{meant}", attr=name, code="unknown_field")
    return raw


def _flag(body: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    value = body.get(name)
    if not isinstance(value, bool | None):
        raise Invalid("Must be a valid boolean.", attr=name, code="invalid")
    return default if value is None else value


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body[name]
    if not isinstance(value, dict):
        raise Invalid("Expected a dictionary.", attr=name, code="invalid")
    return value


def _identity(raw: Any, name: str) -> uuid.UUID | None:
    try:
        return None if raw is None else uuid.UUID(raw)
    except (ValueError, TypeError, AttributeError):
        raise Invalid("Must be a valid UUID.", attr=name, code="invalid") from None


def _fields(error: ValidationError) -> dict[str, Any]:
    """A refused configuration as PostHog's test endpoint tells it: by field, nested as the fields are; and our envelope beside it."""
    found: Any = [error.detail]
    for name in reversed((error.attr or "non_field_errors").split("__")):
        found = {name: found}
    return {**error.as_dict(), **found}
