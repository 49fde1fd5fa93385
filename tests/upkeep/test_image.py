"""The Dockerfile, as far as it can be judged without an engine; ``scripts/image.py`` follows its steps."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

from hedgerow.settings import Settings, variable
from image import stages

ROOT = Path(__file__).resolve().parents[2]
STAGES = stages((ROOT / "Dockerfile").read_text("utf-8"))
PRIVATE = [
    "hedgerow-data/state.db",
    "hedgerow-data/secrets.key",
    ".git/config",
    ".venv/bin/python",
    "api.key",
    "tests/conftest.py",
]


def words(name: str, *, stage: int = -1) -> list[list[str]]:
    """What follows each instruction of a name."""
    return [one.words for one in STAGES[stage].instructions if one.name == name]


def is_sent(path: str) -> bool:
    """Whether a file gets to the engine, by ``.dockerignore``."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        plain = pattern.removeprefix("!").removeprefix("**/")
        parts = [path, *map(str, Path(path).parents)]
        if any(fnmatch.fnmatch(part, plain) or fnmatch.fnmatch(Path(part).name, plain) for part in parts):
            sent = pattern.startswith("!")
    return sent


def test_what_is_copied_is_there():
    """Each source is in the repository and gets to the engine, or comes from a stage before."""
    names = {stage.name for stage in STAGES if stage.name}
    for stage in range(len(STAGES)):
        for copied in words("COPY", stage=stage):
            origin = next((word.removeprefix("--from=") for word in copied if word.startswith("--from=")), "")
            sources = [word for word in copied[:-1] if not word.startswith("--")]
            assert not origin or origin in names
            assert origin or all((ROOT / source).exists() and is_sent(source) for source in sources)


@pytest.mark.parametrize("path", PRIVATE)
def test_nothing_private_gets_into_an_image(path):
    """Neither keys nor data nor history."""
    assert not is_sent(path)
    assert is_sent("src/hedgerow/settings.py")


def test_everything_is_pinned_and_nothing_else_is_named():
    """Hashes for all that is installed; base images by name and version, without a registry."""
    installs = [step.rest for stage in STAGES for step in stage.instructions if "pip install" in step.rest]
    assert all("--require-hashes -r constraints.txt" in step or "--no-deps" in step for step in installs)
    assert all(re.fullmatch(r"python:\d+\.\d+-slim", stage.base) for stage in STAGES)


def test_it_runs_as_nobody_and_is_open_to_its_network():
    """Not as root; its settings exist, and the data folder is the volume."""
    environment = dict(word.split("=", 1) for given in words("ENV") for word in given)
    assert words("USER") == [["10001:10001"]]
    assert environment["HEDGEROW_HOST"] == "0.0.0.0"
    assert words("VOLUME") == [[environment["HEDGEROW_DATA_DIR"]]]
    known = {variable(name) for name in Settings.model_fields}
    assert {name for name in environment if name.startswith("HEDGEROW_")} <= known
    assert words("EXPOSE") == [[str(Settings.model_fields["port"].default)]]


def test_what_is_checked_is_what_is_served():
    """The health check asks a path that the server has."""
    (check,) = (step.rest for step in STAGES[-1].instructions if step.name == "HEALTHCHECK")
    assert "/_health/live" in check
    assert (words("ENTRYPOINT"), words("CMD")) == ([["hedgerow"]], [["serve"]])
