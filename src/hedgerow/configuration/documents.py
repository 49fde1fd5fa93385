"""What a file may say: the models, which editors get as JSON Schemas, and the first look at what somebody wrote.

The models say how a file is built. Whether a destination is in order is decided where it always is, by ``destinations.validation``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hedgerow.configuration.portray import NOT_IN_FILES
from hedgerow.destinations.schema import TYPES
from hedgerow.destinations.validation import LONGEST_NAME, WRITABLE

Name = Annotated[
    str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"\S", description="What people call it.")
]
Description = Annotated[str, Field(description="What it is for.")]
Origin = Annotated[
    str | None, Field(description="Where it was imported from; an import again finds it by this.")
]


class Model(BaseModel):
    """Base: numbers are not made of texts, and what nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Condition(Model):
    """A condition on a property. In place of ``key`` and ``value``, a condition of type ``cohort`` names a cohort's file."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: Literal[
        "event", "person", "group", "element", "event_metadata", "cohort", "static-cohort", "precalculated-cohort", "hogql",
    ] = Field("event", description="Whose property it is.")  # fmt: skip
    key: str | None = Field(None, description="Name of the property; of type hogql, an expression.")
    operator: str | None = Field(
        None, description="exact, is_not, icontains, regex, gt, gte, lt, lte, is_set, in, not_in..."
    )
    value: Any = Field(None, description="What it is compared with; a list means any of it.")
    cohort: str | list[str] | None = Field(None, description="Name of a file in cohorts/, without .yaml.")


class EventEntry(Model):
    """An event that is wanted, where there is more to say than its name."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: str | None = Field(description="Name of the event; null for any.")
    properties: list[Condition] | None = Field(None, description="What must hold besides.")


class ActionEntry(Model):
    """An action that is wanted."""

    model_config = ConfigDict(extra="allow", strict=True)

    action: str | None = Field(None, description="Name of a file in actions/, without .yaml.")
    id: str | int | None = Field(None, description="Number of an action that has no file.")
    properties: list[Condition] | None = Field(None, description="What must hold besides.")


class Filters(Model):
    """Which events are wanted, besides ``events``. All of it must hold."""

    source: str | None = Field(None, description="events, person-updates or schedule.")
    events: list[EventEntry] | None = Field(None, description="As events beside filters, in PostHog's form.")
    actions: list[str | ActionEntry] | None = Field(None, description="One of these, or one of the events.")
    properties: Any = Field(None, description="Conditions, as a list.")
    filter_test_accounts: bool | None = Field(None, description="Leave out the team's own traffic.")


class InputField(Model):
    """A field of the form that a destination's inputs are entered in."""

    model_config = ConfigDict(extra="allow", strict=True)

    key: str = Field(description="Name of the input in the program.")
    type: Literal[TYPES] = Field(description="What may be entered.")  # type: ignore[valid-type]
    label: str | None = Field(None, description="What people read beside it.")
    description: str | None = Field(None, description="What helps to fill it in.")
    required: bool = Field(False, description="Whether it must have a value.")
    secret: bool = Field(False, description="Whether its value is sealed and never shown again.")
    default: Any = Field(None, description="The value when nothing is said.")


Inputs = Annotated[
    dict[str, Any],
    Field(
        description="Values by the key of their field. Any text may hold Hog expressions in braces. {from_env: NAME} and "
        "{from_file: name} are read by the server when a delivery needs them; {secret: true} keeps what the server has; "
        "{account: Name} is a connected account; {value: ..., templating: liquid} says how texts are read."
    ),
]
Events = Annotated[
    str | list[str | EventEntry], Field(description="Names of the events that are wanted; none means all.")
]


class Mapping_(Model):  # noqa: N801 - Mapping means something else here
    """One of several ways in which a destination answers to events."""

    name: str | None = Field(None, description="What people call it; by its name it is found again.")
    disabled: bool | None = Field(None, description="Whether it is left out.")
    events: Events | None = None
    filters: Filters | None = None
    inputs_schema: list[InputField] | None = Field(None, description="Its own form.")
    inputs: Inputs | None = None


