"""The chain of page elements behind an autocaptured event: reading the text form that the SDKs' servers store.

Elements stand innermost first, separated by ``;``; each is ``tag.class1.class2:name="value"other="value"``.
The four derived facts follow the formulas that PostHog's event table uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_VALUE: Final = r'"((?:\\.|[^"\\])*)"'
_HREF: Final = re.compile(r'[:"]href=' + _VALUE)
_TEXT: Final = re.compile(r'[:"]text=' + _VALUE)
_ID: Final = re.compile(r'[:"]attr_id=' + _VALUE)
_TAG: Final = re.compile(r"(?:^|;)(a|button|form|input|select|textarea|label)(?:\.|$|:)")


def _distinct(values: list[str]) -> list[str]:
    return list(dict.fromkeys(value.replace('\\"', '"') for value in values))


def href(chain: str) -> str:
    """Where the first link of the chain leads, or an empty text."""
    found = _HREF.search(chain)
    return found.group(1).replace('\\"', '"') if found else ""


def texts(chain: str) -> list[str]:
    """The distinct texts of the elements."""
    return _distinct(_TEXT.findall(chain))


def ids(chain: str) -> list[str]:
    """The distinct HTML ids of the elements."""
    return _distinct(_ID.findall(chain))


def tags(chain: str) -> list[str]:
    """The distinct tag names among those a person can act upon."""
    return _distinct(_TAG.findall(chain))


DERIVED: Final[Mapping[str, Callable[[str], Any]]] = {
    "elements_chain_href": href,
    "elements_chain_texts": texts,
    "elements_chain_ids": ids,
    "elements_chain_elements": tags,
}
