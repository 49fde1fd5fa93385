"""Why an event matched a filter, or did not: each condition by itself, with the value it met.

The conditions are taken apart as ``build`` puts them together, and each is compiled and judged alone. That is slow and may run Hog
that somebody wrote (``hogql`` filters), so it belongs into a helper process; the filter itself stays the judge of what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from hedgerow import hog
from hedgerow.destinations.errors import FilterError, ValidationError
from hedgerow.destinations.filters.actions import action_filter, step_tests
from hedgerow.destinations.filters.build import NESTED_EVENTS, Built, build
from hedgerow.destinations.filters.clause import NOTHING, Clause, every, no, some
from hedgerow.destinations.filters.cohorts import cohort_filter
from hedgerow.destinations.filters.compiled import CompiledFilter
from hedgerow.destinations.filters.context import Context
from hedgerow.destinations.filters.properties import hogql, operand_of, property_filter, property_list
from hedgerow.destinations.filters.trees import binary, is_constant, literal, name
from hedgerow.destinations.filters.wording import property_words, quoted, test_words
from hedgerow.destinations.project import Project
from hedgerow.hog.ast import Expr

COHORTS: Final = ("cohort", "static-cohort", "precalculated-cohort")
_ELEMENT_PLACES: Final = {"href": "elements_chain_href", "text": "elements_chain_texts"}
_STEP_MATCHING: Final = {"contains": "icontains", "regex": "regex", "exact": "exact"}


def explain(
    filters: Mapping[str, Any], project: Project, found: Mapping[str, Any], host: hog.Host | None = None
) -> Clause:
    """Judge every condition of a filter.

    Args:
        filters: normalised, and known to compile.
        project: what it refers to.
        found: filter globals of the event.
        host: clock and limits of each condition.

    Returns:
        The whole as one clause, whose verdict is that of its parts.
    """
    return _Explainer(Context(project), found, host).whole(filters)


class _Explainer:
    """Judges the conditions of one filter on one event."""

    def __init__(self, context: Context, found: Mapping[str, Any], host: hog.Host | None) -> None:
        self._context = context
        self._found = found
        self._host = host

    def whole(self, filters: Mapping[str, Any]) -> Clause:
        names = build(filters, self._context).event_names
        nested = names is not None and names <= NESTED_EVENTS
        parts = self._entries(filters)
        if properties := filters.get("properties"):
            parts.append(self._group(properties, "properties", nested))
        if filters.get("filter_test_accounts"):
            rules = self._group(list(self._context.project.test_account_filters), "filter_test_accounts")
            parts.append(_test_accounts(rules))
        if not parts:
            return Clause("every event", True)
        return parts[0] if len(parts) == 1 else every("all of these hold", parts)

    # ------------------------------------------------------ events and actions

    def _entries(self, filters: Mapping[str, Any]) -> list[Clause]:
        """The alternatives, as one clause; those without properties first, as the filter itself asks them."""
        events = enumerate(filters.get("events") or ())
        ordered = sorted(events, key=lambda item: not self._is_plain(item[1]))
        entries = [self._event(entry, f"events__{position}") for position, entry in ordered]
        entries += [
            self._action(entry, f"actions__{position}")
            for position, entry in enumerate(filters.get("actions") or ())
        ]
        return entries if len(entries) < 2 else [some("one of these events", entries)]

    def _is_plain(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry asks for the name of the event and nothing else."""
        wanted = entry.get("id")
        own = property_list(entry.get("properties"), self._context, nested=wanted in NESTED_EVENTS)
        return wanted is not None and is_constant(own, value=True)

    def _event(self, entry: Mapping[str, Any], place: str) -> Clause:
        wanted = entry.get("id")
        if wanted is None:
            named = Clause("any event", True, place, self._found["event"])
        else:
            test = binary("==", name("event"), literal(wanted))
            named = self._judge(f"the event is {quoted(wanted)}", test, place, name("event"))
        return self._with_properties(named, entry, place, nested=wanted in NESTED_EVENTS)

    def _action(self, entry: Mapping[str, Any], place: str) -> Clause:
        number = str(entry.get("id"))
        action = self._context.project.actions.get(number) or {}
        text = f"action {quoted(action.get('name') or entry.get('name') or number)}"
        try:
            action_filter(number, self._context)
        except ValidationError as error:
            return Clause(text, None, place, error=error.detail)
        steps = [self._step(step) for step in action.get("steps") or ()]
        return self._with_properties(some(text, steps, place), entry, place)

    def _step(self, step: Mapping[str, Any]) -> Clause:
        tests = [
            self._judge(_step_words(field, step), test, "", operand)
            for field, operand, test in step_tests(step)
        ]
        if step.get("properties"):
            tests.append(self._group(step["properties"], ""))
        return tests[0] if len(tests) == 1 else every("all of these hold", tests)

    def _with_properties(
        self, first: Clause, entry: Mapping[str, Any], place: str, *, nested: bool = False
    ) -> Clause:
        if not entry.get("properties"):
            return first
        own = self._group(entry["properties"], f"{place}__properties", nested)
        if own.join and not own.clauses:
            return first
        parts = own.clauses if own.join == "all" and own.place.endswith("__properties") else [own]
        return every(f"{first.text}, with properties", [first, *parts], place)

    # --------------------------------------------------------------- properties

    def _group(self, raw: Any, place: str, nested: bool = False) -> Clause:
        values = raw["values"] if isinstance(raw, Mapping) else raw
        either = isinstance(raw, Mapping) and str(raw.get("type", "AND")).upper() == "OR"
        parts = [
            self._group(item, _under(place, position), nested)
            if "values" in item and "key" not in item
            else self._property(item, _under(place, position), nested)
            for position, item in enumerate(values)
        ]
        if len(parts) == 1:
            return parts[0]
        return (
            some("one of these holds", parts, place)
            if either and parts
            else every("all of these hold", parts, place)
        )

    def _property(self, raw: Mapping[str, Any], place: str, nested: bool) -> Clause:
        kind = raw.get("type", "event")
        if kind in COHORTS:
            return self._cohorts(raw, place)
        if kind == "flag":
            return Clause(f"feature flag {raw.get('key')} (not looked at here)", True, place)
        try:
            test = property_filter(raw, self._context, nested=nested)
            operand = _operand(raw, nested)
        except ValidationError as error:
            return Clause(property_words(raw), None, place, error=error.detail)
        return self._judge(property_words(raw), test, place, operand)

    # ------------------------------------------------------------------ cohorts

    def _cohorts(self, raw: Mapping[str, Any], place: str) -> Clause:
        values = raw.get("value") if isinstance(raw.get("value"), list) else [raw.get("value")]
        each = [self._cohort(str(item), place) for item in values or ()]
        one = each[0] if len(each) == 1 else some("the person is in one of these cohorts", each, place)
        negative = bool(raw.get("negation")) or raw.get("operator") in ("not_in", "is_not")
        return no(f"not: {one.text}", one, place) if negative else one

    def _cohort(self, number: str, place: str) -> Clause:
        cohort = self._context.project.cohorts.get(number) or {}
        text = f"the person is in cohort {quoted(cohort.get('name') or number)}"
        try:
            test = cohort_filter(number, self._context)
        except ValidationError as error:
            return Clause(text, None, place, error=error.detail)
        if cohort.get("is_static"):
            return self._judge(text, test, place, name("distinct_id"))
        definition: Mapping[str, Any] = cohort["filters"]["properties"]
        return every(text, [self._cohort_part(definition)], place)

    def _cohort_part(self, raw: Mapping[str, Any]) -> Clause:
        if isinstance(raw.get("values"), list) and "key" not in raw:
            parts = [self._cohort_part(item) for item in raw["values"]]
            either = str(raw.get("type")).upper() == "OR" and parts
            return some("one of these holds", parts) if either else every("all of these hold", parts)
        bare = {key: value for key, value in raw.items() if key != "negation"}
        one = self._property(bare, "", nested=False)
        return no(f"not: {one.text}", one) if raw.get("negation") else one

    # ------------------------------------------------------------------ judging

    def _judge(self, text: str, test: Expr, place: str, operand: Expr | None) -> Clause:
        try:
            matched = CompiledFilter(Built(test, None, ()), self._context.derived).matches(
                self._found, self._host
            )
        except (FilterError, ValidationError) as error:
            return Clause(text, None, place, self._look(operand), error=str(error))
        return Clause(text, matched, place, self._look(operand))

    def _look(self, operand: Expr | None) -> Any:
        """The value that a test looks at."""
        if operand is None:
            return NOTHING
        try:
            return hog.compile_filter(operand)(self._found, self._host)
        except hog.HogError:
            return NOTHING


def _test_accounts(rules: Clause) -> Clause:
    text = "it is not from one of the project's test accounts"
    return replace(rules, text=text) if rules.join == "all" else every(text, [rules])


def _operand(raw: Mapping[str, Any], nested: bool) -> Expr | None:
    """What a property filter looks at."""
    kind, key = raw.get("type", "event"), str(raw["key"])
    if kind == "hogql":
        return hogql(key)
    if kind == "element":
        return name(_ELEMENT_PLACES.get(key, "elements_chain"))
    return operand_of(kind, key, raw, nested)


def _step_words(field: str, step: Mapping[str, Any]) -> str:
    value = step[field]
    if field == "event":
        return f"the event is {quoted(value)}"
    if field in ("tag_name", "selector"):
        return f"the clicked element is {quoted(value)}"
    default = "contains" if field == "url" else "exact"
    matching = _STEP_MATCHING.get(step.get(f"{field}_matching") or default, "icontains")
    subject = "the page's address" if field == "url" else f"the clicked element's {field}"
    return f"{subject} {test_words(matching, value)}"


def _under(place: str, position: int) -> str:
    return f"{place}__{position}" if place else ""
