"""The command line as a stranger meets it: help, mistakes, exit statuses."""

from __future__ import annotations

import json
import socket

import pytest

from hedgerow.cli.app import COMMANDS
from support.typing_in import typed


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the command in a folder of its own; returns status, standard output and standard error."""
    import os

    for name in list(os.environ):
        if name.startswith("HEDGEROW_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def go(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return typed(monkeypatch, capsys, *arguments)

    return go


def test_every_command_has_help(run):
    """The list names them all, and each explains itself."""
    status, out, _ = run("--help")
    assert status == 0
    for name in COMMANDS:
        assert f"  {name}" in out
        status, own, _ = run(name, "--help")
        assert status == 0
        assert "Usage: hedgerow" in own


@pytest.mark.parametrize(
    "arguments", [["nope"], ["serve", "--nope"], ["apply"], ["hog", "run"], ["serve", "--port", "x"]]
)
def test_wrong_use_is_status_two(run, arguments):
    """With a hint at the help, on standard error."""
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "--help" in err or "Error" in err


def test_no_server(run):
    """The message says how to start one."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
    status, _, err = run("destinations", "--url", f"http://127.0.0.1:{port}", HEDGEROW_API_KEY="phx_x")
    assert status == 1
    assert f"No server answers at http://127.0.0.1:{port}" in err
    assert "hedgerow serve" in err


def test_no_key(run):
    """The message says where it was looked for."""
    status, _, err = run("deliveries")
    assert status == 1
    assert "HEDGEROW_API_KEY is not set and there is no hedgerow-data/api.key" in err


def test_an_unusable_setting(run):
    """A bad variable is named; the command was used wrongly."""
    status, _, err = run("settings", HEDGEROW_PORT="x")
    assert status == 2
    assert "HEDGEROW_PORT" in err


def test_settings_are_printed(run):
    """Name, value, default and reason; JSON for programs; misspelt variables are told."""
    status, out, err = run("settings", HEDGEROW_PORT="9000", HEDGEROW_PROT="1", HEDGEROW_API_KEY="phx_secret")
    assert status == 0
    assert "HEDGEROW_PORT = 9000   (default: 8000)" in out
    assert "phx_secret" not in out
    assert "HEDGEROW_PROT is set but is no setting. Did you mean HEDGEROW_PORT?" in err
    assert {"HEDGEROW_HOST", "HEDGEROW_EGRESS_ALLOW"} <= {
        item["variable"] for item in json.loads(run("settings", "--json")[1])
    }


def test_version(run):
    """Both ways of asking answer."""
    assert run("version")[1].startswith("hedgerow 0.")
    assert run("--version")[1].startswith("hedgerow 0.")


def test_hog_run(run, tmp_path):
    """A program prints, calls are shown and not made, the value comes last."""
    (tmp_path / "g.json").write_text('{"event": {"event": "signed_up"}}')
    source = "print('hello', event.event) let r := fetch('https://example.com', {'method': 'POST'}) return r.status"
    status, out, err = run("hog", "run", "-e", source, "-g", "g.json")
    assert (status, out) == (0, "hello signed_up\n200\n")
    assert err == "fetch('https://example.com', {'method': 'POST'})\n"


def test_hog_errors_have_a_place(run, tmp_path):
    """File, line and column, the line itself and a caret."""
    (tmp_path / "bad.hog").write_text("let a := 1\nlet b := (2 +\n")
    for command in ("check", "fmt", "run"):
        status, _, err = run("hog", command, "bad.hog")
        assert status == 1
        assert "bad.hog:" in err
        assert "^" in err


def test_hog_fmt(run, tmp_path):
    """A file is rewritten once; --check only looks."""
    file = tmp_path / "a.hog"
    file.write_text("let  a:=1")
    assert run("hog", "fmt", "--check", "a.hog")[0] == 1
    assert file.read_text() == "let  a:=1"
    assert run("hog", "fmt", "a.hog")[:2] == (0, "changed  a.hog\n")
    assert run("hog", "fmt", "--check", "a.hog")[:2] == (0, "")


def test_hog_docs(run):
    """All functions are listed; one is explained; a near miss is mended."""
    assert "lower(1)" in run("hog", "docs")[1]
    assert "lower('ABC')" in run("hog", "docs", "lower")[1]
    status, _, err = run("hog", "docs", "lowr")
    assert status == 1
    assert "lower" in err
