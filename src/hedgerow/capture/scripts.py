"""The browser SDK's own files, when the build put them beside this module (``static/array.js`` and the like)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hedgerow.capture.answers import NOT_FOUND, SCRIPT, Answer, answer

BUNDLED = Path(__file__).parent / "static"
# New releases of Hedgerow bring new scripts; an hour is how long a browser may keep the old ones.
_CACHE = [(b"cache-control", b"public, max-age=3600")]


class Scripts:
    """Serves ``/static/<kind>.js``, ``/static/<version>/<kind>.js`` and ``/array/<token>/array.js``.

    Args:
        folder: where the ``.js`` files are; it may be missing, and is read once.
    """

    def __init__(self, folder: Path = BUNDLED) -> None:
        files: Iterable[Path] = folder.glob("*.js") if folder.is_dir() else ()
        self._scripts = {file.name: answer(200, file.read_bytes(), SCRIPT, _CACHE) for file in files}

    def find(self, name: str) -> Answer:
        """A script by its file name, or 404, which the SDK's loader tolerates."""
        return self._scripts.get(name, NOT_FOUND)
