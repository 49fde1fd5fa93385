"""Template folders are found by looking, and read with care."""

import pytest

from hedgerow import destinations
from hedgerow.destinations import Catalogue, CatalogueError, builtin

GOOD = "id: template-x\nname: X\ndescription: d\nstatus: stable\ninputs_schema: []\n"


def folder(root, name="x", template=GOOD, code="return 1", cases="- {name: a}"):
    path = root / name
    path.mkdir()
    for file, text in (("template.yaml", template), ("code.hog", code), ("cases.yaml", cases)):
        if text is not None:
            (path / file).write_text(text)
    return path


def test_the_templates_inside():
    """The webhook is there, in the form the API shows."""
    shown = builtin()["template-webhook"].as_dict()
    assert [item["key"] for item in shown["inputs_schema"]] == ["url", "method", "body", "headers", "debug"]
    assert (shown["code_language"], shown["status"], shown["type"]) == ("hog", "stable", "destination")
    assert builtin() is builtin()


def test_a_folder_is_enough(tmp_path):
    """Adding a template touches no Python; other folders are not templates."""
    folder(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    found = Catalogue.read(tmp_path)
    assert list(found) == ["template-x"]
    assert found["template-x"].cases() == [{"name": "a"}]


def test_hidden_and_deprecated_ones_are_not_listed(tmp_path):
    """They can still be looked up by their id."""
    for name in ("hidden", "deprecated", "alpha"):
        folder(tmp_path, name, GOOD.replace("template-x", name).replace("stable", name))
    found = Catalogue.read(tmp_path)
    assert [item.id for item in found.listed()] == ["alpha"]
    assert found.listed(frozenset({"internal_destination"})) == []
    assert len(found) == 3


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"template": "- 1"}, "mapping"),
        ({"template": "a: ["}, "not valid YAML"),
        ({"template": "id: x"}, "lacks name"),
        ({"template": GOOD + "inptus: 1\n"}, "unknown field inptus"),
        ({"template": GOOD.replace("stable", "finished")}, "status is one of"),
        ({"template": GOOD.replace("[]", "[{key: a}]")}, "inputs_schema__0__type"),
        ({"code": None}, "code.hog is missing"),
    ],
)
def test_an_incomplete_folder_is_told(tmp_path, how, said):
    """Whoever writes a template reads what is wrong with it."""
    folder(tmp_path, **how)
    with pytest.raises(CatalogueError, match=said):
        Catalogue.read(tmp_path)


@pytest.mark.parametrize(("cases", "said"), [(None, "is missing"), ("a: 1", "list"), ("[]", "at least one")])
def test_cases_are_part_of_a_template(tmp_path, cases, said):
    """A template without examples is not complete."""
    folder(tmp_path, cases=cases)
    with pytest.raises(CatalogueError, match=said):
        Catalogue.read(tmp_path)["template-x"].cases()


def test_two_folders_cannot_share_an_id(tmp_path):
    """Which one is meant would be chance."""
    folder(tmp_path, "a")
    folder(tmp_path, "b")
    with pytest.raises(CatalogueError, match="claim the id"):
        Catalogue.read(tmp_path)


def test_the_public_names_are_complete_and_sorted():
    """What the room offers is what it lists."""
    assert destinations.__all__ == sorted(destinations.__all__)
    assert all(hasattr(destinations, name) for name in destinations.__all__)
