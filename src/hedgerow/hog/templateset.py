"""Sets of input templates: what a destination is configured with, rendered as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from hedgerow.hog import ast
from hedgerow.hog.compiler.assemble import Leaf, assemble_set, sourced
from hedgerow.hog.compiler.blame import reraise
from hedgerow.hog.compiler.places import Places
from hedgerow.hog.errors import HogCompileError
from hedgerow.hog.host import Host
from hedgerow.hog.parser import parse_template


class TemplateSet:
    """Compiled inputs.

    Attributes:
        order: the keys in the order in which they are rendered.
    """

    __slots__ = ("_places", "_run", "order")

    def __init__(self, run: Callable[[Any, Any], Any], places: Places, order: tuple[str, ...]) -> None:
        self._run = run
        self._places = places
        self.order = order

    def render(self, globals: Mapping[str, Any], host: Host | None = None) -> dict[str, Any]:  # noqa: A002
        """Render all inputs.

        Args:
            globals: the global variables. ``inputs`` among them may hold inputs that are not in the set.
            host: limits, clock and seed where they matter.

        Returns:
            The rendered inputs by key. They may share containers with the globals.

        Raises:
            HogRuntimeError: one of them failed; its ``key`` tells which.
        """
        try:
            result: dict[str, Any] = self._run(globals, [host])
        except Exception as error:  # noqa: BLE001 (whatever comes out of generated code becomes a Hog error)
            reraise(error, self._places, globals)
        return result


def compile_template_set(
    items: Mapping[str, Any], *, order: Sequence[str] | None = None, helpers_only: bool = False
) -> TemplateSet:
    """Compile the inputs of a destination into one function.

    Args:
        items: for each key a tree: texts are templates, objects and arrays are walked (keys are literal), all else is
            constant. The value under ``$$_extend_object`` is spread into its object before the other keys.
        order: the keys in the order of rendering. Without it inputs come after those they refer to.
        helpers_only: emit no fast forms.

    Returns:
        The set.

    Raises:
        HogSyntaxError, HogCompileError: a template is wrong, or inputs refer to each other in a circle; ``key`` tells where.
    """
    leaves: list[Leaf] = []
    trees = {key: _parsed(tree, key, leaves) for key, tree in items.items()}
    ranked = _ordered(items, leaves) if order is None else [key for key in order if key in items]
    ranked += [key for key in items if key not in set(ranked)]
    assembled = assemble_set(trees, leaves, ranked, helpers_only=helpers_only)
    return TemplateSet(assembled.run, assembled.places, tuple(ranked))


def _parsed(tree: Any, key: str, leaves: list[Leaf]) -> Any:
    """The tree with its templates parsed; text without anything to fill in stays text."""
    if isinstance(tree, str):
        if "{" not in tree and "\\" not in tree:
            return tree
        with sourced(tree, key):
            leaf = Leaf(parse_template(tree), tree, key)
        leaves.append(leaf)
        return leaf
    with sourced(None, key):
        if isinstance(tree, list | tuple):
            return [_parsed(item, key, leaves) for item in tree]
        if isinstance(tree, dict):
            return {str(name): _parsed(item, key, leaves) for name, item in tree.items()}
    return tree


def _ordered(items: Mapping[str, Any], leaves: Sequence[Leaf]) -> list[str]:
    """The keys, each after those it refers to, otherwise as they come."""
    graph: dict[str, list[str]] = {key: [] for key in items}
    for leaf in leaves:
        graph[leaf.key] += [name for name in references(leaf.tree) if name in graph]
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = [str(key) for key in error.args[1]]
        fault = HogCompileError(f"Inputs refer to each other in a circle: {' -> '.join(reversed(circle))}")
        fault.key = circle[0]
        raise fault from None


def references(tree: ast.Node) -> Iterator[str]:
    """The inputs that a template refers to by name, as ``inputs.key`` or ``inputs['key']``."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Property | ast.Index)
            and isinstance(node.object, ast.Name)
            and node.object.name == "inputs"
        ):
            key = node.name if isinstance(node, ast.Property) else getattr(node.key, "value", None)
            if isinstance(key, str):
                yield key
