"""The table from generated line numbers to places in Hog source."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from hedgerow.hog.ast import Span

_NARROW: Final = 2**16
_NOTHING: Final[dict[Span, int]] = {}
_NO_FUNCTIONS: Final[dict[str, str]] = {}
_ONE_TEXT: Final = [1]
"""What tables share that are frozen; nobody writes to it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a generated instruction comes from; ``key`` names the input in a set of templates."""

    source: str | None
    span: Span
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Inlined:
    """Places of a function whose body stands in the place of a call of it."""

    numbers: range
    function: str
    caller: int


class Places:
    """Numbers the places of one compilation; generated nodes carry the number as their line.

    Kept for as long as the code is, so it is compact: two integers a place, one entry for each source text.
    """

    __slots__ = ("_bounds", "_inlined", "_numbers", "_starts", "_texts", "functions")

    def __init__(self, source: str | None, key: str | None = None) -> None:
        self._bounds = array("I")
        self._texts: list[tuple[str | None, str | None]] = [(source, key)]
        self._starts = [1]
        self._numbers: dict[Span, int] = {}
        self._inlined: tuple[_Inlined, ...] = ()
        self.functions = _NO_FUNCTIONS  # generated names of functions to Hog's

    def __len__(self) -> int:
        return len(self._bounds) // 2

    def begin(self, source: str | None, key: str | None) -> None:
        """What follows comes from another source text."""
        self._texts.append((source, key))
        self._starts.append(len(self) + 1)
        self._numbers = {}

    def number(self, span: Span) -> int:
        """The number of a place, from 1."""
        number = self._numbers.get(span)
        if number is None:
            self._bounds.extend(span)
            number = self._numbers[span] = len(self._bounds) // 2
        return number

    @contextmanager
    def within(self, function: str, caller: int) -> Iterator[None]:
        """What follows is the body of a function, put in the place of a call of it.

        Args:
            function: Hog's name of it.
            caller: the place of the call.
        """
        outer, self._numbers, start = self._numbers, {}, len(self) + 1
        yield
        self._inlined += (_Inlined(range(start, len(self) + 1), function, caller),)
        self._numbers = outer

    def freeze(self, functions: dict[str, str]) -> Places:
        """Keep no more than telling places needs: there are many filters.

        Args:
            functions: the generated names of functions, to Hog's.

        Returns:
            The same table.
        """
        self._numbers = _NOTHING
        self._bounds = array("H" if max(self._bounds, default=0) < _NARROW else "I", self._bounds)
        self._starts = self._starts if len(self._starts) > 1 else _ONE_TEXT
        self.functions = functions or _NO_FUNCTIONS
        return self

    def frames(self, code: str, number: int) -> list[tuple[str, Place]]:
        """Where in Hog an instruction is: function and place, with the caller of an inlined function before it.

        Args:
            code: the generated name of the function that has the instruction.
            number: the instruction's place; one that was never given has no frames.
        """
        place = self.place(number)
        if place is None:
            return []
        inlined = next((each for each in self._inlined if number in each.numbers), None)
        if inlined is None:
            return [(self.functions.get(code, "program"), place)]
        return [*self.frames(code, inlined.caller), (inlined.function, place)]

    def place(self, number: int) -> Place | None:
        """The place of a number; None for a number that was never given."""
        if not 1 <= number <= len(self):
            return None
        source, key = self._texts[bisect_right(self._starts, number) - 1]
        return Place(source, Span(*self._bounds[2 * number - 2 : 2 * number]), key)
