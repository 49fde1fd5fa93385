"""Folders of configuration on the command line, as far as no server is needed: reading, writing, testing, beginning."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from hedgerow.cli.configuration import export, yamltext
from hedgerow.cli.configuration.folder import FilesFailed, read
from hedgerow.cli.errors import CommandFailed
from hedgerow.configuration.documents import MODELS, json_schema
from support.typing_in import typed

HOOK = {
    "name": "Hook",
    "enabled": True,
    "template": "template-webhook",
    "inputs": {"url": "https://example.com/"},
}
PAID = {"name": "Paid", "steps": [{"event": "paid"}]}


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the command in a folder of its own; returns status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def go(*arguments):
        return typed(monkeypatch, capsys, *arguments)

    return go


class Server:
    """A client of a server that has just these documents."""

    def __init__(self, **documents):
        self.documents = {"destinations": {}, "actions": {}, "cohorts": {}, **documents}

    def get(self, path):
        assert path == "configuration/"
        return self.documents


def exported(folder, *, prune=False, **documents):
    done = export.whole(Server(**documents), folder, prune=prune)
    return {str(one.path.relative_to(folder)): one.change for one in done}


def put(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# ------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("name: A\nname: B\n", 2, "'name' stands twice"),
        ("name: [1\nhog: 2\n", 2, "No valid YAML"),
        ("- a\n", 1, "written as fields"),
        ("", 1, "written as fields"),
        ("name: !!python/name:os.system x\n", 1, "could not determine a constructor"),
        ("name: .nan\n", 1, "finite"),
        ("name: !!binary aGk=\n", 1, "bytes cannot stand here"),
        ("name: &a [*a]\n", 1, "contains it"),
        ("name: A\ninputs:\n  true: 1\n", 1, "put it in quotes"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(tmp_path, text, line, says):
    """Every fault begins with file and line, and all files are told of."""
    path = put(tmp_path, "destinations/a.yaml", text)
    put(tmp_path, "actions/b.yaml", "name: [\n")
    with pytest.raises(FilesFailed) as failed:
        read(tmp_path).documents()
    assert f"{path}:{line}: " in str(failed.value)
    assert says in str(failed.value)
    assert "actions/b.yaml:2: " in str(failed.value)


def test_what_a_file_says_is_taken_literally(tmp_path):
    """A date is a text, a number that is a key is a name; cases stay at home."""
    put(tmp_path, "destinations/crm/a.yml", "name: 2026-01-02\ninputs:\n  1: x\ncases: [{name: c}]\n")
    assert read(tmp_path).documents()["destinations"] == {
        "crm/a": {"name": "2026-01-02", "inputs": {"1": "x"}}
    }
    assert read(tmp_path / "destinations/crm").files[0].cases == [{"name": "c"}]


def test_two_files_of_a_name_are_refused(tmp_path):
    """Nobody could say which of them counts."""
    put(tmp_path, "actions/a.yaml", "name: A\n")
    put(tmp_path, "actions/a.yml", "name: B\n")
    with pytest.raises(FilesFailed, match="Keep one of them"):
        read(tmp_path).documents()


def test_another_folder_is_no_configuration(tmp_path):
    """It is not taken for an empty one."""
    put(tmp_path, "x.txt", "x")
    with pytest.raises(CommandFailed, match="none of destinations/"):
        read(tmp_path)


# ----------------------------------------------------------------- exporting


def test_an_export_into_a_folder_leaves_what_says_the_same(tmp_path):
    """With the words and comments of its author; what differs is written anew, and keeps its cases to the letter."""
    mine = "# mine\ntemplate: template-webhook\nname: Hook # so\ninputs: {url: https://example.com/}\nevents: []\n"
    cases = "cases:\n  # as I like it\n  - {name: c,   skipped: true}\n"
    hook = put(tmp_path, "destinations/hook.yml", mine + cases)
    put(tmp_path, "actions/old.yaml", "name: Old\nsteps: [{event: x}]\n")
    changes = exported(tmp_path, destinations={"hook": {**HOOK, "events": []}}, actions={"paid": PAID})
    assert changes == {
        "destinations/hook.yml": "unchanged",
        "actions/paid.yaml": "written",
        "actions/old.yaml": "not on the server",
    }
    assert hook.read_text() == mine + cases
    changes = exported(
        tmp_path, destinations={"hook": {**HOOK, "enabled": False}}, actions={"paid": PAID}, prune=True
    )
    assert changes == {
        "destinations/hook.yml": "written",
        "actions/paid.yaml": "unchanged",
        "actions/old.yaml": "removed",
    }
    text = hook.read_text()
    assert text.startswith("# yaml-language-server: $schema=../.schemas/destination-file.json\nname: Hook\n")
    assert text.endswith("\n" + cases)
    assert read(tmp_path).files[1].cases == [{"name": "c", "skipped": True}]


def test_an_export_writes_nowhere_else(tmp_path):
    """Neither where a wicked server points to, nor into a folder that holds other things."""
    with pytest.raises(CommandFailed, match="can be no file"):
        exported(tmp_path / "a", actions={"../../x": PAID})
    put(tmp_path, "b/x.txt", "x")
    with pytest.raises(CommandFailed, match="holds other things"):
        exported(tmp_path / "b", actions={"x": PAID})


def test_the_schemas_say_what_files_are(tmp_path):
    """They are put where the first line of each file says, at any depth, and name every field."""
    exported(tmp_path, actions={"crm/eu/paid": PAID})
    path = tmp_path / "actions/crm/eu/paid.yaml"
    line = path.read_text().splitlines()[0]
    schema = (path.parent / line.partition("$schema=")[2]).resolve()
    assert json.loads(schema.read_text()) == json_schema("actions")
    assert set(MODELS["destinations"].model_fields) < set(json_schema("destinations")["properties"])


# ------------------------------------------------------------------- testing


def test_a_new_destination_fails_its_case_until_it_is_made_right(run, tmp_path):
    """The message says where, and shows what was sent; JUnit's report says the same."""
    assert run("new", "destination", "My CRM")[0] == 0
    path = tmp_path / "destinations/my-crm.yaml"
    status, out, _ = run("test", ".", "--junit", "out/report.xml")
    line = path.read_text().splitlines().index("    requests:") + 2
    assert status == 1
    assert f"destinations/my-crm.yaml:{line}: The request is another one." in out
    assert "-   plan: pro" in out
    (case,) = ET.parse(tmp_path / "out/report.xml").getroot().iter("testcase")
    assert case.get("name") == "tells the tool who signed up"
    assert "The request is another one" in case.find("failure").get("message")
    path.write_text(path.read_text().replace("          plan: pro\n", ""))
    assert run("test", ".", "-v")[:2] == (
        0, "destinations/my-crm.yaml\n  ok    tells the tool who signed up\n\n1 passed\n"
    )  # fmt: skip
    assert (
        run("new", "destination", "My CRM")[2]
        == "Error: destinations/my-crm.yaml is there already. Choose another name.\n"
    )


