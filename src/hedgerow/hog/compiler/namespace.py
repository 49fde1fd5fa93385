"""The names that generated code can see, and nothing else: there are no builtins in it."""

from __future__ import annotations

import math
import sys
from collections.abc import Generator
from functools import cache
from types import GeneratorType
from typing import Any, Final, NoReturn

from hedgerow.hog import ops
from hedgerow.hog.compiler.guards import GUARDS, run_of
from hedgerow.hog.compiler.intrinsics import SMALL_TEXTS
from hedgerow.hog.compiler.roots import part_of, root_of
from hedgerow.hog.compiler.scope import ASYNC_NAMES
from hedgerow.hog.context import watch
from hedgerow.hog.errors import HogDepthLimit, HogRuntimeError
from hedgerow.hog.jsontext import brief_json
from hedgerow.hog.meter import Meter
from hedgerow.hog.text import as_double, concat_text
from hedgerow.hog.values import TYPE_NAMES, HogCallable, HogErrorValue, type_name

_CONTAINERS: Final = frozenset({list, dict, tuple})
_PLAIN: Final = 10**21


class Raised(Exception):
    """A Hog error on its way to a ``catch``."""

    def __init__(self, value: HogErrorValue) -> None:
        super().__init__(value)
        self.value = value


def raised(value: Any) -> Raised:
    """The signal that throws a value.

    Raises:
        HogRuntimeError: only errors can be thrown.
    """
    if type(value) is not HogErrorValue:
        raise HogRuntimeError("Can not throw: value is not of type Error")
    return Raised(value)


class Builtin:
    """A library function as a Hog value: checks its arguments itself."""

    __slots__ = ("_context", "_function")

    def __init__(self, context: Any, function: Any) -> None:
        self._context = context
        self._function = function

    def __call__(self, *args: Any) -> Any:
        """Call it, after a look at the number of arguments."""
        self._function.check_arity(len(args))
        return (
            self._function.impl(self._context, *args)
            if self._function.context
            else self._function.impl(*args)
        )


def builtin_value(context: Any, scope: Any, name: str) -> Any:
    """What a bare name of the library means: a global of that name, else the function."""
    from hedgerow.hog.stdlib import REGISTRY

    if name in scope:
        return scope[name]
    function = REGISTRY[name]
    return HogCallable(name, function.max or 0, Builtin(context, function))


def async_value(name: str, site: int) -> HogCallable:
    """An asynchronous function as a value."""

    def suspend(first: Any = None, second: Any = None) -> Generator[Any, Any, Any]:
        args = [first] if second is None else [first, second]
        return (yield (site, name, args))

    return HogCallable(name, 2 if name == "fetch" else 1, suspend)


def impl_of(function: Any, count: int) -> Any:
    """The Python function behind a Hog value that is called with ``count`` arguments.

    Raises:
        HogRuntimeError: the value is no function, or takes fewer arguments.
    """
    if type(function) is not HogCallable:
        raise HogRuntimeError(f"Can not call a value of type {type_name(function)}")
    if count > function.arity and type(function.impl) is not Builtin:
        raise HogRuntimeError(f"Too many arguments. Passed {count}, expected {function.arity}")
    return function.impl


def call(function: Any, *args: Any) -> Any:
    """Call a Hog function from library code that cannot wait for an answer."""
    result = impl_of(function, len(args))(*args)
    if type(result) is GeneratorType:
        raise HogRuntimeError("A function that waits for an answer can not be called here")
    return result


def invoke(function: Any, *args: Any) -> Generator[Any, Any, Any]:
    """Call a Hog function that may suspend."""
    result = impl_of(function, len(args))(*args)
    if type(result) is GeneratorType:
        return (yield from result)
    return result


def copy(ctx: Meter, value: Any) -> Any:
    """A copy of a value down to its scalars, which the program may write to."""
    return _copy(ctx, value, ctx.json_depth, {}) if type(value) in _CONTAINERS else value


def copy_top(ctx: Meter, value: Any) -> Any:
    """A copy of a container that the program may write to, sharing what is inside."""
    if type(value) not in _CONTAINERS:
        return value
    ctx.check_items(len(value))
    if type(value) is dict:
        ctx.charge(90 * len(value))
        return value.copy()
    return value[:]


