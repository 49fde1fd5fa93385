"""Every block of code on every page is what it says: programs compile, manifests are accepted, JSON is JSON."""

from __future__ import annotations

import doctest
import json
import re

import pytest
import yaml

from hedgerow.cli.manifest import read
from hedgerow.destinations import Project, builtin, validate
from hedgerow.hog import compile_program
from site_hooks import generated
from support.transcript import PAGES, ROOT, blocks

WRITTEN = [block for page in (ROOT / "README.md", *PAGES) for block in blocks(page)]
# "text" is what nothing can be said about, "http" a line that names an operation, "js" what applications contain.
LANGUAGES = {"console", "yaml", "hog", "json", "python", "text", "http", "js"}
NOT_RUN = 12


def of(*languages: str):
    """The blocks of these languages, as parameters."""
    return [
        pytest.param(block, id=block.place)
        for block in WRITTEN
        if block.language in languages and not block.reason
    ]


def test_each_block_has_a_language():
    """One that somebody checks."""
    assert {block.place: block.language for block in WRITTEN if block.language not in LANGUAGES} == {}


def test_commands_do_not_hide_in_prose():
    """A transcript is a fenced block, because indented ones are read by nobody's test."""
    for page in PAGES:
        assert re.findall(r"^    \$ .*", _outside(page), re.MULTILINE) == [], page


def _outside(page) -> str:
    """A page without its blocks."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        text = text.replace(block.text, "", 1)
    return text


def test_what_is_not_run_is_little():
    """And each has its reason."""
    assert sum(1 for block in WRITTEN if block.reason) <= NOT_RUN


@pytest.mark.parametrize("block", of("hog"))
def test_programs_compile(block):
    """With the compiler of this release."""
    assert compile_program(block.text)


@pytest.mark.parametrize("block", of("json"))
def test_json_is_json(block):
    """It can be copied."""
    json.loads(block.text)


@pytest.mark.parametrize("block", of("yaml"))
def test_manifests_are_accepted(block, tmp_path):
    """Each destination of a file would be saved; other YAML can be read."""
    document = yaml.safe_load(block.text)
    if isinstance(document, dict) and isinstance(document.get("destinations"), list):
        accepted(block.text, tmp_path)


@pytest.mark.parametrize("block", of("python"))
def test_python_runs(block):
    """Examples print what they show; programs are Python."""
    examples = doctest.DocTestParser().get_doctest(block.text, {}, block.place, str(block.page), block.line)
    if not examples.examples:
        compile(block.text, block.place, "exec")
    else:
        assert block.page.name in DOCTESTED, (
            "the examples of a page are run together, by a test that is named there"
        )


# Pages whose examples build on each other, and the test that runs them as a whole.
DOCTESTED = {"hog.md": "tests/hog/test_hog_alone.py"}


def accepted(text: str, folder):
    """Check each destination of a manifest as the API does."""
    file = folder / "destinations.yaml"
    file.write_text(text, encoding="utf-8")
    for entry in read(file):
        assert validate(entry.payload, project=Project(1), templates=builtin()), entry.name


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(path, text, id=path)
        for path, text in generated().items()
        if path.startswith("reference/templates/")
    ],
)
def test_manifests_of_templates_are_accepted(path, text, tmp_path):
    """What the page of a template shows is the least that has to be said, and enough."""
    shown = re.findall(r"```yaml\n(destinations:.*?)```", text, re.DOTALL)
    assert len(shown) == (not path.endswith("index.md"))
    for manifest in shown:
        accepted(manifest, tmp_path)
