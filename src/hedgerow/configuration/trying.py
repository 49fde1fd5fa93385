"""Running the cases that a destination's file carries: offline, through the very runner that delivers live events.

A case has the form of a template's (see ``destinations.cases``), and says besides whether the filters leave the event out
(``skipped``), how the delivery ends (``verdict``), and what it must not ask a server for: secrets are stood in for by their name in
angle brackets. The clock stands at one moment, nothing is sent, nothing is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hedgerow.configuration.desired import payload
from hedgerow.configuration.keys import CASES
from hedgerow.configuration.planning import ConfigurationError, Fault, Plan, Wanted, plan
from hedgerow.configuration.portray import Document
from hedgerow.configuration.snapshot import empty
from hedgerow.configuration.verdicts import Mismatch, judge
from hedgerow.delivery.world import Options
from hedgerow.destinations import Project, ValidationError, builtin, filter_globals_of, validate
from hedgerow.destinations.cases import ID, NOW, PROJECT, PUBLIC_URL, globals_of
from hedgerow.destinations.catalogue import Catalogue
from hedgerow.destinations.connections import Connected
from hedgerow.destinations.schema import validate_schema
from hedgerow.destinations.secrets import Keyring
from hedgerow.hog import HogError
from hedgerow.replay.trial import Trial, Trials, prepared
from hedgerow.replay.trial_event import Subject
from hedgerow.replay.trial_transport import read_answers

_STOOD_IN: Final = ("from_env", "from_file")
_VALUES: Final[Mapping[str, Any]] = {"number": 1, "boolean": True}
_ACCOUNTS: Final = ("integration", "integration_multi")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case.

    Attributes:
        key: of the destination's file.
        name: of the case.
        mismatches: what was otherwise than expected; none when all is well.
        seconds: that it took.
    """

    key: str
    name: str
    mismatches: list[Mismatch]
    seconds: float = 0.0


class Bench:
    """Documents, and what their cases need to run."""

    def __init__(self, wanted: Wanted, templates: Catalogue | None = None) -> None:
        """Check the documents; ``faults`` has what is wrong with them.

        Args:
            wanted: documents by kind and key, destinations with their cases.
            templates: the catalogue; the one that comes with Hedgerow when None.
        """
        self._templates = templates or builtin()
        self._keyring = Keyring(["examples hold no secrets"])
        self._wanted = wanted
        self._plan, self.faults = self._planned()
        self._trials = Trials(options=Options(public_url=PUBLIC_URL), now=lambda: NOW)

    def _planned(self) -> tuple[Plan, list[Fault]]:
        """A plan of what is in order, and what is not. A fault may come to light only when others are out of the way."""
        faults: list[Fault] = []
        sound = {
            kind: {key: self._stood_in(kind, one) for key, one in some.items()}
            for kind, some in self._wanted.items()
        }
        while True:
            try:
                found = plan(
                    empty(PROJECT), sound, templates=self._templates, keyring=self._keyring, offline=True
                )
            except ConfigurationError as error:
                faults += error.faults
                wrong = {(fault.kind, fault.key) for fault in error.faults}
                sound = {
                    kind: {key: one for key, one in some.items() if (kind, key) not in wrong}
                    for kind, some in sound.items()
                }
            else:
                return found, faults

    def _stood_in(self, kind: str, one: Any) -> Any:
        """A document whose secrets need no server."""
        if kind != "destinations" or not isinstance(one, Mapping):
            return one
        mappings = one.get("mappings")
        found = {**one, "inputs": _with_stand_ins(one.get("inputs"), self._schema(one))}
        if isinstance(mappings, list):
            found["mappings"] = [_mapping_with_stand_ins(item) for item in mappings]
        return {name: value for name, value in found.items() if value is not None or name in one}

    def _schema(self, one: Mapping[str, Any]) -> Any:
        if one.get("inputs_schema") is not None:
            return one["inputs_schema"]
        template = self._templates.get(str(one.get("template") or ""))
        return template.inputs_schema if template else []

    # -------------------------------------------------------------- running

    async def run(self, key: str) -> list[Result]:
        """Run the cases of a destination's file, one after the other; none when its document is not in order."""
        wrong = {(fault.kind, fault.key) for fault in self.faults}
        if ("destinations", key) in wrong:
            return []
        one = self._wanted["destinations"][key]
        return [await self._case(key, one, place, case) for place, case in enumerate(one.get(CASES) or ())]

    async def close(self) -> None:
        """End the helper processes."""
        await self._trials.close()

    async def _case(self, key: str, one: Document, place: int, case: Mapping[str, Any]) -> Result:
        began = time.monotonic()
        try:
            found = judge(case, await self._trials.run(self._trial(one, case)))
        except (ValidationError, HogError) as error:
            attr = error.attr if isinstance(error, ValidationError) else None
            found = [Mismatch(str(error), attr or "")]
        placed = [
            replace(item, attr="__".join(part for part in (CASES, str(place), item.attr) if part))
            for item in found
        ]
        return Result(key, str(case["name"]), placed, time.monotonic() - began)

    def _trial(self, one: Document, case: Mapping[str, Any]) -> Trial:
        """What a case asks to be tried.

        Raises:
            ValidationError: it cannot be.
        """
        happening = {**case, "event": _event(case.get("event"))}
        seen = globals_of(happening)
        project = self._with_members(case.get("cohorts") or (), seen["person"])
        document, accounts = self._of_case(one, case)
        fields = payload(document, replace(self._plan.names, anything=True), self._templates)
        _connect(fields, accounts)
        valid = validate(fields, project=project, templates=self._templates)
        keyring = Keyring(["examples hold no secrets"])
        keyring.connections.replace(accounts.values())
        destination = valid.unsaved(PROJECT.id, keyring, destination_id=ID)
        compiled = prepared(destination, keyring, project, self._trials.limits)
        return Trial(
            compiled, Subject(seen, filter_globals_of(seen), "given"), answers=_answers(case.get("answers"))
        )

    def _of_case(self, one: Document, case: Mapping[str, Any]) -> tuple[Document, dict[str, Connected]]:
        """The destination as a case wants it, switched on or not: its own inputs, and accounts by the key of their input."""
        given = dict(case.get("inputs") or {})
        whole = self._stood_in("destinations", _with_inputs(one, given))
        described = case.get("integrations") or {}
        keys = dict.fromkeys([*described, *_account_keys(self._schema(one))])
        accounts = {
            key: Connected(number, PROJECT.id, "example", described.get(key, {"access_token": f"<{key}>"}))
            for number, key in enumerate(keys, 1)
        }
        return whole, accounts

    def _with_members(self, keys: Sequence[str], person: Mapping[str, Any] | None) -> Project:
        """The project, with the person on the lists of some static cohorts."""
        project = self._plan.project
        numbers = {str(self._plan.names.cohort(key)) for key in keys}
        members = [person["id"]] if person else []
        cohorts = {
            number: {**one, "persons": members} if number in numbers and one.get("is_static") else one
            for number, one in project.cohorts.items()
        }
        return replace(project, cohorts=cohorts)


