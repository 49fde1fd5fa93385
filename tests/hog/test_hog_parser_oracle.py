"""Our parser against the one PostHog publishes: same texts in, same trees out.

Both trees are brought to one plain form first. Skipped where the published parser is not installed.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.hog import ast
from hedgerow.hog.errors import HogCompileError, HogError
from hedgerow.hog.parser import parse_expression, parse_program, parse_template


def load_published_parser():
    """Import the published parser; it takes its error classes from a module of PostHog's server, so lend it one."""
    errors = ModuleType("posthog.hogql.errors")
    names = (
        "BaseHogQLError",
        "ExposedHogQLError",
        "SyntaxError",
        "ParsingError",
        "NotImplementedError",
        "QueryError",
    )
    for name in names:
        setattr(errors, name, type(name, (Exception,), {}))
    parents = {name: ModuleType(name) for name in ("posthog", "posthog.hogql")}
    with patch.dict(sys.modules, {**parents, errors.__name__: errors}):
        return pytest.importorskip("hogql_parser")


published = load_published_parser()


class Rejected(Exception):
    """The published parser does not take the text."""


def published_tree(kind, source):
    """The published parser's tree as it is."""
    parse = {
        "program": published.parse_program_json,
        "expression": published.parse_expr_json,
        "template": published.parse_full_template_string_json,
    }[kind]
    try:
        tree = json.loads(parse("F'" + source if kind == "template" else source, is_internal=True))
    except Exception as error:
        raise Rejected(source) from error
    if tree.get("error"):
        raise Rejected(tree["message"])
    return tree


def theirs(kind, source):
    """The plain form of the published parser's tree."""
    return their_form(published_tree(kind, source))


def ours(kind, source):
    """The plain form of our tree."""
    parse = {"program": parse_program, "expression": parse_expression, "template": parse_template}[kind]
    return our_form(parse(source))


# ---------------------------------------------------------------- the plain form of their tree


def constant(value):
    """A constant that compares by type and value, NaN included."""
    if isinstance(value, float) and math.isnan(value):
        return ("constant", "nan")
    if value == "Infinity":
        value = math.inf
    return ("constant", type(value).__name__, value)


def access(target, key, nullish):
    """``a.b`` and ``a['b']`` are one thing to the published parser."""
    return ("access", target, key, bool(nullish))


def their_form(node):
    """Plain form of a node of the published parser."""
    if node is None:
        return None
    return globals()["their_" + node["node"].lower()](node)


def all_of(nodes):
    return tuple(their_form(node) for node in nodes)


def their_constant(node):
    if node.get("value_type") == "number":
        return constant(float(node["value"]))
    return constant(node["value"])


def their_field(node):
    form = ("name", node["chain"][0])
    for part in node["chain"][1:]:
        form = access(form, constant(part), nullish=False)
    return form


def their_arrayaccess(node):
    return access(their_form(node["array"]), their_form(node["property"]), node.get("nullish"))


def their_tupleaccess(node):
    return access(their_form(node["tuple"]), constant(node["index"]), node.get("nullish"))


def their_call(node):
    callee = ("name", node["name"])
    if node.get("params") is not None:
        callee = ("call", callee, all_of(node["params"]))
    if callee == ("name", "not") and len(node["args"]) == 1:
        return ("not", their_form(node["args"][0]))
    return joined(callee, all_of(node["args"]))


def joined(callee, args):
    """A call; joining texts that were joined before is one joining."""
    if callee == ("name", "concat"):
        args = tuple(part for arg in args for part in (arg[2] if arg[:2] == ("call", callee) else (arg,)))
    return ("call", callee, args)


def their_exprcall(node):
    return ("call", their_form(node["expr"]), all_of(node["args"]))


def their_arithmeticoperation(node):
    return (node["op"], their_form(node["left"]), their_form(node["right"]))


their_compareoperation = their_arithmeticoperation


def flattened(op, items):
    """One chain of `and` or `or`: nesting it to either side means the same."""
    return (op, tuple(part for item in items for part in (item[1] if item[0] == op else (item,))))


def their_and(node):
    return flattened("and", all_of(node["exprs"]))


def their_or(node):
    return flattened("or", all_of(node["exprs"]))


def their_not(node):
    return ("not", their_form(node["expr"]))


def their_betweenexpr(node):
    return ("between", node["negated"], *all_of((node["expr"], node["low"], node["high"])))


def their_array(node):
    return ("array", all_of(node["exprs"]))


def their_tuple(node):
    return ("tuple", all_of(node["exprs"]))


def their_dict(node):
    return ("dict", tuple((their_form(k), their_form(v)) for k, v in node["items"]))


def their_lambda(node):
    body = node["expr"]
    form = (
        ("block", (("expr", their_form(body["expr"])),))
        if body["node"] == "Placeholder"
        else their_form(body)
    )
    return ("lambda", tuple(node["args"]), form)


def their_program(node):
    return ("block", all_of(node["declarations"]))


their_block = their_program


def their_exprstatement(node):
    return ("expr", their_form(node["expr"]))


