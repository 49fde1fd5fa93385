"""Inputs that stand elsewhere: ``{"from_env": "NAME"}`` and ``{"from_file": "name"}`` in place of a value.

What is stored and shown is only where the value is. The worker reads it when a delivery needs it, so nothing of it comes into
the data folder, and a file that changes counts from the next delivery on. Whoever may edit a destination could send what
they can refer to anywhere; so an operator says what may be referred to: variables with a prefix that names the project,
files of one folder. Hedgerow's own variables can never be.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from hedgerow.destinations.errors import InputError, ValidationError

KINDS: Final = ("from_env", "from_file")
TYPES: Final = frozenset({"string", "number", "boolean", "json", "dictionary"})
"""Types of inputs that may stand elsewhere; all but the first are read as JSON."""

LARGEST_FILE: Final = 64 * 1024
OURS: Final = "HEDGEROW_"
PROJECT: Final = "{project}"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_reference(item: Mapping[str, Any] | None) -> bool:
    """Whether an input says where its value is instead of having one."""
    return item is not None and ("from_env" in item or "from_file" in item)


def validate_reference(field: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """Check how a reference is written.

    Args:
        field: the input's field of the form.
        item: as sent, with one of ``KINDS``.

    Returns:
        The item to keep.

    Raises:
        ValidationError: it has a value besides, or names nothing.
    """
    kind = next(name for name in KINDS if name in item)
    if item.get("value") is not None or set(item) - {kind, "value", "order", "secret"}:
        raise ValidationError(f"An input has either a value or {kind}, and nothing besides {kind}.")
    if field["type"] not in TYPES:
        raise ValidationError(f"An input of type {field['type']} cannot come from elsewhere.")
    if not isinstance(item[kind], str) or not item[kind].strip():
        raise ValidationError(f"{kind} names {'a variable' if kind == 'from_env' else 'a file'}.")
    return {kind: item[kind].strip()}


class References:
    """What destinations of this instance may refer to."""

    def __init__(
        self,
        prefixes: Sequence[str] = (),
        folder: str = "",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Nothing, unless something is said.

        Args:
            prefixes: beginnings of the names of variables; ``{project}`` in them stands for the project's id.
            folder: where files may be, likewise.
            environ: the variables.
        """
        self._prefixes = tuple(prefixes)
        self._folder = folder
        self._environ = environ
        self._read: dict[Path, tuple[tuple[int, int, int], str]] = {}

    def check(self, item: Mapping[str, Any], project_id: int) -> None:
        """See that a destination of this project may refer to something, whether it is there or not.

        Raises:
            ValidationError: it may not; the message says what it may.
        """
        if "from_env" in item:
            self._check_variable(item["from_env"], project_id)
        else:
            self._path(item["from_file"], project_id)

    def _check_variable(self, name: str, project_id: int) -> None:
        prefixes = [prefix.replace(PROJECT, str(project_id)) for prefix in self._prefixes if prefix]
        if not prefixes:
            raise ValidationError(
                "This server reads no inputs from its environment: HEDGEROW_SECRETS_ENV_PREFIX is empty."
            )
        allowed = any(name.startswith(prefix) and name != prefix for prefix in prefixes)
        if not allowed or name.upper().startswith(OURS) or not _NAME.fullmatch(name):
            wanted = " or ".join(f"{prefix}..." for prefix in prefixes)
            raise ValidationError(
                f"Destinations of this project can read variables called {wanted}, not {name!r} "
                "(HEDGEROW_SECRETS_ENV_PREFIX)."
            )

    def _path(self, name: str, project_id: int) -> Path:
        if not self._folder:
            raise ValidationError(
                "This server reads no inputs from files: HEDGEROW_SECRETS_FOLDER is not set."
            )
        folder = Path(self._folder.replace(PROJECT, str(project_id)))
        if "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValidationError(f"{name!r} is no name of a file below HEDGEROW_SECRETS_FOLDER.")
        return folder / name

    def read(self, key: str, item: Mapping[str, Any], project_id: int) -> str:
        """The text that an input refers to, as of now.

        Args:
            key: the input, for the error.
            item: what it refers to.
            project_id: whose destination it is.

        Raises:
            InputError: it is not there, or may not be read. The message names the place and shows nothing of it.
        """
        try:
            self.check(item, project_id)
        except ValidationError as error:
            raise InputError(key, f"Input {key!r}: {error.detail}") from None
        if "from_env" in item:
            return self._variable(key, item["from_env"])
        return self._file(key, item["from_file"], project_id)

    def _variable(self, key: str, name: str) -> str:
        text = self._environ.get(name)
        if not text:
            raise InputError(key, f"Input {key!r}: the server has no environment variable {name}.")
        return text

    def _file(self, key: str, name: str, project_id: int) -> str:
        path = self._path(name, project_id)
        try:
            real = path.resolve(strict=True)
            state = real.stat()
            mark = (state.st_ino, state.st_size, state.st_mtime_ns)
            kept = self._read.get(path)
            if kept is None or kept[0] != mark:
                kept = self._read[path] = (mark, self._content(key, name, real, project_id))
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InputError(key, f"Input {key!r}: the file {name} cannot be read: {why}.") from None
        return kept[1]

    def _content(self, key: str, name: str, real: Path, project_id: int) -> str:
        folder = Path(self._folder.replace(PROJECT, str(project_id))).resolve()
        if not real.is_relative_to(folder) or not real.is_file():
            raise InputError(key, f"Input {key!r}: {name} is no file of HEDGEROW_SECRETS_FOLDER.")
        if real.stat().st_size > LARGEST_FILE:
            raise InputError(
                key, f"Input {key!r}: the file {name} is larger than {LARGEST_FILE // 1024} KiB."
            )
        return real.read_text("utf-8").removesuffix("\n").removesuffix("\r")


def value_of(key: str, text: str, kind: str) -> Any:
    """What a text that was read means for a type of input.

    Raises:
        InputError: it is not what the type asks for.
    """
    if kind == "string":
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    wanted = {"number": int | float, "boolean": bool, "dictionary": dict}.get(kind, object)
    if (
        not isinstance(value, wanted)
        or (kind == "number" and isinstance(value, bool))
        or (kind == "json" and value is text)
    ):
        raise InputError(key, f"Input {key!r}: what it refers to is no {kind} in JSON.")
    return value
