"""Inputs ready to run: the values of a form, built anew for each delivery.

Values are put together in stages, each seeing the results of those before: constants, then Hog templates (all that follow
one another as one compiled function), then Liquid ones, as the references between them ask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from hedgerow import hog
from hedgerow.destinations.errors import InputError
from hedgerow.destinations.templating import in_order, is_template, references

_TRUE: Final = ("true", "1")


class InputSet:
    """The inputs of a destination, or of one of its mappings."""

    __slots__ = ("_booleans", "_constants", "_late", "_stages")

    def __init__(
        self,
        schema: Sequence[Mapping[str, Any]],
        items: Mapping[str, Mapping[str, Any]],
        late: Mapping[str, Callable[[], Any]] | None = None,
    ) -> None:
        """Compile the inputs.

        Args:
            schema: their form.
            items: key -> item, secrets in clear.
            late: those whose value stands elsewhere and is read anew for each delivery.

        Raises:
            InputError: a template does not compile (only possible for what was saved by another version).
        """
        modes = {key: _mode(item) for key, item in items.items()}
        self._constants = {key: items[key].get("value") for key, mode in modes.items() if mode is None}
        switches = [field["key"] for field in schema if field["type"] == "boolean"]
        self._booleans = [key for key in switches if not isinstance(self._constants.get(key), bool)]
        self._late = dict(late or {})
        self._stages: list[hog.TemplateSet | _Liquid] = []
        templated = {key: item for key, item in items.items() if modes[key]}
        order = in_order({key: references(item["value"], modes[key]) for key, item in templated.items()})
        for mode, keys in groupby(order, key=modes.__getitem__):
            chosen = {key: items[key]["value"] for key in keys}
            self._stages.append(
                hog.compile_template_set(chosen, order=list(chosen)) if mode == "hog" else _Liquid(chosen)
            )

    def render(self, globals_: Mapping[str, Any], host: hog.Host | None = None) -> dict[str, Any]:
        """Build the inputs for one event.

        Args:
            globals_: what templates may use.
            host: clock and limits of the run.

        Raises:
            InputError: a template failed, or what an input refers to cannot be read; ``key`` names the input.
        """
        inputs = dict(self._constants)
        for key, read in self._late.items():
            inputs[key] = read()
        found = {**globals_, "inputs": inputs}
        for stage in self._stages:
            try:
                inputs.update(stage.render(found, host))
            except hog.HogError as error:
                raise _failed(error.key or stage.order[0], error) from error
        for key in self._booleans:
            if isinstance(value := inputs.get(key), str):
                inputs[key] = value.strip().lower() in _TRUE
        return inputs


def _mode(item: Mapping[str, Any]) -> str | None:
    """How the texts of an item are read; None when there is nothing to work out."""
    mode = item.get("templating")
    if mode == "hog":
        return "hog" if is_template(item.get("value")) else None
    return "liquid" if mode == "liquid" else None


class _Liquid:
    """Liquid templates, each with its own key. One sees the results of those before it."""

    __slots__ = ("_templates", "order")

    def __init__(self, values: Mapping[str, Any]) -> None:
        from hedgerow.hog.liquid import compile_liquid  # few instances use it, and it takes a while to load

        self.order = list(values)
        self._templates = {key: compile_liquid(value) for key, value in values.items()}

    def render(self, globals_: Mapping[str, Any], host: hog.Host | None) -> Mapping[str, Any]:
        """Build the inputs; ``inputs`` among the globals has those of the stages before."""
        now, patience = (None, math.inf) if host is None else (host.now(), host.patience_ms)
        found: dict[str, Any] = {}
        for key, template in self._templates.items():
            try:
                inputs = {**globals_["inputs"], **found}
                found[key] = template.render({**globals_, "inputs": inputs}, now=now, patience_ms=patience)
            except hog.HogError as error:
                error.key = key
                raise
        return found


def _failed(key: str, error: hog.HogError) -> InputError:
    place = f" (line {error.line}, column {error.column})" if error.line is not None else ""
    return InputError(key, f"Input {key!r}{place}: {error.message}", line=error.line, column=error.column)
