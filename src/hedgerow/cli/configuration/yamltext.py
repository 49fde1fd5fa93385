"""YAML as people like to read it: block text for whatever has lines, the order of the author, no folding; and back, with lines.

Files are read more strictly than YAML would have it: what looks like a date is a text, since JSON has no dates, and a key that
stands twice is a mistake.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import yaml

WIDTH = 2**16
BREAKS = "\r\x85\u2028\u2029\ufeff"
"""What ends a line for some readers and not for others; a text with one of them is written in quotes."""


class Fault(Exception):
    """Something that is no YAML, or not of our kind; ``line`` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


# ------------------------------------------------------------------ writing


class _Dumper(yaml.SafeDumper):
    """Writes lists indented below their key, and never an alias: people would have to follow it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - the library's
        """See the library: the lists of a mapping are indented."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the library's
        """Every value is written out."""
        return True

    def analyze_scalar(self, scalar: str) -> Any:
        """Allow block text wherever it says the same; the library is more careful than it must be with tabs and spaces."""
        analysis = super().analyze_scalar(scalar)
        if analysis.multiline and _can_be_block(scalar):
            analysis.allow_block = True
        return analysis


def _can_be_block(text: str) -> bool:
    plain = all(char.isprintable() or char in "\n\t" for char in text)
    return plain and not any(char in BREAKS for char in text) and text.strip("\n\t ") != ""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None
    if any(char in BREAKS for char in value):
        style = '"'  # written as it is, it would come back as something else
    elif "\n" in value and _can_be_block(value):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """A value as YAML."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=False
    )
    return text


# ------------------------------------------------------------------ reading


class _Loader(yaml.SafeLoader):
    """Reads what JSON can hold."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in some if tag != "tag:yaml.org,2002:timestamp"]
    for first, some in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def compose(text: str) -> yaml.Node | None:
    """The nodes of a file, with their lines; None for an empty one.

    Raises:
        Fault: it is no YAML.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Fault(f"No valid YAML: {error.problem}.", mark.line + 1 if mark else 1) from None
    except yaml.YAMLError as error:
        raise Fault(f"No valid YAML: {error}.", 1) from None
    if node is not None:
        for one in _nodes(node):
            _refuse_twins(one)
    return node


def value_of(node: yaml.Node) -> Any:
    """What a node says.

    Raises:
        Fault: JSON cannot hold it.
    """
    loader = _Loader("")
    try:
        value = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or node.start_mark
        raise Fault(f"{error.problem}.", mark.line + 1) from None
    except ValueError as error:
        raise Fault(f"{error}.", node.start_mark.line + 1) from None
    finally:
        loader.dispose()
    return plain(value, node.start_mark.line + 1)


def plain(value: Any, line: int) -> Any:
    """A value with nothing in it but what JSON has.

    Raises:
        Fault: there is something else.
    """
    if isinstance(value, dict):
        return {_key(key, line): plain(item, line) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, line) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Fault("A number here is finite; JSON has no other ones.", line)
    if value is None or isinstance(value, str | int | float):
        return value
    raise Fault(
        f"A {type(value).__name__} cannot stand here; write texts, numbers, lists and mappings.", line
    )


def _key(key: Any, line: int) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool) or key is None or not isinstance(key, int | float):
        raise Fault(f"The key {str(key).lower()} is no text; put it in quotes.", line)
    return str(key)


def _nodes(node: yaml.Node, seen: frozenset[int] = frozenset()) -> Iterator[yaml.Node]:
    """A node and all within it.

    Raises:
        Fault: a node contains itself.
    """
    if id(node) in seen:
        raise Fault("An alias stands for something that contains it.", node.start_mark.line + 1)
    yield node
    inner = seen | {id(node)}
    if isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _nodes(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _nodes(value, inner)


def _refuse_twins(node: yaml.Node) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen and key.value != "<<":
            raise Fault(f"The key {key.value!r} stands twice here.", key.start_mark.line + 1)
        seen.add(key.value)
