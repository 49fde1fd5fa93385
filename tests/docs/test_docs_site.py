"""The documentation site: it builds without a warning, loads nothing from elsewhere, and leaves nothing out."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser

import click
import pytest
import yaml

from hedgerow.api.app import ROUTERS
from hedgerow.api.schema import build
from hedgerow.delivery.invocation import FINAL, OPEN
from hedgerow.destinations import builtin
from hedgerow.hog.stdlib import REGISTRY
from hedgerow.settings import Settings, describe
from site_pages.commands import contexts
from support.transcript import ROOT

pytestmark = pytest.mark.xdist_group("site")  # which is built once
REFERENCES = re.compile(r"`((?:tests|bench|src)/[\w./*-]+)(?:::(\w+))?`")


class Page(HTMLParser):
    """What a page of the site says, and what it makes a browser fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.code: list[str] = []
        self.fetched: list[str] = []
        self._in_code = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        self._in_code = self._in_code or tag == "code"
        if tag == "code":
            self.code.append("")
        if tag in {"script", "img", "iframe"} or (tag == "link" and found.get("rel") != "canonical"):
            self.fetched.append(found.get("src") or found.get("href") or "")

    def handle_endtag(self, tag):
        self._in_code = self._in_code and tag != "code"

    def handle_data(self, data):
        if self._in_code:
            self.code[-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as ``make docs`` does it; a warning fails it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    return folder


@pytest.fixture(scope="module")
def read(site):
    """A page of the site by its address."""
    return cache(lambda address: Page((site / address / "index.html").read_text(encoding="utf-8")))


def test_every_page_is_in_the_navigation():
    """A page that nobody finds is no documentation."""
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").glob("**/*.md")}
    assert pages - set(_leaves(nav)) == set()


def _leaves(nav):
    for item in nav.values() if isinstance(nav, dict) else nav:
        yield from [item] if isinstance(item, str) else _leaves(item)


def test_nothing_comes_from_elsewhere(site):
    """No page makes a browser ask another host for anything, fonts and scripts included."""
    for file in site.glob("**/*.html"):
        for address in Page(file.read_text(encoding="utf-8")).fetched:
            assert not re.match(r"(https?:)?//", address), (file, address)
    for file in site.glob("**/*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", file.read_text(encoding="utf-8")), file


def test_every_setting_is_documented(read):
    """With its reason."""
    shown = set(read("reference/settings").code)
    for item in describe(Settings.model_construct()):
        assert item.variable in shown
        assert item.why, item.variable


def test_every_command_is_documented(read):
    """With what it does, and each of its options."""
    page = read("reference/commands")
    for context in contexts():
        assert context.command_path.replace(" ", "-") in page.ids
        assert context.command.help, context.command_path
        for option in context.command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.help, (context.command_path, option.name)
                assert any(option.opts[0] in text for text in page.code), (context.command_path, option.name)


def test_the_commands_of_the_readme_exist():
    """Those of its table, which is a choice."""
    known = {context.command_path for context in contexts()}
    named = re.findall(
        r"^\| `(hedgerow [\w\\|]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(named) > 10
    for text in named:
        for word in text.removeprefix("hedgerow ").split("\\|"):
            assert f"hedgerow {word}" in known


def test_every_function_is_documented(read):
    """With what it does; aliases with the function that they stand for."""
    page = read("hog-library")
    for function in REGISTRY.values():
        assert function.name in page.code
        assert function.doc, function.name


def test_every_template_is_documented(read):
    """With each of its inputs, which say what they are."""
    listed = read("reference/templates").code
    for item in builtin().values():
        if item.status == "hidden":
            continue
        page = read(f"reference/templates/{item.id.removeprefix('template-')}")
        assert item.id in listed
        assert item.description, item.id
        for field in item.inputs_schema:
            assert field["key"] in page.code
            assert field.get("label") or field.get("description"), (item.id, field["key"])


def test_every_operation_is_documented(read):
    """On the page of its noun, with what it does, and an example of what is sent."""
    document = build(ROUTERS)
    listed = read("reference/api").code
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            (tag,) = operation["tags"]
            page = read(f"reference/api/{re.sub('[^a-z0-9]+', '-', tag.lower()).strip('-')}")
            assert operation["operationId"] in page.ids
            assert operation["description"], operation["operationId"]
            assert f"{method.upper()} {path}" in {text.strip() for text in page.code}
            assert any(path.endswith(text.partition(" ")[2]) for text in listed)


def test_every_verdict_is_explained(read):
    """By the page of words."""
    assert (FINAL | OPEN) - set(read("concepts").code) == set()


def test_every_benchmark_is_documented():
    """With what stands beside it."""
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for target in re.findall(
        r"^(bench[\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    ):
        assert f"| `make {target}` |" in page


@pytest.mark.parametrize("page", ["docs/guarantees.md", "ARCHITECTURE.md", "docs/benchmarks.md"])
def test_every_proof_exists(page):
    """The tests and benchmarks that a page names are there, under these names."""
    found = REFERENCES.findall((ROOT / page).read_text(encoding="utf-8"))
    assert found
    for path, name in found:
        files = sorted(ROOT.glob(path.rstrip("/")))
        assert files, path
        assert not name or name in _functions(files[0]), (path, name)


def _functions(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
