"""Every library function over a table of odd arguments, here and on PostHog's own VM."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hogvm_runner import missing, run_all
from stdlib_table import arguments, call, shown

from hedgerow.hog.context import Unmetered
from hedgerow.hog.differences import DIFFERENCES
from hedgerow.hog.errors import HogError, HogSizeLimit
from hedgerow.hog.stdlib import REGISTRY
from hedgerow.hog.text import nested_text
from hedgerow.hog.values import HogDate, HogDateTime, HogErrorValue

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")

NOT_COMPARED = {
    *("now", "today", "randomFloat", "generateUUIDv4"),  # never twice the same
    *("print",),  # no value
    *("min2", "max2"),  # not in the Node VM
    *("arrayMap", "arrayFilter", "arrayExists", "arrayCount", "arrayReduce"),  # take functions
    *("fetch", "sleep", "postHogCapture", "posthogCapture", "posthogcapture"),  # suspend
}


class Bounded(Unmetered):
    """A run that refuses huge arrays."""

    def check_items(self, count: int, /) -> None:
        if count > 100_000:
            raise HogSizeLimit("too many")


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
    if name in {"reverse", "splitByString"} and "😀" in str(args):
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
    if case.has(dict, HogDate, HogDateTime, HogErrorValue):
        return "objects as text"
    if case.name in {"tryBase64Decode", "range", "HogError"} or (
        case.name.startswith("trim") and case.args[0] is None
    ):
        return "null passes through" if None in case.args else "wrong types are said so"
    return None


def ours(name: str, args: tuple[Any, ...]) -> str:
    """The print form of a call here."""
    function = REGISTRY[name]
    ctx = Bounded()
    try:
        return nested_text(ctx, (function.impl(*((ctx, *args) if function.context else args)),))
    except HogError as error:
        return f"ERR {error.message}"


def test_library_agrees_with_posthog() -> None:
    """Wherever a call gives another value than on PostHog's VM, a row of the table of differences says why."""
    calls = [
        (name, args)
        for name, function in REGISTRY.items()
        if name not in NOT_COMPARED and function.alias_of is None
        for args in arguments(name, function.min, function.max)
    ]
    answers = run_all([{"bytecode": shown(call(name, args))} for name, args in calls], timeout=120)
    unexplained: list[Case] = []
    used: Counter[str] = Counter()
    for (name, args), answer in zip(calls, answers, strict=True):
        theirs = f"ERR {answer['error']['message']}" if answer["error"] else answer["result"]
        case = Case(name, args, ours(name, args), theirs)
        if case.ours == case.theirs or (case.failed and case.failed_there):
            continue
        reason = explain(case)
        if reason is None:
            unexplained.append(case)
        else:
            used[reason] += 1
    assert unexplained == []
    assert set(used) <= {difference.name for difference in DIFFERENCES}
    assert sum(used.values()) < len(calls) / 5