def their_variabledeclaration(node):
    return ("let", node["name"], their_form(node["expr"]))


def their_variableassignment(node):
    return ("assign", their_form(node["left"]), their_form(node["right"]))


def their_returnstatement(node):
    return ("return", their_form(node["expr"]))


def their_throwstatement(node):
    return ("throw", their_form(node["expr"]))


def their_ifstatement(node):
    return ("if", their_form(node["expr"]), their_form(node["then"]), their_form(node["else_"]))


def their_whilestatement(node):
    return ("while", their_form(node["expr"]), their_form(node["body"]))


def their_forstatement(node):
    return ("for", *(their_form(node[part]) for part in ("initializer", "condition", "increment", "body")))


def their_forinstatement(node):
    return ("forin", node["keyVar"], node["valueVar"], their_form(node["expr"]), their_form(node["body"]))


def their_function(node):
    return ("fun", node["name"], tuple(node["params"]), their_form(node["body"]))


def their_trycatchstatement(node):
    catches = tuple((name or "e", kind, their_form(body)) for name, kind, body in node["catches"])
    return ("try", their_form(node["try_stmt"]), catches)


# ---------------------------------------------------------------- the plain form of our tree


def each(nodes):
    return tuple(our_form(node) for node in nodes)


def called(name, *args):
    return joined(("name", name), args)


def our_form(node):
    """Plain form of a node of ours."""
    match node:
        case None:
            return None
        case ast.Literal(value=value):
            return constant(value)
        case ast.Name(name=name):
            return ("name", name)
        case ast.Property(object=target, name=name, nullish=nullish):
            return access(our_form(target), constant(name), nullish)
        case ast.Index(object=target, key=key, nullish=nullish):
            return access(our_form(target), our_form(key), nullish)
        case ast.Call(callee=callee, args=args):
            return joined(our_form(callee), each(args))
        case ast.Unary(op="-", operand=operand):
            return ("-", constant(0), our_form(operand))
        case ast.Unary(operand=operand):
            return ("not", our_form(operand))
        case ast.Binary(op=op, left=left, right=right):
            return (op, our_form(left), our_form(right))
        case ast.Concat(parts=parts):
            return called("concat", *each(parts))
        case ast.Logical(op=op, operands=operands):
            return flattened(op, each(operands))
        case ast.Coalesce(left=left, right=right):
            return called("ifNull", our_form(left), our_form(right))
        case ast.Conditional(test=test, then=then, otherwise=otherwise):
            return called("if", *each((test, then, otherwise)))
        case ast.IsNull(operand=operand, negated=negated):
            return ("!=" if negated else "==", our_form(operand), constant(None))
        case ast.Between(operand=operand, low=low, high=high, negated=negated):
            return ("between", negated, *each((operand, low, high)))
        case ast.Cohort(operand=operand, cohort=cohort, negated=negated):
            return ("not in cohort" if negated else "in cohort", our_form(operand), our_form(cohort))
        case ast.Array(items=items):
            return ("array", each(items))
        case ast.Tuple(items=items):
            return ("tuple", each(items))
        case ast.Dict(items=items):
            return ("dict", tuple((our_form(k), our_form(v)) for k, v in items))
        case ast.Template(parts=parts):
            forms = tuple(constant(part) if isinstance(part, str) else our_form(part) for part in parts)
            return constant("") if not forms else forms[0] if len(forms) == 1 else called("concat", *forms)
        case ast.Lambda(params=params, body=body):
            return ("lambda", tuple(params), our_form(body))
        case _:
            return our_statement(node)


def our_statement(node):
    """Plain form of a statement of ours."""
    match node:
        case ast.Program(body=body) | ast.Block(body=body):
            return ("block", each(body))
        case ast.Let(name=name, value=value):
            return ("let", name, our_form(value))
        case ast.Assign(target=target, value=value):
            return ("assign", our_form(target), our_form(value))
        case ast.ExprStatement(expr=expr):
            return ("expr", our_form(expr))
        case ast.Empty():
            return None
        case ast.If(test=test, then=then, otherwise=otherwise):
            return ("if", *each((test, then, otherwise)))
        case ast.While(test=test, body=body):
            return ("while", our_form(test), our_form(body))
        case ast.For(init=init, test=test, step=step, body=body):
            parts = each((init, test, step))
            return (
                "for",
                *(part[1] if part and part[0] == "expr" else part for part in parts),
                our_form(body),
            )
        case ast.ForIn(key=key, value=value, iterable=iterable, body=body):
            return ("forin", key, value, our_form(iterable), our_form(body))
        case ast.Function(name=name, params=params, body=body):
            return ("fun", name, tuple(params), our_form(body))
        case ast.Return(value=value):
            return ("return", our_form(value))
        case ast.Throw(value=value):
            return ("throw", our_form(value))
        case ast.Try(body=body, catches=catches):
            return ("try", our_form(body), tuple((c.name, c.type, our_form(c.body)) for c in catches))
    raise AssertionError(node)


# ---------------------------------------------------------------- texts written by hand

