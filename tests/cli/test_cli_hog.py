"""The Hog commands as a stranger meets them: files, standard input, errors with a place, exit statuses."""

from __future__ import annotations

import io
import json
import os

import pytest

from hedgerow.cli.hog.repl import is_complete
from hedgerow.hog.stdlib import REGISTRY
from support.typing_in import typed

PROGRAM = """let total := 0
for (let item in [1, 2]) {
  total := total + item
}
print('sum', total)
let r := fetch('https://a.example', {'body': total})
return [r.status, event.name]
"""


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs a Hog command in a folder of its own; returns status, standard output and standard error."""
    for name in list(os.environ):
        if name.startswith("HEDGEROW_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def go(*arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        return typed(monkeypatch, capsys, "hog", *arguments)

    return go


@pytest.fixture
def program(tmp_path):
    """A program and its globals, as files."""
    (tmp_path / "a.hog").write_text(PROGRAM)
    (tmp_path / "g.json").write_text('{"event": {"name": "signed up"}}')
    return "a.hog"


# ------------------------------------------------------------------- run


def test_run_shows_prints_calls_and_the_value(run, program):
    """Lines and value on standard output, calls on standard error."""
    status, out, err = run("run", program, "--globals", "g.json")
    assert (status, out) == (0, "sum 3\n[200, 'signed up']\n")
    assert err == "fetch('https://a.example', {'body': 3})\n"


def test_run_reads_standard_input(run):
    """A dash is standard input; a program without value shows none."""
    assert run("run", "-", stdin="print(1)\nlet a := 1") == (0, "1\n", "")


def test_run_gives_json(run):
    """As another program reads it; no value is null."""
    assert run("run", "--json", "-e", "return {'a': [1.0, null], 'é': (2,)}")[1] == '{"a":[1,null],"é":[2]}\n'
    assert run("run", "--json", "-e", "let a := 1")[1] == "null\n"


@pytest.mark.parametrize(
    ("answers", "statuses"),
    [
        ([{"status": 201}, {"status": 500, "body": "no"}], "[201, 500, 200]"),
        ({"status": 404}, "[404, 404, 404]"),
        ({"b": [{"status": 409}]}, "[200, 409, 200]"),
        ({"a": {"status": 301}, "": [{"status": 302}]}, "[301, 302, 301]"),
    ],
)
def test_run_answers_from_a_file(run, tmp_path, answers, statuses):
    """A list in turn, one answer for all, or answers by URL; status 200 where nothing is said."""
    (tmp_path / "f.json").write_text(json.dumps(answers))
    source = "return arrayMap(url -> fetch(url).status, ['a', 'b', 'a'])"
    assert run("run", "-e", source, "--fetch", "f.json")[1] == f"{statuses}\n"


def test_run_takes_filters_and_templates(run, program):
    """Other kinds of text are evaluated over the same globals."""
    assert run("run", "--as", "filter", "-e", "event.name like '%up'", "-g", "g.json")[1] == "true\n"
    assert run("run", "--as", "template", "-e", "it's {event.name}", "-g", "g.json")[1] == "it's signed up\n"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("let a := (2 +", ["-e:1:", "^"]),
        ("throw Error('no way')", ["-e:1:1: no way", "^"]),
        (
            "fun f() {\n  return missing.x\n}\nreturn f()",
            ["-e:2:10:", "2 |   return missing.x", "in f", "in program"],
        ),
    ],
)
def test_run_errors_have_place_and_caret(run, source, words):
    """On standard error, with status 1."""
    status, out, err = run("run", "-e", source)
    assert (status, out) == (1, "")
    assert all(word in err for word in words), err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere.hog"], "nowhere.hog cannot be read: No such file or directory."),
        (["run", "binary.hog"], "binary.hog is not UTF-8 text."),
        (["run", "-e", "1", "-g", "list.json"], "list.json should hold a JSON object"),
        (["run", "-e", "1", "-g", "binary.hog"], "binary.hog is not UTF-8 text."),
        (["run", "-e", "1", "-g", "bad.json"], "bad.json is not valid JSON"),
        (["run", "-e", "1", "-f", "number.json"], "number.json should hold a list of answers"),
        (["run", "-e", "1", "-f", "list.json"], "list.json should hold a list of answers"),
        (["run", "-e", "1", "a.hog"], "Name a FILE, or give the text with -e."),
        (["run"], "Name a FILE, or give the text with -e."),
        (["compile", "-e", "1", "-o", "no/such/folder"], "no/such/folder cannot be written"),
    ],
)
def test_wrong_use_is_told(run, tmp_path, arguments, message):
    """Files that cannot be used, and commands that say nothing or too much: status 2."""
    (tmp_path / "binary.hog").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "number.json").write_text("5")
    (tmp_path / "bad.json").write_text("{")
    status, _, err = run(*arguments)
    assert status == 2
    assert message in err


def test_terminals_are_not_steered(run):
    """Control characters of a program's output are replaced."""
    assert (
        "\x1b" not in run("run", "-e", "print(base64Decode('G1sybQ==')) return base64Decode('G1sybQ==')")[1]
    )


