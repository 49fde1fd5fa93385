"""A destination of another instance as one of ours: what is sent to save it, what people have to do, and what to say about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hedgerow.cli.moving import fetches
from hedgerow.cli.moving.filters import (
    COMPILED,
    Numbers,
    actions_in,
    cohorts_in,
    filters_of,
    groups_in,
    renumbered,
)
from hedgerow.cli.moving.inputs import Accounts, Filled, filled
from hedgerow.destinations import Template
from hedgerow.destinations.model import RUNNABLE_TYPES

REASONS: Final[Mapping[str, str]] = {
    "site_destination": "it runs in browsers; Hedgerow delivers from the server only.",
    "site_app": "it runs in browsers; Hedgerow delivers from the server only.",
    "transformation": "Hedgerow has no transformations of events as they come in.",
    "transformation_log": "Hedgerow takes no logs.",
    "source_webhook": "Hedgerow takes no incoming webhooks.",
    "warehouse_source_webhook": "Hedgerow has no data warehouse.",
}
NATIVE: Final = ("native-", "plugin-", "segment-")
"""Templates whose program is part of PostHog itself: what stands in ``hog`` is not what runs."""
TWINS: Final = {"native-webhook": "template-webhook"}
MAPPING: Final = ("name", "disabled", "inputs_schema")
RAISED: Final = frozenset({"$destination_state_changed", "$integration_state_changed"})
"""The internal events that Hedgerow raises itself."""


@dataclass(slots=True)
class Moved:
    """What became of a destination on the way.

    Attributes:
        payload: what is sent to save it; never switched on.
        secrets: places of secret inputs that have to be entered again.
        accounts: places of inputs that need an account, with its kind.
        strangers: what its filters refer to and nothing here stands for.
        notes: what whoever moves should know.
        own_program: whether it keeps the program it had.
    """

    payload: dict[str, Any]
    secrets: list[str] = field(default_factory=list)
    accounts: list[tuple[str, str]] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    own_program: bool = True

    @property
    def complete(self) -> bool:
        """Whether nothing has to be filled in."""
        return not self.secrets and not self.accounts

    def take(self, form: Filled, place: str = "") -> dict[str, dict[str, Any]]:
        """The inputs of a form; what is missing in them is noted under its place."""
        self.secrets += [place + key for key in form.secrets]
        self.accounts += [(place + key, kind) for key, kind in form.accounts]
        return form.items


def refusal(item: Mapping[str, Any]) -> str:
    """Why a function of PostHog cannot come; empty when it can."""
    kind, template = str(item.get("type") or "destination"), _template_id(item)
    if kind not in RUNNABLE_TYPES:
        return REASONS.get(kind, f"Hedgerow knows no functions of type {kind!r}.")
    if template.startswith(NATIVE) and template not in TWINS:
        return f"its program is part of PostHog itself ({template}), not written in Hog."
    source = (item.get("filters") or {}).get("source") or "events"
    if str(source).startswith("data-warehouse"):
        return "it listens to a data warehouse, which Hedgerow has not."
    return ""


def moved(
    item: Mapping[str, Any],
    existing: Mapping[str, Any] | None,
    *,
    origin: str,
    templates: Mapping[str, Template],
    numbers: Numbers,
    accounts: Accounts,
) -> Moved:
    """Translate a destination.

    Args:
        item: as PostHog shows it in full.
        existing: the one here that was made of it before.
        origin: what it is known by, so that the next import finds it again.
        templates: those of Hedgerow.
        numbers: of actions, cohorts and kinds of groups here.
        accounts: which account stands for which.
    """
    found = Moved({"origin": origin})
    found.payload |= _plain(item)
    schema = _take_program(found, item, existing, templates)
    hidden = frozenset(str(form.get("key")) for form in item.get("inputs_schema") or () if form.get("secret"))
    before = (existing or {}).get("inputs")
    found.payload["inputs"] = found.take(filled(schema, item.get("inputs"), before, accounts, hidden))
    found.payload["filters"] = renumbered(item.get("filters") or {}, numbers)
    _take_mappings(found, item, existing, numbers, accounts)
    found.strangers = [*_strangers(item, numbers)]
    found.notes += [*_about_filters(item, numbers)]
    return found


def _template_id(item: Mapping[str, Any]) -> str:
    template = item.get("template")
    return str(
        (template.get("id") if isinstance(template, Mapping) else None) or item.get("template_id") or ""
    )


def _twin(item: Mapping[str, Any]) -> str:
    """The id of the template here that does the same."""
    return TWINS.get(_template_id(item), _template_id(item))


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """What comes as it is."""
    names = ("name", "description", "icon_url", "execution_order")
    found = {name: item[name] for name in names if item.get(name) is not None}
    masking = item.get("masking")
    if isinstance(masking, Mapping):
        found["masking"] = {key: value for key, value in masking.items() if key not in COMPILED}
    return {"type": item.get("type") or "destination", **found, "name": found.get("name") or "Without a name"}


# ------------------------------------------------------------------ program


def _ours(
    item: Mapping[str, Any], existing: Mapping[str, Any] | None, templates: Mapping[str, Template]
) -> Template | None:
    """The template here that can take its place: its program was not touched, and every input has a field."""
    wanted = _twin(item)
    template = templates.get(wanted)
    if template is None or template.status == "hidden" or template.type != item.get("type", "destination"):
        return None
    if existing is not None and (existing.get("template") or {}).get("id") != wanted:
        return None
    keys = {str(field["key"]) for field in template.inputs_schema}
    given = {key for key, value in (item.get("inputs") or {}).items() if _says_something(value)}
    return template if _template_id(item) in TWINS or (_untouched(item) and given <= keys) else None


def _says_something(value: Any) -> bool:
    return isinstance(value, Mapping) and (
        value.get("secret") is True or value.get("value") not in (None, "", {}, [])
    )


def _untouched(item: Mapping[str, Any]) -> bool:
    """Whether a program is still that of PostHog's template."""
    template = item.get("template")
    code = template.get("code") if isinstance(template, Mapping) else None
    return isinstance(code, str) and code.split() == str(item.get("hog") or "").split()


