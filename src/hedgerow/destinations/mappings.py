"""Mappings: several ways in which one destination answers to events, each with its own filters and inputs.

Each mapping has an ``id`` that stays with it through edits, so that a retry or a re-run names the very mapping it belongs to
(PostHog's have none). Clients that do not know of ids keep them by the mapping's name, or else by its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.inputs import validate_inputs
from hedgerow.destinations.model import Config, Inputs, Secrets
from hedgerow.destinations.schema import validate_schema

_KNOWN: Final = ("id", "name", "disabled", "inputs_schema", "inputs", "filters")


def validate_mappings(
    raw: Any, config: Config, before: Sequence[Mapping[str, Any]] | None, kept: Secrets
) -> tuple[list[dict[str, Any]] | None, dict[str, Inputs]]:
    """Check mappings and give them their ids. Their filters are checked with the destination's own.

    Args:
        raw: the list as sent; null means the destination has no mappings.
        config: the destination they belong to.
        before: the mappings saved before, whose ids live on.
        kept: secrets saved before.

    Returns:
        The mappings, and the secret inputs of each by its id.

    Raises:
        ValidationError: with an attribute such as ``mappings__0__inputs__url``.
    """
    if raw is None:
        return None, {}
    if config.type != "destination":
        raise ValidationError("Mappings are only allowed for destinations.", attr="mappings")
    if not isinstance(raw, list) or not all(isinstance(item, Mapping) for item in raw):
        raise ValidationError("Expected a list of dictionaries.", attr="mappings", code="invalid")
    for position, item in enumerate(raw):
        _check_plain(item, position)
    ids = identify(raw, before or ())
    mappings: list[dict[str, Any]] = []
    secrets: dict[str, Inputs] = {}
    for position, (item, mapping_id) in enumerate(zip(raw, ids, strict=True)):
        try:
            stored = kept.mappings.get(mapping_id, {})
            mapping, secret = _mapping(item, mapping_id, stored, complete=config.enabled)
        except ValidationError as error:
            raise error.under("mappings", position) from None
        mappings.append(mapping)
        secrets |= {mapping_id: secret} if secret else {}
    return mappings, secrets


def _check_plain(item: Mapping[str, Any], position: int) -> None:
    """The fields that need no more than a look at their type."""
    for name in item:
        if name not in _KNOWN:
            raise ValidationError(
                f"A mapping has no field {name!r}.",
                attr=f"mappings__{position}__{name}",
                code="unknown_field",
            )
    for name, kinds in (("id", str | None), ("name", str | None), ("disabled", bool | None)):
        if not isinstance(item.get(name), kinds):
            raise ValidationError("Not a valid value.", attr=f"mappings__{position}__{name}", code="invalid")


def _mapping(
    item: Mapping[str, Any], mapping_id: str, kept: Mapping[str, dict[str, Any]], *, complete: bool
) -> tuple[dict[str, Any], Inputs]:
    schema = validate_schema(item.get("inputs_schema"))
    inputs, secrets = validate_inputs(schema, item.get("inputs"), kept, complete=complete)
    clean = {"id": mapping_id, **{name: item[name] for name in ("name", "disabled") if name in item}}
    clean |= {"inputs_schema": schema, "inputs": inputs, "filters": item.get("filters")}
    return clean, secrets


def identify(raw: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> list[str]:
    """The id of each mapping: the one it brings, that of its namesake, that of its place, or a new one."""
    known = {item["id"]: item for item in before}
    ids: list[str | None] = [item.get("id") if item.get("id") in known else None for item in raw]
    free = [item for item in before if item["id"] not in ids]
    by_name = {item["name"]: item["id"] for item in reversed(free) if item.get("name")}
    for position, item in enumerate(raw):
        if ids[position] is None and item.get("name") in by_name:
            ids[position] = by_name.pop(item["name"])
    for position in range(min(len(raw), len(before))):
        place = before[position]["id"]
        if ids[position] is None and place not in ids and _nameless(raw[position], before[position]):
            ids[position] = place
    taken = {value for value in ids if value}
    return [
        value or _fresh(item, position, taken)
        for position, (item, value) in enumerate(zip(raw, ids, strict=True))
    ]


def _nameless(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether two mappings at the same place may be the same one: neither says otherwise by its name."""
    return not new.get("name") or not old.get("name")


def _fresh(item: Mapping[str, Any], position: int, taken: set[str]) -> str:
    """A new id, made of place, name and filter so that saving the same thing twice gives the same id.

    Inputs and their schema take no part: there may be secrets in them, and an id is shown to everybody.
    """
    seed = orjson.dumps([position, item.get("name"), item.get("filters")], option=orjson.OPT_SORT_KEYS)
    for attempt in range(len(taken) + 1):
        made = hashlib.sha256(seed + bytes([attempt % 256])).hexdigest()[:12]
        if made not in taken:
            taken.add(made)
            return made
    raise AssertionError("more equal hashes than mappings")
