"""Things as the API shows them: the field names are PostHog's where it has the same thing."""

from __future__ import annotations

import dataclasses
from itertools import islice
from typing import Any
from urllib.parse import quote

import orjson

from hedgerow.accounts.options import shown
from hedgerow.api import bytecode
from hedgerow.api.times import iso
from hedgerow.delivery.identity import text
from hedgerow.delivery.queries import Delivery, Details, Request
from hedgerow.delivery.standing import Standing
from hedgerow.destinations import project as destinations
from hedgerow.destinations.catalogue import Catalogue
from hedgerow.destinations.model import Config, Destination, Inputs
from hedgerow.destinations.schedule import Cadence
from hedgerow.events import Event
from hedgerow.people import PersonState, Project, display_name
from hedgerow.people.queries import FoundGroup, FoundPerson
from hedgerow.replay import ticking
from hedgerow.settings import Settings

# The watcher's states are numbers in PostHog's API; 0 is shown for a destination that is switched off.
UNKNOWN_STATUS = {"state": 0, "tokens": 0}
# So many ticks ahead are shown: one would not tell whether a cron expression is what was meant.
NEXT_TICKS = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Beside:
    """What is told of a destination besides its configuration.

    Attributes:
        standing: how it stands.
        creator: who made it, as ``user`` shows them.
        draft: what ``draft_note`` says of its draft.
        match: how a search found it.
        ticked: how far its schedule has come.
        now: milliseconds since the epoch.
    """

    standing: Standing = dataclasses.field(default_factory=Standing)
    creator: dict[str, Any] | None = None
    draft: dict[str, Any] | None = None
    match: str | None = None
    ticked: ticking.Standing | None = None
    now: int = 0


def destination(
    item: Destination, templates: Catalogue, owner: destinations.Project, beside: Beside
) -> dict[str, Any]:
    """A destination in full."""
    return {
        **summary(item, templates, owner, beside),
        **configuration(item.config, owner),
        "schedule": _schedule(item, beside),
        "bytecode": bytecode.of_program(item.config.hog),
        "transpiled": None,
        "batch_export_id": item.config.batch_export_id,
    }


def summary(
    item: Destination, templates: Catalogue, owner: destinations.Project, beside: Beside
) -> dict[str, Any]:
    """A destination as a list shows it."""
    config, standing = item.config, beside.standing
    template = templates.get(config.template_id) if config.template_id else None
    return {
        "id": item.id,
        "type": config.type,
        "name": config.name,
        "description": config.description,
        "created_at": iso(item.created_at),
        "created_by": beside.creator,
        "updated_at": iso(item.updated_at),
        "enabled": config.enabled,
        "hog": config.hog,
        "filters": _filters(config.filters, owner),
        "icon_url": config.icon_url,
        "template": template.as_dict() if template else None,
        "status": _status(standing) if item.enabled else UNKNOWN_STATUS,
        "health": _health(standing),
        "held": {"count": standing.held.count, "oldest": _iso(standing.held.oldest)},
        "schedule": _schedule(item, beside),
        "execution_order": config.execution_order,
        "revision": item.revision,
        "draft": beside.draft,
        **({"search_match_type": beside.match} if beside.match else {}),
    }


def configuration(config: Config, owner: destinations.Project) -> dict[str, Any]:
    """What people decide about a destination, as they wrote it and with PostHog's bytecode beside it."""
    return {
        "type": config.type,
        "name": config.name,
        "description": config.description,
        "enabled": config.enabled,
        "hog": config.hog,
        "icon_url": config.icon_url,
        "inputs_schema": config.inputs_schema,
        "inputs": _inputs(config.inputs),
        "filters": _filters(config.filters, owner),
        "masking": _masking(config.masking),
        "threshold": config.threshold,
        "digest": config.digest,
        "mappings": None if config.mappings is None else [_mapping(one, owner) for one in config.mappings],
        "sampling": config.sampling,
        "retry": config.retry,
        "rate_limit": config.rate_limit,
        "ordering": config.ordering,
        "fetch": config.fetch,
        "schedule": config.schedule,
        "execution_order": config.execution_order,
        "origin": config.origin,
    }


def _schedule(item: Destination, beside: Beside) -> dict[str, Any] | None:
    """When it fires, and how that stands; one that is off has no next tick."""
    schedule, ticked = item.config.schedule, beside.ticked
    if schedule is None:
        return None
    ahead = islice(Cadence.of(schedule).after(beside.now), NEXT_TICKS if item.enabled else 0)
    last = None
    if ticked is not None and ticked.tick_at is not None:
        run = None if ticked.run_id is None else text(ticked.run_id)
        last = {"tick": iso(ticked.tick_at), "run": run, "passed_over": ticked.passed}
    return {
        **schedule,
        "next": [iso(tick) for tick in ahead],
        "last": last,
        "waits": None if ticked is None else ticked.waits,
    }


