"""However large the values of an event are, no one step of a program keeps the thread for long when its host is impatient."""

import sys
import time
from contextlib import suppress

import pytest

from hedgerow.hog import HogError, Host, OverBudget, compile_program
from hedgerow.hog.compiler.forms import OPERATORS
from hedgerow.hog.stdlib import REGISTRY

STALL_MS = 20 if sys.gettrace() is None else 400  # measuring coverage takes its time
LARGE = {
    "letters": "aé" * 500_000,
    "words": "ab c," * 200_000,
    "ones": [1] * 300_000,
    "yes": [True] * 300_000,
    "names": [f"x{number}" for number in range(150_000)],
    "floats": [number * 7919 % 300_000 + 0.5 for number in range(200_000)],
    "object": {f"k{number}": number for number in range(100_000)},
    "nested": [[1]] * 200_000,
    "json": "[" + "1," * 400_000 + "1]",
    "quoted": "%41" * 300_000,
    "base": "QUJD" * 250_000,
    "many": [[number, "x"] for number in range(19_000)],
    "fewer": [number * 7919 % 19_001 + 0.5 for number in range(19_000)],
    "one": 1,
    "x": "x",
}
PAIRS = [
    (large, small)
    for large in ("letters", "ones", "many", "fewer", "yes", "names", "object", "json", "quoted")
    for small in ("x", "one")
]
PAIRS += [(small, large) for large, small in PAIRS[:12]] + [
    ("letters", "letters"),
    ("ones", "ones"),
    ("x", "quoted"),
]


def stall(source):
    """CPU milliseconds until a program ends, fails or is given up: the best of a few, since caches are shared."""
    program = compile_program(f"return {source}")
    best = 1e9
    for _ in range(3):
        execution = program.start(LARGE, Host(patience_ms=5))
        began = time.thread_time()
        with suppress(HogError, OverBudget):
            execution.advance()
        best = min(best, (time.thread_time() - began) * 1000)
        if best < STALL_MS:
            break
    return best


def calls(function):
    """Calls of a library function with large arguments."""
    most = 3 if function.max is None else function.max
    if function.min <= 1 <= most:
        yield from ((name,) for name in LARGE)
    if function.min <= 2 <= most:
        yield from PAIRS
    if function.min <= 3 <= most:
        yield from (
            ("letters", "x", "one"),
            ("x", "letters", "x"),
            ("words", "x", "letters"),
            ("names", "x", "one"),
        )


pytestmark = pytest.mark.usefixtures("young_heap")

FUNCTIONS = sorted(name for name, function in REGISTRY.items() if function.alias_of is None)


@pytest.mark.parametrize("block", range(4))
def test_no_function_of_the_library_keeps_the_thread(block):
    """Each either is quick, looks at the clock on its way, or leaves large values to where there is time."""
    slow = {}
    for name in FUNCTIONS[block::4]:
        for args in calls(REGISTRY[name]):
            try:
                taken = stall(f"{name}({', '.join(args)})")
            except HogError:
                continue  # not called like that
            if taken >= STALL_MS:
                slow[f"{name}({', '.join(args)})"] = round(taken)
    assert not slow


@pytest.mark.parametrize("op", OPERATORS)
def test_no_operator_keeps_the_thread(op):
    """The same for operators, with whatever is large on either side."""
    assert {pair: taken for pair in PAIRS if (taken := stall(f"{pair[0]} {op} {pair[1]}")) >= STALL_MS} == {}
