"""Whole programs give the same with and without fast forms; PostHog's own VM is asked in test_hog_differential."""

import pytest

from hedgerow.hog import (
    AsyncCall,
    HogError,
    Host,
    Limits,
    compile_program,
)
from support.hog_programs import GLOBALS, Programs
from support.hog_values import canonical

LIMITS = Limits(string=20_000, cpu_ms=300, fetches=30, log_lines=10_000)

SLOW = ("limit_time", "Execution timed out after 300 ms of CPU time")


def run(source, *, helpers_only=False):
    """Printed lines, and the value or the kind of failure."""
    lines = []
    program = compile_program(source, helpers_only=helpers_only)
    execution = program.start(GLOBALS, Host(seed=b"1", now=lambda: 1000.0, emit=lines.append, limits=LIMITS))
    try:
        step = execution.advance()
        while isinstance(step, AsyncCall):
            execution.answer({"status": 200 + step.ordinal, "body": {"n": step.ordinal}})
            step = execution.advance()
    except HogError as error:
        return lines, (error.kind, error.message)
    return lines, step.value


@pytest.mark.parametrize("block", range(6))
def test_fast_forms_and_helpers_run_generated_programs_alike(block):
    """150 programs print the same lines and end the same way with and without fast forms."""
    for seed in range(1000 + block * 25, 1025 + block * 25):
        source = Programs(seed, waits=block % 2 == 0).program()
        fast, slow = run(source), run(source, helpers_only=True)
        if slow[1] == SLOW:
            continue
        assert fast[0] == slow[0], source
        assert canonical(fast[1]) == canonical(slow[1]), source
