"""Bytecode of statements."""

from __future__ import annotations

from typing import Any

from hedgerow.hog import ast
from hedgerow.hog.bytecode.expressions import ExpressionEmitter
from hedgerow.hog.bytecode.frame import Frame
from hedgerow.hog.bytecode.opcodes import Op
from hedgerow.hog.errors import HogCompileError


class Emitter(ExpressionEmitter):
    """The whole emitter."""

    __slots__ = ()

    def program(self, node: ast.Program) -> list[Any]:
        """The code of a program; its value is that of a last statement that is an expression."""
        self.frame.open()
        *body, last = node.body or [ast.Empty(span=node.span)]
        for statement in body:
            self.statement(statement)
        if isinstance(last, ast.ExprStatement):
            self.expression(last.expr)
            self.frame.emit(Op.RETURN)
        else:
            self.statement(last)
            self.frame.close()
        return self.frame.code

    def statement(self, node: ast.Statement) -> None:
        """Append a statement; it leaves the stack as it was but for variables it declares."""
        match node:
            case ast.Let():
                self.let(node)
            case ast.Assign():
                self.assign(node)
            case ast.ExprStatement():
                self.expression(node.expr)
                self.frame.emit(Op.POP)
            case ast.Block():
                self.block(node)
            case ast.If():
                self.if_(node)
            case ast.While():
                self.loop(node.test, node.body, None)
            case ast.For():
                self.for_(node)
            case ast.ForIn():
                self.for_in(node)
            case ast.Function():
                self.frame.declare(node.name, node.name_span or node.span)
                self.function(node.name, node.params, node.body, node.span)
            case ast.Return():
                self.return_(node)
            case ast.Throw():
                self.expression(node.value)
                self.frame.emit(Op.THROW)
            case ast.Try():
                self.try_(node)
            case ast.Empty():
                pass

    def block(self, node: ast.Block) -> None:
        """Append statements with a scope of their own."""
        self.frame.open()
        for statement in node.body:
            self.statement(statement)
        self.frame.close()

    def scoped(self, node: ast.Statement) -> None:
        """Append a body; a lone declaration in it must not stay on the stack."""
        self.frame.open()
        self.statement(node)
        self.frame.close()

    # ------------------------------------------------------------ variables

    def let(self, node: ast.Let) -> None:
        """Append a declaration; a function in its value may already refer to it."""
        local = self.frame.declare(node.name, node.name_span or node.span, ready=False)
        if node.value is None:
            self.literal(None)
        else:
            self.expression(node.value)
        local.ready = True

    def assign(self, node: ast.Assign) -> None:
        """Append an assignment to a variable, or to a property of what a variable holds."""
        self.check_root(node)
        match node.target:
            case ast.Name(name=name):
                self.expression(node.value)
                self.store(name)
            case ast.Property(object=target, name=name):
                self.expression(target)
                self.literal(name)
                self.expression(node.value)
                self.frame.emit(Op.SET_PROPERTY)
            case ast.Index(object=target, key=key):
                self.expression(target)
                self.expression(key)
                self.expression(node.value)
                self.frame.emit(Op.SET_PROPERTY)

    def check_root(self, node: ast.Assign) -> None:
        """Refuse to assign to a global or to a part of one; what a call returns may be written to."""
        root = node.target
        while isinstance(root, ast.Property | ast.Index):
            root = root.object
        if isinstance(root, ast.Name) and not self.is_variable(root.name):
            message = f'Variable "{root.name}" not declared in this scope. Can not assign to globals.'
            raise HogCompileError(message, span=root.span)

    def store(self, name: str) -> None:
        """Append the assignment of the value on the stack to a variable."""
        index = self.frame.local(name)
        if index is not None:
            self.frame.emit(Op.SET_LOCAL, index)
        else:
            self.frame.emit(Op.SET_UPVALUE, self.frame.upvalue(name))

    # ------------------------------------------------------------ branches and loops

    def if_(self, node: ast.If) -> None:
        """Append a branch."""
        self.expression(node.test)
        hole = self.frame.jump(Op.JUMP_IF_FALSE)
        self.scoped(node.then)
        if node.otherwise is None:
            self.frame.land(hole)
            return
        end = self.frame.jump(Op.JUMP)
        self.frame.land(hole)
        self.scoped(node.otherwise)
        self.frame.land(end)

    def loop(self, test: ast.Expr | None, body: ast.Statement, step: ast.Statement | None) -> None:
        """Append a loop that tests first."""
        frame = self.frame
        start = len(frame.code)
        if test is None:
            frame.emit(Op.TRUE)
        else:
            self.expression(test)
        hole = frame.jump(Op.JUMP_IF_FALSE)
        self.scoped(body)
        if step is not None:
            self.statement(step)
        frame.jump_back(start)
        frame.land(hole)

    def for_(self, node: ast.For) -> None:
        """Append a counting loop; its variable is one for all rounds."""
        self.frame.open()
        if node.init is not None:
            self.statement(node.init)
        self.loop(node.test, node.body, node.step)
        self.frame.close()

    def for_in(self, node: ast.ForIn) -> None:
        """Append a loop over the values, and the keys, that a value has when the loop begins; null has none."""
        frame = self.frame
        frame.open()
        self.expression(node.iterable)
        self.if_null(ast.Array(items=[], span=node.span))
        source = self.hidden("expr", node)
        keys = self.hidden_call("keys", source, node) if node.key is not None else None
        values = self.hidden_call("values", source, node)
        frame.emit(Op.INTEGER, 1)
        index = self.hidden("index", node)
        limit = self.hidden_call("length", values, node)
        places = [
            (self.loop_variable(name, node), items)
            for name, items in ((node.key, keys), (node.value, values))
            if name
        ]
        start = len(frame.code)
        frame.emit(Op.GET_LOCAL, limit, Op.GET_LOCAL, index, Op.LT_EQ)
        hole = frame.jump(Op.JUMP_IF_FALSE)
        for place, items in places:
            frame.emit(Op.GET_LOCAL, items, Op.GET_LOCAL, index, Op.GET_PROPERTY, Op.SET_LOCAL, place)
        self.scoped(node.body)
        frame.emit(Op.INTEGER, 1, Op.GET_LOCAL, index, Op.PLUS, Op.SET_LOCAL, index)
        frame.jump_back(start)
        frame.land(hole)
        frame.close()

    def hidden(self, name: str, node: ast.ForIn) -> int:
        """Make a variable that no source can name of what is on the stack; returns its place."""
        self.frame.declare(f"__H_{name}_H__", node.span)
        return len(self.frame.locals) - 1

    def hidden_call(self, function: str, argument: int, node: ast.ForIn) -> int:
        """Make a hidden variable of what a library function gives for another."""
        self.frame.emit(Op.GET_LOCAL, argument, Op.CALL_GLOBAL, function, 1)
        return self.hidden(function, node)

    def loop_variable(self, name: str, node: ast.ForIn) -> int:
        """Declare a variable of a loop; returns its place."""
        self.frame.emit(Op.NULL)
        self.frame.declare(name, node.span)
        return len(self.frame.locals) - 1

    # ------------------------------------------------------------ leaving

    def return_(self, node: ast.Return) -> None:
        """Append a return; a ``try`` around it is given up first, which PostHog's VM leaves to the code."""
        if node.value is None:
            self.literal(None)
        else:
            self.expression(node.value)
        self.frame.emit(*[Op.POP_TRY] * self.frame.tries, Op.RETURN)

    def try_(self, node: ast.Try) -> None:
        """Append a body, and what receives an error thrown in it."""
        frame = self.frame
        catch = frame.jump(Op.TRY)
        frame.tries += 1
        self.block(node.body)
        frame.tries -= 1
        frame.emit(Op.POP_TRY)
        end = frame.jump(Op.JUMP)
        frame.land(catch)
        frame.code[catch] += 1  # this one distance counts from the operand itself
        self.catches(node.catches)
        frame.land(end)

    def catches(self, catches: list[ast.Catch]) -> None:
        """Append the handlers in order; the error is on the stack, and is thrown again when none takes it."""
        frame = self.frame
        frame.open()
        error = frame.declare("__H_error_H__", catches[0].span)
        place = len(frame.locals) - 1
        ends: list[int] = []
        for catch in catches:
            hole = self.catch_test(catch, place)
            error.name = catch.name
            self.block(catch.body)
            error.name = "__H_error_H__"
            ends.append(frame.jump(Op.JUMP))
            if hole is not None:
                frame.land(hole)
        frame.emit(Op.GET_LOCAL, place, Op.THROW)
        for end in ends:
            frame.land(end)
        frame.close()

    def catch_test(self, catch: ast.Catch, place: int) -> int | None:
        """Append the test of an error's type; returns the jump to the next handler."""
        if catch.type in {None, "Error"}:
            return None
        self.frame.emit(Op.STRING, catch.type, Op.GET_LOCAL, place, Op.STRING, "type", Op.GET_PROPERTY, Op.EQ)
        return self.frame.jump(Op.JUMP_IF_FALSE)


def whole(node: ast.Program | ast.Expr | ast.Template) -> list[Any]:
    """The code of a tree, without header."""
    emitter = Emitter()
    if isinstance(node, ast.Program):
        return emitter.program(node)
    emitter.expression(node)
    return emitter.frame.code


__all__ = ["Emitter", "Frame", "whole"]
