"""Checking the values of a form before they are saved.

Follows PostHog: the form is walked, not the values, so entries without a field are dropped; a secret that comes back masked
keeps its stored value; the values are put in the order in which they must be evaluated. An input that is not mentioned at
all takes its default, whether it is required or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.model import MISSING_MARK, SECRET_MARK, Inputs
from hedgerow.destinations.references import is_reference, validate_reference
from hedgerow.destinations.schema import templating_of
from hedgerow.destinations.templating import check, in_order, references

MASK: Final = "********"
_STATUS_CLASS: Final = re.compile(r"[45]xx", re.IGNORECASE)
_REQUIRED: Final = "This field is required."
_TO_FILL_IN: Final = "This input is still to be filled in; until then the destination cannot be on."


def validate_inputs(
    schema: Sequence[Mapping[str, Any]],
    incoming: Any,
    kept: Mapping[str, dict[str, Any]],
    *,
    complete: bool = True,
) -> tuple[Inputs, Inputs]:
    """Check the values of a form.

    Args:
        schema: the validated form.
        incoming: key -> ``{"value": ..., "templating"?: ...}`` as sent.
        kept: secret items saved before, in clear.
        complete: refuse ``{"missing": true}``, which marks what is still to be filled in.

    Returns:
        The values to keep in the open, with ``{"secret": true}`` in place of secrets, in order of evaluation; and the
        secret items.

    Raises:
        ValidationError: with an attribute such as ``inputs__url``.
    """
    if incoming is None:
        incoming = {}
    if not isinstance(incoming, Mapping):
        raise ValidationError("Expected a dictionary of inputs.", attr="inputs", code="invalid")
    items: Inputs = {}
    needs: dict[str, set[str]] = {}
    for field in schema:
        key = field["key"]
        try:
            item = _item(field, incoming.get(key), kept.get(key), complete=complete)
            if item is not None:
                items[key] = item
                needs[key] = references(item.get("value"), item.get("templating"))
        except ValidationError as error:
            raise error.under("inputs", key) from None
    try:
        order = in_order(needs)
    except ValidationError as error:
        raise error.under("inputs") from None
    hidden = {field["key"] for field in schema if field["secret"]}
    kept_back = {key for key in order if key in hidden and "value" in items[key]}
    shown: Inputs = {key: dict(SECRET_MARK) if key in kept_back else items[key] for key in order}
    return shown, {key: items[key] for key in order if key in kept_back}


def _item(
    field: Mapping[str, Any], incoming: Any, kept: dict[str, Any] | None, *, complete: bool
) -> dict[str, Any] | None:
    """The checked item of one field, or None when it has no value."""
    if incoming is not None and not isinstance(incoming, Mapping):
        raise ValidationError('An input is written as {"value": ...}.')
    item = dict(incoming or {})
    if item == MISSING_MARK:
        if complete:
            raise ValidationError(_TO_FILL_IN)
        return item
    if is_reference(item):
        return validate_reference(field, item)
    if field["secret"] and (not item or _is_masked(item)):
        if kept is not None:
            return kept
        if item:
            raise ValidationError("No value is saved for this secret input. Enter the value again.")
    value = item.get("value")
    if _is_blank(value):
        if field["required"] and field.get("default") is None:
            raise ValidationError(_REQUIRED)
        if "value" in item and not field["required"]:
            return _clean(field, item, value)
        value = field.get("default")
        if value is None:
            return None
    if not _is_blank(value):
        templating = templating_of(field, item)
        CHECKS.get(field["type"], _anything)(value, field, templating)
        check(_templated_part(field, value), templating, secret=field["secret"])
    return _clean(field, item, value)


def _clean(field: Mapping[str, Any], item: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """What is kept of an item: its value, and how its texts are read when they are templates."""
    templating = templating_of(field, item)
    return {"value": value} if templating is None else {"value": value, "templating": templating}


def _is_masked(item: Mapping[str, Any]) -> bool:
    """``{"secret": true}`` without a value, or with the text shown in place of one; or nothing at all."""
    value = item.get("value")
    return value == MASK or (item.get("secret") is True and value is None) or _is_blank(value)


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value)


def _templated_part(field: Mapping[str, Any], value: Any) -> Any:
    """An e-mail's ``design`` belongs to its editor and is no template."""
    if field["type"] in ("email", "native_email") and isinstance(value, Mapping):
        return {key: item for key, item in value.items() if key != "design"}
    return value


