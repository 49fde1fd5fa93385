"""The form of a destination: which inputs it has, of which type, and how their values are read.

Compatible with the ``inputs_schema`` of PostHog's hog functions: names of types and fields, defaults that are echoed back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError

TYPES: Final = (
    "string", "number", "boolean", "dictionary", "choice", "json", "integration", "integration_multi",
    "integration_field", "email", "native_email", "posthog_assignee", "posthog_ticket_tags",
    "posthog_business_hours", "push_subscription", "non_failure_status_codes",
    "customer_analytics_account_properties", "customer_analytics_account_relationships", "task_model",
    "task_repository", "task_mcp_installations",
)  # fmt: skip

TEMPLATED: Final = frozenset(
    {
        "string", "boolean", "dictionary", "json", "email", "native_email", "posthog_ticket_tags",
        "customer_analytics_account_properties", "customer_analytics_account_relationships",
    }
)  # fmt: skip
"""Types whose text leaves are templates unless the form says otherwise."""

_FLAGS: Final = ("required", "secret", "hidden")
_TEXTS: Final = (
    "label", "description", "integration", "integration_key", "integration_field", "requires_field",
    "requiredScopes", "platform",
)  # fmt: skip
_KNOWN: Final = frozenset({"type", "key", "choices", "searchable", "default", "templating", *_FLAGS, *_TEXTS})


def validate_schema(raw: Any) -> list[dict[str, Any]]:
    """Check a form and fill in its defaults.

    Args:
        raw: the list as sent; null means no inputs.

    Returns:
        The fields in their order, each with ``required``, ``secret`` and ``hidden`` spelled out.

    Raises:
        ValidationError: with an attribute such as ``inputs_schema__0__type``.
    """
    if raw is None:
        return []
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise ValidationError("Expected a list of items but got something else.", attr="inputs_schema")
    fields: list[dict[str, Any]] = []
    for position, item in enumerate(raw):
        try:
            fields.append(_field(item))
        except ValidationError as error:
            raise error.under("inputs_schema", position) from None
    _refuse_doubles(fields)
    return fields


def _refuse_doubles(fields: Sequence[Mapping[str, Any]]) -> None:
    seen: set[str] = set()
    for position, item in enumerate(fields):
        if item["key"] in seen:
            raise ValidationError(
                f"Two inputs are called {item['key']!r}.",
                attr=f"inputs_schema__{position}__key",
                code="unique",
            )
        seen.add(item["key"])


def _field(item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise ValidationError("Invalid data. Expected a dictionary.", code="invalid")
    for name in ("type", "key"):
        if not item.get(name):
            raise ValidationError("This field is required.", attr=name, code="required")
    if item["type"] not in TYPES:
        raise ValidationError(_no_choice(item["type"]), attr="type", code="invalid_choice")
    if not isinstance(item["key"], str):
        raise ValidationError("Not a valid string.", attr="key", code="invalid")
    _check_values(item)
    return {**dict.fromkeys(_FLAGS, False), **{k: v for k, v in item.items() if k in _KNOWN}}


def _no_choice(given: object) -> str:
    near = get_close_matches(str(given), TYPES, n=1)
    return f'"{given}" is not a valid choice.' + (f' Did you mean "{near[0]}"?' if near else "")


def _check_values(item: Mapping[str, Any]) -> None:
    for name in _FLAGS:
        if not isinstance(item.get(name, False), bool):
            raise ValidationError("Must be a valid boolean.", attr=name, code="invalid")
    for name in _TEXTS:
        if not isinstance(item.get(name), str | None):
            raise ValidationError("Not a valid string.", attr=name, code="invalid")
    if item.get("templating", True) not in (True, False, "hog", "liquid"):
        raise ValidationError(
            'Choose true, false, "hog" or "liquid".', attr="templating", code="invalid_choice"
        )
    choices = item.get("choices")
    if choices is not None and not _are_choices(choices):
        raise ValidationError(
            'Expected a list of {"value": ..., "label": ...}.', attr="choices", code="invalid"
        )


def _are_choices(choices: Any) -> bool:
    return isinstance(choices, list) and all(
        isinstance(choice, Mapping) and "value" in choice for choice in choices
    )


def templating_of(field: Mapping[str, Any], item: Mapping[str, Any]) -> str | None:
    """How the texts of an input are read: ``hog``, ``liquid``, or None for as they stand.

    The form decides when it says so; else the input may; else Hog, for the types that are templated at all.
    """
    if field["type"] not in TEMPLATED:
        return None
    decided = field.get("templating")
    if decided is False:
        return None
    if decided is True:
        return "hog"
    return str(decided or item.get("templating") or "hog")
