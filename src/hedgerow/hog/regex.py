"""Regular expressions in linear time (RE2), and LIKE patterns by plain search.

RE2 never backtracks, but its slow path costs about pattern size times text length; that product is bounded here
before any search, so that one C call cannot outlive the limits of a run by much.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import re2

from hedgerow.hog.context import RuntimeContext, watch
from hedgerow.hog.errors import HogRuntimeError, HogSizeLimit
from hedgerow.hog.utf16 import utf8, well_formed

_LONGEST_PATTERN: Final = 10_000
_PATTERN_MEMORY: Final = 1 << 20
_WORK: Final = 16_000_000
"""Instructions of the compiled pattern times bytes of text: about 100 ms at RE2's slowest."""
_WORK_OF_A_VALUE: Final = 100
"""Such work as takes about as long as looking at one value."""
_QUICK_WORK: Final = 400_000
_LONGEST_CACHED: Final = 1000
_LONGEST_FOLDED: Final = 200_000
"""Texts up to this long are folded for a case-blind search without RE2."""


def search(ctx: RuntimeContext, text: str, pattern: str, *, ignore_case: bool = False) -> bool:
    """Whether a pattern matches anywhere in a text.

    Args:
        ctx: the run.
        text: where to look.
        pattern: an RE2 pattern.
        ignore_case: match letters in either case.

    Returns:
        True when there is a match.

    Raises:
        HogRuntimeError: the pattern is no valid RE2 expression.
        HogSizeLimit: pattern and text together would take too long.
    """
    return _find(ctx, *_compile(pattern, ignore_case, False), text) is not None


def extract(ctx: RuntimeContext, text: str, pattern: str) -> str:
    """The first group of the first match, the whole match of a pattern without groups, '' for none.

    Arguments and errors as ``search``.
    """
    match = _find(ctx, *_compile(pattern, False, True), text)
    if match is None:
        return ""
    found = match.group(1 if match.re.groups else 0)
    return "" if found is None else found.decode("utf-8", "replace")


def _find(ctx: RuntimeContext, compiled: Any, size: int, text: str) -> Any:
    """One search in UTF-8, its work bounded beforehand. A lone surrogate counts as one unknown character."""
    watch(ctx, len(text))
    encoded = utf8(text)
    work = len(encoded) * size
    if work > _QUICK_WORK:
        ctx.look_through(work // _WORK_OF_A_VALUE)
    if work > _WORK:
        raise HogSizeLimit(f"This regular expression is too heavy for a text of {len(text)} characters")
    match = compiled.search(encoded)
    watch(ctx, len(text))
    return match


@lru_cache(maxsize=512)
def _compile(pattern: str, ignore_case: bool, capture: bool) -> tuple[Any, int]:
    """A compiled pattern and the size of its program. Errors are not cached, and cheap."""
    if len(pattern) > _LONGEST_PATTERN:
        raise HogSizeLimit(f"A regular expression may have at most {_LONGEST_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PATTERN_MEMORY
    options.case_sensitive = not ignore_case
    options.never_capture = not capture
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else "no valid pattern"
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise HogRuntimeError(f"Invalid regular expression: {shown}") from None
    except UnicodeEncodeError:
        raise HogRuntimeError("Invalid regular expression: a surrogate without its pair") from None
    return compiled, compiled.programsize


def like(ctx: RuntimeContext, text: str, pattern: str, *, ignore_case: bool = False) -> bool:
    """Whether a LIKE pattern occurs in a text: ``%`` is any run within a line, ``_`` any one character.

    The search is not anchored, as in PostHog's VM: ``'abc' like 'b'`` is true.

    Args:
        ctx: the run.
        text: where to look.
        pattern: the LIKE pattern.
        ignore_case: match letters in either case.

    Returns:
        True when the pattern occurs.

    Raises:
        HogSizeLimit: pattern and text together would take too long.
    """
    if len(pattern) > _LONGEST_CACHED:
        ctx.look_through(pattern.count("%"))
    plan = (_like_plan if len(pattern) <= _LONGEST_CACHED else _like_plan.__wrapped__)(pattern, ignore_case)
    foldable = not ignore_case or (text.isascii() and len(text) <= _LONGEST_FOLDED)
    if type(plan) is not tuple or not foldable:
        if len(pattern) > _LONGEST_PATTERN:
            raise HogSizeLimit(f"A pattern like this may have at most {_LONGEST_PATTERN} characters")
        compiled, size = _compile(_like_regex(well_formed(pattern)), ignore_case, False)
        return _find(ctx, compiled, size, text) is not None
    watch(ctx, len(text))
    return _has_segments(ctx, text.lower() if ignore_case else text, plan)


@lru_cache(maxsize=1024)
def _like_plan(pattern: str, ignore_case: bool) -> tuple[str, ...] | None:
    """The literal pieces between the wildcards, or None for a pattern that plain search cannot serve."""
    if "_" in pattern or "\n" in pattern or (ignore_case and not pattern.isascii()):
        return None
    pieces = (pattern.lower() if ignore_case else pattern).split("%")
    return tuple(piece for piece in pieces if piece)


def _like_regex(pattern: str) -> str:
    return "".join({"%": ".*?", "_": "."}.get(char) or re2.escape(char) for char in _one_run(pattern))


def _one_run(pattern: str) -> str:
    """The same pattern with neighbouring ``%`` made one."""
    while "%%" in pattern:
        pattern = pattern.replace("%%", "%")
    return pattern


def _has_segments(ctx: RuntimeContext, text: str, pieces: tuple[str, ...]) -> bool:
    """Whether all pieces occur in order within one line. The leftmost choice of each is always good enough."""
    if len(pieces) < 2:
        return not pieces or pieces[0] in text
    start = 0
    for rounds in range(len(text) + 1):
        if rounds & 255 == 255:
            ctx.tick()
        first = text.find(pieces[0], start)
        if first < 0:
            return False
        end = text.find("\n", first)
        stop = len(text) if end < 0 else end
        if _in_order(ctx, text, pieces, first, stop):
            return True
        start = stop + 1
    return False


def _in_order(ctx: RuntimeContext, text: str, pieces: tuple[str, ...], start: int, stop: int) -> bool:
    for position, piece in enumerate(pieces):
        if position & 255 == 255:
            ctx.tick()
        found = text.find(piece, start, stop)
        if found < 0:
            return False
        start = found + len(piece)
    return True