def _copy(ctx: Meter, value: Any, depth: int, made: dict[int, Any]) -> Any:
    if id(value) in made:
        return made[id(value)]
    if depth <= 0:
        raise HogDepthLimit(f"Value nests deeper than {ctx.json_depth} levels")
    ctx.check_items(len(value))
    if len(made) % 1024 == 1023:
        ctx.tick()
    if type(value) is dict:
        return _copy_dict(ctx, value, depth, made)
    items: list[Any] = []
    if type(value) is list:
        made[id(value)] = items
    for item in value:
        items.append(_copy(ctx, item, depth - 1, made) if type(item) in _CONTAINERS else item)  # noqa: PERF401
    return items if type(value) is list else tuple(items)


def _copy_dict(ctx: Meter, value: dict[Any, Any], depth: int, made: dict[int, Any]) -> Any:
    result = made[id(value)] = value.copy()
    if not _CONTAINERS.isdisjoint(map(type, value.values())):
        for key, item in value.items():
            if type(item) in _CONTAINERS:
                result[key] = _copy(ctx, item, depth - 1, made)
    ctx.charge(90 * len(value))
    return result


def charged(ctx: Meter, text: str) -> str:
    """A text that was just made, once it is accounted for."""
    ctx.check_string(len(text))
    watch(ctx, len(text))
    return text


def part_text(ctx: Meter, value: Any) -> str:
    """The text form of a part of a concatenation, the common kinds first."""
    if value is None:
        return ""
    return str(value) if type(value) is int and -_PLAIN < value < _PLAIN else concat_text(ctx, value)


def inputs_so_far(scope: Any, rendered: dict[str, Any]) -> dict[Any, Any]:
    """All inputs that a template of a set can see: what the host gives, and what is rendered already."""
    given = scope.get("inputs")
    return {**given, **rendered} if isinstance(given, dict) else rendered


def extended(base: Any, own: dict[str, Any]) -> dict[Any, Any]:
    """An object with another one spread in before its own entries."""
    return {**base, **own} if isinstance(base, dict) else own


def too_deep(meter: Meter) -> NoReturn:
    """Refuse another nested call."""
    meter.too_deep()


def traced(meter: Meter, place: int, *changes: Any) -> None:
    """Tell a traced run that a statement ran, with the names and values of what it set."""
    meter.traced(place, *changes)


@cache
def namespace() -> dict[str, Any]:
    """The globals of all generated code; one shared dict that never changes."""
    from hedgerow.hog.stdlib import REGISTRY
    from hedgerow.hog.stdlib.higher import SUSPENDING

    names: dict[str, Any] = {"__builtins__": {}, "__name__": "hog"}
    names.update(
        type=type, len=len, str=str, int=int, float=float, bool=bool, list=list, dict=dict, tuple=tuple
    )
    names.update(
        SIMPLE=frozenset({str, int, float, bool, type(None)}),
        NUMERIC=frozenset({int, float, bool}),
        TEXTS=tuple(str(number) for number in range(SMALL_TEXTS)),
        TYPE_NAMES=TYPE_NAMES,
        brief_json=brief_json,
        fmod=math.fmod,
        settle=as_double,
        caught=sys.exception,
        HogCallable=HogCallable,
        Raised=Raised,
    )
    helpers = (
        *(raised, builtin_value, async_value, impl_of, invoke, copy, copy_top, charged, run_of),
        *(root_of, part_of, inputs_so_far, extended, too_deep, traced, part_text),
    )
    names.update((helper.__name__, helper) for helper in helpers)
    names.update((name, getattr(ops, name)) for name in _OPERATORS)
    names.update(GUARDS)
    names.update(
        (f"fn_{name}", function.impl) for name, function in REGISTRY.items() if name not in ASYNC_NAMES
    )
    names.update((f"{name}_suspending", function) for name, function in SUSPENDING.items())
    return names


_OPERATORS: Final = (
    *("truthy", "add", "subtract", "multiply", "divide", "modulo"),
    *("between", "not_between", "like", "not_like", "ilike", "not_ilike"),
    *("matches", "not_matches", "imatches", "not_imatches", "concat"),
    *("get_property", "set_property", "dict_key", "iterate_values", "iterate_items"),
)
