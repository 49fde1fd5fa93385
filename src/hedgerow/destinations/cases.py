"""Running the examples of a template: inputs and an event in, the exact requests and log lines out, without any network.

``cases.yaml`` is a list. A case has a ``name`` and, as needed:

    inputs      values by key; what is absent takes its default
    integrations  what the accounts are to the program that inputs of type ``integration`` name, by the input's key
    mapping     name of the mapping template to use
    event       fields put over those of an example event (``event``, ``distinct_id``, ``properties``, ...)
    person      ``properties`` and more of the person; null for none
    groups      by type: ``id``, ``index``, ``properties``
    answers     what the vendor answers, in order: ``status`` (200), ``headers``, ``body``
    requests    the exact requests expected: ``method``, ``url``, ``headers``, ``body``
    logs        the exact lines expected, when given
    error       words that the run's error must contain; without it the run must end well
    result      the program's value, when given
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from hedgerow import hog
from hedgerow.destinations.catalogue import Template
from hedgerow.destinations.compiled import WHOLE, CompiledDestination
from hedgerow.destinations.connections import Connected
from hedgerow.destinations.errors import CatalogueError, DestinationError
from hedgerow.destinations.globals import build_globals
from hedgerow.destinations.project import Project
from hedgerow.destinations.secrets import Keyring
from hedgerow.destinations.validation import validate
from hedgerow.events import Event
from hedgerow.hog.jsontext import to_json

NOW: Final = 1_767_323_045.0  # 2026-01-02T03:04:05Z
PUBLIC_URL: Final = "https://hedgerow.example"
PROJECT: Final = Project(1, "Example")
ID: Final = "01900000-0000-7000-8000-000000000001"
_KNOWN: Final = frozenset(
    {
        "name",
        "inputs",
        "integrations",
        "mapping",
        "event",
        "person",
        "groups",
        "answers",
        "requests",
        "logs",
        "error",
        "result",
    }
)
_EVENT: Final[dict[str, Any]] = {
    "uuid": "01900000-0000-7000-8000-00000000000e",
    "event": "$pageview",
    "distinct_id": "user-1",
    "properties": {"$current_url": "https://example.com/"},
    "timestamp": "2026-01-02T03:04:05.000Z",
}
_PERSON: Final[dict[str, Any]] = {
    "uuid": "01900000-0000-7000-8000-00000000000f",
    "properties": {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"},
}
_ROUNDS: Final = 20


@dataclass(slots=True)
class Ran:
    """What a run did."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    error: str | None = None
    result: Any = None


@dataclass(frozen=True, slots=True)
class _Person:
    uuid: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Group:
    id: str
    type: str
    index: int
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Folded:
    person: _Person | None
    properties: dict[str, Any]
    groups: dict[str, _Group]


def run_case(template: Template, case: Mapping[str, Any]) -> Ran:
    """Run one case.

    Args:
        template: whose case it is.
        case: as in ``cases.yaml``.

    Raises:
        CatalogueError: the case has a field that no case has, or names no mapping of the template.
        ValidationError: the inputs of the case are refused.
    """
    strange = set(case) - _KNOWN
    if strange:
        raise CatalogueError(f"{template.id}: a case has no field {min(strange)!r}.")
    compiled, mapping = _compiled(template, case)
    globals_ = compiled.globals(globals_of(case))
    ran = Ran()
    host = hog.Host(now=lambda: NOW, seed=b"case", emit=ran.logs.append, limits=compiled.limits)
    try:
        globals_["inputs"] = compiled.render(globals_, mapping, host)
        ran.result = _run(compiled.program.start(globals_, host), list(case.get("answers") or ()), ran)
    except (DestinationError, hog.HogError) as error:
        ran.error = str(error)
    return ran


def faults(case: Mapping[str, Any], ran: Ran) -> list[str]:
    """What a run did otherwise than its case says; nothing when all is well."""
    found: list[str] = []
    expected = case.get("error")
    if expected is None and ran.error is not None:
        found.append(f"it failed: {ran.error}")
    elif expected is not None and expected not in (ran.error or ""):
        found.append(f"expected an error with {expected!r}, got {ran.error!r}")
    found += _compare("requests", [_expected(item) for item in case.get("requests") or ()], ran.requests)
    for name in ("logs", "result"):
        if name in case:
            found += _compare(name, case[name], getattr(ran, name))
    return found


