"""The register of the standard library: one decorated function per name.

Arity checks, the reference in the docs, completion in editors and the test of all examples come from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Final, TypeVar

from hedgerow.hog.context import RuntimeContext
from hedgerow.hog.errors import HogRuntimeError

__all__ = ["REGISTRY", "Example", "HogFunction", "RuntimeContext", "function"]

Implementation = TypeVar("Implementation", bound=Callable[..., Any])
Example = tuple[str, str]


@dataclass(frozen=True, slots=True)
class HogFunction:
    """One function of the standard library.

    Attributes:
        name: what Hog calls it; an alias has an entry of its own.
        impl: the Python function. With ``context`` it takes the run first, then the arguments.
        min: the fewest arguments.
        max: the most arguments, None for any number.
        context: whether the run is passed first.
        examples: Hog source and the print form of its value.
        doc: what it does, in Markdown.
        pure: the value depends on the arguments alone, so that it may be computed once.
        family: the chapter of the reference, named after its module.
        alias_of: the name this one stands for, or None.
    """

    name: str
    impl: Callable[..., Any]
    min: int
    max: int | None
    context: bool
    examples: tuple[Example, ...]
    doc: str
    pure: bool
    family: str
    alias_of: str | None = None

    def check_arity(self, count: int) -> None:
        """Refuse a wrong number of arguments.

        Args:
            count: how many there are.

        Raises:
            HogRuntimeError: too few or too many.
        """
        if count < self.min:
            raise HogRuntimeError(f"Function {self.name} requires at least {_arguments(self.min)}")
        if self.max is not None and count > self.max:
            raise HogRuntimeError(f"Function {self.name} requires at most {_arguments(self.max)}")


def _arguments(count: int) -> str:
    return f"{count} argument{'' if count == 1 else 's'}"


REGISTRY: Final[dict[str, HogFunction]] = {}
"""Every function by its name, aliases included."""


def function(
    name: str,
    least: int,
    most: int | None,
    *,
    examples: Sequence[Example] = (),
    aliases: Sequence[str] = (),
    context: bool = False,
    pure: bool = True,
) -> Callable[[Implementation], Implementation]:
    """Register the decorated function in the standard library.

    Args:
        name: its name in Hog.
        least: the fewest arguments.
        most: the most arguments, None for any number.
        examples: pairs of Hog source and the print form of its value.
        aliases: other names for the same.
        context: pass the run as the first argument.
        pure: the value depends on the arguments alone.

    Returns:
        The decorator, which gives the function back unchanged.
    """

    def register(impl: Implementation) -> Implementation:
        family = impl.__module__.rpartition(".")[2]
        doc = cleandoc(impl.__doc__ or "")
        for each in (name, *aliases):
            if each in REGISTRY:
                raise ValueError(f"{each} is registered twice")
            shown = tuple(examples) if each == name else ()
            origin = None if each == name else name
            REGISTRY[each] = HogFunction(each, impl, least, most, context, shown, doc, pure, family, origin)
        return impl

    return register
