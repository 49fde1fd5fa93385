"""A real server for tests: ``hedgerow serve`` in a process of its own, on a free port, with a folder of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

TOKEN = "phc_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
KEY = "phx_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
START_S = 60.0
STOP_S = 15.0


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return opened.getsockname()[1]


def eventually(check, seconds: float = 30.0, pause: float = 0.02):
    """What ``check`` returns as soon as that is true.

    Raises:
        AssertionError: it was not within the time; the last answer is shown.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s; last seen: {found!r}"
        time.sleep(pause)


class Server:
    """Start with ``with Server(folder) as server``; what it prints is kept in ``folder/serve.log``."""

    def __init__(self, folder: Path, *, port: int = 0, **environment: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "serve.log"
        self.token, self.key = TOKEN, KEY
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEDGEROW_")}
        self.environment = {
            **clean,
            "HEDGEROW_PORT": str(self.port),
            "HEDGEROW_DATA_DIR": str(self.data),
            "HEDGEROW_WORKERS": "1",
            "HEDGEROW_PROJECT_TOKEN": TOKEN,
            "HEDGEROW_API_KEY": KEY,
            "HEDGEROW_EGRESS_ALLOW": "127.0.0.0/8",
            "HEDGEROW_DISK_RESERVE_BYTES": "0",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "hedgerow", "serve"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        try:
            eventually(self.is_ready, START_S, 0.05)
        except AssertionError:
            self.process.kill()  # nobody else will
            self.process.wait()
            raise

    def is_ready(self) -> bool:
        """Whether it reports that it is ready; fails when it ended."""
        assert self.process is not None
        assert self.process.poll() is None, f"the server ended:\n{self.output()}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.call("GET", "/_health/ready")[0] == 200
        return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process = None
        return status

    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text(errors="replace")

    def children(self) -> dict[str, int]:
        """Process ids by name: ``web``, ``worker-1`` and so on (from ``/proc``)."""
        assert self.process is not None
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError, ValueError, IndexError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if parent == self.process.pid and words[-2].startswith(b"{"):
                    found[json.loads(words[-2])["name"]] = int(entry.name)
        return found

    # --------------------------------------------------------------- speaking

    def call(self, method: str, path: str, body: object = None, *, key: str | None = None):
        """One request; returns status and the decoded answer (text when it is no JSON)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}
            content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(text)
        return answer.status, text.decode()

    def api(self, method: str, path: str, body: object = None):
        """A request to the project's API that must succeed; returns the answer."""
        status, answer = self.call(method, f"/api/projects/1/{path}", body)
        assert status < 300, (status, answer)
        return answer

    def webhook(self, url: str, *, name: str = "", events: list[str] | None = None, **inputs: object) -> str:
        """Make an enabled webhook destination and return its id."""
        filters = {"events": [{"id": event, "name": event, "type": "events"} for event in events or []]}
        payload = {
            "name": name or f"webhook {secrets.token_hex(3)}",
            "template_id": "template-webhook",
            "enabled": True,
            "filters": filters,
            "inputs": {key: {"value": value} for key, value in {"url": url, **inputs}.items()},
        }
        return self.api("POST", "hog_functions/", payload)["id"]

    def send(self, event: str, distinct_id: str = "ada", **properties: object) -> None:
        """Capture one event; it is durable when this returns."""
        body = {"api_key": self.token, "event": event, "distinct_id": distinct_id, "properties": properties}
        status, answer = self.call("POST", "/capture/", body)
        assert status == 200, (status, answer)

    def deliveries(self, **query: str) -> list[dict]:
        """The ledger's rows, newest first."""
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return self.api("GET", f"deliveries/?{text}")["results"]

    def cli(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against it."""
        return subprocess.run(
            [sys.executable, "-m", "hedgerow", *arguments],
            env={**self.environment, **environment}, capture_output=True, text=True, timeout=30, check=False,
            cwd=self.folder,
        )  # fmt: skip
