"""Logic and comparison as functions. Unlike the operators, these compare without converting types."""

from __future__ import annotations

from typing import Any

from hedgerow.hog import ops
from hedgerow.hog.context import STRIDE, RuntimeContext
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.stdlib.arguments import is_array, weigh
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.text import js_text
from hedgerow.hog.values import is_number, truthy


@function("and", 1, None, examples=[("`and`(true, 1)", "true"), ("`and`(true, '')", "false")])
def and_(*values: Any) -> bool:
    """Whether all arguments hold."""
    return all(truthy(value) for value in values)


@function("or", 1, None, examples=[("`or`(false, 1)", "true"), ("`or`(null, '')", "false")])
def or_(*values: Any) -> bool:
    """Whether any argument holds."""
    return any(truthy(value) for value in values)


@function("not", 1, 1, examples=[("`not`(0)", "true")])
def not_(value: Any) -> bool:
    """Whether the argument does not hold."""
    return not truthy(value)


@function("if", 3, 3, examples=[("if(1 < 2, 'yes', 'no')", "'yes'")])
def if_(test: Any, then: Any, otherwise: Any) -> Any:
    """The second argument when the first holds, else the third."""
    return then if truthy(test) else otherwise


@function(
    "multiIf",
    3,
    None,
    examples=[("multiIf(false, 1, true, 2, 3)", "2"), ("multiIf(false, 1, null, 2, 3)", "3")],
)
def multi_if(*values: Any) -> Any:
    """Conditions and values in turn, then a default: the value after the first condition that holds."""
    if len(values) % 2 == 0:
        raise HogRuntimeError("multiIf() needs conditions and values in turn, then a default")
    for index in range(0, len(values) - 1, 2):
        if truthy(values[index]):
            return values[index + 1]
    return values[-1]


@function("equals", 2, 2, examples=[("equals(1, 1)", "true"), ("equals(1, '1')", "false")])
def equals(left: Any, right: Any) -> bool:
    """Whether two values are of one type and equal. The operator ``=`` converts, this does not."""
    return ops.strict_equals(left, right)


@function("notEquals", 2, 2, examples=[("notEquals(1, '1')", "true")])
def not_equals(left: Any, right: Any) -> bool:
    """The opposite of ``equals``."""
    return not ops.strict_equals(left, right)


@function("greater", 2, 2, context=True, examples=[("greater(2, 1)", "true")])
def greater(ctx: RuntimeContext, left: Any, right: Any) -> bool:
    """Whether the first is greater. Null is never ordered."""
    weigh(ctx, left, right)
    return ops.greater(left, right)


@function("greaterOrEquals", 2, 2, context=True, examples=[("greaterOrEquals(2, 2)", "true")])
def greater_or_equals(ctx: RuntimeContext, left: Any, right: Any) -> bool:
    """Whether the first is greater or equal. Null is never ordered."""
    weigh(ctx, left, right)
    return ops.greater_equal(left, right)


@function("less", 2, 2, context=True, examples=[("less(1, 2)", "true"), ("less(null, 2)", "false")])
def less(ctx: RuntimeContext, left: Any, right: Any) -> bool:
    """Whether the first is less. Null is never ordered."""
    weigh(ctx, left, right)
    return ops.less(left, right)


@function("lessOrEquals", 2, 2, context=True, examples=[("lessOrEquals(2, 2)", "true")])
def less_or_equals(ctx: RuntimeContext, left: Any, right: Any) -> bool:
    """Whether the first is less or equal. Null is never ordered."""
    weigh(ctx, left, right)
    return ops.less_equal(left, right)


@function("in", 2, 2, context=True, examples=[("`in`(1, [1, 2])", "true"), ("`in`('a', 'abc')", "false")])
def in_(ctx: RuntimeContext, value: Any, items: Any) -> bool:
    """Whether a value is an element of an array or tuple; false for anything else on the right."""
    weigh(ctx, value, items)
    return is_array(items) and ops.contains(items, value)


@function("plus", 2, 2, context=True, examples=[("plus(1, 2)", "3"), ("plus('a', 'b')", "'ab'")])
def plus(ctx: RuntimeContext, left: Any, right: Any) -> Any:
    """The sum of two numbers. When either is a text (or an array or object), both are joined as texts."""
    if not (_is_plain(left) and _is_plain(right)):
        first, second = js_text(ctx, left), js_text(ctx, right)
        ctx.check_string(len(first) + len(second))
        return first + second
    return ops.add(left, right)


def _is_plain(value: Any) -> bool:
    """Whether JavaScript's ``+`` takes a value as a number."""
    return value is None or type(value) is bool or is_number(value)


@function("minus", 2, 2, context=True, examples=[("minus(3, 2)", "1")])
def minus(ctx: RuntimeContext, left: Any, right: Any) -> int | float:
    """The difference of two numbers."""
    weigh(ctx, left, right)
    return ops.subtract(left, right)


@function("min2", 2, 2, context=True, examples=[("min2(3, 2)", "2"), ("min2(null, 2)", "2")])
def min2(ctx: RuntimeContext, left: Any, right: Any) -> Any:
    """The lesser of two values; the other one when one is null."""
    weigh(ctx, left, right)
    return _choose(left, right, swap=ops.less(right, left))


@function("max2", 2, 2, context=True, examples=[("max2(3, 2)", "3"), ("max2(null, 2)", "2")])
def max2(ctx: RuntimeContext, left: Any, right: Any) -> Any:
    """The greater of two values; the other one when one is null."""
    weigh(ctx, left, right)
    return _choose(left, right, swap=ops.greater(right, left))


def _choose(left: Any, right: Any, *, swap: bool) -> Any:
    return right if left is None or swap else left


@function(
    "inCohort", 2, 2, context=True, examples=[("inCohort(1, [1, 2])", "true"), ("inCohort(1, ['1'])", "true")]
)
def in_cohort(ctx: RuntimeContext, cohort: Any, ids: Any) -> bool:
    """Whether a cohort's id is among the ids the person belongs to; numbers and texts of them are alike."""
    weigh(ctx, cohort, ids)
    return _member(ctx, cohort, ids, "inCohort")


@function("notInCohort", 2, 2, context=True, examples=[("notInCohort(3, [1, 2])", "true")])
def not_in_cohort(ctx: RuntimeContext, cohort: Any, ids: Any) -> bool:
    """The opposite of ``inCohort``."""
    weigh(ctx, cohort, ids)
    return not _member(ctx, cohort, ids, "notInCohort")


def _member(ctx: RuntimeContext, cohort: Any, ids: Any, name: str) -> bool:
    if ids is None:
        raise HogRuntimeError(f"{name}() requires cohort membership to be loaded for this evaluation")
    if not is_array(ids):
        return False
    if is_number(cohort) or type(cohort) is str:
        for number, each in enumerate(ids):
            if (is_number(each) or type(each) is str) and ops.equals(each, cohort):
                return True
            if number % STRIDE == STRIDE - 1:
                ctx.tick()
        return False
    return ops.contains(ids, cohort)
