"""The examples of the standard library are true, and its reference prints them."""

from __future__ import annotations

import pytest

from hedgerow.hog import Host, compile_program
from hedgerow.hog.docs import function_markdown, stdlib_markdown
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.stdlib import REGISTRY, function
from hedgerow.hog.text import print_form

EXAMPLES = [
    pytest.param(source, value, id=source) for each in REGISTRY.values() for source, value in each.examples
]


@pytest.mark.parametrize(("source", "value"), EXAMPLES)
def test_example(source, value):
    """What the reference says a call gives is what it gives."""
    finished = compile_program(f"return {source}").start({}, Host(now=lambda: 1714739696.0)).advance()
    assert print_form(finished.value) == value


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_function_is_described(name):
    """Each function has a description, and each that is no alias an example."""
    entry = REGISTRY[name]
    assert entry.doc.endswith(".") or "\n" in entry.doc
    assert entry.examples or entry.alias_of


def test_reference_has_every_name():
    """The Markdown reference has an entry for every function, its arity, aliases and examples."""
    text = stdlib_markdown()
    for name, entry in REGISTRY.items():
        assert f"`{name}`" in text
        assert all(source in text for source, _ in entry.examples)
    assert "*1 argument*" in text
    assert "*0 or more arguments*" in text
    assert "*1 to 2 arguments*" in text
    assert "## Differences to PostHog" in text


def test_entry_of_an_alias_is_that_of_its_function():
    """Asking for an alias shows the function it stands for."""
    assert function_markdown("toUUID") == function_markdown("toString")
    assert "Also known as `toUUID`" in function_markdown("toString")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("length()", "Function length requires at least 1 argument"),
        ("replaceAll('a', 'b')", "Function replaceAll requires at least 3 arguments"),
        ("now(1, 2)", "Function now requires at most 1 argument"),
    ],
)
def test_arity(source, message):
    """A wrong number of arguments is told with PostHog's words."""
    name = source.partition("(")[0]
    count = 0 if source.endswith("()") else source.count(",") + 1
    with pytest.raises(HogRuntimeError, match=message):
        REGISTRY[name].check_arity(count)
    REGISTRY[name].check_arity(REGISTRY[name].min)


def test_a_name_is_registered_once():
    """Two functions of one name are a mistake of ours, found at import."""
    with pytest.raises(ValueError, match="registered twice"):
        function("length", 1, 1)(lambda value: value)
