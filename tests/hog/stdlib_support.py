"""A run for library tests: it counts what it is asked, and can be given small limits."""

from __future__ import annotations

from hedgerow.hog.context import Unmetered
from hedgerow.hog.errors import HogSizeLimit
from hedgerow.hog.stdlib import REGISTRY


class Run(Unmetered):
    """A context with limits on sizes; keeps printed lines and counts looks at the clock."""

    def __init__(self, *, string=4_000_000, items=100_000, json_depth=200):
        self.json_depth = json_depth
        self.string, self.items = string, items
        self.lines, self.ticks, self.charged = [], 0, 0

    def charge(self, size, /):
        self.charged += size

    def tick(self):
        self.ticks += 1

    def check_string(self, length, /):
        if length > self.string:
            raise HogSizeLimit("string")

    def check_items(self, count, /):
        if count > self.items:
            raise HogSizeLimit("items")

    def cap_items(self, count, /):
        self.check_items(count)

    def print(self, text, /):
        self.lines.append(text)


def call(name, *args, run=None):
    """Call a library function by its Hog name."""
    entry = REGISTRY[name]
    entry.check_arity(len(args))
    return entry.impl(*((run or Run(), *args) if entry.context else args))


NAN = float("nan")
INF = float("inf")
