"""The parser on its own: values and places in the tree, and what no text can make it do."""

from __future__ import annotations

import math
import time
from dataclasses import fields, is_dataclass

import pytest
from hog_trees import plain
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hedgerow.hog import ast
from hedgerow.hog.errors import HogCompileError, HogError, HogSyntaxError
from hedgerow.hog.lexer import KEYWORDS, RESERVED
from hedgerow.hog.parser import parse_expression, parse_program, parse_template

PARSERS = [parse_program, parse_expression, parse_template]

LITERALS = [
    ("1", 1),
    ("007", 7),
    ("0x1F", 31),
    ("0b101", 5),
    ("1.5", 1.5),
    ("1.", 1.0),
    (".5", 0.5),
    ("1e3", 1000.0),
    ("1.e3", 1000.0),
    ("1.5E-2", 0.015),
    ("0x1p3", 8.0),
    ("0x1.8p1", 3.0),
    ("0x1p999999", math.inf),
    ("1e999", math.inf),
    ("-1", -1),
    ("+1", 1),
    ("-0x10", -16),
    ("-inf", -math.inf),
    ("INFINITY", math.inf),
    ("9223372036854775807", 2**63 - 1),
    ("9223372036854775808", float(2**63)),
    ("-9223372036854775808", -(2**63)),
    ("-9223372036854775809", -float(2**63)),
    ("9" * 5000, math.inf),
    ("0x" + "f" * 16, float(2**64)),
    ("0x" + "f" * 400, math.inf),
    ("-0x" + "f" * 400, -math.inf),
    ("0b" + "1" * 70, float(2**70)),
    ("0" * 5000 + "7", 7),
    ("true", True),
    ("FALSE", False),
    ("Null", None),
    (r"'a\n\t\\\'b'", "a\n\t\\'b"),
    ("'a''b'", "a'b"),
    (r"'\0a\x41'", r"a\x41"),
    ("'é\n😀'", "é\n😀"),
    ("''", ""),
]


@pytest.mark.parametrize(("source", "value"), LITERALS, ids=[source[:20] for source, _ in LITERALS])
def test_literals_have_their_value(source, value):
    """A literal is read as the language says, type included."""
    node = parse_expression(source)
    assert isinstance(node, ast.Literal)
    assert (type(node.value), node.value) == (type(value), value)


def test_nan_is_a_number():
    """NaN is a literal, alone or with a sign."""
    for source in ("nan", "NaN", "-nan"):
        node = parse_expression(source)
        assert isinstance(node.value, float)
        assert math.isnan(node.value)


TEMPLATES = [
    ("plain", ["plain"]),
    ("", []),
    (r"a\{b}\n''\'\}", ["a{b}\n''\\'\\}"]),
    ("{x}", [("Name", ("str", "'x'"), ("bool", "False"))]),
]


@pytest.mark.parametrize(("text", "parts"), TEMPLATES)
def test_templates_keep_text_apart_from_expressions(text, parts):
    """Text in a template is decoded by its own rules; braces hold expressions."""
    template = parse_template(text)
    assert template.whole
    assert [part if isinstance(part, str) else plain(part) for part in template.parts] == parts


def nodes(node):
    """A node and all below it."""
    if isinstance(node, list | tuple) and not isinstance(node, ast.Span):
        for item in node:
            yield from nodes(item)
    elif is_dataclass(node):
        yield node
        for field in fields(node):
            yield from nodes(getattr(node, field.name))


def test_every_node_knows_its_place():
    """The text of a node's span is what the node was made from."""
    source = "let x := f(a.b[1], 'str') + -2; if (x is not null) { x.y := (1, 2) } else { throw [x -> {'k': x ?? f'{x}!'}] }"
    program = parse_program(source)
    texts = {
        type(node).__name__: source[slice(*node.span)]
        for node in nodes(program)
        if isinstance(node, ast.Node)
    }
    assert texts["Let"] == "let x := f(a.b[1], 'str') + -2;"
    assert texts["Index"] == "a.b[1]"
    assert texts["Binary"] == "f(a.b[1], 'str') + -2"
    assert texts["IsNull"] == "x is not null"
    assert texts["Assign"] == "x.y := (1, 2)"
    assert texts["Tuple"] == "(1, 2)"
    assert texts["Lambda"] == "x -> {'k': x ?? f'{x}!'}"
    assert texts["Coalesce"] == "x ?? f'{x}!'"
    assert texts["Template"] == "f'{x}!'"
    assert source[slice(*program.body[0].name_span)] == "x"


def test_comments_stand_beside_the_tree():
    """Comments of all kinds are kept with their place, and whether the line is theirs alone."""
    source = "// one\nlet x := 1 -- two\n  # three\n/* four\n five */ x"
    found = [
        (comment.text, comment.own_line, source[slice(*comment.span)])
        for comment in parse_program(source).comments
    ]
    assert found == [
        ("// one", True, "// one"),
        ("-- two", False, "-- two"),
        ("# three", True, "# three"),
        ("/* four\n five */", True, "/* four\n five */"),
    ]


SUGAR = [
    ("case when a then b end", "case", "if", 3),
    ("case when a then b when c then d end", "case", "multiIf", 5),
    ("interval 2 days", "interval", "toIntervalDay", 1),
    ("interval '3 hours'", "interval", "toIntervalHour", 1),
    ("interval (a + 1) month", "interval", "toIntervalMonth", 1),
    ("trim(trailing 'x' from s)", "trim", "trimRight", 2),
    ("cast(a as Int64)", "cast", "toInt", 1),
    ("a::String", "::", "toString", 1),
]


