"""``destinations.yaml``: a file of destinations, with the line of everything in it.

The fields are those of the API. Four things are shorter to write: ``template`` for ``template_id``; ``events`` for a filter by
event names; an input's plain value for ``{"value": ...}``; and a destination is enabled unless the file says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from hedgerow.cli.errors import CommandFailed

FIELDS = (
    "name", "description", "enabled", "type", "template", "template_id", "events", "filters", "inputs", "inputs_schema",
    "hog", "mappings", "masking", "threshold", "digest", "sampling", "retry", "rate_limit", "ordering", "fetch", "schedule", "icon_url", "execution_order",
)  # fmt: skip
ITEM_KEYS = {"value", "templating"}
REFERENCES = {"from_env", "from_file"}


class ManifestError(CommandFailed):
    """The file is wrong; the message begins with file and line."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One destination of a file.

    Attributes:
        file: where it stands.
        name: what it is called.
        payload: what the API gets.
        node: its part of the file, for finding lines.
    """

    file: str
    name: str
    payload: dict[str, Any]
    node: yaml.MappingNode

    def line_of(self, attr: str | None, inner: int | None = None) -> int:
        """The line of a field that the server names, such as ``inputs__url``.

        Args:
            attr: names joined by ``__``; as much of it as the file has is followed.
            inner: a line within the field's text, when that is a block of several lines.
        """
        return line_of(self.node, attr, inner)

    def error(self, message: str, attr: str | None = None, inner: int | None = None) -> ManifestError:
        """An error at a field of this destination."""
        return ManifestError(self.file, self.line_of(attr, inner), message)


def line_of(node: yaml.Node, attr: str | None, inner: int | None = None) -> int:
    """The line of a field of a node: see ``Entry.line_of``."""
    line = node.start_mark.line
    for part in _parts(attr):
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    if inner is not None and isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return node.start_mark.line + 1 + inner
    return line + 1


ALIASES = {"template_id": ("template_id", "template"), "filters": ("filters", "events")}


def _parts(attr: str | None) -> Iterator[str]:
    yield from (part for part in (attr or "").split("__") if part)


def _child(node: yaml.Node, name: str) -> tuple[int, yaml.Node] | None:
    """Line and node of a key or an index."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value in ALIASES.get(name, (name,)):
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and name.isdigit() and int(name) < len(node.value):
        item = node.value[int(name)]
        return item.start_mark.line, item
    return None


def read(path: Path) -> list[Entry]:
    """The destinations of a file.

    Raises:
        ManifestError: the file is no YAML, or holds something else.
        CommandFailed: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ManifestError(str(path), 1, "The file is not UTF-8 text.") from None
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}.", status=2) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ManifestError(
            str(path), mark.line + 1 if mark else 1, f"No valid YAML: {error.problem}."
        ) from None
    except yaml.YAMLError as error:
        raise ManifestError(str(path), 1, f"No valid YAML: {error}.") from None
    entries = [_entry(str(path), item) for item in _items(str(path), node)]
    _refuse_twins(entries)
    return entries


def _items(file: str, node: yaml.Node | None) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value != "destinations":
                raise ManifestError(
                    file, key.start_mark.line + 1, f"Unknown key {key.value!r}; expected 'destinations'."
                )
            node = value
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise ManifestError(file, 1, "Expected 'destinations:' followed by a list of destinations.")
    return list(node.value)


def _entry(file: str, node: yaml.Node) -> Entry:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise ManifestError(file, line, "A destination is written as fields: name, template, inputs, ...")
    for key, _ in node.value:
        if key.value not in FIELDS:
            near = get_close_matches(str(key.value), FIELDS, 1)
            advice = f" Did you mean {near[0]!r}?" if near else f" Known ones: {', '.join(FIELDS)}."
            raise ManifestError(
                file, key.start_mark.line + 1, f"A destination has no field {key.value!r}.{advice}"
            )
    raw = _construct(file, node)
    name = raw.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ManifestError(file, line, "A destination needs a name: it is how it is found again.")
    return Entry(file, name.strip(), _payload(file, node, raw), node)


def _construct(file: str, node: yaml.MappingNode) -> dict[str, Any]:
    loader = yaml.SafeLoader("")
    try:
        value: dict[str, Any] = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or node.start_mark
        raise ManifestError(file, mark.line + 1, f"{error.problem}.") from None
    finally:
        loader.dispose()
    return value


def _payload(file: str, node: yaml.MappingNode, raw: Mapping[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = {"enabled": True, **raw}
    if "template" in payload and "template_id" in payload:
        line = max(key.start_mark.line for key, _ in node.value if key.value in ALIASES["template_id"])
        raise ManifestError(file, line + 1, "'template' and 'template_id' mean the same: give one of them.")
    if "template" in payload:
        payload["template_id"] = payload.pop("template")
    if "events" in payload:
        line = (_child(node, "events") or (node.start_mark.line, node))[0] + 1
        payload["filters"] = _with_events(file, line, payload.pop("events"), payload.get("filters"))
    if isinstance(payload.get("inputs"), Mapping):
        payload["inputs"] = {key: _item(value) for key, value in payload["inputs"].items()}
    return payload


def _with_events(file: str, line: int, events: Any, filters: Any) -> dict[str, Any]:
    names = [events] if isinstance(events, str) else events
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ManifestError(file, line, "'events' is a list of event names.")
    entries = [{"id": name, "name": name, "type": "events", "order": n} for n, name in enumerate(names)]
    return {"source": "events", **(filters or {}), "events": entries}


def _item(value: Any) -> dict[str, Any]:
    """An input as the API wants it; a value that has that form already is left alone."""
    if isinstance(value, Mapping) and "value" in value and set(value) <= ITEM_KEYS:
        return dict(value)
    if isinstance(value, Mapping) and len(value) == 1 and set(value) <= REFERENCES:
        return dict(value)
    return {"value": value}


def _refuse_twins(entries: list[Entry]) -> None:
    seen: dict[str, Entry] = {}
    for entry in entries:
        first = seen.setdefault(entry.name, entry)
        if first is not entry:
            raise entry.error(
                f"Another destination in line {first.line_of(None)} is called {entry.name!r} too."
            )