# ------------------------------------------------------------------- trace


def test_trace_shows_each_line_and_what_it_changed(run, program):
    """Line numbers, source, changes, printed lines in between, and the value."""
    status, out, err = run("trace", program, "-g", "g.json")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert status == 0
    assert lines == [
        "1 let total := 0 total = 0",
        "2 for (let item in [1, 2]) { item = 1",
        "3 total := total + item total = 1",
        "2 for (let item in [1, 2]) { item = 2",
        "3 total := total + item total = 3",
        "sum 3",
        "5 print('sum', total)",
        "6 let r := fetch('https://a.example', {'body': total}) r = {'status': 200, 'body': {}, 'headers': {}}",
        "7 return [r.status, event.name]",
        "value [200, 'signed up']",
    ]
    assert err.startswith("fetch(")


def test_trace_of_a_failing_program(run):
    """The steps that ran come first, then the error with its place."""
    status, out, err = run("trace", "-e", "let a := 1\nthrow Error('bad')")
    assert status == 1
    assert out.splitlines()[0].split() == ["1", "let", "a", ":=", "1", "a", "=", "1"]
    assert "-e:2:1: bad" in err
    assert run("trace", "-e", "let a := (")[0] == 1


def test_trace_says_when_it_is_cut(run):
    """Not every step of a long run is shown."""
    status, _, err = run("trace", "-e", "for (let i := 0; i < 6000; i := i + 1) { i }")
    assert status == 0
    assert "Only the first 10000 steps are shown." in err


# ------------------------------------------------------------------- check, fmt, compile


def test_check_tells_good_from_bad(run, program, tmp_path):
    """Each file is judged; one fault is enough to fail."""
    (tmp_path / "bad.hog").write_text("let a := 1\nlet a := nowhereKnown(a)\n")
    assert run("check", program) == (0, "ok  a.hog\n", "")
    status, out, err = run("check", program, "bad.hog", "-", stdin="return 1 +")
    assert (status, out) == (1, "ok  a.hog\n")
    assert "bad.hog:2:" in err
    assert "-:1:" in err
    assert "2 of 3 files with errors." in err


@pytest.mark.parametrize(
    ("kind", "good", "bad"), [("filter", "a = 1 and b", "let a := 1"), ("template", "it's {a}", "{a")]
)
def test_check_takes_filters_and_templates(run, tmp_path, kind, good, bad):
    """What is an error depends on what the text is."""
    (tmp_path / "good").write_text(good)
    (tmp_path / "bad").write_text(bad)
    assert run("check", "--as", kind, "good")[0] == 0
    assert run("check", "--as", kind, "bad")[0] == 1


def test_fmt_of_several_files(run, tmp_path):
    """Only what changes is written and named; a file that does not parse stops no other."""
    (tmp_path / "one.hog").write_text("let  a:=1 // why\n")
    (tmp_path / "two.hog").write_text("let a := 1;\n")
    (tmp_path / "three.hog").write_text("let a := (")
    status, out, err = run("fmt", "one.hog", "three.hog", "two.hog")
    assert (status, out) == (1, "changed  one.hog\n")
    assert "three.hog:1:" in err
    assert "1 of 3 files cannot be formatted." in err
    assert (tmp_path / "one.hog").read_text() == "let a := 1;  // why\n"
    assert run("fmt", "--check", "one.hog", "two.hog") == (0, "", "")


def test_fmt_of_standard_input(run):
    """The formatted text goes to standard output; with --check only a verdict does."""
    assert run("fmt", "-", stdin="return  1+1") == (0, "return 1 + 1;\n", "")
    status, out, err = run("fmt", "--check", "-", stdin="return  1+1")
    assert (status, out) == (1, "would change  -\n")
    assert "1 of 1 file not in the house format." in err


