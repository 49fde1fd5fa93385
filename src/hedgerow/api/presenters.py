"""Things as the API shows them: the field names are PostHog's where it has the same thing."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import quote

import orjson

from hedgerow.accounts.options import shown
from hedgerow.api import bytecode
from hedgerow.api.times import iso
from hedgerow.delivery.queries import Delivery, Details, Request
from hedgerow.delivery.standing import Standing
from hedgerow.destinations import project as destinations
from hedgerow.destinations.catalogue import Catalogue
from hedgerow.destinations.model import Destination
from hedgerow.events import Event
from hedgerow.people import PersonState, Project, display_name
from hedgerow.people.queries import FoundGroup, FoundPerson
from hedgerow.settings import Settings

# The watcher's states are numbers in PostHog's API; 0 is shown for a destination that is switched off.
UNKNOWN_STATUS = {"state": 0, "tokens": 0}


def destination(
    item: Destination, templates: Catalogue, owner: destinations.Project, standing: Standing
) -> dict[str, Any]:
    """A destination in full."""
    config = item.config
    return {
        **summary(item, templates, owner, standing),
        "bytecode": bytecode.of_program(config.hog),
        "transpiled": None,
        "inputs_schema": config.inputs_schema,
        "inputs": config.inputs,
        "masking": config.masking,
        "sampling": config.sampling,
        "retry": config.retry,
        "rate_limit": config.rate_limit,
        "ordering": config.ordering,
        "fetch": config.fetch,
        "mappings": config.mappings,
        "batch_export_id": config.batch_export_id,
        "revision": item.revision,
    }


def summary(
    item: Destination, templates: Catalogue, owner: destinations.Project, standing: Standing
) -> dict[str, Any]:
    """A destination as a list shows it."""
    config = item.config
    template = templates.get(config.template_id) if config.template_id else None
    return {
        "id": item.id,
        "type": config.type,
        "name": config.name,
        "description": config.description,
        "created_at": iso(item.created_at),
        "created_by": None,
        "updated_at": iso(item.updated_at),
        "enabled": config.enabled,
        "hog": config.hog,
        "filters": {**config.filters, "bytecode": bytecode.of_filters(config.filters, owner)},
        "icon_url": config.icon_url,
        "template": template.as_dict() if template else None,
        "status": _status(standing) if item.enabled else UNKNOWN_STATUS,
        "health": _health(standing),
        "held": {"count": standing.held.count, "oldest": _iso(standing.held.oldest)},
        "execution_order": config.execution_order,
    }


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