class Answer(Model):
    """What a call is answered with."""

    url: str | None = Field(None, description="Only calls whose address begins so.")
    status: int | None = Field(None, description="HTTP status, 200 when nothing is said.")
    headers: dict[str, Any] | None = Field(None, description="Of the answer.")
    body: Any = Field(None, description="Of the answer: a text, or a value that is sent as JSON.")
    error: str | None = Field(
        None, description="No answer but this failure: timeout, dns, refused, reset, tls..."
    )


class Request(Model):
    """A call that is expected. What is left out may be anything, except that the method is POST unless it is said."""

    url: str = Field(description="The whole address.")
    method: str = Field("POST", description="GET, POST, PUT...")
    headers: dict[str, Any] | None = Field(None, description="All headers that the program sets.")
    body: Any = Field(None, description="A text, or the value of a JSON text.")


class Case(Model):
    """An event, what the tools answer, and what is expected to come of it."""

    name: str = Field(min_length=1, description="The promise, in a sentence.")
    inputs: dict[str, Any] | None = Field(
        None, description="Inputs that differ in this case; secrets, for example."
    )
    integrations: dict[str, dict[str, Any]] | None = Field(
        None, description="What the accounts are to the program, by the key of their input."
    )
    mapping: str | None = Field(None, description="Look at this mapping alone.")
    cohorts: list[str] | None = Field(None, description="Static cohorts that the person is in.")
    event: dict[str, Any] | str | None = Field(
        None,
        description="Fields put over those of an example event: event, distinct_id, properties, timestamp...",
    )
    person: dict[str, Any] | None = Field(None, description="properties and more; null for no person.")
    groups: dict[str, dict[str, Any]] | None = Field(None, description="By type: id, index, properties.")
    answers: list[Answer] | None = Field(None, description="What the calls are answered with, in order.")
    skipped: bool | None = Field(None, description="Whether the filters leave this event out.")
    verdict: Literal["delivered", "failed"] | None = Field(None, description="How the delivery ends.")
    requests: list[Request] | None = Field(None, description="All calls that are expected, in order.")
    logs: list[str] | None = Field(None, description="All lines that the program prints.")
    error: str | None = Field(None, description="Words that the error must contain.")
    result: Any = Field(None, description="What the program returns.")


class DestinationFile(Model):
    """destinations/NAME.yaml: where events go, in which form, and cases that prove it."""

    model_config = ConfigDict(title="Hedgerow destination", extra="forbid", strict=True)

    name: Name
    description: Description | None = None
    type: Literal["destination", "internal_destination"] | None = Field(
        None, description="internal_destination is told what Hedgerow itself has to say."
    )
    enabled: bool = Field(True, description="Whether live events reach it.")
    template: str | None = Field(
        None, description="Id of the template that it is made from, such as template-webhook."
    )
    events: Events | None = None
    filters: Filters | None = None
    inputs_schema: list[InputField] | None = Field(
        None, description="The form, where it is not the template's."
    )
    inputs: Inputs | None = None
    hog: str | None = Field(None, description="The program, where it is not the template's.")
    mappings: list[Mapping_] | None = Field(None, description="Several ways in which it answers to events.")
    masking: dict[str, Any] | None = Field(
        None, description="At most one delivery per key and time: {hash, ttl}."
    )
    threshold: dict[str, Any] | None = Field(
        None,
        description="Only the last of so many events of a key within a time is sent: {key, count, window}.",
    )
    digest: dict[str, Any] | None = Field(
        None,
        description="What follows the first event of a key goes out as one summary: {key, interval, limit}.",
    )
    sampling: dict[str, Any] | None = Field(None, description="A share of the events: {percentage, by}.")
    retry: str | list[float | int] | None = Field(
        None, description="quick, standard, patient, or the delays in seconds."
    )
    rate_limit: dict[str, Any] | None = Field(None, description="{per_second: deliveries}")
    ordering: Literal["distinct_id", "person"] | None = Field(
        None, description="Whose deliveries stay in order."
    )
    fetch: dict[str, Any] | None = Field(
        None, description="How requests are made: {timeout, connect_timeout, follow_redirects, calls}."
    )
    icon_url: str | None = Field(None, description="Address of a picture.")
    execution_order: int | None = Field(None, description="Its place among the others.")
    origin: Origin = None
    cases: list[Case] | None = Field(
        None, description="What 'hedgerow test' runs. The server never sees them."
    )