TEMPLATES = [
    r"\0a", r"\x41", r"\q", r"\'", "''", r"\}", "}", r"\\", "a\\", "{x}", "{ x }", "{x}{y}", "", "'", "{'a'}", "{f'{x}'}",
    "{{'a':1}}", "{ {'a': 1} }", r"\\{x}", r"\\\{x}", r"a\\\\{x}", r"\{x}", "a {x /* c */} b", "{x // c\n}", '"', "{x} {y}", r"\n\t",
    "{x -> {return 1}}", "{a ? 'b' : f'c{d}'} e", "{'}'}", "x\ny",
]  # fmt: skip


HERE = Path(__file__).parent / "syntax"


def lines(name):
    """The texts of a file, one a line; a newline inside a text is written as an arrow."""
    return [line.replace("\u23ce", "\n") for line in (HERE / name).read_text().splitlines()]


@pytest.mark.parametrize("source", lines("expressions.txt"))
def test_expressions_have_the_same_tree(source):
    """An expression means the same to both parsers."""
    assert ours("expression", source) == theirs("expression", source)


@pytest.mark.parametrize("source", lines("programs.txt"))
def test_programs_have_the_same_tree(source):
    """A program means the same to both parsers."""
    assert ours("program", source) == theirs("program", source)


@pytest.mark.parametrize("source", TEMPLATES)
def test_templates_have_the_same_tree(source):
    """An input template means the same to both parsers."""
    assert ours("template", source) == theirs("template", source)


@pytest.mark.parametrize("source", lines("rejected.txt"))
def test_neither_parser_takes_a_broken_expression(source):
    """What the published parser refuses as an expression, ours refuses with a place and a message."""
    with pytest.raises(Rejected):
        theirs("expression", source)
    with pytest.raises(HogError) as caught:
        ours("expression", source)
    assert caught.value.span is not None


@pytest.mark.parametrize("source", lines("rejected_programs.txt"))
def test_neither_parser_takes_a_broken_program(source):
    """What the published parser refuses as a program, ours refuses with a place and a message."""
    with pytest.raises(Rejected):
        theirs("program", source)
    with pytest.raises(HogError) as caught:
        ours("program", source)
    assert caught.value.span is not None


UNSUPPORTED = [
    "(select 1)", "<a b='c'/>", "{x}", "*", "a.*", "count(*)", "f(distinct x)", "x as y", "a is distinct from b", "a <=> b",
    "a[1:2]", "case x when 1 then 2 else 3 end", "try_cast(x as int)", "interval 1 week", "a[0]", "x::Map",
]  # fmt: skip


@pytest.mark.parametrize("source", UNSUPPORTED)
def test_what_only_sql_can_mean_is_a_compile_error(source):
    """Forms that the published parser takes but no Hog runtime evaluates say so, rather than that they do not parse."""
    published_tree("expression", source)
    with pytest.raises(HogCompileError):
        ours("expression", source)


# ---------------------------------------------------------------- texts made up

OPERATORS = [
    "+", "-", "*", "/", "%", "||", "=", "==", "!=", "<>", " < ", "<=", ">", ">=", "=~", "!~", "~*", "!~*", " in ",
    " not in ", " like ", " not like ", " ilike ", " not ilike ", "??", " and ", " or ",
]  # fmt: skip
OPERANDS = [
    "a",
    "b.c",
    "f(x)",
    "1",
    "'s'",
    "2.5",
    "null",
    "true",
    "[1]",
    "(a, b)",
    "x[1]",
    "-1",
    "x?.y",
    "f'{a}!'",
]
# A lower bound that itself holds a looser operator makes the published parser search for any reading that fits.
BOUNDS = st.sampled_from([*OPERANDS, "a + b", "a = b", "a ?? b", "- a"])


@st.composite
def chains(draw, depth=3):
    """An expression without helpful parentheses: every operator beside every other."""
    text = draw(st.sampled_from(OPERANDS))
    for _ in range(draw(st.integers(0, 3))):
        operand = draw(st.sampled_from(OPERANDS) if depth == 0 else chains(depth - 1))
        match draw(st.integers(0, 14)):
            case 0:
                text = f"not {text}"
            case 1:
                text = f"- {text}"
            case 2:
                text = f"{text} is null"
            case 3:
                text = f"{text} is not null"
            case 4:
                text = f"{text} between {draw(BOUNDS)} and {operand}"
            case 5:
                text = f"{text} not between {draw(BOUNDS)} and {operand}"
            case 6:
                text = f"{text} ? {operand} : {draw(st.sampled_from(OPERANDS))}"
            case 7:
                text = f"({text})"
            case 8:
                text = f"case when {text} then {operand} else 1 end"
            case _:
                text = f"{text} {draw(st.sampled_from(OPERATORS))} {operand}"
    return text


@given(chains())
@settings(max_examples=250, deadline=None)
def test_operators_bind_the_same_in_any_company(source):
    """Whatever operators meet, both parsers group them alike, or both refuse."""
    try:
        expected = theirs("expression", source)
    except Rejected:
        with pytest.raises(HogError):
            ours("expression", source)
    else:
        assert ours("expression", source) == expected
