"""Running the cases of a template, with made-up templates."""

import pytest

from hedgerow.destinations import CatalogueError, Template, ValidationError
from hedgerow.destinations.cases import faults, run_case
from hedgerow.destinations.differences import DIFFERENCES

TOKEN = {"key": "token", "type": "string", "label": "Token", "required": True, "secret": True}
NAME = {"key": "name", "type": "string", "label": "Name", "required": False, "secret": False}


def template(code, schema=(), mappings=None):
    return Template("template-t", "T", "d", "stable", code, list(schema), mapping_templates=mappings)


def test_mappings_persons_and_groups_can_be_chosen():
    """A case names a mapping template, its inputs, and who the event belongs to."""
    made = template(
        "fetch('https://x.test', {'headers': {'A': inputs.token}, 'body': {'n': inputs.name, 'c': groups.company.id, 'p': person}})",
        [TOKEN],
        [
            {
                "name": "Signed up",
                "inputs_schema": [{**NAME, "default": "{event.name}"}],
                "filters": {"events": [{"id": "a"}]},
            }
        ],
    )
    case = {
        "mapping": "Signed up",
        "inputs": {"token": "t"},
        "person": None,
        "groups": {"company": {"id": "acme"}},
        "requests": [{"url": "https://x.test", "headers": {"A": "t"}, "body": {"n": "$pageview", "c": "acme", "p": None}}],
    }  # fmt: skip
    assert faults(case, run_case(made, case)) == []
    named = {**case, "inputs": {"token": "t", "name": "mine"}}
    assert run_case(made, named).requests[0]["body"]["n"] == "mine"
    with pytest.raises(CatalogueError, match="no mapping template"):
        run_case(made, {**case, "mapping": "Gone"})


def test_answers_come_in_order_and_values_are_compared():
    """Several calls, the program's value, and what the clock and randomness say are the same each time."""
    made = template(
        "let a := fetch('https://x.test/1'); let b := fetch('https://x.test/2', {'method': 'get'});"
        " return [a.body.n, b.status, b.headers['x-id'], toString(now())]"
    )
    case = {
        "answers": [{"body": {"n": 1}}, {"status": 404, "headers": {"x-id": "7"}}],
        "requests": [
            {"url": "https://x.test/1", "headers": {"Content-Type": "application/json"}},
            {"url": "https://x.test/2", "method": "GET", "headers": {"Content-Type": "application/json"}},
        ],
        "result": [1, 404, "7", "2026-01-02T03:04:05.000Z"],
    }
    assert faults(case, run_case(made, case)) == []


def test_what_goes_wrong_is_part_of_the_outcome():
    """A failing input, a failing program, and inputs that would be refused."""
    broken = template("return 1", [{**NAME, "default": "{jsonParse('{')}"}])
    assert "'name'" in run_case(broken, {}).error
    assert faults({}, run_case(broken, {})) != []
    assert "nope" in run_case(template("throw Error('nope')"), {}).error
    with pytest.raises(ValidationError, match="required"):
        run_case(template("return 1", [TOKEN]), {})


def test_differences_are_complete_and_unique():
    """Each row says what, ours, theirs and why."""
    assert len({row.name for row in DIFFERENCES}) == len(DIFFERENCES)
    assert all(row.ours and row.theirs and row.reason for row in DIFFERENCES)
