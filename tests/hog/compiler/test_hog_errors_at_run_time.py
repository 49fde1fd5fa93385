"""Errors tell the author what, where, through which functions, and what was probably meant."""

import gc

import pytest

from hedgerow.hog import (
    HogCompileError,
    HogDate,
    HogError,
    HogRuntimeError,
    HogThrown,
    Host,
    compile_filter,
    compile_program,
    compile_template,
    compile_template_set,
    parse_expression,
)


def failure(source, globals_=None):
    with pytest.raises(HogError) as caught:
        compile_program(source).start(globals_ or {}, Host()).advance()
    return caught.value


GOLDEN = {
    "an error thrown in a function": (
        "fun check(x) {\n  if (x < 1) {\n    throw RetryError('too small', x)\n  }\n}\n\ncheck(5)\ncheck(0)",
        """line 3, column 5: too small
3 |     throw RetryError('too small', x)
  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  in check (line 3, column 5)
  in program (line 8, column 1)""",
    ),
    "a global that does not exist": (
        "let a := evnt.properties\nreturn a",
        """line 1, column 10: Global variable not found: evnt
1 | let a := evnt.properties
  |          ^^^^
hint: did you mean `event`?
  in program (line 1, column 10)""",
    ),
    "a function that does not exist": (
        "return lenght('abc')",
        """line 1, column 8: Hog function `lenght` is not implemented
1 | return lenght('abc')
  |        ^^^^^^
hint: did you mean `length`?""",
    ),
    "a value that is no function": (
        "let f := event.name\nreturn f(1)",
        """line 2, column 8: Can not call a value of type string
2 | return f(1)
  |        ^^^^
  in program (line 2, column 8)""",
    ),
    "a lambda in a library loop": (
        "return arrayMap(x -> jsonParse(x), ['1', '{'])",
        "line 1, column 22: Invalid JSON",
    ),
    "assigning a global": (
        "event := 1",
        """line 1, column 1: Variable "event" not declared in this scope. Can not assign to globals.
1 | event := 1
  | ^^^^^
hint: declare it first: let event := ...""",
    ),
    "declaring twice": (
        "let a := 1; let a := 2",
        "line 1, column 17: Variable `a` already declared in this scope",
    ),
    "too few arguments": (
        "substring('a')",
        "line 1, column 1: Function substring requires at least 2 arguments",
    ),
    "too many arguments": (
        "fun f(a) { }\nf(1, 2)",
        "line 2, column 1: Too many arguments. Passed 2, expected 1",
    ),
    "throwing what is no error": (
        "throw 'text'",
        "line 1, column 1: Can not throw: value is not of type Error",
    ),
    "a computed index of zero": (
        "let i := 0; return [1][i]",
        "line 1, column 20: Hog arrays start from index 1",
    ),
    "a cohort": ("return event in cohort 1", "line 1, column 8: Cohorts can not be used here."),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_errors_as_a_person_sees_them(name):
    """Message, excerpt, caret, hint and stack, as rendered."""
    source, expected = GOLDEN[name]
    rendered = failure(source, {"event": {"name": "x"}}).render()
    assert rendered == expected or ("\n" not in expected and rendered.startswith(expected))


def test_an_uncaught_error_has_its_parts():
    """Type, message and payload of the Hog error are on the Python error."""
    error = failure("throw HogError('Custom', 'text', {'a': 1})")
    assert isinstance(error, HogThrown)
    assert (error.type, error.message, error.payload) == ("Custom", "text", {"a": 1})


def test_rethrown_errors_keep_the_place_of_the_throw():
    """A catch that does not fit changes nothing about where the error came from."""
    assert failure("try {\n  throw Error('x')\n} catch (e: Other) {\n}").line == 2


def test_filters_templates_and_sets_tell_the_place_and_the_input():
    """Errors of compiling and of rendering carry source and span, in a set also the key."""
    with pytest.raises(HogRuntimeError) as caught:
        compile_filter("a = 1 and nowhere.b")({"a": 1})
    assert (caught.value.column, caught.value.message) == (11, "Global variable not found: nowhere")
    with pytest.raises(HogRuntimeError) as caught:
        compile_template("text {jsonParse(a)}").render({"a": "{"})
    assert caught.value.column == 7
    inputs = compile_template_set({"fine": "{a}", "bad": {"deep": ["text", "x {jsonParse(inputs.fine)}"]}})
    with pytest.raises(HogRuntimeError) as caught:
        inputs.render({"a": "{"})
    assert (caught.value.key, caught.value.column, caught.value.source) == (
        "bad",
        4,
        "x {jsonParse(inputs.fine)}",
    )
    for wrong in (
        "{fetch('u')}",
        "{lenght(1)}",
        "{1 +}",
        "{f := 1}",
        "{arrayMap(x -> sleep(1), [1])}",
        "{fetch}",
    ):
        with pytest.raises(HogError) as caught:
            compile_template_set({"fine": "", "bad": [{"k": wrong}]})
        assert caught.value.key == "bad"
        assert caught.value.source == wrong


def test_inputs_in_a_circle_are_refused():
    """The circle is named, with one of its keys."""
    with pytest.raises(HogCompileError, match="circle") as caught:
        compile_template_set({"a": "{inputs.b}", "b": "x{inputs['a']}", "c": ""})
    assert caught.value.key in {"a", "b"}


def test_sets_of_templates():
    """Order follows references, constants stay, spreads come first, inputs of the host are seen behind those of the set."""
    inputs = compile_template_set(
        {
            "last": "{inputs.first}-{inputs.given}-{inputs.secret}",
            "first": "{event.name}",
            "given": 5,
            "body": {
                "$$_extend_object": "{event}",
                "name": "own {inputs.first}",
                "list": [None, True, "{1}", 2.5],
            },
            "all": "{inputs['first'] ?? 'none'} {typeof(inputs)}",
            "escaped": "a\\{b}",
            "date": "{toDate('2024-02-29')}",
            "spread": {"$$_extend_object": "{null}", "k": "v"},
        }
    )
    world = {"event": {"name": "signup", "id": 7}, "inputs": {"secret": "s", "first": "not this"}}
    rendered = inputs.render(world)
    assert list(rendered) == ["last", "first", "given", "body", "all", "escaped", "date", "spread"]
    assert inputs.order.index("first") < inputs.order.index("last")
    assert rendered["last"] == "signup-5-s"
    assert rendered["body"] == {"name": "own signup", "id": 7, "list": [None, True, 1, 2.5]}
    assert list(rendered["body"]) == ["name", "id", "list"]
    assert rendered["all"] == "signup object"
    assert rendered["escaped"] == "a{b}"
    assert rendered["date"] == HogDate(2024, 2, 29)
    assert rendered["spread"] == {"k": "v"}
    assert world["event"] == {"name": "signup", "id": 7}
    ordered = compile_template_set({"a": "{inputs.b ?? 'early'}", "b": "x"}, order=["a"])
    assert ordered.render({}) == {"a": "early", "b": "x"}


def test_filters_from_trees_and_lazy_globals():
    """A tree compiles like its text; a mapping may make its roots when they are asked for, and only those are."""

    class Lazy(dict):
        asked = []  # noqa: RUF012 (a class of one test)

        def __missing__(self, key):
            self.asked.append(key)
            return {"b": 1}

    matches = compile_filter(parse_expression("a.b = 1 or c.b = 1"))
    lazy = Lazy()
    assert matches(lazy) is True
    assert lazy.asked == ["a"]


def test_the_same_source_is_compiled_once():
    """Programs are kept by their text."""
    assert compile_program("return 1 + 1") is compile_program("return 1 + 1")
    assert compile_program("return 1 + 1") is not compile_program("return 1 + 1", helpers_only=True)
    assert [site.name for site in compile_program("fetch('a'); posthogCapture({})").async_sites] == [
        "fetch",
        "postHogCapture",
    ]


def test_what_fails_is_freed_at_once():
    """An error of a filter, a set of templates or a program leaves nothing for the collector to find."""
    attempts = (
        lambda: compile_filter("jsonParse('{')")({}),
        lambda: compile_template_set({"a": "{jsonParse('{')}"}).render({}),
        lambda: compile_program("throw Error('no')").start({}, Host()).advance(),
    )
    for attempt in attempts:
        gc.collect()
        gc.disable()
        try:
            with pytest.raises(HogError):
                attempt()
            assert not [one for one in gc.get_objects() if issubclass(type(one), HogError)]
        finally:
            gc.enable()
