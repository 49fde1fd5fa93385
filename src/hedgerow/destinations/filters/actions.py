"""Actions: saved matchers that filters refer to by id. They are inlined, so a change of one needs a recompilation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.context import Context
from hedgerow.destinations.filters.operators import check_pattern, condition
from hedgerow.destinations.filters.properties import element_matches, property_list
from hedgerow.destinations.filters.trees import any_of, binary, call, every, is_set, literal, name, prop, some
from hedgerow.hog.ast import Expr


def action_filter(action_id: str, context: Context) -> Expr:
    """The event is one of an action's.

    Raises:
        ValidationError: there is no such action, or a step of it cannot be used.
    """
    action = context.project.actions.get(action_id)
    if action is None:
        raise ValidationError(f"There is no action {action_id} in this project.", attr="id")
    steps = action.get("steps") or []
    if not steps:
        raise ValidationError(f"Action {action_id} has no steps.", attr="id")
    try:
        return some([_step(step, context) for step in steps])
    except ValidationError as error:
        raise ValidationError(f"Action {action_id}: {error.detail}", attr="id") from error


def action_events(action_id: str, context: Context) -> frozenset[str] | None:
    """The names of the events an action may take; None when it takes any."""
    steps = context.project.actions[action_id].get("steps") or []
    names = [step.get("event") for step in steps]
    return frozenset(names) if all(names) else None


def _step(step: Mapping[str, Any], context: Context) -> Expr:
    """All that a step asks for."""
    tests = [test for _, _, test in step_tests(step)]
    return every([*tests, property_list(step.get("properties"), context)])


def step_tests(step: Mapping[str, Any]) -> list[tuple[str, Expr, Expr]]:
    """What a step asks for besides properties: the name of its field, what it looks at, and the test."""
    tests: list[tuple[str, Expr, Expr]] = []
    if step.get("event"):
        tests.append(("event", name("event"), binary("==", name("event"), literal(step["event"]))))
    if step.get("url"):
        url = prop(name("properties"), "$current_url")
        tests.append(("url", url, _text_test(url, step["url"], step.get("url_matching") or "contains")))
    if step.get("href"):
        href = name("elements_chain_href")
        tests.append(("href", href, _text_test(href, step["href"], step.get("href_matching") or "exact")))
    if step.get("text"):
        test = _text_test(name("item"), step["text"], step.get("text_matching") or "exact")
        texts = name("elements_chain_texts")
        tests.append(("text", texts, any_of(texts, "item", test)))
    chain = name("elements_chain")
    chosen = [key for key in ("tag_name", "selector") if step.get(key)]
    return tests + [(key, chain, element_matches(step[key])) for key in chosen]


def _text_test(operand: Expr, text: str, matching: str) -> Expr:
    if matching == "exact":
        return condition(operand, "exact", text)
    if matching == "regex":
        check_pattern(text)
        return every([is_set(operand), binary("=~", operand, literal(text))])
    if "%" not in text and "_" not in text:
        return binary("like", operand, literal(f"%{text}%"))
    return every(
        [is_set(operand), binary(">", call("position", call("toString", operand), literal(text)), literal(0))]
    )