@pytest.mark.parametrize(("source", "sugar", "name", "count"), SUGAR)
def test_forms_of_sql_become_calls(source, sugar, name, count):
    """A form that only SQL has is a call of the function that does the same."""
    call = parse_expression(source)
    assert (call.sugar, call.callee.name, len(call.args)) == (sugar, name, count)


PLAIN_NAMES = [
    "case",
    "interval",
    "date",
    "trim",
    "lambda",
    "select",
    "cast",
    "not",
    "if",
    "for",
    "return",
    "substring",
]


@pytest.mark.parametrize("word", PLAIN_NAMES)
def test_most_keywords_are_names_where_no_keyword_fits(word):
    """A keyword alone, or as a property, is a name."""
    assert plain(parse_expression(word)) == ("Name", ("str", repr(word)), ("bool", "False"))
    assert parse_expression(f"a.{word}").name == word
    assert parse_program(f"let {word} := 1; {word} := 2").body[1].target.name == word


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_reserved_words_are_never_names(word):
    """Nothing can be declared under a reserved word."""
    with pytest.raises(HogSyntaxError):
        parse_program(f"let {word} := 1")


# ---------------------------------------------------------------- hostile texts

PIECES = st.sampled_from(
    [
        *"()[]{}.,;:?+-*/%=<>~!&|\\'\"`#@ \n\t\0é😀\ud800",
        *KEYWORDS,
        *["==", "!=", ":=", "->", "??", "?.", "::", "||", "<=>", "=~*", "!~*", "//", "--", "/*", "*/", "f'", "'a'", "`b`"],
        *["when", "then", "end", "cohort", "distinct", "from", "day", "both", "else", "x", "a.b", "f(x)", "1", "0x", "1e", "1.5", "0o7"],
        *["\\n", "\\{", "\\x4", "''", "{x}", "{'a': 1}", "x -> ", "let x := ", "if (x) ", "fun f(a) {", "try {", "catch (e) {"],
    ]
)  # fmt: skip
HOSTILE = st.one_of(
    st.lists(PIECES, max_size=25).map("".join),
    st.lists(PIECES, max_size=25).map(" ".join),
    st.text(max_size=30),
)


def check_place(error, text):
    """An error points into its text, and can show it."""
    assert error.source == text
    assert 0 <= error.span.start <= error.span.end <= len(text) + 2
    assert error.render().startswith("line ")


@given(HOSTILE)
@settings(max_examples=600, deadline=None)
@example("f'" * 50)
@example("f'{" * 50)
@example("{" * 50 + "}" * 49)
def test_no_text_raises_anything_but_an_error_with_a_place(text):
    """Whatever the text: a tree, or an error that can show where it is."""
    for parse in PARSERS:
        try:
            parse(text)
        except (HogSyntaxError, HogCompileError) as error:
            check_place(error, text)


OPENINGS = [
    "(", "[", "{", "{'a':", "f(", "f'{", "a[", "-", "not ", "not (", "x -> ", "a ? ", "a ? b : ", "x -> {", "if (a) ", "else ",
    "fun f() {", "try {", "while (a) ", "for (;;) ", "case when ", "a ?? (", "interval (", "(a, ", "[1, ", "- ", "{ {",
    "if (a) { } else ", "lambda x: ", "a between ", "cast(", "trim(both ", "not(", "x.y(", "{'a': x -> ",
]  # fmt: skip


@pytest.mark.usefixtures("young_heap")
@pytest.mark.parametrize("opening", OPENINGS)
def test_deep_nesting_is_a_clean_error(opening):
    """Twenty thousand open brackets are an error, never a crash, and quickly so."""
    started = time.process_time()
    for parse in PARSERS:
        try:
            parse(opening * 20_000 if parse is not parse_template else "{" + opening * 20_000)
        except HogError as error:
            check_place(error, error.source)
    assert time.process_time() - started < 5


def test_nesting_is_allowed_up_to_the_limit():
    """199 levels parse; 201 say that they are too many."""
    assert parse_expression("(" * 199 + "a" + ")" * 199)
    with pytest.raises(HogSyntaxError, match="levels of nesting"):
        parse_expression("(" * 201 + "a" + ")" * 201)


LONG = [
    " " * 50000, "a" * 50000, "'" * 24999, "'a" * 12500, "f'" * 12500, "\\" * 25000, "/*" * 25000, "{" * 25000,
    "{ a " * 7500, "{a b c}" * 5000, "a." * 15000 + "a", "a + " * 10000 + "a", "a and " * 10000 + "a", "a || " * 10000 + "a",
    "a(1)" * 10000, "a[1]" * 10000, "a is null " * 1 + "is null " * 5000, "x := 1 " * 7500, "`" * 24999, '"\\' * 12500,
    "-- " * 12500, "#\n" * 12500, "0" * 50000, "1." * 15000, "if(a," * 5000, "x -> {a} " * 3750, "(a,b)->c " * 1,
    "a ? b : c ; " * 5000, "{a ? b" * 5000, "case " * 10000, "substring(a " * 5000, "{'a':1};" * 5000, "a::int" * 1 + "::int" * 5000,
]  # fmt: skip


@pytest.mark.usefixtures("young_heap")
@pytest.mark.parametrize("text", LONG, ids=[repr(text[:12]) for text in LONG])
def test_long_texts_take_linear_time(text):
    """A text of tens of thousands of characters takes well under a second, whatever it repeats."""
    for parse in PARSERS:
        started = time.process_time()
        try:
            parse(text)
        except HogError as error:
            error.render()
        assert time.process_time() - started < 5
