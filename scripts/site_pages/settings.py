"""The page of settings, from ``settings.py``: its chapters are the comments that part it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from hedgerow.settings import Described, Settings, describe, variable
from site_pages.markup import code, page, prose, table

PATH = "reference/settings.md"
ABOUT = (
    "Every setting is a variable of the environment, read once at the start. `hedgerow settings` prints this list with the values of "
    "your machine, and warns of variables that look like settings but are none. Lists are separated by commas. A value that cannot be "
    "used ends the start with a message that names the variable."
)


def pages() -> Iterator[tuple[str, str]]:
    """The one page: path and text."""
    with_defaults = {item.variable: item for item in describe(Settings.model_construct())}
    chapters = [
        part
        for title, names in chapters_of(inspect.getsource(Settings)).items()
        for part in (f"## {title}", table(HEAD, (_row(with_defaults[name]) for name in names)))
    ]
    yield PATH, page("# Settings", ABOUT, *chapters)


HEAD = ("Setting", "Default", "What it does")


def chapters_of(source: str) -> dict[str, list[str]]:
    """The variables below each heading of the source."""
    chapters: dict[str, list[str]] = {}
    title = "General"
    for heading, name in re.findall(r"^    (?:# -+ (.+)|(\w+): )", source, re.MULTILINE):
        title = heading[:1].upper() + heading[1:] if heading else title
        if name in Settings.model_fields:
            chapters.setdefault(title, []).append(variable(name))
    return chapters


def _row(item: Described) -> tuple[str, str, str]:
    return code(item.variable), _amount(item.default, item.unit), prose(item.why)


def _amount(default: str, unit: str) -> str:
    """A default with its unit; bytes also in a form that can be read."""
    if not default:
        return ""
    words = " ".join(filter(None, (code(default), unit)))
    return f"{words} ({_readable(int(default))})" if unit == "bytes" and default != "0" else words


def _readable(count: int) -> str:
    """The largest unit that leaves a whole number."""
    units = ["B", "KiB", "MiB", "GiB"]
    while count % 1024 == 0 and len(units) > 1:
        count //= 1024
        units.pop(0)
    return f"{count} {units[0]}"
