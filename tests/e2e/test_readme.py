"""The README does not lie: its files are accepted, its programs run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
def test_each_manifest_is_accepted(server, tmp_path, text):
    """The server would save every destination that the README shows."""
    file = tmp_path / "destinations.yaml"
    file.write_text(text)
    answer = server.cli("apply", "--dry-run", "-f", str(file))
    assert (answer.returncode, answer.stdout.split()[0]) == (0, "created"), answer.stderr


def test_the_program_prints_what_is_shown(server):
    """The Hog example has the output that stands below it."""
    source, shown = re.search(r'hog run -e "(.*?)"\n(.*?)```', README, re.DOTALL).groups()
    answer = server.cli("hog", "run", "-e", source)
    assert answer.stderr + answer.stdout == shown


def test_each_command_exists(server):
    """Every command of the table has help."""
    for name in re.findall(r"^\| `hedgerow (\w+)", README, re.MULTILINE):
        assert server.cli(name, "--help").returncode == 0