def _take_program(
    found: Moved,
    item: Mapping[str, Any],
    existing: Mapping[str, Any] | None,
    templates: Mapping[str, Template],
) -> list[dict[str, Any]]:
    """Program and form; returns the form."""
    template = _ours(item, existing, templates)
    if template is not None:
        found.own_program = False
        if existing is None:
            found.payload["template_id"] = template.id
        return template.inputs_schema
    if existing is None and _twin(item) in templates:
        found.notes.append(
            "Its program or form is not that of PostHog's template as it is now: both are kept as they are."
        )
    schema = [dict(form) for form in item.get("inputs_schema") or () if isinstance(form, Mapping)]
    found.payload |= {"hog": item.get("hog") or "", "inputs_schema": schema}
    calls = fetches.wanted(found.payload["hog"])
    if calls is not None and not (existing or {}).get("fetch"):
        found.payload["fetch"] = {"calls": calls}
        found.notes.append(
            f"Its program may make {calls} requests in one run, so it is allowed {calls} (usual: {fetches.USUAL})."
        )
    return schema


def _take_mappings(
    found: Moved,
    item: Mapping[str, Any],
    existing: Mapping[str, Any] | None,
    numbers: Numbers,
    accounts: Accounts,
) -> None:
    mappings = item.get("mappings")
    if not isinstance(mappings, list):
        return
    before = (existing or {}).get("mappings") or []
    found.payload["mappings"] = []
    for position, mapping in enumerate(mappings):
        schema = mapping.get("inputs_schema") or []
        hidden = frozenset(str(form.get("key")) for form in schema if form.get("secret"))
        ours = _same(mapping, position, before)
        form = filled(schema, mapping.get("inputs"), ours.get("inputs"), accounts, hidden)
        place = f"{mapping.get('name') or f'mapping {position + 1}'}: "
        plain = {name: mapping[name] for name in MAPPING if mapping.get(name) is not None}
        filters = renumbered(mapping.get("filters") or {}, numbers)
        kept = {"id": ours["id"]} if ours.get("id") else {}
        found.payload["mappings"].append(
            {**kept, **plain, "inputs": found.take(form, place), "filters": filters}
        )


def _same(mapping: Mapping[str, Any], position: int, before: list[dict[str, Any]]) -> Mapping[str, Any]:
    """The mapping here that was made of one there: its namesake, or the one at its place when that has no name either."""
    named = [one for one in before if mapping.get("name") and one.get("name") == mapping["name"]]
    if named or mapping.get("name"):
        return named[0] if len(named) == 1 else {}
    nameless = position < len(before) and not before[position].get("name")
    return before[position] if nameless else {}


# ------------------------------------------------------------------- notes


def _strangers(item: Mapping[str, Any], numbers: Numbers) -> Iterator[str]:
    """What did not come, or is not there yet, of what filters refer to."""
    parts = filters_of(item)
    for kind, wanted, known in (
        ("action", set[str]().union(*map(actions_in, parts)), numbers.actions),
        ("cohort", set[str]().union(*map(cohorts_in, parts)), numbers.cohorts),
    ):
        for one in sorted(wanted - set(known)):
            yield f"its filter refers to the {kind} {numbers.names.get((kind, one), one)}, which did not come."
    groups = {one for part in parts for one in groups_in(part)}
    if numbers.known and any(numbers.groups.get(one) is None for one in groups):
        yield "its filter is about a kind of group that this project has not met; import again once an event with one has come."


def _about_filters(item: Mapping[str, Any], numbers: Numbers) -> Iterator[str]:
    unknown = {one for part in filters_of(item) for one in groups_in(part)}
    if not numbers.known and unknown:
        yield "It filters by groups, whose kinds this key may not read (group:read): see that their numbers are the same here."
    if item.get("type") == "internal_destination":
        names = {str(one.get("id")) for part in filters_of(item) for one in part.get("events") or ()}
        if strange := sorted(names - RAISED):
            yield f"It waits for {', '.join(strange)}, which PostHog raises and Hedgerow does not."
