"""CSS selectors over the element chain."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.destinations import ValidationError
from hedgerow.destinations.filters.selectors import selector_pattern

CHAIN = (
    'span.icon:nth-child="1"nth-of-type="1"text="a; b";'
    'button.big.buy:attr__data-x="1"attr__id="go"nth-child="2"nth-of-type="1"text="say \\"hi\\"";'
    'a:attr__title="t"href="/buy?a=1"nth-child="1"nth-of-type="1";'
    'div.card.open:nth-child="3"nth-of-type="2";body'
)


def found(selector, chain=CHAIN):
    return re2.search(selector_pattern(selector), chain) is not None


@pytest.mark.parametrize(
    "selector",
    [
        "span", "button", "body", ".buy", ".buy.big", "button.big", "#go", "button#go.buy", '[data-x="1"]', "[data-x='1']",
        "[data-x=1]", "[id=go]", '[href="/buy?a=1"]', "[title]", "button:nth-child(2)", "div:nth-of-type(2)", "div span", "div > a",
        "a > button > span", "body div.card a[title] .icon", "* > span", "body > div", 'button[text="say "hi""]',
    ],
)  # fmt: skip
def test_what_is_chosen(selector):
    """Tags, classes in any order, ids, attributes, places, descendants and children."""
    assert found(selector)


@pytest.mark.parametrize(
    "selector",
    [
        "spa", "pan", "form", ".bu", ".bigbuy", "span.buy", "#g", "#going", '[data-x="2"]', "[data]", "button:nth-child(1)",
        "div > span", "span div", "a > span", "body > a", "span > button", "div > body", ".card.buy", "a.card",
    ],
)  # fmt: skip
def test_what_is_not_chosen(selector):
    """Parts of names, other places, and elements in the wrong order."""
    assert not found(selector)


def test_texts_cannot_pretend_to_be_elements():
    """A semicolon or a quote within a text ends nothing."""
    assert not found("b", 'span:text="a;b:x"')
    assert not found("i", 'span:text="a\\";i"')


def test_escaped_names():
    """Class names as utility frameworks write them."""
    assert found(r".md\:flex", "div.a.md:flex")
    assert found(r".w-1\/2", "div.w-1/2")


@pytest.mark.parametrize(
    "selector", ["", "  ", ">", "a >", "a:hover", "a, b", "a[", "a + b", "a::before", "..", "a[x=", "a !"]
)
def test_what_is_not_supported_is_said(selector):
    """No selector is silently misread."""
    with pytest.raises(ValidationError):
        selector_pattern(selector)


@given(st.text("ab.#>[]=\"' :()1\\", max_size=20))
def test_every_pattern_is_valid(selector):
    """Whatever is accepted is a regular expression that RE2 takes."""
    try:
        pattern = selector_pattern(selector)
    except ValidationError:
        return
    re2.compile(pattern)