def _compare(what: str, expected: Any, actual: Any) -> list[str]:
    if expected == actual:
        return []
    shown = [
        orjson.dumps(item, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
        for item in (expected, actual)
    ]
    return [f"{what}: expected {shown[0]}\ngot {shown[1]}"]


def _expected(request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "method": request.get("method", "POST"),
        "url": request["url"],
        "headers": dict(request.get("headers") or {}),
        "body": request.get("body"),
    }


def _compiled(template: Template, case: Mapping[str, Any]) -> tuple[CompiledDestination, str]:
    payload: dict[str, Any] = {"template_id": template.id, "inputs": _items(case.get("inputs") or {})}
    wanted = case.get("mapping")
    if wanted is not None:
        named = [item for item in template.mapping_templates or () if item.get("name") == wanted]
        if not named:
            raise CatalogueError(f"{template.id}: there is no mapping template called {wanted!r}.")
        payload["mappings"] = [_mapping(named[0], case.get("inputs") or {})]
    valid = validate(payload, project=PROJECT, templates={template.id: template})
    keyring = Keyring(["examples hold no secrets"])
    keyring.connections.replace(
        Connected(case["inputs"][key], PROJECT.id, "example", values)
        for key, values in (case.get("integrations") or {}).items()
    )
    destination = valid.unsaved(PROJECT.id, keyring, destination_id=ID)
    mapping = valid.config.mappings[0]["id"] if valid.config.mappings else WHOLE
    return CompiledDestination(destination, keyring, PROJECT), mapping


def _items(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: {"value": value} for key, value in inputs.items()}


def _mapping(mapping_template: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping as somebody who picked the template would save it."""
    schema = mapping_template.get("inputs_schema") or []
    given = {item["key"]: inputs[item["key"]] for item in schema if item["key"] in inputs}
    return {
        "name": mapping_template["name"],
        "inputs_schema": schema,
        "inputs": {**(mapping_template.get("inputs") or {}), **_items(given)},
        "filters": mapping_template.get("filters"),
    }


def globals_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """The event of a case with its person and groups, as programs see them; what it leaves out is an example's."""
    raw = {**copy.deepcopy(_EVENT), **(case.get("event") or {})}
    event = Event(
        raw["uuid"], raw["event"], raw["distinct_id"], raw["properties"], raw["timestamp"], int(NOW * 1000)
    )
    given = case.get("person", {})
    person = None if given is None else _Person(**{**copy.deepcopy(_PERSON), **given})
    groups = {
        kind: _Group(raw_group["id"], kind, raw_group.get("index", 0), raw_group.get("properties") or {})
        for kind, raw_group in (case.get("groups") or {}).items()
    }
    return build_globals(event, _Folded(person, event.properties, groups), PROJECT, PUBLIC_URL)


def _run(execution: hog.Execution, answers: list[Mapping[str, Any]], ran: Ran) -> Any:
    """Go through the program, giving one answer to each request."""
    for _ in range(_ROUNDS):
        step = execution.advance()
        if isinstance(step, hog.Finished):
            return orjson.loads(to_json(step.value))
        execution.answer(_answer(step, answers, ran) if step.name == "fetch" else None)
    raise hog.HogRuntimeError(f"The program made more than {_ROUNDS} calls.")


def _answer(call: hog.AsyncCall, answers: list[Mapping[str, Any]], ran: Ran) -> dict[str, Any]:
    url, extra = (*call.args, None, None)[:2]
    extra = extra or {}
    headers = extra.get("headers")
    method = str(extra.get("method") or "POST").upper()
    body = None if method in ("GET", "HEAD") else extra.get("body")
    ran.requests.append(
        {
            "method": method,
            "url": url,
            "headers": {"Content-Type": "application/json"} if headers is None else headers,
            "body": orjson.loads(to_json(body)),
        }
    )
    answer = answers.pop(0) if answers else {}
    return {
        "status": answer.get("status", 200),
        "headers": answer.get("headers") or {},
        "body": copy.deepcopy(answer.get("body", {})),
    }
