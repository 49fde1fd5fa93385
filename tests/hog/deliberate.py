"""Which deliberate difference explains a disagreement with PostHog's VM: the rows of the table, as code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hedgerow.hog.values import HogDate, HogDateTime, HogErrorValue


@dataclass(frozen=True)
class Case:
    """One call, its print form or error here, and there."""

    name: str
    args: tuple[Any, ...]
    ours: str
    theirs: str

    def has(self, *kinds: type) -> bool:
        """Whether an argument is of one of these types, or an array of such."""
        flat = [part for arg in self.args for part in (arg if isinstance(arg, list | tuple) else [arg])]
        return any(type(part) in kinds for part in (*self.args, *flat))

    @property
    def failed(self) -> bool:
        return self.ours.startswith("ERR")

    @property
    def failed_there(self) -> bool:
        return self.theirs.startswith("ERR")


JSON = {"JSONHas", "JSONLength", "JSONExtract"}
ORDER = {"less", "lessOrEquals", "greater", "greaterOrEquals"}
DATES = {"dateAdd", "addDays", "toDate", "toDateTime", "toUnixTimestamp", "toUnixTimestampMilli"}
DIGESTS = {"md5", "sha1", "sha256", "md5Hex", "sha1Hex", "sha256Hex"}
NONE = type(None)


def explain(case: Case) -> str | None:
    """The name of the deliberate difference that a disagreement is an instance of."""
    name, args = case.name, case.args
    if name in {"round", "floor", "toInt"} and "-Infinity]" in case.theirs:
        return "no negative zero"
    if name.startswith("JSON"):
        return explain_json(case)
    if name in ORDER:
        return "null has no order" if None in args else "comparison functions order as operators do"
    if name in {"equals", "notEquals", "in", "has", "indexOf"} and case.has(HogDate, HogDateTime):
        return "dates are values"
    if name in {"inCohort", "notInCohort"}:
        return "cohort ids"
    if name.startswith("to") or name in {
        *DATES,
        "fromUnixTimestamp",
        "fromUnixTimestampMilli",
        "formatDateTime",
        "extract",
    }:
        return explain_dates(case)
    if case.has(HogDate, HogDateTime, HogErrorValue) and name in {"keys", "values"}:
        return "dates and errors are opaque"
    if name in {"like", "ilike", "notLike", "notILike"} and None in args:
        return "like with null"
    if name in {"like", "ilike", "notLike", "notILike", "match"} and case.has(list, tuple):
        return "objects as text"
    if "HmacChain" in name and type(args[0]) is str:
        return "wrong types are said so"
    if name in {"arraySort", "arrayReverseSort"}:
        return "sorting"
    if (
        name in {"range", "arrayStringConcat", *DIGESTS, "sha1HmacChain", "sha256HmacChain"}
        and None in args[1:]
    ):
        return "optional null"
    if name == "length" and "NaN" in case.theirs:
        return "no undefined"
    if name in {"reverse", "splitByString", "replaceAll"} and "😀" in str(args):
        return "whole characters"
    if name == "substring" and type(args[2]) not in {int, float}:
        return "size of a part"
    return explain_types(case)


def explain_json(case: Case) -> str | None:
    if case.has(HogDate, HogDateTime, HogErrorValue):
        return "dates and errors are opaque"
    if "[object" in case.theirs:
        return "objects as text"
    if case.failed_there or 0 in case.args[1:] or (case.args[0] is None and case.name == "JSONHas"):
        return "JSON paths lead nowhere quietly"
    return "scalar JSON" if type(case.args[0]) in {str, bool} else None


def explain_dates(case: Case) -> str | None:
    if case.name == "toInt":
        return "toInt of a number" if type(case.args[0]) is float else None
    if "36812" in case.theirs:
        return "calendar"
    if case.name in {"toDateTime", "toUnixTimestamp", "toUnixTimestampMilli"} and len(case.args) > 1:
        return "zone arguments"
    if case.name == "formatDateTime":
        return (
            "zone arguments"
            if len(case.args) > 2
            else "wrong types are said so"
            if case.args[1]
            else "format patterns"
        )
    if case.name == "toTimeZone":
        return "no inner faults"
    if case.name in DATES and case.has(HogDate, HogDateTime) and not case.failed:
        return "dates from dates"
    return "no moment"


def explain_types(case: Case) -> str | None:
    if case.failed and not case.failed_there:
        return (
            "wrong types are said so" if "needs a string" in case.ours or "encodings" in case.ours else None
        )
    if case.failed_there:
        return "null passes through" if case.has(NONE) else "no inner faults"
    if case.has(dict, HogDate, HogDateTime, HogErrorValue) or "[object " in case.theirs:
        return "objects as text"
    if case.name in {"tryBase64Decode", "range", "HogError"} or (
        case.name.startswith("trim") and case.args[0] is None
    ):
        return "null passes through" if None in case.args else "wrong types are said so"
    return None


ORDERING = {"less", "less_equal", "greater", "greater_equal", "between", "not_between"}
PATTERNS = {"like", "not_like", "ilike", "not_ilike"}
NO_KEYS = {list, tuple, dict, HogErrorValue}


def explain_operator(case: Case) -> str | None:
    """The same for an operator."""
    name, args = case.name, case.args
    if name in ORDERING:
        return explain_order(case)
    if name in {"in_", "not_in"}:
        return (
            "dates are values"
            if type(args[1]) in {list, tuple} and case.has(HogDate, HogDateTime)
            else "in null"
        )
    if name in PATTERNS and None in args:
        return "like with null"
    if name in {"dict_key", "set_property"}:
        return explain_writing(case)
    if name == "get_property":
        return "reading by index"
    if name in {"imatches", "not_imatches"} and args[1] == "":
        return "empty patterns"
    if name == "iterate_values" and args[0] is None:
        return "null passes through"
    if name in {"iterate_values", "iterate_items"} and case.has(HogDate, HogDateTime, HogErrorValue):
        return "dates and errors are opaque"
    if case.has(dict, list, tuple, HogDate, HogDateTime, HogErrorValue):
        return "objects as text"
    if case.has(int) and "Infinity" in case.theirs:
        return "no negative zero"
    return "exact integers" if any(type(arg) is int and abs(arg) > 2**53 for arg in args) else None


def explain_order(case: Case) -> str | None:
    kinds = {type(arg) for arg in case.args}
    if NONE in kinds:
        return "null has no order"
    if kinds & {HogDate, HogDateTime}:
        return "dates beside other texts" if str in kinds else "only like things have an order"
    return "only like things have an order" if kinds & {list, tuple, dict, HogErrorValue} else None


def explain_writing(case: Case) -> str | None:
    if case.name == "dict_key" or (type(case.args[0]) is dict and type(case.args[1]) in NO_KEYS | {bool}):
        return "keys"
    return "tuples cannot be changed" if type(case.args[0]) is tuple else "reading by index"
