"""Bringing in what a PostHog project has: cohorts, then actions, then what the project says of itself, then destinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.moving import definitions
from hedgerow.cli.moving.destinations import Moved, moved
from hedgerow.cli.moving.destinations import refusal as function_refusal
from hedgerow.cli.moving.filters import NOWHERE, Numbers, cohorts_in, filters_of, properties
from hedgerow.cli.moving.here import Here, NotTaken
from hedgerow.cli.moving.inputs import Account, Accounts
from hedgerow.cli.moving.source import Absent, Denied, Instance
from hedgerow.destinations import builtin
from hedgerow.destinations.definitions import MOST_MEMBERS

TYPES: Final = "destination,internal_destination,site_destination,site_app,transformation,source_webhook"
OPTIONS: Final = ("test_account_filters", "path_cleaning_filters", "person_display_name_properties")
PER_PAGE: Final = 100


@dataclass(slots=True)
class Row:
    """What became of one thing.

    Attributes:
        what: ``cohort``, ``action``, ``option`` or ``destination``.
        name: what people call it.
        change: ``created``, ``updated``, ``unchanged``, or ``left``: it did not come.
        origin: where it is there.
        id: of what was made of it.
        on: whether it delivers here; None for what cannot.
        was_on: whether it delivers there.
        secrets: places of inputs whose value has to be entered again.
        accounts: places of inputs that need an account, with its kind.
        faults: why its filter cannot be used; until that is mended it stays off.
        notes: what whoever moves should know besides.
        reason: why it did not come.
    """

    what: str
    name: str
    change: str = "left"
    origin: str = ""
    id: Any = None
    on: bool | None = None
    was_on: bool | None = None
    secrets: list[str] = field(default_factory=list)
    accounts: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reason: str = ""

    @property
    def waits(self) -> bool:
        """Whether something has to be filled in or mended before it can be switched on."""
        return bool(self.secrets or self.accounts or self.faults)


@dataclass(slots=True)
class Report:
    """What became of everything.

    Attributes:
        source: where it came from, for people.
        rows: in the order in which they came.
        needed: accounts to connect: kind and name.
        notes: about the whole.
    """

    source: str = ""
    rows: list[Row] = field(default_factory=list)
    needed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to import.

    Attributes:
        project: of PostHog; None for the only one.
        enable: switch on what is on there.
        accounts: which account here stands for which there.
    """

    project: str | None = None
    enable: bool = False
    accounts: Mapping[int, int] = field(default_factory=dict)