class ActionFile(Model):
    """actions/NAME.yaml: a saved matcher that filters refer to."""

    model_config = ConfigDict(title="Hedgerow action", extra="forbid", strict=True)

    name: Name
    description: Description | None = None
    origin: Origin = None
    steps: list[dict[str, Any]] = Field(
        min_length=1, description="An event is one of the action when any of its steps fits."
    )


class CohortFile(Model):
    """cohorts/NAME.yaml: a group of persons that filters refer to."""

    model_config = ConfigDict(title="Hedgerow cohort", extra="forbid", strict=True)

    name: Name
    description: Description | None = None
    origin: Origin = None
    static: bool | None = Field(None, description="Whether it is a list. Who is on it stays on the server.")
    filters: dict[str, Any] | None = Field(None, description="Conditions on persons, of one that is no list.")


MODELS: Final[Mapping[str, type[Model]]] = {
    "destinations": DestinationFile, "actions": ActionFile, "cohorts": CohortFile,
}  # fmt: skip
SCHEMA_FILES: Final = {
    "destinations": "destination-file.json",
    "actions": "action-file.json",
    "cohorts": "cohort-file.json",
}
_LATER: Final = WRITABLE - NOT_IN_FILES - {"template_id"} - set(DestinationFile.model_fields)
"""Fields of a destination that are looked at nowhere but in ``destinations.validation``."""


@cache
def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file."""
    schema = MODELS[kind].model_json_schema()
    if kind == "destinations":
        schema["properties"] |= {name: {"title": name} for name in sorted(_LATER)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def known_fields(kind: str) -> list[str]:
    """What a file of a kind may say."""
    return [*MODELS[kind].model_fields, *(sorted(_LATER) if kind == "destinations" else ())]


def shape_faults(kind: str, document: Any) -> list[tuple[str, str]]:
    """What is wrong with how a document is built: places (names joined by ``__``) and words.

    Args:
        kind: of the file.
        document: what it says.
    """
    if not isinstance(document, Mapping):
        return [("", "A file is written as fields: name, and what else there is to say.")]
    strange = [(str(name), _stranger(kind, str(name))) for name in document if name not in known_fields(kind)]
    ours = {name: value for name, value in document.items() if name in MODELS[kind].model_fields}
    return [*strange, *_faults(MODELS[kind], ours)]


def _stranger(kind: str, name: str) -> str:
    known = known_fields(kind)
    near = get_close_matches(name, known, 1)
    advice = f"Did you mean {near[0]!r}?" if near else f"Known ones: {', '.join(known)}."
    return f"There is no field {name!r} here. {advice}"


def _faults(model: type[Model], fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    try:
        model.model_validate(fields)
    except ValidationError as error:
        seen: set[str] = set()
        for one in error.errors(include_url=False):
            place = _place(one["loc"], fields)
            if place not in seen:
                seen.add(place)
                yield place, _words(one["type"], one["msg"], str(one["loc"][-1]))


def _place(loc: tuple[int | str, ...], document: Any) -> str:
    """The place of a fault in the document; names of alternatives, which the library puts between, are left out."""
    found: list[str] = []
    for part in loc:
        inner = _inside(document, part)
        if inner is not _NOTHING:
            document = inner
        elif part != loc[-1] or not isinstance(document, Mapping):
            continue
        found.append(str(part))
    return "__".join(found)


_NOTHING: Final = object()


def _inside(document: Any, part: int | str) -> Any:
    """A part of a document; ``_NOTHING`` when it has none of this name."""
    if isinstance(document, Mapping):
        return document.get(part, _NOTHING)
    if isinstance(document, list) and isinstance(part, int) and part < len(document):
        return document[part]
    return _NOTHING


_SHOULD: Final = {
    "missing": "This field is required.",
    "bool_type": "Write true or false.",
    "string_type": "Write a text; put it in quotes if it looks like something else.",
    "int_type": "Write a whole number.",
    "list_type": "Write a list.",
    "dict_type": "Write names and values.",
}


def _words(kind: str, message: str, name: str) -> str:
    if kind == "extra_forbidden":
        return f"There is no field {name!r} here."
    return _SHOULD.get(kind, f"{message}.")
