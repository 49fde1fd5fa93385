"""PostHog bytecode of a tree, so that a program can move back to PostHog, or be compared with its VM.

The code is a JSON array: a header, then operations with their operands. It uses the operations of version 1 only.
"""

from __future__ import annotations

from typing import Any

from hedgerow.hog import ast
from hedgerow.hog.bytecode.opcodes import HEADER, Op
from hedgerow.hog.bytecode.statements import whole
from hedgerow.hog.errors import HogCompileError

__all__ = ["Op", "emit_bytecode"]


def emit_bytecode(tree: ast.Program | ast.Expr, *, source: str | None = None) -> list[Any]:
    """Emit the bytecode of a program, of a filter expression, or of a template.

    Args:
        tree: what a parser of this package returned.
        source: the text it was parsed from, for the place in an error.

    Returns:
        A JSON array. The value of an expression is what remains on the stack.

    Raises:
        HogCompileError: a variable is declared twice, a global is assigned to, or a cohort is asked for.
    """
    try:
        code = whole(tree)
    except HogCompileError as error:
        error.source = source
        raise
    except RecursionError:
        # Only a chain of mixed operators can get here: the parser reads those in a loop, at any length.
        raise HogCompileError("an expression has too many operators", source=source, span=tree.span) from None
    return [*HEADER, *(int(item) if isinstance(item, Op) else item for item in code)]
