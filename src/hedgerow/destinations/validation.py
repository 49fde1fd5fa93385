"""Checking a whole destination before it is saved: what comes in from people, what may go into a revision.

The fields, their rules and the form of the errors are those of PostHog's ``hog_functions`` API, so that its clients work
unchanged. A field that nobody knows is refused here (PostHog ignores it), because it is nearly always a typing mistake.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Final

import orjson

from hedgerow import hog
from hedgerow.destinations.catalogue import Template
from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.fetching import validate_fetch
from hedgerow.destinations.filters import validate_filters
from hedgerow.destinations.flow import validate_ordering, validate_rate_limit
from hedgerow.destinations.inputs import validate_inputs
from hedgerow.destinations.mappings import validate_mappings
from hedgerow.destinations.masking import validate_masking, validate_sampling
from hedgerow.destinations.model import RUNNABLE_TYPES, Config, Destination, Inputs, Secrets
from hedgerow.destinations.project import Project
from hedgerow.destinations.references import References, is_reference
from hedgerow.destinations.retrying import validate_retry
from hedgerow.destinations.schedule import SOURCE, check_filters, validate_schedule
from hedgerow.destinations.schema import validate_schema
from hedgerow.destinations.secrets import Keyring
from hedgerow.destinations.windows import validate_digest, validate_threshold

LONGEST_NAME: Final = 400
LARGEST_CODE: Final = 100 * 1024
UNSAVED: Final = "00000000-0000-0000-0000-000000000000"
"""The id of a destination that has none yet."""

WRITABLE: Final = frozenset(
    {
        "type", "name", "description", "enabled", "deleted", "hog", "inputs_schema", "inputs", "filters", "masking",
        "threshold", "digest",
        "sampling", "retry", "rate_limit", "ordering", "fetch", "schedule", "mappings", "icon_url", "template_id", "execution_order", "batch_export_id",
        "origin",
    }
)  # fmt: skip
READ_ONLY: Final = frozenset(
    {
        "id", "created_at", "updated_at", "created_by", "bytecode", "transpiled", "template", "status", "held",
        "health", "draft",
        "revision", "search_match_type", "base_updated_at", "_create_in_folder",
    }
)  # fmt: skip
"""Fields that clients send back as they got them. They are accepted and mean nothing."""


@dataclass(frozen=True, slots=True)
class Existing:
    """What is saved already, for a change of it."""

    config: Config
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class Valid:
    """A configuration that may be saved, with its secrets in clear."""

    config: Config
    secrets: Secrets = field(default_factory=Secrets)

    def unsaved(self, project_id: int, keyring: Keyring, *, destination_id: str = UNSAVED) -> Destination:
        """A destination that exists only in memory, for trying a configuration out before it is saved."""
        sealed = self.secrets.seal(keyring, destination_id)
        return Destination(destination_id, project_id, 0, self.config, sealed)


def validate(
    payload: Any,
    *,
    project: Project,
    templates: Mapping[str, Template],
    existing: Existing | None = None,
    references: References | None = None,
) -> Valid:
    """Check what somebody wants to save.

    Args:
        payload: fields as sent; of a change, those that are absent stay as they are.
        project: whose the destination is.
        templates: the catalogue.
        existing: what is saved, when this is a change.
        references: what inputs may refer to; not checked when absent, since reading them checks it again.

    Returns:
        The complete configuration.

    Raises:
        ValidationError: the first fault, in PostHog's form.
    """
    if not isinstance(payload, Mapping):
        raise ValidationError("Invalid data. Expected a dictionary.", code="invalid")
    payload = _storable(payload)
    _refuse_strangers(payload)
    template = _template(payload, templates, existing)
    config = replace(existing.config) if existing else fresh(template, payload.get("filters"))
    if existing is None:
        config.type = _type(payload.get("type", config.type))
    elif payload.get("type", config.type) != config.type:
        raise ValidationError("The type of a destination cannot be changed.", attr="type")
    _take_plain(config, payload)
    if existing and config.deleted:
        return Valid(config, existing.secrets)  # what is thrown away need not be in order
    _take_code(config, payload)
    secrets = _take_inputs(config, payload, existing)
    if references is not None:
        _check_references(config, references, project)
    config.masking = validate_masking(payload.get("masking", config.masking))
    config.threshold = validate_threshold(payload.get("threshold", config.threshold))
    config.digest = validate_digest(payload.get("digest", config.digest))
    config.sampling = validate_sampling(payload.get("sampling", config.sampling))
    config.retry = validate_retry(payload.get("retry", config.retry))
    config.rate_limit = validate_rate_limit(payload.get("rate_limit", config.rate_limit))
    config.fetch = validate_fetch(payload.get("fetch", config.fetch))
    config.ordering = validate_ordering(payload.get("ordering", config.ordering))
    config.schedule = validate_schedule(payload.get("schedule", config.schedule))
    _take_filters(config, _scheduled(config, payload), project)
    _check_schedule(config, payload)
    return Valid(config, secrets)


def _storable(payload: Mapping[Any, Any]) -> dict[str, Any]:
    """A copy as JSON has it: what cannot be written down is refused before anything else looks at it."""
    try:
        copy: dict[str, Any] = orjson.loads(orjson.dumps(payload))
    except (TypeError, ValueError) as error:
        raise ValidationError(f"This cannot be stored as JSON: {error}.", code="invalid") from error
    return copy


def _refuse_strangers(payload: Mapping[str, Any]) -> None:
    known = WRITABLE | READ_ONLY
    for name in payload:
        if name not in known:
            near = get_close_matches(str(name), WRITABLE, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise ValidationError(
                f"A destination has no field {name!r}.{meant}", attr=str(name), code="unknown_field"
            )


def _template(
    payload: Mapping[str, Any], templates: Mapping[str, Template], existing: Existing | None
) -> Template | None:
    wanted = payload.get("template_id")
    if existing is not None:
        if wanted not in (None, existing.config.template_id):
            raise ValidationError("The template of a destination cannot be changed.", attr="template_id")
        return None
    if wanted is None:
        return None
    template = templates.get(wanted) if isinstance(wanted, str) else None
    if template is None or template.status == "hidden":
        raise ValidationError(f"No template found for id '{wanted}'", attr="template_id")
    return template


def fresh(template: Template | None, filters: Any = None) -> Config:
    """A new configuration, before anybody has decided anything.

    Args:
        template: what it is made from, if it is.
        filters: instead of those of the template.
    """
    if template is None:
        return Config()
    return Config(
        type=template.type,
        name=template.name,
        description="",
        hog=template.code,
        template_id=template.id,
        icon_url=template.icon_url,
        inputs_schema=template.inputs_schema,
        filters=filters or template.filters or {"source": "events"},
        masking=template.masking,
    )


def _type(raw: Any) -> str:
    if raw not in RUNNABLE_TYPES:
        runnable = " and ".join(RUNNABLE_TYPES)
        raise ValidationError(
            f'"{raw}" is not a valid choice. This server runs functions of type {runnable}.',
            attr="type",
            code="invalid_choice",
        )
    return str(raw)


def _take_plain(config: Config, payload: Mapping[str, Any]) -> None:
    """The fields that need no more than a look at their type."""
    if payload.get("name") is not None and (name := _text(payload, "name").strip()):
        if len(name) > LONGEST_NAME:
            raise ValidationError(
                f"Ensure this field has no more than {LONGEST_NAME} characters.",
                attr="name",
                code="max_length",
            )
        config.name = name
    if payload.get("description") is not None:
        config.description = _text(payload, "description").strip()
    if "icon_url" in payload:
        config.icon_url = None if payload["icon_url"] is None else _text(payload, "icon_url")
    if "batch_export_id" in payload:
        config.batch_export_id = (
            None if payload["batch_export_id"] is None else _uuid(payload["batch_export_id"])
        )
    if "origin" in payload:
        config.origin = None if payload["origin"] is None else _origin(payload)
    if "execution_order" in payload:
        config.execution_order = small_int(payload["execution_order"], "execution_order")
    config.enabled = _flag(payload, "enabled", config.enabled)
    config.deleted = _flag(payload, "deleted", config.deleted)


def _text(payload: Mapping[str, Any], name: str) -> str:
    if not isinstance(payload[name], str):
        raise ValidationError("Not a valid string.", attr=name, code="invalid")
    return str(payload[name])


def _origin(payload: Mapping[str, Any]) -> str:
    text = _text(payload, "origin")
    if len(text) > LONGEST_NAME:
        raise ValidationError(
            f"Ensure this field has no more than {LONGEST_NAME} characters.", attr="origin", code="max_length"
        )
    return text


def _flag(payload: Mapping[str, Any], name: str, current: bool) -> bool:
    value = payload.get(name, current)
    if not isinstance(value, bool):
        raise ValidationError("Must be a valid boolean.", attr=name, code="invalid")
    return value


def small_int(value: Any, attr: str) -> int | None:
    """A place in an order, or None.

    Raises:
        ValidationError: it is no small number.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 32767:
        raise ValidationError("A valid integer from 0 to 32767 is required.", attr=attr, code="invalid")
    return value


