"""What a program shows to whoever looks after it."""

from __future__ import annotations

from typing import Any

from hedgerow.hog.context import RuntimeContext
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.text import print_text


@function("print", 0, None, context=True, pure=False, examples=[("print('hello', 1)", "null")])
def print_(ctx: RuntimeContext, *values: Any) -> None:
    """Write one line to the log of the run: all arguments in their print form, a space between them."""
    texts = [print_text(ctx, value) for value in values]
    ctx.check_string(sum(map(len, texts)) + len(texts))
    ctx.print(" ".join(texts))
