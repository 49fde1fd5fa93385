"""What would change if the store were as the files say; and everything that keeps it from being so.

Nothing is written here. The whole is checked together, as it would be afterwards: an action and the destination that needs it may
come in the same step, and what is taken away must not be needed by anything that stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

import orjson

from hedgerow.configuration.desired import payload
from hedgerow.configuration.documents import shape_faults
from hedgerow.configuration.keys import KINDS, SINGULAR, is_key
from hedgerow.configuration.matching import match
from hedgerow.configuration.names import Names
from hedgerow.configuration.portray import Document, document
from hedgerow.configuration.snapshot import Snapshot, Thing
from hedgerow.destinations import Project, ValidationError
from hedgerow.destinations.catalogue import Catalogue
from hedgerow.destinations.definitions import Action, Cohort, check, compiles
from hedgerow.destinations.model import Config, Destination
from hedgerow.destinations.secrets import Keyring
from hedgerow.destinations.validation import Existing, Valid, validate

Wanted: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Documents by kind and key."""
CREATE, UPDATE, REMOVE, UNCHANGED = "create", "update", "remove", "unchanged"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with a document.

    Attributes:
        kind: of the file.
        key: of the file.
        detail: what is wrong, and what to do.
        attr: where in the document, names joined by ``__``; None for the whole.
        line: within the text that ``attr`` names, counted from 1.
    """

    kind: str
    key: str
    detail: str
    attr: str | None = None
    line: int | None = None


class ConfigurationError(Exception):
    """The documents cannot become the configuration; ``faults`` has all that was found, at least one."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.kind}/{fault.key}: {fault.detail}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one thing.

    Attributes:
        kind: one of ``KINDS``.
        key: what files call it.
        name: what people call it.
        change: ``create``, ``update``, ``remove`` or ``unchanged``.
        before: its document as it is; None when it is new.
        after: as it would be; None when it goes.
        secrets: the secret inputs that change, as ``inputs.token``.
        now: the thing in the store.
        then: what to put there.
    """

    kind: str
    key: str
    name: str
    change: str
    before: Document | None = None
    after: Document | None = None
    secrets: tuple[str, ...] = ()
    now: Thing | None = None
    then: Valid | Action | Cohort | None = None

    def as_dict(self) -> dict[str, Any]:
        """The change as the API shows it."""
        told = {name: getattr(self, name) for name in ("kind", "key", "name", "change", "before", "after")}
        return {**told, "secrets": list(self.secrets)}


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes, in the order in which they are made.

    Attributes:
        snapshot: what there is.
        project: as its filters will see it.
        names: what things will be called in files.
        changes: what becomes of each thing that a document names, or that goes.
        others: kind, key and name of what no document names, and what stays.
    """

    snapshot: Snapshot
    project: Project
    names: Names
    changes: list[Change] = field(default_factory=list)
    others: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return all(change.change == UNCHANGED for change in self.changes)


def plan(
    snapshot: Snapshot,
    wanted: Wanted,
    *,
    templates: Catalogue,
    keyring: Keyring,
    prune: bool = False,
    offline: bool = False,
) -> Plan:
    """Compare what there is with what documents say. Compiles; not for an event loop.

    Args:
        snapshot: what there is.
        wanted: the documents.
        templates: the catalogue.
        keyring: opens the secrets that are stored.
        prune: remove what no document names.
        offline: there is no server whose accounts and variables could be looked up.

    Raises:
        ConfigurationError: the documents contain faults; all are told.
    """
    return _Planner(snapshot, wanted, templates, keyring, prune=prune, offline=offline).plan()


