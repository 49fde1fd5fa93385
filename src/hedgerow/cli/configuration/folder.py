"""A folder of configuration: ``destinations/``, ``actions/`` and ``cohorts/``, one file for each thing, called by its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hedgerow.cli.configuration import yamltext
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.manifest import line_of
from hedgerow.cli.output import safe
from hedgerow.configuration.keys import CASES, KINDS, is_key

ENDINGS = (".yaml", ".yml")


class FilesFailed(CommandFailed):
    """Files are wrong; the message has a line for each fault, which begins with file and line."""

    def __init__(self, faults: Iterable[str]) -> None:
        lines = [line for fault in faults for line in fault.replace("\n", "\n  ").splitlines()]
        super().__init__("\n  ".join(["The files cannot be used:", *lines]))


@dataclass(frozen=True, slots=True)
class File:
    """One file.

    Attributes:
        path: where it is.
        kind: of what it describes.
        key: its name, by which others refer to it.
        text: what it says.
        document: the same as data, its cases included.
        node: the same with lines.
    """

    path: Path
    kind: str
    key: str
    text: str
    document: dict[str, Any]
    node: yaml.MappingNode = field(repr=False)

    @property
    def cases(self) -> list[dict[str, Any]]:
        """The cases it carries."""
        found = self.document.get(CASES)
        return [case for case in found if isinstance(case, dict)] if isinstance(found, list) else []

    def fault(self, message: str, attr: str | None = None, inner: int | None = None) -> str:
        """What is wrong at a place of the file, as one line begins."""
        return f"{self.path}:{line_of(self.node, attr, inner)}: {message}"


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a folder, and what keeps some of them from being read.

    Attributes:
        files: those that can be read.
        faults: a line or more for each of the others.
        whole: whether these are all files of the folder.
    """

    files: list[File]
    faults: list[str] = field(default_factory=list)
    whole: bool = True

    def documents(self, *, cases: bool = False) -> dict[str, dict[str, Any]]:
        """What the files say, by kind and key. Their cases stay at home unless they are asked for.

        Raises:
            FilesFailed: a file cannot be read.
        """
        if self.faults:
            raise FilesFailed(self.faults)
        found: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        for file in self.files:
            said = file.document.items()
            found[file.kind][file.key] = {name: value for name, value in said if cases or name != CASES}
        return found

    def file(self, kind: str, key: str) -> File | None:
        """The file of something."""
        return next((one for one in self.files if (one.kind, one.key) == (kind, key)), None)


def root_of(path: Path) -> Path | None:
    """The folder of configuration that a path belongs to: itself, or one above; None when it belongs to none."""
    if path.is_dir() and (any((path / kind).is_dir() for kind in KINDS) or not any(path.iterdir())):
        return path
    return next((one.parent for one in path.absolute().parents if one.name in KINDS), None)


def read(path: Path) -> Folder:
    """The files of a folder, or one file alone.

    Raises:
        CommandFailed: it is no such folder, or not there.
    """
    if not path.exists():
        raise CommandFailed(f"There is no {path}.")
    root = root_of(path)
    if root is None:
        kinds = ", ".join(f"{kind}/" for kind in reversed(KINDS))
        raise CommandFailed(f"{path} is no folder of configuration: it has none of {kinds}.")
    files, faults = list[File](), list[str]()
    for kind, key, one in found_in(root, path):
        try:
            files.append(_read(kind, key, one))
        except yamltext.Fault as fault:
            faults.append(f"{one}:{fault.line}: {fault}")
    return Folder(files, faults + list(_twins(files)), whole=path == root)


def found_in(root: Path, path: Path) -> Iterator[tuple[str, str, Path]]:
    """Kind, key and place of the files of a folder that are below a path, in order."""
    for kind in KINDS:
        for one in sorted((root / kind).rglob("*")):
            inside = path == root or one.absolute().is_relative_to(path.absolute())
            if one.suffix in ENDINGS and one.is_file() and inside:
                yield kind, one.relative_to(root / kind).with_suffix("").as_posix(), one


def _read(kind: str, key: str, path: Path) -> File:
    if not is_key(key):
        raise yamltext.Fault("A file is called by letters, digits, '.', '_' and '-'.", 1)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise yamltext.Fault("The file is not UTF-8 text.", 1) from None
    except OSError as error:
        raise yamltext.Fault(f"It cannot be read: {error.strerror}.", 1) from error
    node = yamltext.compose(text)
    if not isinstance(node, yaml.MappingNode):
        raise yamltext.Fault("A file is written as fields: name, and what else there is to say.", 1)
    document = yamltext.value_of(node)
    return File(path, kind, key, text, document, node)


def _twins(files: Iterable[File]) -> Iterator[str]:
    """Faults of files that mean the same thing, as ``a.yaml`` and ``a.yml``."""
    seen: dict[tuple[str, str], File] = {}
    for file in files:
        first = seen.setdefault((file.kind, file.key), file)
        if first is not file:
            yield file.fault(f"{first.path} means the same {safe(file.key)!r}. Keep one of them.")
