"""Texts with templates inside values: walking them, finding what they refer to, checking that they compile."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from hedgerow import hog
from hedgerow.destinations.errors import ValidationError
from hedgerow.hog import ast
from hedgerow.hog.stdlib import REGISTRY
from hedgerow.hog.templateset import references as hog_references

GLOBALS: Final = frozenset({"project", "event", "person", "groups", "source", "inputs"})
"""The variables that templates have."""

EXTEND: Final = "$$_extend_object"
"""The entry of a dictionary whose value, itself a dictionary, is spread into it."""

_LIQUID_INPUT: Final = re.compile(r"\binputs\s*(?:\.\s*([A-Za-z_$][\w$-]*)|\[\s*['\"]([^'\"]+)['\"]\s*\])")
_HYPHENATED: Final = re.compile(r"[A-Za-z_$][\w$]*\.[\w$.]*[\w$]-[A-Za-z_]")


def leaves(value: Any) -> Iterator[str]:
    """Every text within a value, depth first; names of dictionary entries are not templates."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from leaves(item)


def is_template(value: Any) -> bool:
    """Whether there is anything in a value that Hog has to work out."""
    if isinstance(value, Mapping):
        return EXTEND in value or any(map(is_template, value.values()))
    if isinstance(value, str):
        return "{" in value or "\\" in value
    return isinstance(value, Sequence) and any(map(is_template, value))


def walk(root: Any) -> Iterator[Any]:
    """Every node of a Hog tree, in no promised order, without recursion."""
    pending = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, list | tuple):
            pending.extend(node)
        elif dataclasses.is_dataclass(node):
            yield node
            pending.extend(getattr(node, item.name) for item in dataclasses.fields(node))


def free_names(tree: Any) -> set[str]:
    """The global variables that a Hog tree reads; functions and its own variables are none."""
    nodes = list(walk(tree))
    bound = {param for node in nodes if isinstance(node, ast.Lambda | ast.Function) for param in node.params}
    bound |= {node.name for node in nodes if isinstance(node, ast.Let | ast.Function | ast.Catch)}
    bound |= {
        name for node in nodes if isinstance(node, ast.ForIn) for name in (node.key, node.value) if name
    }
    called = {id(node.callee) for node in nodes if isinstance(node, ast.Call)}
    names = {node.name for node in nodes if isinstance(node, ast.Name) and id(node) not in called}
    return {name for name in names - bound if name not in REGISTRY and name.lower() not in ("true", "false")}


def references(value: Any, templating: str | None) -> set[str]:
    """Names of the other inputs that the templates of a value read.

    Args:
        value: an input's value.
        templating: ``hog``, ``liquid`` or None.

    Raises:
        HogSyntaxError: a Hog template does not parse.
    """
    if templating is None:
        return set()
    if templating == "liquid":
        return {a or b for text in leaves(value) for a, b in _LIQUID_INPUT.findall(text)}
    found: set[str] = set()
    for text in leaves(value):
        if "{" in text and "inputs" in text:
            found |= set(hog_references(hog.parse_template(text)))
    return found


def check(value: Any, templating: str | None, *, secret: bool = False) -> None:
    """Compile every template of a value.

    Args:
        value: an input's value.
        templating: ``hog``, ``liquid`` or None.
        secret: tell the place of a fault, but show nothing of the text.

    Raises:
        ValidationError: with the place in the text, and a hint for the usual slips.
    """
    for text in leaves(value):
        try:
            if templating == "hog" and "{" in text:
                hog.compile_template(text)
                _refuse_strangers(text)
            elif templating == "liquid" and "{" in text:
                _liquid(text)
        except hog.HogError as error:
            raise ValidationError(
                f"Invalid template: {error if secret else error.render() + _advice(text, templating)}",
                line=error.line,
                column=error.column,
            ) from error


def _refuse_strangers(text: str) -> None:
    """A variable that templates do not have would make every delivery fail."""
    for strange in sorted(free_names(hog.parse_template(text)) - GLOBALS):
        near = get_close_matches(strange, GLOBALS, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise ValidationError(
            f"Invalid template: there is no variable {strange!r}.{meant} Templates have {', '.join(sorted(GLOBALS))}."
        )


def _liquid(text: str) -> None:
    from hedgerow.hog.liquid import compile_liquid  # few instances use it, and it takes a while to load

    compile_liquid(text)


def _advice(text: str, templating: str | None) -> str:
    if templating != "hog":
        return ""
    if "{{" in text:
        return "\nThis input is templated with single braces, as in {person.properties.email}."
    if found := _HYPHENATED.search(text):
        owner, _, name = found.group().rpartition(".")
        return f"\nA name with a hyphen is read as a subtraction; write {owner}['{name}...'] with brackets."
    return "\nA brace that is meant as such is written \\{."


def in_order(needs: Mapping[str, set[str]]) -> list[str]:
    """Names sorted so that each comes after those it needs; otherwise in the order given.

    Raises:
        ValidationError: some need each other in a circle; the message shows the circle.
    """
    done: dict[str, None] = {}
    for name in needs:
        _visit(name, needs, done, [])
    return list(done)


def _visit(name: str, needs: Mapping[str, set[str]], done: dict[str, None], path: list[str]) -> None:
    if name in done:
        return
    if name in path:
        circle = " -> ".join([*path[path.index(name) :], name])
        raise ValidationError(f"These inputs refer to each other in a circle: {circle}.", attr=name)
    for needed in (other for other in needs if other in needs[name]):
        _visit(needed, needs, done, [*path, name])
    done[name] = None