class Import:
    """One import, from beginning to end."""

    def __init__(self, source: Instance, here: Here, wishes: Wishes) -> None:
        self.source = source
        self.here = here
        self.wishes = wishes
        self.report = Report()
        self._path = ""
        self._base = ""
        self._numbers = Numbers()
        self._accounts = Accounts(chosen=wishes.accounts)

    def run(self) -> Report:
        """Do it.

        Raises:
            CommandFailed: PostHog or this server cannot be used at all. What came before that is there, and doing it again
                goes on from it.
        """
        project = self._find_project()
        functions = self._functions()
        cohorts, actions = self._read("cohorts"), self._read("actions")
        self._numbers.names = {
            (kind, str(one.get("id"))): str(one.get("name"))
            for kind, items in (("cohort", cohorts), ("action", actions))
            for one in items
        }
        self.here.look()
        self._meet_groups()
        self._meet_accounts()
        come = [one for one in functions if not function_refusal(one)]
        used = _used(cohorts, [*(part for one in come for part in filters_of(one)), *actions, project])
        for cohort in definitions.in_order(cohorts):
            with self._understood():
                self._cohort(cohort, used=str(cohort.get("id")) in used)
        for action in actions:
            with self._understood():
                self._action(action)
        self._options(project, come)
        for function in functions:
            with self._understood():
                self._destination(function)
        self.report.needed = [(kind, name) for (kind, _), name in self._accounts.needed.items()]
        return self.report

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """One thing that is described in a way nobody foresaw stays behind; the others still come."""
        try:
            yield
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            row = self.report.rows[-1]
            row.change, row.reason = (
                "left",
                f"PostHog describes it in a way that is not understood here ({error!r}).",
            )

    # ---------------------------------------------------------------- reading

    def _find_project(self) -> dict[str, Any]:
        """The project to read, in full.

        Raises:
            CommandFailed: there are several and none was named, or there is no such project.
        """
        name = self.wishes.project or self._only_project()
        try:
            found = self.source.get(f"/api/projects/{name}/")
        except Absent:
            raise CommandFailed(
                f"{self.source.place.url} has no project {name} that this key may see."
            ) from None
        except Denied:
            if self.wishes.project is None:
                raise
            found = {"id": name}
            self.report.notes.append(
                "The key may not read the project itself (project:read): its options stay behind."
            )
        identity = found.get("id") or name
        self._path = f"/api/projects/{identity}"
        place = self.source.place
        self._base = f"posthog:{place.authority}{place.prefix}/{identity}"
        self.report.source = f"{found.get('name') or 'project'} ({identity}) at {place.url}"
        return dict(found)

    def _only_project(self) -> str:
        try:
            found = list(self.source.pages("/api/projects/"))
        except (Denied, Absent):
            return "@current"
        if len(found) == 1:
            return str(found[0].get("id"))
        known = ", ".join(f"{one.get('id')} ({one.get('name')})" for one in found)
        raise CommandFailed(f"Say which project with --project: {known or 'this key sees none'}.", status=2)

    def _functions(self) -> list[dict[str, Any]]:
        path = f"{self._path}/hog_functions/"
        # ``types`` is what versions before ``type`` knew; ``full`` saves a request for each function.
        found = list(self.source.pages(path, type=TYPES, types=TYPES, full="true", limit=PER_PAGE))
        whole = [
            one if "inputs" in one else self.source.get(f"{path}{one['id']}/") for one in _each_once(found)
        ]
        return [one for one in whole if not one.get("deleted")]

    def _read(self, kind: str) -> list[dict[str, Any]]:
        try:
            found = list(self.source.pages(f"{self._path}/{kind}/", limit=PER_PAGE))
        except (Denied, Absent) as error:
            self.report.notes.append(f"No {kind} came: {error}")
            return []
        return [one for one in _each_once(found) if not one.get("deleted")]

    def _meet_groups(self) -> None:
        """Kinds of groups go by their names; their numbers differ from project to project."""
        try:
            theirs = list(self.source.pages(f"{self._path}/groups_types/"))
        except (Denied, Absent):
            self._numbers.known = False
            return
        ours = {one["group_type"]: one["group_type_index"] for one in self.here.client.get("groups_types/")}
        self._numbers.groups = {one["group_type_index"]: ours.get(one["group_type"]) for one in theirs}

    def _meet_accounts(self) -> None:
        try:
            theirs = list(self.source.pages(f"{self._path}/integrations/", limit=PER_PAGE))
        except (Denied, Absent):
            theirs = []
        self._accounts.there = {one.id: one for one in map(_account, theirs)}
        self._accounts.here = [_account(one) for one in self.here.client.pages("integrations/")]
        for number in set(self.wishes.accounts.values()) - {one.id for one in self._accounts.here}:
            raise CommandFailed(
                f"No account {number} is connected here: see 'hedgerow integrations'.", status=2
            )

    # ------------------------------------------------------------ definitions

    def _cohort(self, item: Mapping[str, Any], *, used: bool) -> None:
        row = self._row("cohort", "cohorts", item)
        static = bool(item.get("is_static"))
        row.reason = definitions.refusal(item)
        if static and not used and row.origin not in self.here.known["cohorts"]:
            row.reason = "it is a list of persons that nothing here needs."
        if row.reason:
            return
        try:
            people = self._members(item) if static else []
            saved = self._define(row, "cohorts", definitions.cohort_payload(item, self._numbers, row.origin))
            self._numbers.cohorts[str(item["id"])] = saved["id"]
            if static and self.here.enlist(saved, people) and row.change == "unchanged":
                row.change = "updated"
        except NotTaken as error:
            row.reason = str(error)

    def _members(self, item: Mapping[str, Any]) -> list[str]:
        try:
            persons = list(self.source.pages(f"{self._path}/cohorts/{item['id']}/persons/", limit=PER_PAGE))
        except (Denied, Absent) as error:
            raise NotTaken(f"who is in it cannot be read: {error}") from error
        found = definitions.members(persons, MOST_MEMBERS)
        if found is None:
            raise NotTaken(
                f"a list of persons has at most {MOST_MEMBERS} entries here; it has {len(persons)}."
            )
        return found

    def _action(self, item: Mapping[str, Any]) -> None:
        row = self._row("action", "actions", item)
        payload = definitions.action_payload(item, self._numbers, row.origin)
        try:
            self._numbers.actions[str(item["id"])] = self._define(row, "actions", payload)["id"]
        except NotTaken as error:
            row.reason = str(error)

    def _define(self, row: Row, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Save an action or a cohort, unless it is just so already."""
        existing = self.here.known[kind].get(row.origin)
        if existing is not None and all(existing.get(name) == value for name, value in payload.items()):
            saved, row.change = existing, "unchanged"
        else:
            saved = self.here.save(kind, payload, existing)
            row.change = "updated" if existing else "created"
        row.id = saved["id"]
        return saved

    def _options(self, project: Mapping[str, Any], functions: list[dict[str, Any]]) -> None:
        """What filters and templates go by besides: brought where this project says nothing of its own."""
        for name in OPTIONS:
            theirs, ours = project.get(name), self.here.project.get(name)
            if not theirs or (name == "test_account_filters" and not _leaves_out_tests(functions)):
                continue
            wanted = properties(theirs, self._numbers) if name == "test_account_filters" else theirs
            row = self._row("option", name, {"name": name, "id": ""})
            if ours == wanted:
                row.change = "unchanged"
            elif ours:
                row.reason = "this project has its own, which stays. Compare them: filters and names may mean something else."
            else:
                self._set(row, name, wanted)

    def _set(self, row: Row, name: str, value: Any) -> None:
        try:
            self.here.set_options({name: value})
            row.change = "created"
        except NotTaken as error:
            row.reason = str(error)

    # ----------------------------------------------------------- destinations

    def _destination(self, item: dict[str, Any]) -> None:
        row = self._row("destination", "hog_functions", item)
        row.was_on, row.reason = bool(item.get("enabled")), function_refusal(item)
        if row.reason:
            return
        existing = self.here.known["hog_functions"].get(row.origin)
        one = moved(
            item,
            existing,
            origin=row.origin,
            templates=builtin(),
            numbers=self._numbers,
            accounts=self._accounts,
        )
        row.secrets, row.accounts, row.notes = one.secrets, one.accounts, one.notes
        try:
            saved = self._save(row, one, existing)
        except NotTaken as error:
            row.reason = str(error)
            return
        row.id, row.on = saved["id"], bool(saved.get("enabled"))
        row.change = _change(existing, saved)
        row.faults = [*one.strangers, *_faults(saved)]

    def _save(self, row: Row, one: Moved, existing: dict[str, Any] | None) -> dict[str, Any]:
        """Save it, switched on only when that is wished and nothing is in the way."""
        if not (self.wishes.enable and row.was_on and one.complete):
            return self.here.save("hog_functions", one.payload, existing)
        try:
            return self.here.save("hog_functions", {**one.payload, "enabled": True}, existing)
        except NotTaken:
            return self.here.save("hog_functions", one.payload, existing)

    def _row(self, what: str, kind: str, item: Mapping[str, Any]) -> Row:
        name = str(item.get("name") or "").strip() or f"{what} {item.get('id')}"
        row = Row(what, name, origin=f"{self._base}/{kind}/{item.get('id')}")
        self.report.rows.append(row)
        return row


def _used(cohorts: Iterable[Mapping[str, Any]], users: Iterable[Mapping[str, Any]]) -> set[str]:
    """The cohorts that something needs, or a cohort that something needs."""
    found = set[str]().union(*map(cohorts_in, users))
    below = {str(one.get("id")): cohorts_in(one.get("filters")) for one in cohorts}
    while more := set[str]().union(*(below.get(one, set()) for one in found)) - found:
        found |= more
    return found


def _each_once(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What came twice because a list moved while it was read counts once."""
    return list({str(one.get("id")): one for one in items}.values())


def _account(item: Mapping[str, Any]) -> Account:
    return Account(int(item["id"]), str(item.get("kind") or ""), str(item.get("display_name") or ""))


def _leaves_out_tests(functions: Iterable[Mapping[str, Any]]) -> bool:
    return any(part.get("filter_test_accounts") for one in functions for part in filters_of(one))


def _change(existing: Mapping[str, Any] | None, saved: Mapping[str, Any]) -> str:
    if existing is None:
        return "created"
    return "unchanged" if saved.get("revision") == existing.get("revision") else "updated"


def _faults(saved: Mapping[str, Any]) -> list[str]:
    """Why filters of something that was saved cannot be used, besides that they refer to what did not come."""
    errors = [str(one["bytecode_error"]) for one in filters_of(saved) if one.get("bytecode_error")]
    told = (NOWHERE, "choose a group type")
    return [
        f"its filter cannot be used: {one.replace('__', '.')}"
        for one in errors
        if not any(word in one for word in told)
    ]
