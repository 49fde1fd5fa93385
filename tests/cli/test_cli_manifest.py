"""destinations.yaml: what it may say, and where its faults are."""

from __future__ import annotations

import pytest

from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.manifest import read


def parse(tmp_path, text):
    """The entries of a file with this text."""
    file = tmp_path / "d.yaml"
    file.write_text(text)
    return read(file)


def test_short_forms_become_api_fields(tmp_path):
    """Template, events, plain input values and being enabled."""
    (entry,) = parse(
        tmp_path,
        """
destinations:
  - name: " Hook "
    template: template-webhook
    events: [a, b]
    filters:
      properties: [{key: plan, value: pro, operator: exact, type: event}]
    inputs:
      url: https://example.com
      body: {text: "{event.name}"}
      token: {value: x, templating: liquid}
""",
    )
    assert entry.name == "Hook"
    assert entry.payload == {
        "enabled": True,
        "name": " Hook ",
        "template_id": "template-webhook",
        "filters": {
            "source": "events",
            "properties": [{"key": "plan", "value": "pro", "operator": "exact", "type": "event"}],
            "events": [
                {"id": "a", "name": "a", "type": "events", "order": 0},
                {"id": "b", "name": "b", "type": "events", "order": 1},
            ],
        },
        "inputs": {
            "url": {"value": "https://example.com"},
            "body": {"value": {"text": "{event.name}"}},
            "token": {"value": "x", "templating": "liquid"},
        },
    }


def test_a_bare_list_will_do(tmp_path):
    """The word 'destinations' may be left out; what the file says about enabled wins."""
    (entry,) = parse(tmp_path, "- name: N\n  enabled: false\n  hog: return 1\n")
    assert entry.payload["enabled"] is False


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("destinations:\n  - name: N\n    inptus: {}\n", 3, "no field 'inptus'. Did you mean 'inputs'?"),
        ("destinations:\n  - name: N\n    xyzzy: 1\n", 3, "Known ones: name,"),
        ("destinations:\n  - template: t\n", 2, "needs a name"),
        ("destinations:\n  - name: A\n  - name: A\n", 3, "Another destination in line 2"),
        ("destinations: 3\n", 1, "followed by a list"),
        ("things: []\n", 1, "Unknown key 'things'"),
        ("destinations:\n  - just text\n", 2, "written as fields"),
        ("destinations:\n  - name: A\n    events: 5\n", 3, "list of event names"),
        ("a: [1\nb: 2\n", 2, "No valid YAML"),
        ("a: !!python/object:os.system {}\n", 1, "Unknown key"),
        ("- name: !!python/name:os.system x\n", 1, "could not determine a constructor"),
        ("", 1, "followed by a list"),
    ],
)
def test_a_fault_is_shown_with_its_line(tmp_path, text, line, says):
    """Every error begins with file and line."""
    with pytest.raises(CommandFailed) as caught:
        parse(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'd.yaml'}:{line}: ")
    assert says in str(caught.value)


def test_lines_of_fields_that_the_server_names(tmp_path):
    """A field of the API is found in the file, also under its short name and inside a block of text."""
    (entry,) = parse(
        tmp_path,
        "destinations:\n  - name: N\n    template: t\n    events: [a]\n    inputs:\n      url: x\n    hog: |\n      let a := 1\n      let b := (\n",
    )
    found = {
        attr: entry.line_of(attr)
        for attr in ("inputs__url", "inputs__none", "template_id", "filters__events", None)
    }
    assert found == {"inputs__url": 6, "inputs__none": 5, "template_id": 3, "filters__events": 4, None: 2}
    assert entry.line_of("hog", 2) == 9


def test_a_file_that_is_not_there(tmp_path):
    """Not a traceback."""
    with pytest.raises(CommandFailed, match="cannot be read: No such file"):
        read(tmp_path / "nothing.yaml")