# ------------------------------------------------------------------ one check per type


def _anything(_value: Any, _field: Mapping[str, Any], _templating: str | None) -> None:
    """Nothing is asked of this type."""


def _string(value: Any, _field: Mapping[str, Any], _templating: str | None) -> None:
    if not isinstance(value, str):
        raise ValidationError("Value must be a string.")


def _number(value: Any, _field: Mapping[str, Any], _templating: str | None) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError("Value must be a number.")


def _boolean(value: Any, _field: Mapping[str, Any], templating: str | None) -> None:
    if isinstance(value, bool):
        return
    if templating is None:
        raise ValidationError("Value must be a boolean.")
    if templating == "liquid" or not isinstance(value, str):
        raise ValidationError("Value must be a boolean or a template string.")


def _dictionary(value: Any, _field: Mapping[str, Any], _templating: str | None) -> None:
    if not isinstance(value, Mapping):
        raise ValidationError("Value must be a dictionary.")


def _choice(value: Any, field: Mapping[str, Any], _templating: str | None) -> None:
    allowed = [choice["value"] for choice in field.get("choices") or ()]
    if allowed and value not in allowed:
        options = ", ".join(map(str, allowed))
        raise ValidationError(
            f'"{value}" is not a valid choice. Choose one of: {options}.', code="invalid_choice"
        )


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _integration(value: Any, _field: Mapping[str, Any], _templating: str | None) -> None:
    if not _is_id(value):
        raise ValidationError("Value must be an Integration ID.")


def _integrations(value: Any, _field: Mapping[str, Any], _templating: str | None) -> None:
    if not isinstance(value, list) or not all(map(_is_id, value)):
        raise ValidationError("Value must be a list of Integration IDs.")


def _status_codes(value: Any, _field: Mapping[str, Any], _templating: str | None) -> None:
    if not isinstance(value, list) or not all(map(_is_status, value)):
        raise ValidationError("Value must be a list of status codes from 400 to 599, or 4xx, 5xx.")


def _is_status(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_STATUS_CLASS.fullmatch(value.strip())) or (value.isdigit() and 400 <= int(value) <= 599)
    return _is_id(value) and 400 <= value <= 599


def _email(value: Any, _field: Mapping[str, Any], _templating: str | None) -> None:
    if not isinstance(value, Mapping):
        raise ValidationError("Value must be an email object.")
    missing = [name for name in ("from", "to", "subject") if not value.get(name)]
    if not value.get("text") and not value.get("html"):
        missing.append("text or html")
    if missing:
        raise ValidationError(f"The email lacks: {', '.join(missing)}.")
    sender = value["from"]
    if not isinstance(sender, Mapping):
        return
    if not all(isinstance(sender.get(name), str | None) for name in ("email", "name")):
        raise ValidationError("The sender's email and name must be strings.")
    ids = sender.get("integrationIds", [])
    if not isinstance(ids, list) or len(ids) > 10 or not all(map(_is_id, ids)):
        raise ValidationError("A sender takes a list of at most 10 Integration IDs.")


CHECKS: Final[Mapping[str, Callable[[Any, Mapping[str, Any], str | None], None]]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "dictionary": _dictionary,
    "customer_analytics_account_properties": _dictionary,
    "customer_analytics_account_relationships": _dictionary,
    "choice": _choice,
    "integration": _integration,
    "integration_multi": _integrations,
    "email": _email,
    "native_email": _email,
    "non_failure_status_codes": _status_codes,
}
