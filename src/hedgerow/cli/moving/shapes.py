"""``hedgerow export --format posthog``: what is here in the form in which PostHog's API takes it.

One JSON file for each cohort, action and destination: the body of a POST. Numbers in filters are those of this server, as ``id`` in the
files of cohorts and actions says; whoever posts them exchanges those that they are answered with. What has to be entered
anew, and what PostHog has no word for, is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from hedgerow.cli.client import Client
from hedgerow.cli.configuration.export import REMOVED, UNCHANGED, WRITTEN, Written
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.moving.definitions import STEP
from hedgerow.cli.moving.filters import COMPILED
from hedgerow.cli.moving.inputs import ACCOUNTS, ITEM
from hedgerow.configuration.keys import assign

LEFT: Final = "left behind"
PLAIN: Final = (
    "type",
    "name",
    "description",
    "enabled",
    "hog",
    "inputs_schema",
    "icon_url",
    "execution_order",
)
OURS: Final = ("threshold", "digest", "sampling", "retry", "rate_limit", "ordering")
"""What a destination may have here and PostHog has no word for."""
MOST_CALLS: Final = 5


def write(client: Client, folder: Path, *, prune: bool) -> list[Written]:
    """Export in PostHog's form.

    Args:
        client: of the server.
        folder: where to; made when it is not there.
        prune: remove JSON files of things that are no more.

    Raises:
        CommandFailed: the folder cannot be written.
    """
    done: list[Written] = []
    try:
        for kind, items in _everything(client).items():
            names = assign(((str(one["id"]), one["name"]) for one in items), {}, kind)
            done += [_put(folder / kind / f"{names[str(one['id'])]}.json", kind, one) for one in items]
        return [*done, *(_pruned(folder, done) if prune else ())]
    except OSError as error:
        raise CommandFailed(f"{error.filename or folder} cannot be written: {error.strerror}.") from error


def _everything(client: Client) -> dict[str, list[dict[str, Any]]]:
    """All there is, the oldest first, so that names of files stay what they are."""
    found = {
        "cohorts": list(client.pages("cohorts/")),
        "actions": list(client.pages("actions/")),
        "destinations": list(client.pages("hog_functions/", full="true")),
    }
    return {
        kind: sorted(items, key=lambda one: (one["created_at"], str(one["id"])))
        for kind, items in found.items()
    }


def _put(path: Path, kind: str, item: dict[str, Any]) -> Written:
    if kind == "destinations" and (item["filters"] or {}).get("source") == "schedule":
        return Written(path, LEFT, "PostHog's destinations have no schedules")
    body, notes = _SHAPES[kind](item)
    text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    note = "; ".join(notes)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return Written(path, UNCHANGED, note)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return Written(path, WRITTEN, note)


def _pruned(folder: Path, done: Iterable[Written]) -> Iterator[Written]:
    kept = {one.path for one in done if one.change != LEFT}
    for kind in _SHAPES:
        for path in sorted((folder / kind).glob("*.json")):
            if path not in kept:
                path.unlink()
                yield Written(path, REMOVED)


# ------------------------------------------------------------------ shapes


def cohort(item: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A cohort, and what to say about it."""
    found = {
        "id": item["id"],
        "name": item["name"],
        "description": item["description"],
        "is_static": item["is_static"],
    }
    if not item["is_static"]:
        return {**found, "filters": item["filters"]}, []
    count = len(item["person_ids"]) + len(item["distinct_ids"])
    return found, [f"its {count} members stay behind: PostHog takes them as a CSV file"]


def action(item: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """An action, and what to say about it."""
    steps = [{name: step[name] for name in STEP if name in step} for step in item["steps"]]
    return {"id": item["id"], "name": item["name"], "description": item["description"], "steps": steps}, []


def destination(item: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A destination, and what to say about it."""
    found = {name: item[name] for name in PLAIN if item.get(name) is not None}
    if item.get("template"):
        found["template_id"] = item["template"]["id"]
    blank: list[str] = []
    found["inputs"] = _inputs(item["inputs_schema"], item["inputs"], blank)
    found["filters"] = _filters(item["filters"])
    if item.get("masking"):
        found["masking"] = {key: value for key, value in item["masking"].items() if key not in COMPILED}
    if item.get("mappings") is not None:
        found["mappings"] = [_mapping(one, number, blank) for number, one in enumerate(item["mappings"], 1)]
    return found, [*_notes(item, blank)]


def _mapping(item: Mapping[str, Any], number: int, blank: list[str]) -> dict[str, Any]:
    missing: list[str] = []
    found = {
        **({"name": item["name"]} if item.get("name") else {}),
        **({"disabled": True} if item.get("disabled") else {}),
        "inputs_schema": item["inputs_schema"],
        "inputs": _inputs(item["inputs_schema"], item["inputs"], missing),
        "filters": _filters(item["filters"]),
    }
    blank += [f"{item.get('name') or f'mapping {number}'}: {key}" for key in missing]
    return found


def _inputs(
    schema: Iterable[Mapping[str, Any]], items: Mapping[str, Any], blank: list[str]
) -> dict[str, Any]:
    """Values as they are; what cannot be told, or means nothing elsewhere, is left out and noted."""
    accounts = {form["key"] for form in schema if form["type"] in ACCOUNTS}
    found = {}
    for key, item in items.items():
        if "value" in item and key not in accounts:
            found[key] = {name: item[name] for name in ITEM if name in item}
        else:
            blank.append(key)
    return found


def _filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in filters.items() if key not in COMPILED}


def _notes(item: Mapping[str, Any], blank: list[str]) -> Iterator[str]:
    if blank:
        yield f"to be entered there: {', '.join(blank)}"
    if own := [name for name in OURS if item.get(name) is not None]:
        yield f"without {', '.join(own)}, which PostHog has no word for"
    if (item.get("fetch") or {}).get("calls", 0) > MOST_CALLS:
        yield f"may make {item['fetch']['calls']} requests here, {MOST_CALLS} there"
    if item.get("bytecode") is None:
        yield "its program uses what PostHog's Hog does not have"


_SHAPES: Final = {"cohorts": cohort, "actions": action, "destinations": destination}
