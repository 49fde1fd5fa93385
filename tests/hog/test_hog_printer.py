"""The formatter: what it prints means the same, looks the same when printed again, and loses no comment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hog_trees import expressions, plain, programs
from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.hog.errors import HogCompileError, HogError
from hedgerow.hog.lexer import tokenize
from hedgerow.hog.parser import parse_expression, parse_program
from hedgerow.hog.printer import format_source, print_expression, print_program

HERE = Path(__file__).parent / "syntax"


def sources():
    """Every program of the parser's tests, and every expression as a program."""
    for name, frame in (("programs.txt", "{}"), ("expressions.txt", "let x := {}")):
        for line in (HERE / name).read_text().splitlines():
            yield (
                frame.format(line.replace("\u23ce", "\n"))
                if frame == "{}"
                else "let x := " + line.replace("\u23ce", "\n")
            )


SOURCES = list(sources())


def check(source):
    """Format a text, twice, and compare trees and comments."""
    once = format_source(source)
    assert format_source(once) == once
    assert plain(parse_program(once)) == plain(parse_program(source))
    assert sorted(c.text for c in tokenize(once).comments) == sorted(
        c.text for c in tokenize(source).comments
    )
    return once


@pytest.mark.parametrize("source", SOURCES)
def test_formatting_keeps_the_meaning_of_known_texts(source):
    """Formatting changes neither tree nor comments, and formatting again changes nothing."""
    check(source)


@given(expressions)
@settings(max_examples=200, deadline=None)
def test_a_printed_expression_parses_to_the_same_tree(tree):
    """Whatever the tree, the printed text has exactly the parentheses it needs."""
    assert plain(parse_expression(print_expression(tree))) == plain(tree)


@given(programs)
@settings(max_examples=60, deadline=None)
def test_a_printed_program_parses_to_the_same_tree(tree):
    """Whatever the program, its printed text means the same, and is formatted already."""
    text = print_program(tree)
    assert plain(parse_program(text)) == plain(tree)
    check(text)


BETWEEN_TOKENS = st.sampled_from(
    [" ", " ", " ", "\n", "\n\n\n", " /* c */ ", " // d\n", "\n  # e\n", "\n/* f\n g */\n", " -- h\n"]
)


@given(st.sampled_from([s for s in SOURCES if "'" not in s or "f'" not in s]), st.data())
@settings(max_examples=200, deadline=None)
def test_comments_anywhere_survive(source, data):
    """Between any two tokens a comment or line break may stand: no comment is lost, and the layout is stable."""
    tokens = tokenize(source)
    pieces = [tokens.texts[0]]
    for text in tokens.texts[1:-2]:
        pieces += [data.draw(BETWEEN_TOKENS), text]
    torn = "".join(pieces)
    try:
        tree = plain(parse_program(torn))
    except HogError:
        return  # a few forms take no line break inside
    assert plain(parse_program(check(torn))) == tree


LAYOUTS = sorted((Path(__file__).parent / "layouts").glob("*.hog"))


@pytest.mark.parametrize("path", LAYOUTS, ids=[path.stem for path in LAYOUTS])
def test_layouts_are_as_agreed(path):
    """The part below the line of equal signs is the layout of the part above it; HEDGEROW_REGENERATE=1 rewrites it."""
    source, _, expected = path.read_text().partition("// ====\n")
    found = check(source)
    if os.environ.get("HEDGEROW_REGENERATE"):
        path.write_text(f"{source}// ====\n{found}")
    else:
        assert found == expected


def test_an_endless_chain_of_mixed_operators_is_a_clear_error():
    """What is too deep to print is a Hog error."""
    with pytest.raises(HogCompileError, match="too many operators"):
        format_source("return a" + " + b || c" * 2000)


def test_long_chains_are_printed():
    """A chain of one kind may be of any length."""
    for chain in (
        "a" + " + b" * 3000,
        "a" + ".b" * 3000,
        "f" + "(1)" * 3000,
        "a" + " ?? b" * 3000,
        "a" + " = b" * 3000,
    ):
        once = format_source(f"return {chain}")
        assert "".join(once.split()) == "".join(f"return {chain};".split())
        assert format_source(once) == once