def _filters(filters: dict[str, Any], owner: destinations.Project) -> dict[str, Any]:
    return {**filters, "bytecode": bytecode.of_filters(filters, owner)}


def _inputs(items: Inputs) -> Inputs:
    """Inputs with their place in the order of evaluation; secrets stay what they are."""
    return {
        key: dict(item) if "value" not in item else {**item, **_compiled(item), "order": place}
        for place, (key, item) in enumerate(items.items())
    }


def _compiled(item: dict[str, Any]) -> dict[str, Any]:
    return {"bytecode": bytecode.of_value(item["value"])} if item.get("templating") == "hog" else {}


def _masking(masking: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if masking is None else {**masking, "bytecode": bytecode.of_template(masking["hash"])}


def _mapping(mapping: dict[str, Any], owner: destinations.Project) -> dict[str, Any]:
    shown = {"inputs": _inputs(mapping["inputs"]), "filters": _filters(mapping["filters"], owner)}
    return {**mapping, **shown}


def draft_note(note: dict[str, Any] | None) -> dict[str, Any] | None:
    """Who works on a destination, and since when."""
    return None if note is None else {**note, "updated_at": iso(note["updated_at"])}


def _status(standing: Standing) -> dict[str, int]:
    return {"state": standing.number, "tokens": standing.tokens}


def _health(standing: Standing) -> dict[str, Any]:
    """The watcher's view, with the evidence of its last decision."""
    now, evidence = standing.told.health, dict(standing.told.evidence)
    return {
        "state": now.state,
        "since": _iso(now.since or None),
        "reason": evidence.pop("reason", None),
        "evidence": evidence,
        "quarantines": len(now.quarantines),
        "next_probe_at": _iso(now.probe_at),
        "paused_at": _iso(standing.paused_at),
    }


def _iso(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)


def delivery(item: Delivery, name: str | None) -> dict[str, Any]:
    """A delivery as a list shows it; ``name`` is its destination's."""
    return {
        "id": item.id,
        "destination": {"id": item.destination_id, "name": name, "revision": item.revision},
        "mapping": item.mapping or None,
        "run": item.run or None,
        "event": {"uuid": item.event_uuid, "name": item.event, "distinct_id": item.distinct_id},
        "verdict": item.verdict,
        "kind": item.kind,
        "error": item.error,
        "attempts": item.attempts,
        "status": item.status,
        "duration_ms": item.duration_ms,
        "captured_at": iso(item.captured_at),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "next_at": None if item.next_at is None else iso(item.next_at),
        "carrier": item.carrier,
    }


def delivery_details(item: Details, name: str | None, logs: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything about one delivery."""
    return {
        **delivery(item.delivery, name),
        "requests": [_request(request) for request in item.requests],
        "logs": logs,
        "globals": item.globals or None,
    }


def _request(item: Request) -> dict[str, Any]:
    kept = {"request": _message(item.request), "response": _message(item.response)}
    return {**dataclasses.asdict(item), **kept, "at": iso(item.at)}


def _message(text: str | None) -> Any:
    """One side of a call: headers and body as the ledger kept them, or the bare text when they were cut off."""
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"headers": {}, "body": text}


def event(item: Event) -> dict[str, Any]:
    """An event as it was accepted."""
    return {
        "id": item.uuid,
        "uuid": item.uuid,
        "event": item.event,
        "distinct_id": item.distinct_id,
        "properties": item.properties,
        "timestamp": item.timestamp,
        "captured_at": iso(item.captured_at),
        "person": None,
        "elements": [],
        "elements_chain": item.properties.get("$elements_chain", ""),
    }


def person(item: FoundPerson, settings: Settings, owner: Project) -> dict[str, Any]:
    """A person, called what the project calls persons."""
    known_as = item.distinct_ids[0] if item.distinct_ids else item.uuid
    state = PersonState(item.uuid, item.properties, item.created_at, item.is_identified)
    return {
        "id": item.uuid,
        "uuid": item.uuid,
        "name": display_name(state, known_as, owner.display_name_properties),
        "distinct_ids": item.distinct_ids,
        "properties": item.properties,
        "created_at": iso(item.created_at),
        "is_identified": item.is_identified,
        "url": f"{settings.base_url}/project/{owner.id}/person/{quote(known_as, safe='')}",
    }


def group(item: FoundGroup) -> dict[str, Any]:
    """A group."""
    return {
        "group_type": item.type,
        "group_type_index": item.index,
        "group_key": item.key,
        "group_properties": item.properties,
        "created_at": iso(item.created_at),
    }


def project(item: Project) -> dict[str, Any]:
    """A project; ``api_token`` is what its SDKs are set up with."""
    return {
        "id": item.id,
        "name": item.name,
        "api_token": item.token,
        "created_at": iso(item.created_at),
        **shown(item.settings),
    }
