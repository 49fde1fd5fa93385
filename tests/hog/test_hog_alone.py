"""The language as a package of its own: what it imports, and what its pages say. HEDGEROW_REGENERATE=1 rewrites the pages."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from dataclasses import fields
from inspect import getdoc
from pathlib import Path

from hedgerow import hog
from hedgerow.hog.docs import differences_markdown, stdlib_markdown

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "hog.md"
LIBRARY = DOCS / "hog-library.md"
LIST_IMPORTS = """
import sys
before = set(sys.modules)
import hedgerow.hog
print(*{name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))
print(*(name for name in sys.modules if name.startswith("hedgerow.") and not name.startswith("hedgerow.hog")))
"""


def in_step(path: Path, expected: str) -> None:
    """Hold a page to what it should say, or rewrite it."""
    if os.environ.get("HEDGEROW_REGENERATE"):
        path.write_text(expected, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == expected


def test_the_language_imports_nothing_else_of_hedgerow():
    """A fresh process that imports it has loaded no other room, and few libraries."""
    command = [sys.executable, "-W", "error", "-c", LIST_IMPORTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    libraries, rooms = done.stdout.split("\n")[:2]
    assert rooms == ""
    foreign = {name for name in libraries.split() if not name.startswith("_sysconfigdata")}
    assert foreign <= {"hedgerow", "orjson", "re2", "_re2", "absl", "google"}


def test_everything_public_is_there_and_described():
    """What is exported exists, in order, and classes and functions say what they are for."""
    assert hog.__all__ == sorted(hog.__all__)
    for name in hog.__all__:
        assert getattr(hog, name).__doc__, name


def test_the_examples_of_the_page_are_true():
    """Each is run as it stands."""
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, verbose=False)
    assert (failed, tried > 10) == (0, True)


def test_the_page_has_the_limits_and_the_differences():
    """Both tables are made from the code."""
    page = PAGE.read_text(encoding="utf-8")
    page = filled(page, "limits", limits_table())
    table = differences_markdown().partition("\n\n")[2]
    in_step(PAGE, filled(page, "differences", table))


def test_the_page_of_the_library_is_the_register():
    """Every function with its examples, as `hedgerow hog docs --markdown` prints them."""
    in_step(LIBRARY, stdlib_markdown().partition("\n\n## Differences to PostHog")[0] + "\n")


def filled(page: str, name: str, table: str) -> str:
    """The page with a table between its marks."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    assert marks.search(page)
    return marks.sub(lambda found: f"{found[1]}{table}\n{found[2]}", page)


def limits_table() -> str:
    """The limits with their defaults, as the class describes them."""
    described = dict(re.findall(r"^    (\w+): (.+?)$", getdoc(hog.Limits) or "", re.MULTILINE))
    rows = ["| limit | default | what it bounds |", "| --- | --- | --- |"]
    rows += [
        f"| `{each.name}` | {each.default:,} | {described[each.name].rstrip('.')} |"
        for each in fields(hog.Limits)
    ]
    return "\n".join(rows)
