"""The code of one function in the making, and what its names stand for.

A local variable is a place on the stack, counted from the bottom of its function; a variable of an enclosing function is
reached through an upvalue, which each function in between passes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hedgerow.hog import ast
from hedgerow.hog.bytecode.opcodes import Op
from hedgerow.hog.errors import HogCompileError


@dataclass(slots=True)
class Local:
    """A variable on the stack.

    Attributes:
        name: its name; hidden variables have names that no source can spell.
        depth: the nesting of the block that declares it.
        ready: false while its first value is being worked out: only a function defined there may refer to it.
        captured: whether a function holds on to it, so that it must outlive its place.
    """

    name: str
    depth: int
    ready: bool = True
    captured: bool = False


class Frame:
    """One function: its code, its variables, and the variables it takes from around it."""

    __slots__ = ("code", "depth", "locals", "outer", "tries", "upvalues")

    def __init__(self, params: list[str], outer: Frame | None, span: ast.Span) -> None:
        self.code: list[Any] = []
        self.outer = outer
        self.depth = 0
        self.tries = 0
        self.locals: list[Local] = []
        self.upvalues: list[tuple[bool, int]] = []
        for name in params:
            self.declare(name, span)

    # ------------------------------------------------------------ code

    def emit(self, *items: Any) -> None:
        """Append operations and operands."""
        self.code.extend(items)

    def jump(self, op: Op) -> int:
        """Append a jump forward; returns where its distance is to be written."""
        self.code += (op, 0)
        return len(self.code) - 1

    def land(self, hole: int) -> None:
        """Let a jump land here."""
        self.code[hole] = len(self.code) - hole - 1

    def jump_back(self, target: int) -> None:
        """Append a jump to an earlier place."""
        self.code += (Op.JUMP, target - len(self.code) - 2)

    # ------------------------------------------------------------ names

    def declare(self, name: str, span: ast.Span, *, ready: bool = True) -> Local:
        """Make a variable of what is, or will be, on top of the stack.

        Raises:
            HogCompileError: the block has one of that name already.
        """
        for local in reversed(self.locals):
            if local.depth < self.depth:
                break
            if local.name == name:
                raise HogCompileError(f"Variable `{name}` already declared in this scope", span=span)
        local = Local(name, self.depth, ready)
        self.locals.append(local)
        return local

    def local(self, name: str) -> int | None:
        """The place of a variable of this function."""
        for index in range(len(self.locals) - 1, -1, -1):
            if self.locals[index].name == name and self.locals[index].ready:
                return index
        return None

    def upvalue(self, name: str) -> int | None:
        """The number of the upvalue through which this function reaches a variable around it."""
        if self.outer is None:
            return None
        for index in range(len(self.outer.locals) - 1, -1, -1):
            if self.outer.locals[index].name == name:
                self.outer.locals[index].captured = True
                return self.add_upvalue(is_local=True, index=index)
        index_outside = self.outer.upvalue(name)
        return None if index_outside is None else self.add_upvalue(is_local=False, index=index_outside)

    def add_upvalue(self, *, is_local: bool, index: int) -> int:
        """The number of an upvalue, a new one unless it is there already."""
        if (is_local, index) not in self.upvalues:
            self.upvalues.append((is_local, index))
        return self.upvalues.index((is_local, index))

    # ------------------------------------------------------------ blocks

    def open(self) -> None:
        """Enter a block."""
        self.depth += 1

    def close(self) -> None:
        """Leave a block: its variables come off the stack."""
        self.depth -= 1
        while self.locals and self.locals[-1].depth > self.depth:
            self.emit(Op.CLOSE_UPVALUE if self.locals.pop().captured else Op.POP)