def _uuid(value: Any) -> str:
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise ValidationError("Must be a valid UUID.", attr="batch_export_id", code="invalid") from None


def _take_code(config: Config, payload: Mapping[str, Any]) -> None:
    if payload.get("hog") is not None:
        config.hog = _text(payload, "hog").strip()
    if not config.hog:
        raise ValidationError("Required.", attr="hog", code="required")
    if len(config.hog.encode()) > LARGEST_CODE:
        raise ValidationError(
            f"Hog code is limited to {LARGEST_CODE // 1024} KB.", attr="hog", code="max_length"
        )
    try:
        hog.compile_program(config.hog)
    except hog.HogError as error:
        raise ValidationError(
            f"Hog code has errors. {error.render()}", attr="hog", line=error.line, column=error.column
        ) from error


def _take_inputs(config: Config, payload: Mapping[str, Any], existing: Existing | None) -> Secrets:
    """The forms and their values, of the destination and of its mappings; values are always checked again."""
    kept = existing.secrets if existing else Secrets()
    schema = payload.get("inputs_schema")
    config.inputs_schema = validate_schema(config.inputs_schema if schema is None else schema)
    incoming = payload["inputs"] if payload.get("inputs") is not None else config.inputs
    config.inputs, secret = validate_inputs(
        config.inputs_schema, incoming, kept.inputs, complete=config.enabled
    )
    config.mappings, mapping_secrets = validate_mappings(
        payload.get("mappings", config.mappings), config, existing.config.mappings if existing else None, kept
    )
    return Secrets(secret, mapping_secrets)


