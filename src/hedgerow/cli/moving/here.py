"""What this project has already, and saving what comes; or only seeing what saving would do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from hedgerow.cli.client import Client, Refused
from hedgerow.destinations import Project, ValidationError, builtin, validate
from hedgerow.destinations.definitions import check

KINDS: Final = ("cohorts", "actions", "hog_functions")
CHECK: Final = "?validate_only=true"


class NotTaken(Exception):
    """The server refuses something; the text says why."""


@dataclass(slots=True)
class Here:
    """The project that things are brought into.

    Attributes:
        client: the server.
        known: what was imported before, by kind and origin.
        project: its options.
    """

    client: Client
    known: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    project: dict[str, Any] = field(default_factory=dict)

    def look(self) -> None:
        """Read what is there."""
        for kind in KINDS:
            items = (
                self.client.pages(f"{kind}/", full="true")
                if kind == "hog_functions"
                else self.client.pages(f"{kind}/")
            )
            self.known[kind] = {item["origin"]: item for item in items if item.get("origin")}
        self.project = self.client.get("")

    def save(self, kind: str, payload: dict[str, Any], existing: Mapping[str, Any] | None) -> dict[str, Any]:
        """Make something, or change it.

        Raises:
            NotTaken: it is not in order.
        """
        try:
            if existing is None:
                answer: dict[str, Any] = self.client.post(f"{kind}/", payload)
            else:
                answer = self.client.patch(f"{kind}/{existing['id']}/", payload)
        except Refused as error:
            raise _not_taken(error) from error
        return answer

    def set_options(self, options: dict[str, Any]) -> None:
        """Change options of the project.

        Raises:
            NotTaken: they cannot be used, or the key may not.
        """
        try:
            self.client.patch("", options)
        except Refused as error:
            raise _not_taken(error, forbidden=True) from error

    def enlist(self, cohort: Mapping[str, Any], distinct_ids: list[str]) -> bool:
        """Put just these on the list of a static cohort; whether that changed anything.

        Raises:
            NotTaken: there are too many.
        """
        before, path = set(cohort.get("distinct_ids") or ()), f"cohorts/{cohort['id']}"
        fresh, gone = [one for one in distinct_ids if one not in before], sorted(before - set(distinct_ids))
        try:
            for one in gone:
                self.client.patch(f"{path}/remove_person_from_static_cohort/", {"distinct_id": one})
            if fresh:
                self.client.patch(f"{path}/add_persons_to_static_cohort/", {"distinct_ids": fresh})
        except Refused as error:
            raise _not_taken(error) from error
        return bool(fresh or gone)


@dataclass(slots=True)
class Rehearsal(Here):
    """The same without changing anything: what would come is kept in memory, so that what refers to it can be judged."""

    _numbers: Iterator[int] = field(default_factory=lambda: count(-1, -1))
    _made: dict[str, dict[int, dict[str, Any]]] = field(
        default_factory=lambda: {"actions": {}, "cohorts": {}}
    )

    def look(self) -> None:
        """See ``Here.look``; all actions and cohorts count, wherever they are from."""
        Here.look(self)
        for kind, made in self._made.items():
            made |= {item["id"]: _defined(item) for item in self.client.pages(f"{kind}/")}

    def save(self, kind: str, payload: dict[str, Any], existing: Mapping[str, Any] | None) -> dict[str, Any]:
        """See ``Here.save``."""
        if kind == "hog_functions":
            return self._destination(payload, existing)
        identity = existing["id"] if existing else next(self._numbers)
        item = {**(existing or {}), **payload, "id": identity}
        self._made[kind][identity] = _defined(item)
        if not item.get("is_static"):
            self._check(kind, identity)
        return item

    def _check(self, kind: str, identity: int) -> None:
        member = {"key": "id", "type": "cohort", "value": identity}
        use = {"actions": [{"id": str(identity)}]} if kind == "actions" else {"properties": [member]}
        try:
            check(self._seen(), {"source": "events", **use})
        except ValidationError as error:
            self._made[kind].pop(identity)
            raise NotTaken(error.detail) from error

    def _seen(self) -> Project:
        actions, cohorts = (
            {str(key): item for key, item in self._made[kind].items()} for kind in ("actions", "cohorts")
        )
        tests = self.project.get("test_account_filters") or ()
        return Project(0, test_account_filters=tests, actions=actions, cohorts=cohorts)

    def _destination(self, payload: dict[str, Any], existing: Mapping[str, Any] | None) -> dict[str, Any]:
        if existing is not None:
            return self._change(payload, existing)
        try:
            config = validate(payload, project=self._seen(), templates=builtin()).config
        except ValidationError as error:
            raise NotTaken(_at(error.attr, error.detail)) from error
        return {"id": None, "filters": config.filters, "mappings": config.mappings, "enabled": config.enabled}

    def _change(self, payload: dict[str, Any], existing: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self.client.patch(f"hog_functions/{existing['id']}/{CHECK}", payload)
        except Refused as error:
            raise _not_taken(error) from error
        return {**existing, "revision": existing["revision"] + (1 if answer["changed"] else 0)}

    def set_options(self, options: dict[str, Any]) -> None:
        """See ``Here.set_options``."""
        self.project |= options

    def enlist(self, cohort: Mapping[str, Any], distinct_ids: list[str]) -> bool:
        """See ``Here.enlist``."""
        return set(cohort.get("distinct_ids") or ()) != set(distinct_ids)


def _defined(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**item, "filters": item.get("filters") or {}, "persons": item.get("person_ids") or []}


def _at(attr: str | None, detail: str) -> str:
    """A fault and its place, in one line; errors in Hog show the line of the program below it."""
    detail = detail.split("\n", 1)[0]
    return f"{attr.replace('__', '.')}: {detail}" if attr else detail


def _not_taken(error: Refused, *, forbidden: bool = False) -> NotTaken:
    """What is wrong with the thing itself; anything else concerns the whole import.

    Raises:
        Refused: it does.
    """
    if error.code != 400 and not (forbidden and error.code == 403):
        raise error
    return NotTaken(_at(error.body.get("attr"), str(error.body.get("detail", error))))
