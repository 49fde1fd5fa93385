"""``hedgerow test``: run the cases of destinations and of templates on this machine, without a server or a network."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from hedgerow.cli.configuration import yamltext
from hedgerow.cli.configuration.folder import File, Folder, read, root_of
from hedgerow.cli.configuration.report import Checked, Suite, junit, show, wording
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.manifest import line_of
from hedgerow.cli.output import use_colours
from hedgerow.configuration.planning import Fault
from hedgerow.configuration.trying import Bench, Result
from hedgerow.destinations import CatalogueError, Template, ValidationError
from hedgerow.destinations.cases import faults, run_case
from hedgerow.destinations.catalogue import read_template

TEMPLATE = "template.yaml"


@click.command("test")
@click.argument("path", metavar="DIR", type=click.Path(path_type=Path, exists=True))
@click.option("-k", "words", metavar="TEXT", help="Only cases with this in their name or that of their file.")
@click.option("-v", "--verbose", is_flag=True, help="Show the cases that passed as well.")
@click.option(
    "--junit",
    "report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write JUnit XML too.",
)
def command(path: Path, *, words: str | None, verbose: bool, report: Path | None) -> None:
    """Run the cases that the destinations in DIR carry. Nothing is sent, and no server is asked.

    A case has an event, a person, what the tools answer, and what is expected: requests, verdict, logs. DIR is a folder of
    configuration, one of its files, or a folder of templates with their cases.yaml. Ends with 1 when a case fails.
    """
    click.get_current_context().color = use_colours()
    suites = [_chosen(suite, words) for suite in _suites(path)]
    show(suites, verbose=verbose)
    if report is not None:
        _write(report, junit(suites))
    checked = [one for suite in suites for one in suite.checked]
    if not checked:
        raise CommandFailed(
            f"There is no case in {path}. 'hedgerow new destination NAME' makes a file with one."
        )
    if any(one.problems for one in checked):
        sys.exit(1)


def _chosen(suite: Suite, words: str | None) -> Suite:
    if words is None:
        return suite
    wanted = words.casefold()
    some = [one for one in suite.checked if wanted in f"{suite.path} {one.name}".casefold()]
    return replace(suite, checked=some)


def _write(report: Path, text: str) -> None:
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{report} cannot be written: {error.strerror}.") from error


def _suites(path: Path) -> list[Suite]:
    folders = _templates(path)
    if folders:
        return [_template_suite(folder) for folder in folders]
    root = root_of(path)
    if root is None:
        raise CommandFailed(
            f"{path} is neither a folder of configuration (destinations/, actions/, cohorts/) nor of templates.",
            status=2,
        )
    return asyncio.run(_destinations(read(root), read(path)))


# ------------------------------------------------------------- destinations


async def _destinations(whole: Folder, chosen: Folder) -> list[Suite]:
    """The cases of the chosen files; the others are there for what they refer to."""
    bench = Bench(whole.documents(cases=True))
    try:
        return [
            Suite(file.path, await _checked(bench, file)) for file in chosen.files if _has_say(bench, file)
        ]
    finally:
        await bench.close()


def _has_say(bench: Bench, file: File) -> bool:
    return file.kind == "destinations" or any(_is_of(fault, file) for fault in bench.faults)


async def _checked(bench: Bench, file: File) -> list[Checked]:
    wrong = [
        file.fault(
            f"{fault.attr.replace('__', '.')}: {fault.detail}" if fault.attr else fault.detail,
            fault.attr,
            fault.line,
        )
        for fault in bench.faults
        if _is_of(fault, file)
    ]
    if wrong:
        return [Checked("the file is in order", 1, wrong)]
    return [_case(file, place, one) for place, one in enumerate(await bench.run(file.key))]


def _is_of(fault: Fault, file: File) -> bool:
    return (fault.kind, fault.key) == (file.kind, file.key)


def _case(file: File, place: int, result: Result) -> Checked:
    problems = [file.fault(wording(one), one.attr) for one in result.mismatches]
    return Checked(result.name, line_of(file.node, f"cases__{place}"), problems, result.seconds)


# ---------------------------------------------------------------- templates


def _templates(path: Path) -> list[Path]:
    """The template folders at a path: itself, or those in it."""
    if (path / TEMPLATE).is_file():
        return [path]
    return sorted(one.parent for one in path.glob(f"*/{TEMPLATE}")) if path.is_dir() else []


def _template_suite(folder: Path) -> Suite:
    try:
        template = read_template(folder)
        cases = template.cases()
    except CatalogueError as error:
        return Suite(folder / TEMPLATE, [Checked("the template is in order", 1, [str(error)])])
    return Suite(folder / "cases.yaml", list(_template_cases(template, cases, folder / "cases.yaml")))


def _template_cases(template: Template, cases: list[dict[str, object]], path: Path) -> Iterator[Checked]:
    node = yamltext.compose(path.read_text(encoding="utf-8"))
    for place, case in enumerate(cases):
        began = time.monotonic()
        try:
            problems = faults(case, run_case(template, case))
        except (CatalogueError, ValidationError) as error:
            problems = [str(error)]
        line = line_of(node, str(place)) if node else 1
        yield Checked(str(case.get("name")), line, problems, time.monotonic() - began)
