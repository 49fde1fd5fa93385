"""What a benchmark of the whole needs: a server, a sink, and an eye on the CPU, each process on its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SINK = ROOT / "tests" / "support" / "sink.py"
TOKEN = "phc_" + "b" * 43
KEY = "phx_" + "B" * 43
BATCH = 1000
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Server:
    """A running ``hedgerow serve``."""

    port: int
    pid: int
    data: Path

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API; the decoded answer.

        Raises:
            RuntimeError: the answer is an error; its text is in the message.
        """
        return ask(f"http://127.0.0.1:{self.port}{path}", method, body, {"Authorization": f"Bearer {KEY}"})

    def create_webhook(self, name: str, url: str, headers: dict[str, str], body: dict[str, Any]) -> str:
        """Create and enable a webhook destination for the benchmark's events; its id."""
        inputs = {"url": url, "method": "POST", "headers": headers, "body": body, "debug": False}
        return self.create_destination(name, inputs, "bench viewed")

    def create_destination(self, name: str, inputs: dict[str, Any], event: str) -> str:
        """Create and enable a webhook destination for one kind of event; its id."""
        payload = {
            "type": "destination",
            "name": name,
            "enabled": True,
            "template_id": "template-webhook",
            "inputs": {key: {"value": value} for key, value in inputs.items()},
            "filters": {"events": [{"id": event, "type": "events"}]},
        }
        return str(self.call("POST", "/api/projects/1/hog_functions/", payload)["id"])

    def capture_many(self, event: str, wanted: int) -> None:
        """Send so many events of many people, as fast as they are taken."""
        for start in range(0, wanted, BATCH):
            events = [
                {
                    "event": event,
                    "distinct_id": f"user-{n % 50_000}",
                    "uuid": str(uuid.uuid4()),
                    "properties": {
                        "n": n,
                        "page": f"https://example.com/products/{n % 1000}",
                        "$lib": "bench",
                    },
                }
                for n in range(start, min(start + BATCH, wanted))
            ]
            while True:
                try:
                    ask(f"http://127.0.0.1:{self.port}/batch/", "POST", {"api_key": TOKEN, "batch": events})
                    break
                except RuntimeError:  # capture says "later" when the worker is too far behind
                    time.sleep(1)


@contextlib.contextmanager
def server(*, workers: int = 0, output: Path | None = None, **environment: str) -> Iterator[Server]:
    """Start Hedgerow on a fresh data folder, wait until it is ready, stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder, contextlib.ExitStack() as stack:
        port = free_port()
        settings = {
            "HEDGEROW_DATA_DIR": folder,
            "HEDGEROW_HOST": "127.0.0.1",
            "HEDGEROW_PORT": str(port),
            "HEDGEROW_PROJECT_TOKEN": TOKEN,
            "HEDGEROW_API_KEY": KEY,
            "HEDGEROW_EGRESS_ALLOW": "127.0.0.0/8",
            "HEDGEROW_WORKERS": str(workers),
        }
        log = stack.enter_context((output or Path(folder) / "serve.log").open("w"))
        command = [sys.executable, "-m", "hedgerow", "serve"]
        process = subprocess.Popen(
            command, env=os.environ | settings | environment, stdout=log, stderr=log, cwd=folder
        )
        try:
            running = Server(port, process.pid, Path(folder))
            wait_until_ready(running, process, Path(log.name))
            yield running
        finally:
            stop(process)


@contextlib.contextmanager
def sink(mark: str) -> Iterator[tuple[int, int]]:
    """Start the sink; its port and process id."""
    process = subprocess.Popen([sys.executable, SINK, "--mark", mark], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        stop(process)


def stop(process: subprocess.Popen[Any]) -> None:
    """Ask a process to end; insist after 15 seconds."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_ready(running: Server, process: subprocess.Popen[Any], log: Path, seconds: float = 30) -> None:
    """Wait for /_health/ready.

    Raises:
        RuntimeError: it ended, or is not ready in time; what it printed is in the message.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, RuntimeError):
            ask(f"http://127.0.0.1:{running.port}/_health/ready")
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text()[-3000:]}")


def ask(url: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """Call an HTTP API on this machine; the decoded answer, or its text where it is not JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | (headers or {})
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method} {url}: {error.code} {error.read().decode()[:500]}") from None
    try:
        return json.loads(text)
    except ValueError:
        return text.decode()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(pid: int) -> list[int]:
    """A process and all that came from it."""
    parents = {
        int(entry.name): stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()
    }
    found = [pid]
    for one in found:
        found += [child for child, fields in parents.items() if fields and int(fields[1]) == one]
    return found


def stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def role(pid: int) -> str:
    """What a process is, from its command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return "gone"
    known = {"hedgerow.serve.web": "web", "hedgerow.serve.worker": "worker", "serve": "supervisor"}
    return next(
        (known[word] for word in words if word in known), Path(words[1] if len(words) > 2 else words[0]).stem
    )


def cpu_seconds(pids: list[int]) -> dict[str, float]:
    """CPU used so far, by role."""
    used: dict[str, float] = {}
    for pid in pids:
        if fields := stat(pid):
            name = role(pid)
            used[name] = used.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS
    return used
