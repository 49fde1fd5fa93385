"""A destination ready to run: what is compiled once per revision, so that nothing is parsed per event."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Final

from hedgerow import hog
from hedgerow.destinations.catalogue import builtin
from hedgerow.destinations.connections import numbers_of
from hedgerow.destinations.errors import FilterError, InputError
from hedgerow.destinations.fetching import allowed_calls
from hedgerow.destinations.filters import CompiledFilter, Condition, compile_filters, union
from hedgerow.destinations.globals import with_source
from hedgerow.destinations.masking import in_sample
from hedgerow.destinations.model import MISSING_MARK, Destination, Inputs, Secrets
from hedgerow.destinations.project import Project
from hedgerow.destinations.redaction import Redactor, secret_values
from hedgerow.destinations.references import is_reference, value_of
from hedgerow.destinations.rendering import InputSet
from hedgerow.destinations.retrying import delays
from hedgerow.destinations.secrets import Keyring
from hedgerow.destinations.windows import window_hash
from hedgerow.hog.jsontext import to_json

WHOLE: Final = ""
"""The name under which a destination without mappings matches."""


class CompiledDestination:
    """One destination at one revision.

    The filter is compiled at once; program, inputs and secrets when they are first needed, so that destinations which
    never match cost little. One worker's event loop uses it; nothing in it depends on the event at hand.

    Attributes:
        destination: what it was made from.
        project: what its filters may refer to.
        event_names: the only events it may want, or None.
        conditions: equalities every wanted event meets, for an index.
        stream: which events it is offered: ``events``, ``person-updates``, or ``internal`` for what happens in Hedgerow itself.
        claims: whether what it wants is sent only if masking, a threshold or a digest say so.
        ordered: whether deliveries of a sequence go out one after the other.
        rate_per_second: deliveries a second that its owner allows; None for as many as go.
        fetch_settings: how its requests are made where its program does not say: see ``destinations.fetching``.
        limits: bounds of a run of its program; how many fetches are in them is for its owner and its template to say.
    """

    def __init__(self, destination: Destination, keyring: Keyring, project: Project) -> None:
        """Compile the filters.

        Raises:
            ValidationError: a filter does not compile. Checked when it was saved, so only after a change of the
                project's definitions or of this program.
        """
        config = destination.config
        self.destination = destination
        self.project = project
        self.limits = hog.Limits()
        self._keyring = keyring
        self._filter = compile_filters(config.filters, project)
        self._mappings = _mapping_filters(destination, project)
        self._inputs: dict[str, InputSet] = {}
        self._read_so_far: set[str] = set()
        self.conditions: tuple[Condition, ...] = self._filter.conditions
        self.stream = _stream(destination)
        self.claims = bool(_key_sources(destination))
        self.ordered = config.ordering is not None
        self.rate_per_second = None if config.rate_limit is None else float(config.rate_limit["per_second"])
        self.fetch_settings: Mapping[str, Any] = config.fetch or {}
        self.event_names = self._filter.event_names if self._mappings is None else _names(self._mappings)

    @property
    def limits(self) -> hog.Limits:
        """What one run may use."""
        return self._limits

    @limits.setter
    def limits(self, limits: hog.Limits) -> None:
        config = self.destination.config
        template = builtin().get(config.template_id) if config.template_id else None
        calls = allowed_calls(config.fetch, template.fetches if template else None, limits.fetches)
        self._limits = limits if calls == limits.fetches else replace(limits, fetches=calls)

    # ------------------------------------------------------------- matching

    def wants(self, name: str) -> bool:
        """Whether an event of this name may match at all."""
        return self.event_names is None or name in self.event_names

    def match(
        self, found: Mapping[str, Any], host: hog.Host | None = None, *, stream: str = "events"
    ) -> list[str]:
        """Which deliveries an event asks for.

        Args:
            found: filter globals.
            host: clock and limits; the real clock when absent.
            stream: where the event comes from.

        Returns:
            Ids of the mappings that match; ``[""]`` for a destination without mappings; nothing when it is not wanted.

        Raises:
            FilterError: it could not be decided.
        """
        if stream != self.stream or not self._filter.matches(found, host):
            return []
        if self._mappings is None:
            return [WHOLE]
        return [mapping for mapping, compiled in self._mappings.items() if compiled.matches(found, host)]

    @property
    def everything(self) -> list[str]:
        """The deliveries of an event that is for this destination whatever its filters say: as ``match`` answers."""
        return [WHOLE] if self._mappings is None else list(self._mappings)

    def filtered_by(self, filters: Mapping[str, Any]) -> CompiledDestination:
        """The same destination with another filter and no mappings: for asking which events that filter lets through.

        Raises:
            ValidationError: the filter does not compile.
        """
        config = replace(self.destination.config, filters={**filters}, mappings=None)
        other = CompiledDestination(replace(self.destination, config=config), self._keyring, self.project)
        other.limits = self.limits
        return other

    def sampled(self, event_uuid: str, person_id: str | None) -> bool:
        """Whether the event belongs to the sample that is delivered."""
        sampling = self.destination.config.sampling
        return sampling is None or in_sample(sampling, self.destination.id, event_uuid, person_id)

    def claim_keys(
        self, globals_: Mapping[str, Any], mapping: str = WHOLE, host: hog.Host | None = None
    ) -> dict[str, str]:
        """What this delivery has in common with others: hexadecimal hashes, by ``masking``, ``threshold`` and ``digest``.

        Args:
            globals_: with ``inputs`` where one of the templates needs them.
            mapping: which mapping matched.
            host: clock and limits of the run.

        Returns:
            A hash for each that the destination has; none for masking when the delivery is not to be masked.

        Raises:
            FilterError: one of the templates failed.
        """
        keys: dict[str, str] = {}
        for name, template in self._key_templates.items():
            try:
                value = None if template is None else template.render(globals_, host)
            except hog.HogError as error:
                raise FilterError(f"{name}: {error}", line=error.line, column=error.column) from error
            if name != "masking":
                keys[name] = window_hash(name, mapping, "" if value is None else _text_of(value))
            elif value is not None and value is not False and value != "":
                text = _text_of(value).encode("utf-8", "surrogatepass")
                keys[name] = hashlib.md5(text, usedforsecurity=False).hexdigest()
        return keys

    @property
    def keys_need_inputs(self) -> bool:
        """Whether a template of those keys refers to inputs."""
        return any("inputs" in source for source in _key_sources(self.destination).values() if source)

    @cached_property
    def _key_templates(self) -> dict[str, hog.Template | None]:
        sources = _key_sources(self.destination)
        return {name: hog.compile_template(source) if source else None for name, source in sources.items()}

    # -------------------------------------------------------------- running

    @cached_property
    def program(self) -> hog.Program:
        """The compiled program, shared by destinations with the same source."""
        return hog.compile_program(self.destination.config.hog)

    def globals(self, shared: Mapping[str, Any]) -> dict[str, Any]:
        """An event's globals as this destination sees them: with ``source``."""
        return with_source(shared, self.destination)

    def render(
        self, globals_: Mapping[str, Any], mapping: str = WHOLE, host: hog.Host | None = None
    ) -> dict[str, Any]:
        """Build the inputs of one delivery, secrets included. They are for the program only and never stored.

        Args:
            globals_: the destination's globals.
            mapping: which mapping matched.
            host: clock and limits of the run.

        Raises:
            InputError: an input could not be built.
            SecretsError: a secret cannot be read.
        """
        compiled = self._inputs.get(mapping)
        if compiled is None:
            compiled = self._inputs[mapping] = self._compile_inputs(mapping)
        return compiled.render(globals_, host)

    def _compile_inputs(self, mapping: str) -> InputSet:
        config = self.destination.config
        own = self._mapping(mapping) if mapping else {}
        items = {**config.inputs, **own.get("inputs", {})}
        hidden = self.secrets.of(mapping)
        schema = [*config.inputs_schema, *own.get("inputs_schema", ())]
        filled = {key: hidden.get(key) if item.get("secret") is True else item for key, item in items.items()}
        late = {
            key: partial(self._read, key, item)
            for key, item in filled.items()
            if item and self._stands_elsewhere(key, item)
        }
        return InputSet(
            schema, {key: item for key, item in filled.items() if item is not None and key not in late}, late
        )

    def _read(self, key: str, item: Mapping[str, Any]) -> Any:
        """What an input refers to, as of now; from now on it is redacted."""
        owner, fresh = self.destination.project_id, set[str]()
        value: Any
        if item == MISSING_MARK:
            raise InputError(key, f"Input {key!r} is still to be filled in.")
        if is_reference(item):
            text = self._keyring.references.read(key, item, owner)
            value = value_of(key, text, self._types.get(key, "string"))
            fresh.add(text)
        else:
            named = numbers_of(self._types.get(key), item.get("value"))
            read = partial(self._keyring.connections.read, key, project_id=owner)
            value = [read(one) for one in named] if isinstance(named, list) else read(named or 0)
        fresh.update(secret_values((), {key: value}, (key,)))
        if not fresh <= self._read_so_far:
            self._read_so_far |= fresh
            self.__dict__.pop("_known", None)
            self.__dict__.pop("_redactor", None)
        return value

    def opened(self, items: Mapping[str, dict[str, Any]]) -> Inputs:
        """Those of some inputs whose values stand elsewhere, with their values: for a process that cannot read them.

        Raises:
            InputError: one of them cannot be read.
        """
        return {
            key: {"value": self._read(key, item)}
            for key, item in items.items()
            if self._stands_elsewhere(key, item)
        }

    def _stands_elsewhere(self, key: str, item: Mapping[str, Any]) -> bool:
        """Whether an input says where its value is, or which account it means, instead of having a value."""
        if is_reference(item) or item == MISSING_MARK:
            return True
        return numbers_of(self._types.get(key), item.get("value")) is not None

    @cached_property
    def _types(self) -> dict[str, str]:
        return {field["key"]: field["type"] for field in self._all_schemas()}

    def _mapping(self, mapping: str) -> Mapping[str, Any]:
        for item in self.destination.config.mappings or ():
            if item["id"] == mapping:
                return item
        raise InputError("mappings", f"The mapping {mapping!r} no longer exists.")

    @cached_property
    def secrets(self) -> Secrets:
        """Its secret inputs in clear.

        Raises:
            SecretsError: they cannot be read with the keys at hand.
        """
        return self.destination.secrets(self._keyring)

    # -------------------------------------------------------------- judging

    @property
    def retry_delays(self) -> tuple[float, ...] | None:
        """Seconds before each retry, None for the server's default."""
        return delays(self.destination.config.retry)

    def sequence(self, globals_: Mapping[str, Any]) -> str | None:
        """What a delivery must not overtake: others of the same distinct id or person; None when order does not matter.

        Args:
            globals_: of the event. One without a person is ordered by its distinct id.
        """
        ordering = self.destination.config.ordering
        if ordering is None:
            return None
        person = globals_.get("person")
        if ordering == "person" and person:
            return f"person:{person['id']}"
        return f"distinct_id:{globals_['event']['distinct_id']}"

    @cached_property
    def non_failure_status_codes(self) -> list[int | str]:
        """Statuses that count as a success here: numbers, and the classes ``4xx`` and ``5xx``."""
        config = self.destination.config
        keys = [item["key"] for item in config.inputs_schema if item["type"] == "non_failure_status_codes"]
        codes = [code for key in keys for code in config.inputs.get(key, {}).get("value") or ()]
        return [int(code) if str(code).strip().isdigit() else str(code).strip().lower() for code in codes]

    def redact(self, text: str, inputs: Mapping[str, Any] | None = None) -> str:
        """A text without this destination's secrets, for logs and records.

        Args:
            text: what is going to be shown.
            inputs: the rendered inputs of the delivery, to find credentials that come from templates as well.
        """
        return self.redaction(inputs)(text)

    def redaction(self, inputs: Mapping[str, Any] | None = None) -> Callable[[str], str]:
        """What ``redact`` does, for more than one text of the same delivery."""
        known = self._redactor.redact
        rendered = secret_values(self._all_schemas(), inputs) if inputs else ()
        fresh = [value for value in rendered if value not in self._known]
        if not fresh:
            return known
        more = Redactor(fresh).redact
        return lambda text: more(known(text))

    def sensitive(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the rendered inputs that have something to redact in them."""
        schemas, late = self._all_schemas(), self._late
        return {
            key: value for key, value in inputs.items() if key in late or secret_values(schemas, {key: value})
        }

    @cached_property
    def _late(self) -> frozenset[str]:
        """Inputs whose values stand elsewhere."""
        config = self.destination.config
        some = [config.inputs, *(mapping["inputs"] for mapping in config.mappings or ())]
        return frozenset(
            key for items in some for key, item in items.items() if self._stands_elsewhere(key, item)
        )

    @cached_property
    def _known(self) -> set[str]:
        config, secrets = self.destination.config, self.secrets
        mappings = config.mappings or ()
        sources = [
            (config.inputs_schema, config.inputs, secrets.inputs),
            *(
                (item["inputs_schema"], item["inputs"], secrets.mappings.get(item["id"], {}))
                for item in mappings
            ),
        ]
        return self._read_so_far | frozenset(
            value
            for schema, items, hidden in sources
            for value in secret_values(
                schema,
                {key: item.get("value") for key, item in {**items, **hidden}.items()},
                hidden,
            )
        )

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor(self._known)

    def _all_schemas(self) -> list[dict[str, Any]]:
        config = self.destination.config
        own = [item for mapping in config.mappings or () for item in mapping["inputs_schema"]]
        return [*config.inputs_schema, *own]


def _key_sources(destination: Destination) -> dict[str, str | None]:
    """The templates that tell what deliveries have in common; None: all have."""
    config = destination.config
    asking = (("threshold", "key"), ("masking", "hash"), ("digest", "key"))
    found = ((name, getattr(config, name), field) for name, field in asking)
    return {name: settings[field] for name, settings, field in found if settings is not None}


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value)


def _stream(destination: Destination) -> str:
    if destination.type == "internal_destination":
        return "internal"
    return str(destination.config.filters.get("source") or "events")


def _mapping_filters(destination: Destination, project: Project) -> dict[str, CompiledFilter] | None:
    mappings = destination.config.mappings
    if mappings is None:
        return None
    active = [item for item in mappings if not item.get("disabled")]
    return {item["id"]: compile_filters(item["filters"], project) for item in active}


def _names(mappings: Mapping[str, CompiledFilter]) -> frozenset[str] | None:
    """The events that some mapping may want; None when one may want any."""
    return union(compiled.event_names for compiled in mappings.values())
