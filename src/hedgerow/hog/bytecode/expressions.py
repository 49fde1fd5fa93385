"""Bytecode of expressions.

Two things differ from what PostHog emits, so that a program means there what it means here: ``and`` and ``or`` skip
operands that could have an effect, and ``between`` evaluates each operand once. Chains to the left (``a + b + c``, ``f().x[1]``)
are walked in a loop, since they may be of any length.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from hedgerow.hog import ast
from hedgerow.hog.bytecode.frame import Frame
from hedgerow.hog.bytecode.opcodes import BINARY, Op
from hedgerow.hog.errors import HogCompileError

_Spine: TypeAlias = ast.Binary | ast.Coalesce | ast.Property | ast.Index | ast.Call | ast.IsNull
_PLAIN_OPERATORS = frozenset({"==", "!=", "<", "<=", ">", ">="})


class ExpressionEmitter:
    """Appends the code of expressions to a frame. Statements in lambdas come from the subclass."""

    __slots__ = ("frame",)

    def __init__(self) -> None:
        self.frame = Frame([], None, ast.Span(0, 0))

    def block(self, node: ast.Block) -> None:
        """Append a block; given by the statement emitter."""
        raise NotImplementedError

    def expression(self, node: ast.Expr) -> None:
        """Append code that leaves the value on the stack."""
        match node:
            case ast.Literal():
                self.literal(node.value)
            case ast.Name():
                self.name(node)
            case ast.Unary():
                self.unary(node)
            case ast.Concat():
                self.call_global("concat", node.parts)
            case ast.Logical():
                self.logical(node)
            case ast.Conditional():
                self.choose([(node.test, node.then)], node.otherwise)
            case ast.Between():
                self.between(node)
            case ast.Cohort():
                self.cohort(node)
            case ast.Array():
                self.gather(node.items, Op.ARRAY)
            case ast.Tuple():
                self.gather(node.items, Op.TUPLE)
            case ast.Dict():
                self.gather([part for item in node.items for part in item], Op.DICT, len(node.items))
            case ast.Template():
                self.template(node)
            case ast.Lambda():
                self.function("lambda", node.params, node.body, node.span)
            case _:
                self.spine(node)

    def each(self, nodes: list[ast.Expr]) -> None:
        """Append several expressions in order."""
        for node in nodes:
            self.expression(node)

    def gather(self, nodes: list[ast.Expr], op: Op, count: int | None = None) -> None:
        """Append expressions and the operation that makes one value of them."""
        self.each(nodes)
        self.frame.emit(op, len(nodes) if count is None else count)

    # ------------------------------------------------------------ literals and names

    def literal(self, value: str | float | bool | None) -> None:
        """Append a constant; infinity and NaN, which JSON lacks, are divisions."""
        emit = self.frame.emit
        if value is None:
            emit(Op.NULL)
        elif isinstance(value, bool):
            emit(Op.TRUE if value else Op.FALSE)
        elif isinstance(value, str):
            emit(Op.STRING, value)
        elif isinstance(value, int):
            emit(Op.INTEGER, value)
        elif math.isfinite(value):
            emit(Op.FLOAT, value)
        else:
            emit(
                Op.INTEGER, 0, Op.INTEGER, 0 if math.isnan(value) else int(math.copysign(1, value)), Op.DIVIDE
            )

    def name(self, node: ast.Name) -> None:
        """Append a variable or a global."""
        if not self.variable(node.name):
            self.frame.emit(Op.STRING, node.name, Op.GET_GLOBAL, 1)

    def variable(self, name: str) -> bool:
        """Append a variable; false when there is none of that name."""
        index = self.frame.local(name)
        if index is not None:
            self.frame.emit(Op.GET_LOCAL, index)
            return True
        index = self.frame.upvalue(name)
        if index is None:
            return False
        self.frame.emit(Op.GET_UPVALUE, index)
        return True

    def is_variable(self, name: str) -> bool:
        """Whether a name is a variable rather than a global."""
        return self.frame.local(name) is not None or self.frame.upvalue(name) is not None

    def template(self, node: ast.Template) -> None:
        """Append a text with expressions; a lone expression keeps its own value."""
        parts = [self.constant(part, node) if isinstance(part, str) else part for part in node.parts]
        if not parts:
            self.literal("")
        elif len(parts) == 1:
            self.expression(parts[0])
        else:
            self.call_global("concat", parts)

    def constant(self, value: str, node: ast.Node) -> ast.Expr:
        """A string as an expression."""
        return ast.Literal(value=value, span=node.span)

    # ------------------------------------------------------------ chains to the left

    def spine(self, node: ast.Expr) -> None:
        """Append a chain: what stands before the leftmost operand, that operand, and what follows, inside out."""
        chain: list[_Spine] = []
        while isinstance(node, _Spine) and not self.stands_alone(node):
            chain.append(node)
            node = self.before(node)
        self.leftmost(node)
        for link in reversed(chain):
            self.behind(link)

    def before(self, node: _Spine) -> ast.Expr:
        """Append what goes on the stack before the left part of a link; returns the left part."""
        match node:
            case ast.Binary():
                self.expression(node.right)
                return node.left
            case ast.IsNull():
                self.literal(None)
                return node.operand
            case ast.Call():
                self.each(node.args)
                return node.callee
            case ast.Coalesce():
                return node.left
        return node.object

    def behind(self, node: _Spine) -> None:
        """Append what follows the left part of a link."""
        match node:
            case ast.Binary():
                self.frame.emit(BINARY[node.op])
            case ast.IsNull():
                self.frame.emit(Op.NOT_EQ if node.negated else Op.EQ)
            case ast.Call():
                self.frame.emit(Op.CALL_LOCAL, len(node.args))
            case ast.Coalesce():
                self.if_null(node.right)
            case ast.Property():
                self.literal(node.name)
                self.frame.emit(Op.GET_PROPERTY_NULLISH if node.nullish else Op.GET_PROPERTY)
            case ast.Index():
                self.expression(node.key)
                self.frame.emit(Op.GET_PROPERTY_NULLISH if node.nullish else Op.GET_PROPERTY)

    def if_null(self, otherwise: ast.Expr) -> None:
        """Append what replaces a null on the stack."""
        hole = self.frame.jump(Op.JUMP_IF_STACK_NOT_NULL)
        self.frame.emit(Op.POP)
        self.expression(otherwise)
        self.frame.land(hole)

    def stands_alone(self, node: _Spine) -> bool:
        """Whether a link has code of its own: the call of a global by name, or a path into a global."""
        if isinstance(node, ast.Call):
            return isinstance(node.callee, ast.Name)
        return isinstance(node, ast.Property) and self.global_path(node) is not None

    def global_path(self, node: ast.Expr) -> list[str] | None:
        """The names of a path like ``event.properties.x`` that begins at a global."""
        names: list[str] = []
        while isinstance(node, ast.Property) and not node.nullish:
            names.append(node.name)
            node = node.object
        if isinstance(node, ast.Name) and not self.is_variable(node.name):
            return [*names, node.name]
        return None

    def leftmost(self, node: ast.Expr) -> None:
        """Append the leftmost operand of a chain."""
        if isinstance(node, ast.Call) and isinstance(node.callee, ast.Name):
            self.call_by_name(node.callee.name, node)
        elif isinstance(node, ast.Property):
            path = self.global_path(node)
            assert path is not None
            for name in path:
                self.literal(name)
            self.frame.emit(Op.GET_GLOBAL, len(path))
        else:
            self.expression(node)

    # ------------------------------------------------------------ calls

    def call_by_name(self, name: str, node: ast.Call) -> None:
        """Append a call of a variable or of a global function; some functions are code of their own."""
        if self.special_form(name, node.args):
            return
        if node.sugar is None and self.is_variable(name):
            self.each(node.args)
            self.variable(name)
            self.frame.emit(Op.CALL_LOCAL, len(node.args))
        else:
            self.call_global(name, node.args)

    def call_global(self, name: str, args: list[ast.Expr]) -> None:
        """Append a call of a library or host function."""
        self.each(args)
        self.frame.emit(Op.CALL_GLOBAL, name, len(args))

    def special_form(self, name: str, args: list[ast.Expr]) -> bool:
        """Append a call that does not evaluate all of its arguments, or that is an operator; false for all others."""
        count = len(args)
        if name == "not" and count == 1:
            self.expression(args[0])
            self.frame.emit(Op.NOT)
        elif name in {"and", "or"} and count > 1:
            self.connect(name, args)
        elif (name == "if" and count in {2, 3}) or (name == "multiIf" and count >= 2):
            pairs = list(zip(args[::2], args[1::2], strict=False))
            self.choose(pairs, args[-1] if count % 2 else None)
        elif name == "ifNull" and count == 2:
            self.expression(args[0])
            self.if_null(args[1])
        else:
            return False
        return True

    def choose(self, pairs: list[tuple[ast.Expr, ast.Expr]], otherwise: ast.Expr | None) -> None:
        """Append conditions with their values; null when none holds and there is no other value."""
        ends: list[int] = []
        for test, value in pairs:
            self.expression(test)
            hole = self.frame.jump(Op.JUMP_IF_FALSE)
            self.expression(value)
            ends.append(self.frame.jump(Op.JUMP))
            self.frame.land(hole)
        if otherwise is None:
            self.literal(None)
        else:
            self.expression(otherwise)
        for hole in ends:
            self.frame.land(hole)

    # ------------------------------------------------------------ operators

    def unary(self, node: ast.Unary) -> None:
        """Append ``not x``, or ``-x`` as ``0 - x``."""
        self.expression(node.operand)
        if node.op == "not":
            self.frame.emit(Op.NOT)
        else:
            self.frame.emit(Op.INTEGER, 0, Op.MINUS)

    def logical(self, node: ast.Logical) -> None:
        """Append ``a and b`` or ``a or b``."""
        self.connect(node.op, node.operands)

    def connect(self, op: str, operands: list[ast.Expr]) -> None:
        """Append ``and`` or ``or``: one operation where evaluating all does no harm, jumps otherwise."""
        if all(is_harmless(operand) for operand in operands[1:]):
            self.gather(operands, Op.AND if op == "and" else Op.OR)
            return
        frame = self.frame
        holes: list[int] = []
        for operand in operands:
            self.expression(operand)
            if op == "or":
                frame.emit(Op.NOT)
            holes.append(frame.jump(Op.JUMP_IF_FALSE))
        frame.emit(Op.TRUE if op == "and" else Op.FALSE)
        end = frame.jump(Op.JUMP)
        for hole in holes:
            frame.land(hole)
        frame.emit(Op.FALSE if op == "and" else Op.TRUE)
        frame.land(end)

    def between(self, node: ast.Between) -> None:
        """Append a range test through a small function, which has each operand once."""
        operands = [node.operand, node.low, node.high]
        span = node.span
        names = ["value", "low", "high"]
        value, low, high = (ast.Name(name=name, span=span) for name in names)
        signs = ("<", ">") if node.negated else (">=", "<=")
        tests: list[ast.Expr] = [
            ast.Binary(op=signs[0], left=value, right=low, span=span),
            ast.Binary(op=signs[1], left=value, right=high, span=span),
        ]
        inside = ast.Logical(op="or" if node.negated else "and", operands=tests, span=span)
        known: list[ast.Expr] = [
            ast.IsNull(operand=name, negated=True, span=span) for name in (value, low, high)
        ]
        self.each(operands)
        self.function("lambda", names, ast.Logical(op="and", operands=[*known, inside], span=span), span)
        self.frame.emit(Op.CALL_LOCAL, 3)

    def cohort(self, node: ast.Cohort) -> None:
        """Refuse ``in cohort``, as PostHog's compiler does."""
        raise HogCompileError(
            "Can't use cohorts in real-time filters. Please inline the relevant expressions.", span=node.span
        )

    # ------------------------------------------------------------ functions

    def function(self, name: str, params: list[str], body: ast.Expr | ast.Block, span: ast.Span) -> None:
        """Append a function value."""
        outer = self.frame
        inner = self.frame = Frame(params, outer, span)
        if isinstance(body, ast.Block):
            self.block(body)
            inner.emit(Op.NULL, Op.RETURN)
        else:
            self.expression(body)
            inner.emit(Op.RETURN)
        self.frame = outer
        outer.emit(Op.CALLABLE, name, len(params), len(inner.upvalues), len(inner.code), *inner.code)
        outer.emit(Op.CLOSURE, len(inner.upvalues))
        for is_local, index in inner.upvalues:
            outer.emit(is_local, index)


def is_harmless(node: ast.Expr) -> bool:
    """Whether evaluating an expression in vain shows nowhere: no call, and no operator that refuses a type."""
    match node:
        case ast.Literal() | ast.Name():
            return True
        case ast.Property(object=target):
            return is_path(target)
        case ast.Binary(op=op, left=left, right=right):
            return op in _PLAIN_OPERATORS and is_path(left) and is_path(right)
        case ast.IsNull(operand=operand) | ast.Unary(op="not", operand=operand):
            return is_path(operand)
        case ast.Logical(operands=operands):
            return all(is_harmless(operand) for operand in operands)
    return False


def is_path(node: ast.Expr) -> bool:
    """Whether an expression is a constant, a name, or properties of a name."""
    while isinstance(node, ast.Property):
        node = node.object
    return isinstance(node, ast.Literal | ast.Name)
