"""Configuration as code, as a CI does it: the steps of the page's workflow, run by a shell against a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.transcript import ROOT, blocks

PAGE = ROOT / "docs" / "configuration-as-code.md"


@pytest.fixture
def checkout(tmp_path):
    """The folder of the page, as a CI has it."""
    for block in blocks(PAGE):
        if block.title:
            path = tmp_path / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    return tmp_path


def steps():
    """The commands of the page's workflow by their name."""
    (workflow,) = [
        document
        for block in blocks(PAGE)
        if block.language == "yaml" and "jobs" in (document := yaml.safe_load(block.text))
    ]
    some = workflow["jobs"]["destinations"]["steps"]
    return {step["name"]: step["run"] for step in some if "name" in step}


def test_the_workflow_of_the_page_works(server, checkout):
    """Tested, planned, applied; the second time there is nothing to do. What is taken out of the folder goes with --prune."""

    def run(command):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-e", "-c", command], cwd=checkout, env={**server.environment, "PATH": path, "GITHUB_SHA": "a1b2c3"},
            capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    said = {name: run(command) for name, command in steps().items()}
    assert "3 to create" in said["Plan"]
    assert 'failures="0"' in (checkout / "reports/hedgerow.xml").read_text()
    (made,) = server.api("GET", "hog_functions/")["results"]
    (revision,) = server.api("GET", f"hog_functions/{made['id']}/revisions/")["results"]
    assert revision["message"] == "a1b2c3"
    assert run(steps()["Plan"]) == "Nothing would change: the server is as the files say.\n"
    shutil.rmtree(checkout / "config/destinations")
    assert run("hedgerow apply config --prune").endswith(
        "removed    destinations/orders  Big orders to the CRM\n1 removed, 2 unchanged.\n"
    )
    assert server.api("GET", "hog_functions/")["count"] == 0
