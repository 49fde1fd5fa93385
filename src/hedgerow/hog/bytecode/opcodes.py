"""The operations of PostHog's bytecode, version 1."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

HEADER: Final = ("_H", 1)


class Op(IntEnum):
    """An operation; its operands, when it has any, are the next entries of the code.

    Values are popped from a stack. Binary operations find their left operand on top, so the right one is pushed first.
    Jumps count from the entry behind their operand.
    """

    GET_GLOBAL = 1
    CALL_GLOBAL = 2
    AND = 3
    OR = 4
    NOT = 5
    PLUS = 6
    MINUS = 7
    MULTIPLY = 8
    DIVIDE = 9
    MOD = 10
    EQ = 11
    NOT_EQ = 12
    GT = 13
    GT_EQ = 14
    LT = 15
    LT_EQ = 16
    LIKE = 17
    ILIKE = 18
    NOT_LIKE = 19
    NOT_ILIKE = 20
    IN = 21
    NOT_IN = 22
    REGEX = 23
    NOT_REGEX = 24
    IREGEX = 25
    NOT_IREGEX = 26
    TRUE = 29
    FALSE = 30
    NULL = 31
    STRING = 32
    INTEGER = 33
    FLOAT = 34
    POP = 35
    GET_LOCAL = 36
    SET_LOCAL = 37
    RETURN = 38
    JUMP = 39
    JUMP_IF_FALSE = 40
    DICT = 42
    ARRAY = 43
    TUPLE = 44
    GET_PROPERTY = 45
    SET_PROPERTY = 46
    JUMP_IF_STACK_NOT_NULL = 47
    GET_PROPERTY_NULLISH = 48
    THROW = 49
    TRY = 50
    POP_TRY = 51
    CALLABLE = 52
    CLOSURE = 53
    CALL_LOCAL = 54
    GET_UPVALUE = 55
    SET_UPVALUE = 56
    CLOSE_UPVALUE = 57


BINARY: Final = {
    "+": Op.PLUS,
    "-": Op.MINUS,
    "*": Op.MULTIPLY,
    "/": Op.DIVIDE,
    "%": Op.MOD,
    "==": Op.EQ,
    "!=": Op.NOT_EQ,
    ">": Op.GT,
    ">=": Op.GT_EQ,
    "<": Op.LT,
    "<=": Op.LT_EQ,
    "like": Op.LIKE,
    "ilike": Op.ILIKE,
    "not like": Op.NOT_LIKE,
    "not ilike": Op.NOT_ILIKE,
    "in": Op.IN,
    "not in": Op.NOT_IN,
    "=~": Op.REGEX,
    "!~": Op.NOT_REGEX,
    "=~*": Op.IREGEX,
    "!~*": Op.NOT_IREGEX,
}
"""The operation of each binary operator of the tree."""
