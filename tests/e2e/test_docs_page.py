"""The documentation page in a real browser, with no way to any other host."""

from __future__ import annotations

import shutil
import subprocess

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"
)


def rendered(address: str, profile) -> tuple[str, str]:
    """The page as it stands once its script has run, and what the browser said."""
    found = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-logging=stderr", "--v=0",
            "--virtual-time-budget=10000", "--dump-dom", address,
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return found.stdout, found.stderr


def test_the_page_shows_every_operation(server, tmp_path):
    """With the one that the address names opened, and nothing that the page's policy had to stop."""
    page, said = rendered(f"{server.url}/api/docs/#hog_functions_create", tmp_path)
    document = server.call("GET", "/api/schema/")[1]
    for path in document["paths"].values():
        for operation in path.values():
            assert f'<details id="{operation["operationId"]}"' in page
    assert '<details id="hog_functions_create" open="">' in page
    assert "Content Security Policy" not in said
    assert "Uncaught" not in said
