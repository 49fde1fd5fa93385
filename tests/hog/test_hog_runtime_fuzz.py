"""Random programs under small limits: whatever they do, only Hog's own errors come out, and in time."""

import time

import pytest
from hog_trees import programs
from hog_writer import GLOBALS, Writer
from hypothesis import HealthCheck, given, settings

from hedgerow.hog import AsyncCall, HogError, Host, Limits, compile_program
from hedgerow.hog.printer import print_program
from support.hog_values import ODD

SMALL = Limits(cpu_ms=30, memory=1_000_000, depth=40, string=5_000, items=1_000, fetches=3, async_steps=6)
TIGHT = Limits(cpu_ms=30, memory=2_000, depth=2, string=20, items=4, json_depth=2, fetches=1, async_steps=2)
pytestmark = pytest.mark.usefixtures("young_heap")

LATE = 1.0
"""Seconds a program may take in all: far above the limit, since the machine may be busy."""
START = """
let a := {'a': [1, 'x', {'b': null}], 'A': 2}
let b := (x, y) -> x
let total := 3
fun A(x, y) { return total > 50 ? x : A(x, y) }
"""
"""What the names of random trees stand for, so that most of them get somewhere."""
SCOPE = {"event": {str(number): value for number, value in enumerate(ODD)}, "$x": [1, "a", None], "_y1": -0.5}


compile_program(
    "return 1"
)  # Python's limit of recursion grows with the first one, which Hypothesis must not see


def fails_well(source, scope, limits):
    """Run a program to its end, whatever it asks for; gives whether it got there."""
    started = time.thread_time()
    try:
        execution = compile_program(source).start(scope, Host(limits=limits))
        step = execution.advance()
        while isinstance(step, AsyncCall):
            execution.answer({"status": 200, "body": step.args})
            step = execution.advance()
    except HogError as error:
        if error.kind == "internal":
            raise AssertionError(source) from error
        return False
    finally:
        assert time.thread_time() - started < LATE, source
    return True


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programs)
def test_random_trees(tree):
    """A program put together from any parts gives a value or an error of Hog, and soon."""
    fails_well(START + print_program(tree), SCOPE, SMALL)


@pytest.mark.parametrize("limits", [SMALL, TIGHT], ids=["small", "tight"])
def test_random_programs_that_make_sense(limits):
    """Programs that would run to their end give a value or an error of Hog wherever a limit stops them."""
    ended = [fails_well(Writer(seed).program(), GLOBALS, limits) for seed in range(80)]
    assert not all(ended)