def test_a_new_template_fails_its_case_until_it_is_made_right(run, tmp_path):
    """A template's folder is tested alone, or with its neighbours."""
    assert run("new", "template", "Acme", "--in", "t")[0] == 0
    assert run("test", "t/acme")[0] == run("test", "t")[0] == 1
    cases = tmp_path / "t/acme/cases.yaml"
    cases.write_text(cases.read_text().replace("        plan: pro\n", ""))
    assert run("test", "t")[:2] == (0, "1 passed\n")


def test_a_destination_from_a_template_asks_for_what_it_needs(run, tmp_path):
    """Required inputs are marked as missing, so that it cannot be on before they are there."""
    assert run("new", "destination", "Chat", "--template", "template-slack")[0] == 0
    document = yamltext.value_of(yamltext.compose((tmp_path / "destinations/chat.yaml").read_text()))
    assert document["inputs"] == {"slack_workspace": {"missing": True}, "channel": {"missing": True}}
    status, _, err = run("new", "destination", "X", "--template", "template-nope")
    assert (status, "template-webhook" in err) == (2, True)


def test_a_test_of_nothing_is_no_success(run, tmp_path):
    """A CI that looks into the wrong folder must not be green; files that are wrong fail with their lines."""
    put(tmp_path, "actions/paid.yaml", "name: Paid\nsteps: [{event: paid}]\n")
    assert run("test", ".")[0] == 1
    put(tmp_path, "destinations/bad.yaml", "name: Bad\nhog: |\n  let a := 1\n  let b :=\n")
    status, out, _ = run("test", ".")
    assert (status, "destinations/bad.yaml:4: hog: " in out) == (1, True)


def test_wrong_use_of_plan_is_no_change(run, tmp_path):
    """Status 2 means that something would change; whatever fails is 1."""
    assert run("plan")[0] == run("plan", "nowhere")[0] == run("plan", ".", "--nope")[0] == 1
    assert run("plan", "--help")[0] == 0


def test_the_schema_can_be_printed(run):
    """For tools that want it elsewhere."""
    status, out, _ = run("schema", "destination")
    assert (status, json.loads(out)) == (0, json_schema("destinations"))
