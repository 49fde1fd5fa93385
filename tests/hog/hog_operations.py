"""The single operations a program carries out: noted while it runs here, and carried out alone on either side.

When a program ends otherwise on PostHog's VM than here, some operation in it must: this finds out which.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from stdlib_table import call, encode, shown

from hedgerow.hog import HogError, ops
from hedgerow.hog.bytecode import Op
from hedgerow.hog.compiler.guards import GUARDS
from hedgerow.hog.compiler.namespace import namespace
from hedgerow.hog.context import Unmetered
from hedgerow.hog.stdlib import REGISTRY
from hedgerow.hog.text import nested_text

BINARY = {
    "add": Op.PLUS, "subtract": Op.MINUS, "multiply": Op.MULTIPLY, "divide": Op.DIVIDE, "modulo": Op.MOD,
    "equals": Op.EQ, "not_equals": Op.NOT_EQ, "less": Op.LT, "less_equal": Op.LT_EQ, "greater": Op.GT, "greater_equal": Op.GT_EQ,
    "in_": Op.IN, "not_in": Op.NOT_IN, "like": Op.LIKE, "not_like": Op.NOT_LIKE, "ilike": Op.ILIKE, "not_ilike": Op.NOT_ILIKE,
    "matches": Op.REGEX, "not_matches": Op.NOT_REGEX, "imatches": Op.IREGEX, "not_imatches": Op.NOT_IREGEX,
}  # fmt: skip
ARITHMETIC = {"add", "subtract", "multiply", "divide", "modulo"}
ROUNDING = {"fn_round", "fn_floor", "fn_toInt"}
COUNT = "fn_length"
IDENTITY = {"equals", "not_equals", "in_", "not_in", "fn_equals", "fn_notEquals", "fn_has", "fn_indexOf"}
OTHERS = [
    *("between", "not_between", "iterate_values", "iterate_items", "concat"),
    *("get_property", "set_property", "dict_key"),
]
WITH_RUN = {
    "like",
    "not_like",
    "ilike",
    "not_ilike",
    "matches",
    "not_matches",
    "imatches",
    "not_imatches",
    "concat",
    "set_property",
}
HIGHER = {"arrayMap", "arrayFilter", "arrayExists", "arrayCount", "arrayReduce"}
FUNCTION = "fn_"


@dataclass(frozen=True)
class Operation:
    """An operator or a library function with its arguments."""

    name: str
    args: tuple[Any, ...]

    @property
    def function(self) -> str | None:
        """The library function's name, or None for an operator."""
        return self.name.removeprefix(FUNCTION) if self.name.startswith(FUNCTION) else None

    def here(self) -> str:
        """The print form of what it gives here, or ERR and the message."""
        ctx, args = Unmetered(), tuple(deepcopy(arg) for arg in self.args)
        try:
            return nested_text(ctx, (self._value(ctx, args),))
        except HogError as error:
            return f"ERR {error.message}"

    def _value(self, ctx: Unmetered, args: tuple[Any, ...]) -> Any:
        if self.function is not None:
            entry = REGISTRY[self.function]
            value = entry.impl(*((ctx, *args) if entry.context else args))
            if self.name == COUNT:
                return [value, ops.add(value, 0)]
            return [value, ops.divide(1, value)] if self.name in ROUNDING else value
        if self.name == "dict_key":
            return {ops.dict_key(args[0]): 1}
        value = getattr(ops, self.name)(*((ctx, *args) if self.name in WITH_RUN else args))
        if self.name == "iterate_items":
            return [key for key, _ in value]
        if self.name in ARITHMETIC:
            return [value, ops.divide(1, value)]
        return args[0] if self.name == "set_property" else value

    def code(self) -> list[Any]:
        """The bytecode that does the same."""
        value = (
            operator_code(self.name, self.args) if self.function is None else call(self.function, self.args)
        )
        if self.name == COUNT:
            value = [*value, Op.INTEGER, 0, *value, Op.PLUS, Op.ARRAY, 2]
        return shown(signed(value) if self.name in ROUNDING | ARITHMETIC else value)


