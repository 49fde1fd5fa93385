"""Edge-case arguments for every function of the library, and the bytecode that calls it in PostHog's VM."""

from __future__ import annotations

import itertools
from typing import Any

from hedgerow.hog.values import HogDate, HogDateTime, HogErrorValue

DIVIDE, CALL, TRUE, FALSE, NULL, STRING, INTEGER, FLOAT, RETURN, DICT, ARRAY, TUPLE = (
    9,
    2,
    29,
    30,
    31,
    32,
    33,
    34,
    38,
    42,
    43,
    44,
)

DATE = HogDate(2024, 2, 29)
MOMENT = HogDateTime(1709231946.123, "UTC")
BERLIN = HogDateTime(1709231946.123, "Europe/Berlin")

ODD: list[Any] = [
    *(None, True, False, 0, 1, -3, 2.5, -1.5, 1e21, 2**40),
    *("", "a", "abc", "ABC", "12", "0x1F", " 3.7x ", "true", "a😀é", "it's\n", "1.2.3", "Infinity"),
    *(
        "2024-02-29",
        "2024-02-29T18:39:06.123+02:00",
        '{"a":[1,{"b":2.5}],"c":"d"}',
        "[1,2",
        "YWJj",
        "a%20b",
        "%zz",
    ),
    *([], [1], [3, 1, 2], ["b", "a"], [[1], None, "x"], (), (1,), (1, "a")),
    *({}, {"a": 1, "b": [1, 2]}),
    *(DATE, MOMENT, BERLIN, HogErrorValue("Error", "m", 1)),
]
FEW: list[Any] = [
    None,
    True,
    1,
    -2,
    2.5,
    "",
    "b",
    "[0-9]+",
    "%b%",
    "2024-03-01",
    ["a", "b"],
    {"a": 1},
    MOMENT,
]
SOME: list[Any] = [None, 0, 2, -2, "a", "abcab", "2024-03-01", ["a", "b"], DATE, MOMENT]
UNITS: list[Any] = ["second", "minute", "hour", "day", "week", "month", "year", "quarter", None]


def encode(value: Any) -> list[Any]:
    """The bytecode that pushes a value."""
    match value:
        case None:
            return [NULL]
        case bool():
            return [TRUE if value else FALSE]
        case int():
            return [INTEGER, value]
        case float() if value - value == 0:
            return [FLOAT, value]
        case float():  # JSON has no infinity and no NaN
            return [INTEGER, 0, INTEGER, int(value > 0) - int(value < 0), DIVIDE]
        case str():
            return [STRING, value]
        case list():
            return [*_all(value), ARRAY, len(value)]
        case tuple():
            return [*_all(value), TUPLE, len(value)]
        case dict():
            return [*_all([part for item in value.items() for part in item]), DICT, len(value)]
        case HogDate():
            return call("toDate", [f"{value.year:04d}-{value.month:02d}-{value.day:02d}"])
        case HogDateTime():
            return [*encode(value.dt), *encode(value.zone), CALL, "toDateTime", 2]
        case HogErrorValue():
            return call("HogError", [value.type, value.message, value.payload])
    raise TypeError(type(value))


def _all(values: Any) -> list[Any]:
    return [code for value in values for code in encode(value)]


def call(name: str, args: Any) -> list[Any]:
    """The bytecode of a call."""
    return [*_all(args), CALL, name, len(args)]


def shown(code: list[Any]) -> list[Any]:
    """A program whose result is the print form of what the code pushes."""
    return ["_H", 1, *code, CALL, "tuple", 1, CALL, "toString", 1, RETURN]


def arguments(name: str, least: int, most: int | None) -> list[tuple[Any, ...]]:
    """Argument lists for one function: every odd value alone, pairs and triples of fewer."""
    widest = 3 if most is None else min(most, 3)
    lists: list[tuple[Any, ...]] = [()] if least == 0 else []
    if widest >= 1 and least <= 1:
        lists += [(value,) for value in ODD]
    if widest >= 2 and least <= 2:
        lists += list(itertools.product(ODD, FEW))
        lists += list(itertools.product(FEW, ODD)) if least == 2 else []
    if widest >= 3:
        lists += list(itertools.product(UNITS if name in UNIT_FUNCTIONS else SOME, SOME, SOME))
    return lists


UNIT_FUNCTIONS = {"dateAdd", "dateDiff"}
