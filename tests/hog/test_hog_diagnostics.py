"""What the parser says of broken sources, word for word; HEDGEROW_REGENERATE=1 rewrites the file of expectations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hedgerow.hog.errors import HogError
from hedgerow.hog.parser import parse_expression, parse_program, parse_template

GOLDEN = Path(__file__).parent / "syntax" / "diagnostics.txt"
PARSERS = {"program": parse_program, "expression": parse_expression, "template": parse_template}


def cases():
    """Kind, source and expected text of each case in the file."""
    for block in GOLDEN.read_text().split("----\n"):
        kind, _, rest = block.partition("\n")
        source, _, expected = rest.partition("\n=>\n")
        yield kind, source, expected


CASES = list(cases())


def diagnosis(kind, source):
    """What a person sees."""
    try:
        PARSERS[kind](source)
    except HogError as error:
        return f"{error.kind}: {error.render()}\n"
    return "no error\n"


@pytest.mark.parametrize(("kind", "source", "expected"), CASES, ids=[f"{k}: {s[:50]}" for k, s, _ in CASES])
def test_diagnostics_are_as_agreed(kind, source, expected):
    """A broken source gets the message, place and hint that the file says."""
    if not os.environ.get("HEDGEROW_REGENERATE"):
        assert diagnosis(kind, source) == expected


def test_the_file_of_diagnostics_is_regenerated_on_demand():
    """With the switch set, the file is rewritten from what the parser says now; without it, nothing changes."""
    text = "----\n".join(f"{kind}\n{source}\n=>\n{diagnosis(kind, source)}" for kind, source, _ in CASES)
    if os.environ.get("HEDGEROW_REGENERATE"):
        GOLDEN.write_text(text)
    assert GOLDEN.read_text() == text