class _Planner:
    """One comparison."""

    def __init__(
        self,
        snapshot: Snapshot,
        wanted: Wanted,
        templates: Catalogue,
        keyring: Keyring,
        *,
        prune: bool,
        offline: bool,
    ) -> None:
        self._snapshot, self._templates, self._keyring, self._prune = snapshot, templates, keyring, prune
        self._references = None if offline else keyring.references
        self._faults: list[Fault] = []
        self._wanted = {kind: dict(self._well_formed(kind, wanted.get(kind) or {})) for kind in KINDS}
        self._matches = {kind: match(snapshot, kind, self._wanted[kind], prune=prune) for kind in KINDS}
        self._names = Names(
            self._matches["actions"].keys,
            self._matches["cohorts"].keys,
            snapshot.accounts,
            anything=offline,
        )

    def plan(self) -> Plan:
        """All changes.

        Raises:
            ConfigurationError: there are faults.
        """
        defined = [*self._definitions("cohorts"), *self._definitions("actions")]
        after = self._project(defined)
        for change in defined:
            self._usable(change, after)
        # Removals come last: by then nothing needs what goes.
        changes = [*defined, *self._destinations(after), *self._removals()]
        self._spare_the_others(after)
        if self._faults:
            raise ConfigurationError(self._faults)
        others = [] if self._prune else list(self._others())
        return Plan(self._snapshot, after, self._names, changes, others)

    def _well_formed(self, kind: str, documents: Mapping[str, Any]) -> Iterator[tuple[str, Document]]:
        for key, one in documents.items():
            if not is_key(key):
                self._fault(kind, str(key), "A file is called by letters, digits, '.', '_' and '-'.")
                continue
            faults = shape_faults(kind, one)
            for attr, detail in faults:
                self._fault(kind, key, detail, attr or None)
            if not faults:
                yield key, one

    def _fault(
        self, kind: str, key: str, detail: str, attr: str | None = None, line: int | None = None
    ) -> None:
        self._faults.append(Fault(kind, key, detail, attr, line))

    def _refused(self, kind: str, key: str, error: ValidationError) -> None:
        self._fault(kind, key, error.detail, error.attr, error.line)

    # ------------------------------------------------------ actions, cohorts

    def _definitions(self, kind: str) -> list[Change]:
        found = []
        for key, one in self._wanted[kind].items():
            now = self._matches[kind].found.get(key)
            try:
                then = self._defined(kind, key, one, now)
            except ValidationError as error:
                self._refused(kind, key, error)
                continue
            found.append(self._change(kind, key, now, then, then))
        return found

    def _defined(self, kind: str, key: str, one: Document, now: Thing | None) -> Action | Cohort:
        number = int(self._matches[kind].number_of(key))
        said = {"name": one["name"].strip(), "description": (one.get("description") or "").strip()}
        said["origin"] = one.get("origin")
        if kind == "actions":
            action = now if isinstance(now, Action) else Action(number, self._snapshot.project.id, "")
            steps = _under("steps", self._names.inward, one["steps"])
            return replace(action, **said, steps=steps)
        cohort = now if isinstance(now, Cohort) else Cohort(number, self._snapshot.project.id, "")
        static = bool(one.get("static"))
        if now is not None and cohort.is_static is not static:
            raise ValidationError(
                "A cohort stays static, or not, all its life. Give the file another name: that makes another cohort.",
                attr="static",
            )
        filters = {} if static else _under("filters", self._names.inward, one.get("filters") or {})
        return replace(cohort, **said, is_static=static, filters=filters)

    def _project(self, defined: list[Change]) -> Project:
        """The project as its filters will see it."""
        known: dict[str, dict[str, Any]] = {}
        for kind in ("cohorts", "actions"):
            kept = {
                identity: thing.defined()
                for identity, thing in self._snapshot.things[kind].items()
                if isinstance(thing, Action | Cohort) and identity in self._matches[kind].keys
            }
            fresh = {
                str(change.then.id): change.then.defined()
                for change in defined
                if change.kind == kind and isinstance(change.then, Action | Cohort)
            }
            known[kind] = {**kept, **fresh}
        return replace(self._snapshot.project, actions=known["actions"], cohorts=known["cohorts"])

    def _usable(self, change: Change, after: Project) -> None:
        """See that a filter can use what was just defined."""
        assert isinstance(change.then, Action | Cohort)
        number = change.then.id
        use: dict[str, Any] = {"source": "events", "actions": [{"id": str(number)}]}
        if change.kind == "cohorts":
            use = {"source": "events", "properties": [{"key": "id", "type": "cohort", "value": number}]}
        try:
            check(after, use)
        except ValidationError as error:
            self._fault(
                change.kind, change.key, error.detail, "steps" if change.kind == "actions" else "filters"
            )

    # ---------------------------------------------------------- destinations

    def _destinations(self, after: Project) -> Iterator[Change]:
        for key, one in self._wanted["destinations"].items():
            now = self._matches["destinations"].found.get(key)
            assert isinstance(now, Destination | None)
            before = self._existing(now)
            try:
                fields = _as_it_is(payload(one, self._names, self._templates), before)
                valid = validate(
                    fields, project=after, templates=self._templates, existing=before,
                    references=self._references,
                )  # fmt: skip
            except ValidationError as error:
                self._refused("destinations", key, _placed(error, one))
                continue
            secrets = tuple(_changed_secrets(before, valid)) if before else ()
            yield self._change("destinations", key, now, valid.config, valid, secrets)

    def _existing(self, now: Destination | None) -> Existing | None:
        return None if now is None else Existing(now.config, now.secrets(self._keyring))

    def _spare_the_others(self, after: Project) -> None:
        """See that destinations that nobody speaks of can go on."""
        before = self._snapshot.project
        for identity, key in self._matches["destinations"].others.items():
            item = self._snapshot.things["destinations"][identity]
            assert isinstance(item, Destination)
            if self._prune or not item.enabled or compiles(item.config, after):
                continue
            if compiles(item.config, before):
                self._fault(
                    "destinations", key,
                    f"{item.name!r} is in no file, is on, and could not go on: its filter needs what would change here. "
                    "Switch it off, or keep what it needs.",
                )  # fmt: skip

    # ------------------------------------------------------------------ both

    def _change(
        self,
        kind: str,
        key: str,
        now: Thing | None,
        shown: Config | Action | Cohort,
        then: Valid | Action | Cohort,
        secrets: tuple[str, ...] = (),
    ) -> Change:
        before = None if now is None else self._document(now, self._snapshot.names)
        after = self._document(shown, self._names)
        change = CREATE if now is None else UPDATE
        if now is not None and not secrets and _written(before) == _written(after):
            change = UNCHANGED
        return Change(kind, key, shown.name, change, before, after, secrets, now, then)

    def _document(self, thing: Thing | Config, names: Names) -> Document:
        if isinstance(thing, Config):
            thing = Destination("", 0, 0, thing)
        return document(thing, names, self._templates)

    def _removals(self) -> Iterator[Change]:
        if not self._prune:
            return
        for kind in reversed(KINDS):
            for identity, key in self._matches[kind].others.items():
                thing = self._snapshot.things[kind][identity]
                before = self._document(thing, self._snapshot.names)
                yield Change(kind, key, thing.name, REMOVE, before, now=thing)

    def _others(self) -> Iterator[tuple[str, str, str]]:
        for kind in KINDS:
            for identity, key in self._matches[kind].others.items():
                yield kind, key, self._snapshot.things[kind][identity].name


