"""Every template proves itself by its own cases."""

import pytest

from hedgerow.destinations import CatalogueError, builtin
from hedgerow.destinations.cases import faults, run_case
from hedgerow.hog import Program
from hedgerow.hog.printer import format_source

CASES = [
    pytest.param(template, case, id=f"{template.id}: {case['name']}")
    for template in builtin().values()
    for case in template.cases()
]


@pytest.mark.parametrize(("template", "case"), CASES)
def test_case(template, case):
    """The template sends exactly the requests, and logs exactly the lines, that the case expects."""
    assert faults(case, run_case(template, case)) == []


@pytest.mark.parametrize("template", builtin().values(), ids=list(builtin()))
def test_template_is_complete(template):
    """A template's program compiles and each of its inputs says what it is for."""
    assert Program(template.code).async_sites
    assert all(item.get("label") for item in template.inputs_schema)
    assert template.description


@pytest.mark.parametrize("template", builtin().values(), ids=list(builtin()))
def test_template_is_laid_out_as_programs_are(template):
    """``hedgerow hog fmt`` has nothing to change."""
    assert format_source(template.code) == template.code


def test_a_wrong_expectation_is_noticed():
    """A case that expects something else fails, and says what it got."""
    template = builtin()["template-webhook"]
    case = {
        "name": "x",
        "inputs": {"url": "https://example.com/"},
        "requests": [],
        "error": "boom",
        "logs": ["y"],
    }
    found = "\n".join(faults(case, run_case(template, case)))
    assert all(word in found for word in ("boom", "requests", "logs", "https://example.com/"))


def test_a_misspelt_case_is_noticed():
    """A field that no case has is an error, so that no expectation is silently skipped."""
    with pytest.raises(CatalogueError, match="request"):
        run_case(builtin()["template-webhook"], {"name": "x", "request": []})
