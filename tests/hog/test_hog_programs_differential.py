"""Whole programs give the same here, on helpers alone, and on PostHog's own VM."""

import pytest
from hogvm_runner import missing, run_all

from hedgerow.hog import (
    AsyncCall,
    HogError,
    Host,
    Limits,
    compile_program,
    emit_bytecode,
    parse_program,
    print_form,
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


@pytest.mark.skipif(bool(missing()), reason=str(missing()))
def test_generated_programs_agree_with_posthogs_vm():
    """Programs that end well on both sides give the same value and print the same lines."""
    sources = [Programs(seed, portable=True).program() for seed in range(2000, 2400)]
    questions = [{"bytecode": emit_bytecode(parse_program(source)), "globals": GLOBALS} for source in sources]
    compared = 0
    for source, theirs in zip(sources, run_all(questions), strict=True):
        lines, value = run(source)
        failed = isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
        if theirs["error"] is None and not failed:
            compared += 1
            assert print_form(value) == theirs["printed"], source
            assert lines == theirs["prints"], source
    assert compared > 300