# ------------------------------------------------------------------ stand-ins


def _with_stand_ins(inputs: Any, schema: Any) -> Any:
    """Inputs in which what only a server has is replaced by its name, and what is secret and absent is there too."""
    if not isinstance(inputs, Mapping | None) or not isinstance(schema, list):
        return inputs
    fields = {item.get("key"): item for item in schema if isinstance(item, Mapping)}
    found = {key: _stand_in(key, value, fields.get(key, {})) for key, value in (inputs or {}).items()}
    absent = [key for key, item in fields.items() if item.get("secret") and key not in found]
    return {**found, **{str(key): _stand_in(str(key), {"secret": True}, fields[key]) for key in absent}}


def _stand_in(key: str, value: Any, field: Mapping[str, Any]) -> Any:
    elsewhere = isinstance(value, Mapping) and any(name in value for name in _STOOD_IN)
    if not elsewhere and value not in ({"secret": True}, {"missing": True}):
        return value
    kind = field.get("type", "string")
    if kind in _ACCOUNTS:
        return {"account": key} if kind == "integration" else {"account": [key]}
    text = f"<{key}>"
    return _VALUES.get(kind, {"key": text} if kind == "dictionary" else text)


def _mapping_with_stand_ins(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    return {**item, "inputs": _with_stand_ins(item.get("inputs"), item.get("inputs_schema") or [])}


def _with_inputs(one: Document, given: dict[str, Any]) -> Document:
    """A document with a case's inputs put over its own, wherever the form has a field for them."""
    mappings = [
        {**item, "inputs": {**(item.get("inputs") or {}), **_taken(given, item.get("inputs_schema"))}}
        for item in one.get("mappings") or ()
    ]
    own = {**one, "inputs": {**(one.get("inputs") or {}), **given}}
    return {**own, "mappings": mappings} if mappings else own


def _taken(given: dict[str, Any], schema: Any) -> dict[str, Any]:
    """The inputs that a mapping's own form asks for."""
    keys = {item["key"] for item in validate_schema(schema)}
    return {key: given.pop(key) for key in list(given) if key in keys}


def _account_keys(schema: Any) -> list[str]:
    """The inputs that name accounts."""
    fields = schema if isinstance(schema, list) else ()
    return [item["key"] for item in fields if isinstance(item, Mapping) and item.get("type") in _ACCOUNTS]


def _connect(fields: dict[str, Any], accounts: Mapping[str, Connected]) -> None:
    """Let the inputs that name an account name the one that the case describes."""
    for item in fields["inputs_schema"]:
        found = accounts.get(item["key"])
        if found is not None:
            number = [found.id] if item["type"] == "integration_multi" else found.id
            fields["inputs"][item["key"]] = {"value": number}


def _event(raw: Any) -> dict[str, Any]:
    return {"event": raw} if isinstance(raw, str) else dict(raw or {})


def _answers(raw: Any) -> Any:
    try:
        return read_answers(raw)
    except ValidationError as error:
        attr = (error.attr or "").replace("mock_answers", "answers")
        raise ValidationError(error.detail, attr=attr or None) from None
