"""``hedgerow hog docs``: the standard library, looked up."""

from __future__ import annotations

from difflib import get_close_matches

import click

from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.output import heading
from hedgerow.hog.docs import differences_markdown, stdlib_markdown
from hedgerow.hog.stdlib.registry import REGISTRY, HogFunction


@click.command("docs")
@click.argument("name", required=False, metavar="[FUNCTION]")
@click.option("--markdown", is_flag=True, help="Print the whole reference as Markdown.")
@click.option(
    "--differences", is_flag=True, help="Print where Hog differs from PostHog's, and why, as Markdown."
)
def docs(*, name: str | None, markdown: bool, differences: bool) -> None:
    """List the functions of the language, or explain one."""
    if markdown or differences:
        click.echo(stdlib_markdown().rstrip() if markdown else differences_markdown())
        return
    if name is None:
        _list_functions()
        return
    found = REGISTRY.get(name)
    if found is None:
        near = get_close_matches(name, REGISTRY, 3)
        advice = f" Did you mean {' or '.join(near)}?" if near else " See them all: hedgerow hog docs"
        raise CommandFailed(f"Hog has no function {name!r}.{advice}")
    _explain(REGISTRY[found.alias_of] if found.alias_of else found)


def _list_functions() -> None:
    families: dict[str, list[HogFunction]] = {}
    for each in REGISTRY.values():
        if each.alias_of is None:
            families.setdefault(each.family, []).append(each)
    for family in sorted(families):
        heading(family.capitalize())
        for each in sorted(families[family], key=lambda function: function.name):
            summary, *_ = _plain(each.doc).splitlines() or [""]
            click.echo(f"  {signature(each):<34}  {summary}")


def _explain(function: HogFunction) -> None:
    click.echo(click.style(signature(function), bold=True))
    click.echo(f"\n{_plain(function.doc)}")
    others = [each.name for each in REGISTRY.values() if each.alias_of == function.name]
    if others:
        click.echo(f"\nAlso called {', '.join(others)}.")
    if function.examples:
        click.echo()
        for source, shown in function.examples:
            click.echo(f"  {source}  {click.style('-- ' + shown, dim=True)}")


def _plain(doc: str) -> str:
    """A docstring for a terminal: code stands between single marks there."""
    return doc.replace("``", "`")


def signature(function: HogFunction) -> str:
    """A function's name with how many arguments it takes: ``replaceOne(3)``, ``concat(1 or more)``."""
    if function.max is None:
        count = f"{function.min} or more"
    else:
        count = str(function.min) if function.min == function.max else f"{function.min} to {function.max}"
    return f"{function.name}({count})"
