#!/usr/bin/env python3
"""Follows the Dockerfile without Docker, and tries what comes of it: for machines that have no container engine.

Each stage gets a root of its own, an overlay over this machine's that is thrown away in the end, with this machine's Python where
the base image has its. Its instructions are carried out there with chroot; then the last stage's command is started as its user,
its health check must succeed, and it must end well on SIGTERM. Needs Linux and root; usage: ``sudo scripts/image.py``.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSIDE = "HEDGEROW_IMAGE_INSIDE"
PATIENCE_S = 120.0
BASE_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LD_LIBRARY_PATH": "/usr/local/lib",  # this machine's Python may have been built to look elsewhere
}
# What this machine must say to pip to reach its packages has nothing to do with the image.
OURS = ("PIP_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile: ``COPY``, and what follows on its line or lines."""

    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The words of a line, or of a list in JSON."""
        return list(json.loads(self.rest)) if self.rest.startswith("[") else shlex.split(self.rest)


@dataclass(slots=True)
class Stage:
    """What one ``FROM`` begins."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def read(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile."""
    whole = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        whole += line.strip()
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        name, _, rest = whole.partition(" ")
        yield Instruction(name, rest.strip())
        whole = ""


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    found: list[Stage] = []
    for instruction in read(text):
        if instruction.name == "FROM":
            base, *name = instruction.words
            found.append(Stage(base, name[-1] if name else ""))
        else:
            found[-1].instructions.append(instruction)
    return found


class Root:
    """The file system of a stage, and what its instructions have set."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "root"
        self.environment = dict(BASE_ENVIRONMENT)
        self.workdir = "/"
        self.user = "0:0"
        self.last: dict[str, Instruction] = {}
        for name in ("upper", "work", "root"):
            (folder / name).mkdir(parents=True)
        layers = f"lowerdir=/,upperdir={folder / 'upper'},workdir={folder / 'work'}"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.path))
        for name in ("proc", "dev"):
            run("mount", "--rbind", f"/{name}", str(self.path / name))
        # The base image has its Python below /usr/local.
        run("mount", "--bind", sys.base_prefix, str(self.path / "usr/local"))
        run("mount", "-o", "remount,ro,bind", str(self.path / "usr/local"))

    def command(self, *words: str) -> list[str]:
        """A command line that runs in this root, as its user and in its folder."""
        inside = f'cd {shlex.quote(self.workdir)} && exec "$@"'
        return [
            shutil.which("chroot") or "chroot",
            f"--userspec={self.user}",
            str(self.path),
            "/bin/sh",
            "-c",
            inside,
            "sh",
            *words,
        ]

    def follow(self, instruction: Instruction, others: dict[str, Root]) -> None:
        """Carry out an instruction."""
        tell(f"  {instruction.name} {instruction.rest}")
        self.last[instruction.name] = instruction
        match instruction.name:
            case "RUN":
                given = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
                run(*self.command("/bin/sh", "-c", instruction.rest), env={**given, **self.environment})
            case "COPY":
                self._copy(instruction.words, others)
            case "ENV":
                self.environment |= dict(word.split("=", 1) for word in instruction.words)
            case "WORKDIR":
                self.workdir = instruction.rest
                self.inside(self.workdir).mkdir(parents=True, exist_ok=True)
            case "USER":
                self.user = instruction.rest
            case _:
                pass  # what only describes the image

    def inside(self, path: str) -> Path:
        """A path of the image, as this machine sees it."""
        return self.path / os.path.normpath(Path(self.workdir, path)).lstrip("/")

    def _copy(self, words: list[str], others: dict[str, Root]) -> None:
        *sources, target = [word for word in words if not word.startswith("--")]
        stage = next((word.partition("=")[2] for word in words if word.startswith("--from=")), "")
        for source in sources:
            origin = others[stage].inside(source) if stage else ROOT / source
            place = self.inside(target)
            if origin.is_dir():
                shutil.copytree(origin, place, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy2(origin, place)


def tell(line: str) -> None:
    """Say how far it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(*words: str, env: dict[str, str] | None = None) -> None:
    """Run a command that must succeed."""
    subprocess.run(words, env=env, check=True)  # noqa: S603 - the Dockerfile's own words


def build(folder: Path) -> Root:
    """Follow the Dockerfile; the root of the last stage."""
    made: dict[str, Root] = {}
    for number, stage in enumerate(stages((ROOT / "Dockerfile").read_text("utf-8"))):
        tell(f"FROM {stage.base} {stage.name}")
        made[stage.name] = root = Root(folder / str(number))
        for instruction in stage.instructions:
            root.follow(instruction, made)
    return root


def attempt(root: Root) -> None:
    """Start what the image starts, and see that it is well and ends well."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = str(opened.getsockname()[1])
    environment = {**root.environment, "HEDGEROW_PORT": port, "HEDGEROW_DISK_RESERVE_BYTES": "0"}
    words = [*root.last["ENTRYPOINT"].words, *root.last["CMD"].words]
    _, _, check = root.last["HEALTHCHECK"].rest.partition("CMD ")
    running = subprocess.Popen(root.command(*words), env=environment)  # noqa: S603 - the Dockerfile's own words
    try:
        deadline = time.monotonic() + PATIENCE_S
        probe = root.command("/bin/sh", "-c", check)
        while subprocess.run(probe, env=environment, check=False, stderr=subprocess.DEVNULL).returncode:  # noqa: S603
            if running.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("It does not get healthy.")
            time.sleep(1)
        tell("healthy")
        looked = subprocess.run(root.command("hedgerow", "doctor", "--quick"), env=environment, check=False)  # noqa: S603
        if looked.returncode > 1:  # it is in memory, which is worth a warning
            raise SystemExit("The doctor is not content.")
    finally:
        running.send_signal(signal.SIGTERM)
        status = running.wait(30)
    if status:
        raise SystemExit(f"It ended with {status}.")
    tell("ended well")


def main() -> int:
    """Build and try, in a mount namespace of its own that takes all mounts with it."""
    if os.environ.get(INSIDE) != "1":
        words = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            sys.executable,
            str(Path(__file__).resolve()),
        ]
        return subprocess.run(words, env={**os.environ, INSIDE: "1"}, check=False).returncode  # noqa: S603
    folder = Path(tempfile.mkdtemp(prefix="hedgerow-image-"))
    run("mount", "-t", "tmpfs", "tmpfs", str(folder))
    attempt(build(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
