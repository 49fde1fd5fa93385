"""CSS selectors over a chain of page elements, as one regular expression in linear time.

The chain lists elements innermost first, so a selector is matched from its last part outwards. Supported are tags,
``.classes``, ``#ids``, ``[attribute="value"]``, ``:nth-child(n)``, ``:nth-of-type(n)``, descendants and ``>``.
"""

from __future__ import annotations

import re
from typing import Final

from hedgerow.destinations.errors import ValidationError

_PART: Final = re.compile(
    r"""(?P<tag>^(?:\*|[A-Za-z][\w-]*))
      | \.(?P<class>(?:\\.|[\w-])+)
      | \#(?P<id>(?:\\.|[\w-])+)
      | \[\s*(?P<name>[\w:-]+)\s*=\s*(?P<quote>["']?)(?P<value>.*?)(?P=quote)\s*\]
      | \[\s*(?P<present>[\w:-]+)\s*\]
      | :(?P<pseudo>nth-child|nth-of-type)\(\s*(?P<nth>\d+)\s*\)""",
    re.VERBOSE,
)
_SPLIT: Final = re.compile(r"""((?:\[[^\]]*\]|\\.|[^\s>\[\\])+)|\s*(>)\s*|\s+""")

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_ATTRIBUTES: Final = rf'(?:[^;"]|{_QUOTED})*'
_CLASSES: Final = r"(?:\.[^.:;\"]+)*"
_ANY_ELEMENTS: Final = rf"(?:{_ATTRIBUTES};)*"


def selector_pattern(selector: str) -> str:
    """A pattern that finds the selector in the text of a chain.

    Raises:
        ValidationError: the selector uses what is not supported, or is empty.
    """
    pieces: list[str] = []
    inner_is_child = True
    for element, is_child in reversed(_split(selector)):
        pieces += [] if inner_is_child else [_ANY_ELEMENTS]
        pieces.append(_element(element, selector))
        inner_is_child = is_child
    return "(?:^|;)" + "".join(pieces)


def _split(selector: str) -> list[tuple[str, bool]]:
    """Compound selectors in order, each with whether ``>`` stands before it."""
    parts: list[tuple[str, bool]] = []
    direct = False
    position, text = 0, selector.strip()
    while position < len(text):
        found = _SPLIT.match(text, position)
        if found is None or "," in (found.group(1) or "").split("[")[0]:
            raise ValidationError(
                f"The selector {selector!r} cannot be read at {text[position:]!r}.", attr="value"
            )
        if found.group(1):
            parts.append((found.group(1), direct))
            direct = False
        elif found.group(2):
            direct = True
        position = found.end()
    if not parts or direct:
        raise ValidationError(f"The selector {selector!r} is incomplete.", attr="value")
    return parts


def _element(text: str, selector: str) -> str:
    """The pattern of one element and the end of its place in the chain."""
    tag, classes, attributes = '[^.:;"]+', [], []
    position = 0
    while position < len(text):
        found = _PART.match(text, position) if position else _PART.match(text)
        if found is None:
            raise ValidationError(
                f"The selector {selector!r} cannot be read at {text[position:]!r}.", attr="value"
            )
        position = found.end()
        if found["tag"]:
            tag = tag if found["tag"] == "*" else re.escape(found["tag"])
        elif found["class"]:
            classes.append(_plain(found["class"]))
        else:
            attributes.append(_attribute(found))
    return tag + _with_classes(classes) + _with_attributes(attributes) + "(?:;|$)"


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _attribute(found: re.Match[str]) -> tuple[str, str | None]:
    """Name in the chain and value, None for "whatever it is"."""
    if found["id"]:
        return "attr__id", _plain(found["id"])
    if found["pseudo"]:
        return found["pseudo"], found["nth"]
    if found["present"]:
        return f"attr__{found['present']}", None
    known = {"id": "attr__id", "href": "href", "text": "text"}
    return known.get(found["name"], f"attr__{found['name']}"), found["value"]


def _with_classes(classes: list[str]) -> str:
    """Classes stand sorted in the chain, so theirs may be looked for in that order."""
    return "".join(rf"{_CLASSES}\.{re.escape(item)}" for item in sorted(classes)) + _CLASSES


def _with_attributes(attributes: list[tuple[str, str | None]]) -> str:
    """Attributes stand sorted by name."""
    if not attributes:
        return rf"(?::{_ATTRIBUTES})?"
    pieces = [
        rf"(?:[^;\"]|{_QUOTED})*?" + _pair(*item) for item in sorted(attributes, key=lambda item: item[0])
    ]
    return ":" + "".join(pieces) + _ATTRIBUTES


def _pair(attribute: str, value: str | None) -> str:
    shown = _QUOTED if value is None else '"' + re.escape(value.replace('"', '\\"')) + '"'
    return re.escape(attribute) + "=" + shown
