"""The reference of the standard library as Markdown, from the register alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hedgerow.hog.differences import DIFFERENCES
from hedgerow.hog.stdlib import REGISTRY, HogFunction

_CHAPTERS: Final = {
    "types": "Types and null",
    "logic": "Logic and comparison",
    "numbers": "Numbers",
    "strings": "Strings",
    "encoding": "Encoding",
    "json": "JSON",
    "arrays": "Arrays and objects",
    "higher": "Functions over arrays",
    "dates": "Dates and times",
    "dateformat": "Formatting dates",
    "crypto": "Digests and signatures",
    "net": "Network addresses",
    "errors": "Errors",
    "io": "Output",
}


def stdlib_markdown() -> str:
    """The whole reference: a chapter per family, an entry per function, the differences to PostHog at the end.

    Returns:
        Markdown.
    """
    families = sorted({each.family for each in REGISTRY.values()}, key=_place)
    chapters = [_chapter(family) for family in families]
    return "\n\n".join(("# Standard library of Hog", *chapters, differences_markdown())) + "\n"


def function_markdown(name: str) -> str:
    """The entry of one function.

    Args:
        name: its name, or an alias.

    Returns:
        Markdown.

    Raises:
        KeyError: there is none of this name.
    """
    found = REGISTRY[name]
    return _entry(REGISTRY[found.alias_of] if found.alias_of else found)


def differences_markdown() -> str:
    """The deliberate differences to PostHog's Node VM as a table."""
    head = (
        "## Differences to PostHog\n\n| what | where | here | there | why |\n| --- | --- | --- | --- | --- |"
    )
    rows = (
        f"| {row.name} | {row.subject} | {row.ours} | {row.theirs} | {row.reason} |".replace("||", "\\|\\|")
        for row in DIFFERENCES
    )
    return "\n".join((head, *rows))


def _place(family: str) -> tuple[int, str]:
    names = list(_CHAPTERS)
    return (names.index(family) if family in names else len(names)), family


def _chapter(family: str) -> str:
    members = sorted(
        (each for each in REGISTRY.values() if each.family == family and each.alias_of is None),
        key=lambda each: each.name.lower(),
    )
    title = _CHAPTERS.get(family, family.capitalize())
    return "\n\n".join((f"## {title}", *map(_entry, members)))


def _entry(function: HogFunction) -> str:
    aliases = sorted(each.name for each in REGISTRY.values() if each.alias_of == function.name)
    parts = [f"### `{function.name}`", _arity(function), function.doc.replace("``", "`")]
    if aliases:
        parts.append("Also known as " + ", ".join(f"`{alias}`" for alias in aliases) + ".")
    if function.examples:
        parts.append(_examples(function.examples))
    return "\n\n".join(parts)


def _arity(function: HogFunction) -> str:
    if function.max is None:
        return f"*{function.min} or more arguments*"
    if function.min == function.max:
        return f"*{function.min} argument{'' if function.min == 1 else 's'}*"
    return f"*{function.min} to {function.max} arguments*"


def _examples(examples: Iterable[tuple[str, str]]) -> str:
    return "\n".join(("```hog", *(f"{source}  // {value}" for source, value in examples), "```"))