def operator_code(name: str, args: tuple[Any, ...]) -> list[Any]:
    """The bytecode of an operator with its operands."""
    codes = [encode(arg) for arg in args]
    match name, codes:
        case "set_property", [target, key, value]:
            return [*target, Op.GET_LOCAL, 0, *key, *value, Op.SET_PROPERTY, Op.GET_LOCAL, 0]
        case "get_property", [target, key]:
            return [*target, *key, Op.GET_PROPERTY]
        case "between", [value, low, high]:
            return [*high, *value, Op.LT_EQ, *low, *value, Op.GT_EQ, Op.AND, 2]
        case "not_between", [value, low, high]:
            return [*low, *value, Op.LT, *high, *value, Op.GT, Op.OR, 2]
        case "dict_key", [key]:
            return [*key, Op.INTEGER, 1, Op.DICT, 1]
        case "iterate_values", _:
            return call("values", args)
        case "iterate_items", _:
            # A loop over null is a matter of the emitter, unlike arrayMap over null.
            return call("keys", args if args[0] is not None else ([],))
        case "concat", _:
            return call("concat", args)
    left, right = codes
    return [*right, *left, BINARY[name]]


def signed(number: list[Any]) -> list[Any]:
    """The code of a number as that of the number and 1 / number, which shows the sign of zero."""
    return [*number, *number, Op.INTEGER, 1, Op.DIVIDE, Op.ARRAY, 2]


def containers(value: Any) -> dict[int, Any]:
    """The arrays and objects in a value, itself included, by identity."""
    found: dict[int, Any] = {}
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, list | tuple | dict) and id(item) not in found:
            found[id(item)] = item
            left.extend(item.values() if isinstance(item, dict) else item)
    return found


class Notes:
    """Collects operations, as far as their arguments can be written down.

    Attributes:
        operations: by their code.
        reread: an object of the globals met itself, where PostHog's VM has two copies of it.
    """

    def __init__(self, globals_: dict[str, Any]) -> None:
        self.operations: dict[str, Operation] = {}
        self.reread = False
        self._given = containers(globals_).keys()

    def add(self, name: str, args: tuple[Any, ...]) -> None:
        """Note one."""
        if name in IDENTITY and self._given & containers(args[0]).keys() & containers(args[1]).keys():
            self.reread = True
        try:
            operation = Operation(name, deepcopy(args))
            code = operation.code()
        except (TypeError, RecursionError):
            return  # functions and circles
        self.operations.setdefault(str(code), operation)

    def listening(self, run: FunctionType) -> FunctionType:
        """A generated function that notes what it calls."""
        names = dict(namespace())
        for name in [*BINARY, *OTHERS]:
            skip = name in GUARDS or name in WITH_RUN
            names[name] = self._noting(name, names[name], skip)
        for name, entry in REGISTRY.items():
            if name in HIGHER:
                for each in (FUNCTION + name, f"{name}_suspending"):
                    names[each] = self._noting_items(names[each])
            elif FUNCTION + name in names and name != "print":
                names[FUNCTION + name] = self._noting(FUNCTION + name, entry.impl, entry.context)
        return FunctionType(run.__code__, names, run.__name__, run.__defaults__)

    def _noting(self, name: str, function: Any, skip: bool) -> Any:
        def noting(*args: Any) -> Any:
            self.add(name, args[1:] if skip else args)
            return function(*args)

        return noting

    def _noting_items(self, function: Any) -> Any:
        """Of a function that takes a function, only what it goes through can be written down."""

        def noting(ctx: Any, given: Any, items: Any, *rest: Any) -> Any:
            self.add("iterate_values", (items,))
            return function(ctx, given, items, *rest)

        return noting
