"""The standard library of Hog: one module per family, every function registered in ``registry``."""

from __future__ import annotations

from hedgerow.hog.stdlib import (
    arrays,
    crypto,
    dateformat,
    dates,
    encoding,
    errors,
    higher,
    io,
    json,
    logic,
    net,
    numbers,
    strings,
    types,
)
from hedgerow.hog.stdlib.registry import REGISTRY, HogFunction, RuntimeContext, function

__all__ = [
    "REGISTRY",
    "HogFunction",
    "RuntimeContext",
    "arrays",
    "crypto",
    "dateformat",
    "dates",
    "encoding",
    "errors",
    "function",
    "higher",
    "io",
    "json",
    "logic",
    "net",
    "numbers",
    "strings",
    "types",
]
