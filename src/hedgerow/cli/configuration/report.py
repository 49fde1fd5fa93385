"""What tests found: as people read it, and as JUnit's XML, which every CI reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree as ET

import click

from hedgerow.cli.configuration import yamltext
from hedgerow.cli.output import CONTROL, safe
from hedgerow.configuration.verdicts import Mismatch

CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Checked:
    """One case, or a file that could not be used.

    Attributes:
        name: of the case.
        line: where it stands.
        problems: what is wrong, a text of one or more lines each; none when all is well.
        seconds: that it took.
    """

    name: str
    line: int
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of a file."""

    path: Path
    checked: list[Checked]


def wording(one: Mismatch) -> str:
    """What was otherwise than expected; where it helps, line by line."""
    if not one.compared:
        return one.text
    expected, actual = (yamltext.dump(value).splitlines() for value in (one.expected, one.actual))
    lines = list(unified_diff(expected, actual, n=CONTEXT, lineterm=""))[2:]
    shown = [f"{line[:1]} {line[1:]}" for line in lines if not line.startswith("@@")]
    return "\n".join([f"{one.text} (- expected, + happened)", *(f"  {line}" for line in shown)])


def show(suites: Sequence[Suite], *, verbose: bool) -> None:
    """Print what failed, and how many did; every case when asked for."""
    for suite in suites:
        _suite(suite, verbose=verbose)
    everything = list(chain.from_iterable(suite.checked for suite in suites))
    failed = sum(bool(one.problems) for one in everything)
    silent = [suite.path for suite in suites if not suite.checked]
    told = [f"{len(everything) - failed} passed", *([f"{failed} failed"] if failed else [])]
    if silent:
        some = "file has" if len(silent) == 1 else "files have"
        told.append(f"{len(silent)} {some} no cases")
    click.echo(click.style(", ".join(told), fg="red" if failed else "green", bold=True))


def _suite(suite: Suite, *, verbose: bool) -> None:
    failed = [one for one in suite.checked if one.problems]
    if not failed and not verbose:
        return
    click.echo(click.style(safe(suite.path), bold=True))
    for one in suite.checked if verbose else failed:
        word, colour = ("FAIL", "red") if one.problems else ("ok", "green")
        click.echo(f"  {click.style(word.ljust(4), fg=colour)}  {safe(one.name)}")
        for line in _lines(suite, one):
            sign = line.lstrip()[:2]
            style = {"- ": "red", "+ ": "green"}.get(sign)
            click.echo("        " + click.style(safe(line), fg=style))
    click.echo()


def _lines(suite: Suite, one: Checked) -> Iterator[str]:
    for problem in one.problems:
        first, *rest = problem.splitlines()
        known = first.startswith(str(suite.path))
        yield first if known else f"{suite.path}:{one.line}: {first}"
        yield from rest


def junit(suites: Sequence[Suite]) -> str:
    """The same as JUnit's XML."""
    root = ET.Element("testsuites", name="hedgerow")
    for suite in suites:
        element = ET.SubElement(
            root, "testsuite", name=str(suite.path), tests=str(len(suite.checked)),
            failures=str(sum(bool(one.problems) for one in suite.checked)), errors="0",
            time=f"{sum(one.seconds for one in suite.checked):.3f}",
        )  # fmt: skip
        for one in suite.checked:
            case = ET.SubElement(
                element, "testcase", name=_clean(one.name), classname=suite.path.with_suffix("").as_posix().replace("/", "."),
                file=str(suite.path), line=str(one.line), time=f"{one.seconds:.3f}",
            )  # fmt: skip
            if one.problems:
                text = _clean("\n".join(_lines(suite, one)))
                ET.SubElement(case, "failure", message=text.splitlines()[0]).text = text
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """A text that XML can hold."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
