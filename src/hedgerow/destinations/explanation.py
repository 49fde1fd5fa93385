"""Why a destination wants an event, or does not: its filter and those of its mappings, condition by condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hedgerow import hog
from hedgerow.destinations.compiled import CompiledDestination
from hedgerow.destinations.errors import FilterError
from hedgerow.destinations.filters.clause import Clause, every
from hedgerow.destinations.filters.explanation import explain


def explain_match(
    compiled: CompiledDestination,
    found: Mapping[str, Any],
    host: hog.Host | None = None,
    *,
    stream: str | None = None,
) -> dict[str, Any]:
    """Judge a destination's filters on one event and show every condition. Runs Hog that somebody wrote.

    Args:
        compiled: the destination.
        found: filter globals.
        host: clock and limits of each condition.
        stream: where the event comes from; where the destination listens, when that does not matter.

    Returns:
        As JSON: ``matched`` (null when it could not be decided, and ``error`` says why), ``wanted`` (what
        ``CompiledDestination.match`` answers), ``filter`` (a ``Clause``), and ``mappings`` with the same for each, or null.
    """
    stream = compiled.stream if stream is None else stream
    wanted: list[str] = []
    matched: bool | None = None
    error: str | None = None
    try:
        wanted = compiled.match(found, host, stream=stream)
        matched = bool(wanted)
    except FilterError as failure:
        error = str(failure)
    config, project = compiled.destination.config, compiled.project
    whole = explain(config.filters, project, found, host)
    if stream != compiled.stream:
        whole = every("all of these hold", [_stream(compiled.stream, stream), whole])
    mappings = config.mappings
    return {
        "matched": matched,
        "error": error,
        "wanted": wanted,
        "filter": whole.plain(),
        "mappings": None if mappings is None else [_mapping(compiled, one, found, host) for one in mappings],
    }


def _stream(wanted: str, actual: str) -> Clause:
    return Clause(f"it comes from the stream {wanted!r}", False, actual=actual)


def _mapping(
    compiled: CompiledDestination, raw: Mapping[str, Any], found: Mapping[str, Any], host: hog.Host | None
) -> dict[str, Any]:
    clause = explain(raw["filters"], compiled.project, found, host)
    disabled = bool(raw.get("disabled"))
    return {
        "id": raw["id"],
        "name": raw.get("name"),
        "disabled": disabled,
        "matched": False if disabled else clause.matched,
        "filter": clause.plain(),
    }
