"""Every library function over a table of odd arguments, here and on PostHog's own VM."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from deliberate import Case, explain
from hogvm_runner import missing, run_all
from stdlib_table import arguments, call, shown

from hedgerow.hog.context import Unmetered
from hedgerow.hog.differences import DIFFERENCES
from hedgerow.hog.errors import HogError, HogSizeLimit
from hedgerow.hog.stdlib import REGISTRY
from hedgerow.hog.text import nested_text

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