def test_compile_makes_posthog_bytecode(run, tmp_path):
    """JSON on standard output or in a file, for each kind of text."""
    assert json.loads(run("compile", "-e", "return 1 + 2")[1]) == ["_H", 1, 33, 2, 33, 1, 6, 38]
    assert json.loads(run("compile", "-", "--as", "filter", stdin="a")[1]) == ["_H", 1, 32, "a", 1, 1]
    assert run("compile", "--to", "bytecode", "--as", "template", "-e", "x", "-o", "t.json")[:2] == (0, "")
    assert json.loads((tmp_path / "t.json").read_text()) == ["_H", 1, 32, "x"]


def test_compile_refuses_what_does_not_compile(run):
    """With the place, and no bytecode."""
    status, out, err = run("compile", "-e", "x := 1")
    assert (status, out) == (1, "")
    assert "-e:1:1:" in err


# ------------------------------------------------------------------- docs


def test_docs_explain_every_function(run):
    """By name and by alias, and all in one page."""
    status, out, _ = run("docs", "posthogCapture" if "posthogCapture" in REGISTRY else "lower")
    assert status == 0
    assert out
    page = run("docs", "--markdown")[1]
    assert all(f"`{name}`" in page or f"`{name}(" in page or name in page for name in REGISTRY)
    assert run("docs", "--differences")[1].startswith("## Differences to PostHog")
    assert "See them all: hedgerow hog docs" in run("docs", "zzzzzzz")[2]
    assert "concat(1 or more)" in run("docs", "concat")[1]


# ------------------------------------------------------------------- repl


def repl(run, *lines, options=()):
    return run("repl", *options, stdin="\n".join(lines) + "\n")


def test_repl_remembers(run):
    """Variables and functions stay; lines printed and calls made before are not repeated."""
    status, out, err = repl(
        run,
        "let a := 20 // a comment",
        "fun double(x) {",
        "  return x * 2",
        "}",
        "print('once')",
        "let r := fetch('u')",
        "double(a) + 2",
        "r.status",
        "'text'",
    )
    assert (status, out) == (0, "once\n42\n200\n'text'\n")
    assert err == "fetch('u')\n"


def test_repl_lets_names_be_declared_again(run):
    """A variable or function of a known name takes the new value."""
    out = repl(
        run,
        "let a := 1",
        "let a := a + 1",
        "a",
        "let a",
        "a ?? 'none'",
        "fun f() { return 1 }",
        "fun f(x) { return x }",
        "f(7)",
    )
    assert out[1] == "2\n'none'\n7\n"


def test_repl_forgets_what_failed(run):
    """An error has its place in the input, and leaves the session as it was."""
    status, out, err = repl(
        run, "let a := [1]", "a[1] := nowhere", "throw Error('x')", "let b := ) 1", "a", "a = [1]"
    )
    assert (status, out) == (0, "[1]\ntrue\n")
    assert "repl:1:9: " in err
    assert "repl:1:1: x" in err
    assert "hint: `=` compares; to assign, write `:=`" in err


def test_repl_keeps_its_clock(run):
    """What was read from the clock or drawn at random stays what it was."""
    _, out, _ = repl(run, "let t := now()", "let u := generateUUIDv4()", "[t, u]", "[t, u]")
    first, second = out.splitlines()
    assert first == second


def test_repl_commands(run, program):
    """Words with a colon are for the session itself."""
    status, out, _ = repl(
        run,
        "let a := 1",
        ":source",
        ":globals",
        ":reset",
        "a ?? 'gone'",
        ":help",
        ":quit",
        "print('never')",
        options=("-g", "g.json"),
    )
    assert status == 0
    assert "let a := 1;\nevent = {'name': 'signed up'}\n" in out
    assert ":quit" in out
    assert "never" not in out


def test_repl_gives_up_on_an_empty_line(run):
    """Input that is never completed is an error, not a trap; the end of input ends it as well."""
    assert "repl:1:" in repl(run, "let a := (", "", "1")[2]
    assert "repl:1:" in repl(run, "let a := [")[2]


@pytest.mark.parametrize(
    ("text", "complete"),
    [("1", True), ("let a := [", False), ("if (x) {", False), (") 1", True), ("f(1,", False)],
)
def test_what_is_complete(text, complete):
    """Only an error at the very end asks for more."""
    assert is_complete(text) == complete