def _as_it_is(fields: dict[str, Any], before: Existing | None) -> dict[str, Any]:
    """The fields without a program that differs from the stored one in nothing but the space around it."""
    same = before is not None and str(fields.get("hog")).strip() == before.config.hog.strip()
    return {name: value for name, value in fields.items() if name != "hog"} if same else fields


def _under(place: str, work: Any, value: Any) -> Any:
    try:
        return work(value)
    except ValidationError as error:
        raise error.under(place) from None


def _placed(error: ValidationError, one: Document) -> ValidationError:
    """An error at the field of the file that stands for the one at fault."""
    attr = error.attr or ""
    if attr.startswith("filters__events") and "events" in one:
        attr = attr.removeprefix("filters__")
    elif attr == "template_id":
        attr = "template"
    return ValidationError(_advised(error), attr=attr or None, code=error.code, line=error.line)


def _advised(error: ValidationError) -> str:
    """What is wrong, in the words of files."""
    if error.attr == "template_id" and "cannot be changed" in error.detail:
        return f"{error.detail} Give the file another name: that makes another {SINGULAR['destinations']}."
    if error.detail.startswith("No value is saved for this secret"):
        return "This server has no value for this secret yet. Write {from_env: NAME}, {from_file: NAME} or the value itself."
    return error.detail


def _changed_secrets(before: Existing, valid: Valid) -> Iterator[str]:
    """The secret inputs whose values differ."""
    names = {item["id"]: item.get("name") or str(n) for n, item in enumerate(valid.config.mappings or ())}
    was, now = asdict(before.secrets), asdict(valid.secrets)
    yield from (f"inputs.{key}" for key in _differing(was["inputs"], now["inputs"]))
    for identity in dict.fromkeys([*was["mappings"], *now["mappings"]]):
        some = _differing(was["mappings"].get(identity, {}), now["mappings"].get(identity, {}))
        yield from (f"mappings.{names.get(identity, identity)}.inputs.{key}" for key in some)


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [
        key for key in dict.fromkeys([*one, *other]) if _written(one.get(key)) != _written(other.get(key))
    ]


def _written(value: Any) -> bytes:
    """A value as JSON, by which two are compared: 1 is not true there, and an order that people chose counts."""
    return orjson.dumps(value)
