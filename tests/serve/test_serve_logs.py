"""What the processes say: for people and for programs, one line per record."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from hedgerow.serve.logs import JsonLines, TextLines
from support.server import Server, eventually


def record(message: str, *values: object, **others) -> logging.LogRecord:
    made = logging.LogRecord(
        "hedgerow.room", logging.WARNING, __file__, 1, message, values, **{"exc_info": None, **others}
    )
    made.created, made.msecs = 1_700_000_000.25, 250.0
    return made


def test_a_line_for_programs_has_everything_by_name():
    """Also the values that the message names."""
    line = json.loads(
        JsonLines("worker-1").format(record("helper_killed pid=%d used_s=%.3f why=%s", 7, 0.5, "slow"))
    )
    assert line.pop("pid") > 7  # the name of ours is not taken away by a value
    assert line == {
        "time": "2023-11-14T22:13:20.250Z", "level": "warning", "logger": "hedgerow.room", "process": "worker-1",
        "message": "helper_killed pid=7 used_s=0.500 why=slow", "used_s": 0.5, "why": "slow",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "values", "fields"),
    [
        ("the store failed: %s", ("full",), {}),
        ("%s was refused: error=%s", ("POST", "no"), {"error": "no"}),
        ("100%% full error=%s", (OSError("gone"),), {"error": "gone"}),
        ("nothing to name", (), {}),
        ("not=ours", (), {}),
        ("found=%r of=%5d", ("x", 3), {"found": "x", "of": 3}),
        ("level=%s time=%s", ("a", "b"), {}),
    ],
)
def test_only_values_of_ours_become_fields(message, values, fields):
    """What stands in the text by chance does not."""
    line = json.loads(JsonLines("web").format(record(message, *values)))
    plain = {"time", "level", "logger", "message", "process", "pid"}
    assert {name: line[name] for name in line.keys() - plain} == fields


def test_a_traceback_is_part_of_its_line():
    """A program reads one line, not twenty."""
    try:
        raise ValueError("no\nway")
    except ValueError:
        text = JsonLines("web").format(record("failed", exc_info=sys.exc_info()))
    assert "\n" not in text
    assert "ValueError: no\nway" in json.loads(text)["exception"]


def test_a_line_for_people_cannot_be_made_up_from_outside():
    """What a tool answered may have line ends and escape codes in it."""
    text = TextLines("worker-1").format(
        record("renewal_failed error=%s", "x\n12:00:00 web \x1b[31mINFO\u2028all is well")
    )
    assert text.endswith("WARNING renewal_failed error=x\\n12:00:00 web \\x1b[31mINFO\\u2028all is well")


@pytest.mark.e2e
@pytest.mark.xdist_group("test_serve_logs.py")
def test_a_server_can_be_read_by_a_program(tmp_path):
    """Each line on standard error is an object, from the start to the end of each process."""
    server = Server(tmp_path, HEDGEROW_LOG_FORMAT="json")
    with server:
        pass
    lines = [line for line in server.output().splitlines() if line.startswith("{")]
    found = [json.loads(line) for line in lines]
    eventually(lambda: {"answering", "stopped"} <= {line["message"].split()[0] for line in found})
    assert {line["process"] for line in found} >= {"supervisor"}