def _check_references(config: Config, references: References, project: Project) -> None:
    """See that inputs refer only to what destinations of this project may read."""
    places: list[tuple[tuple[str | int, ...], Inputs]] = [(("inputs",), config.inputs)]
    for position, mapping in enumerate(config.mappings or ()):
        places.append((("mappings", position, "inputs"), mapping["inputs"]))
    for place, items in places:
        for key, item in items.items():
            try:
                if is_reference(item):
                    references.check(item, project.id)
            except ValidationError as error:
                raise error.under(*place, key) from None


def _scheduled(config: Config, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was sent, with filters that say what a schedule leaves no choice about; those of a template name events."""
    if config.schedule is None:
        return payload
    given = payload.get("filters")
    if given is None and config.filters.get("source") != SOURCE:
        return {**payload, "filters": {"source": SOURCE}}
    if isinstance(given, Mapping) and not given.get("source"):
        return {**payload, "filters": {**given, "source": SOURCE}}
    return payload


def _check_schedule(config: Config, payload: Mapping[str, Any]) -> None:
    """See that a schedule and what goes with it are there together, or not at all."""
    scheduled = config.filters["source"] == SOURCE
    if not scheduled and config.schedule is None:
        return
    if config.schedule is None:
        raise ValidationError(
            'Say when it fires: {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"} or {"every": "15m"}.',
            attr="schedule", code="required",
        )  # fmt: skip
    if not scheduled:
        raise ValidationError(
            f'A destination with a schedule has the source "{SOURCE}". To let events trigger it, set schedule to null.',
            attr="filters__source",
        )  # fmt: skip
    if config.type != "destination":
        raise ValidationError(
            f"Only a destination may have a schedule, not a {config.type}.", attr="schedule"
        )
    for name in ("masking", "threshold", "digest"):
        if payload.get(name) is not None:
            raise ValidationError(
                f"A schedule knows no {name}: each person comes once a tick. See only_changed of the schedule.",
                attr=name,
            )
    config.masking = config.threshold = config.digest = None
    places: list[tuple[tuple[str | int, ...], Mapping[str, Any]]] = [
        ((), payload.get("filters") or config.filters)
    ]
    places += [(("mappings", n), one["filters"]) for n, one in enumerate(config.mappings or ())]
    for place, filters in places:
        try:
            check_filters(filters)
        except ValidationError as error:
            raise error.under(*place, "filters") from None


def _take_filters(config: Config, payload: Mapping[str, Any], project: Project) -> None:
    """The filters of the destination and of each mapping. Only one that is on must be able to run."""
    strict = config.enabled
    mapped = config.mappings is not None
    raw = payload.get("filters", config.filters)
    config.filters = validate_filters(raw, project, mapped=mapped, strict=strict)
    for position, mapping in enumerate(config.mappings or ()):
        try:
            mapping["filters"] = validate_filters(mapping["filters"], project, strict=strict)
        except ValidationError as error:
            raise error.under("mappings", position) from None
