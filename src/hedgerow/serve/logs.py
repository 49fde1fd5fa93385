"""What the processes of an instance say on standard error: one line per record, for people or for programs."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

FORMATS: Final = ("text", "json")
TEXT: Final = "%(asctime)s.%(msecs)03d {name:<9} %(levelname)-7s %(message)s"
# Messages name their values (``helper_killed pid=%d``): a program wants those by name.
NAMED: Final = re.compile(r"(?:\b(\w+)=)?%[-#0 +]*\d*(?:\.\d+)?[sdrfgx]|%%")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
OURS: Final = frozenset({"time", "level", "logger", "message", "process", "pid", "exception"})


def log_to_stderr(name: str, level: str, form: str = "text") -> None:
    """Have all records of this process written to standard error.

    Args:
        name: of the process.
        level: what is less important is left out.
        form: ``text`` for people, ``json`` for programs: one object per line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(name) if form == "json" else TextLines(name))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class TextLines(logging.Formatter):
    """Time, process, level, message. What a message quotes from outside cannot look like another line, or steer a terminal."""

    def __init__(self, process: str) -> None:
        super().__init__(TEXT.format(name=process), datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's interface
        """See ``logging.Formatter.formatMessage``."""
        record.message = CONTROL.sub(_escaped, record.message)
        return super().formatMessage(record)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, logger, message, process, and the values that the message names."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter.format``."""
        line: dict[str, Any] = {
            "time": _moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": self._process,
            "pid": os.getpid(),
        }
        line.update(_named(record))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _moment(seconds: float) -> str:
    whole, part = divmod(int(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{part:03d}Z"


def _named(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """The values that stand behind a name and an equals sign in the message."""
    if not isinstance(record.args, tuple):
        return
    places = [found for found in NAMED.finditer(str(record.msg)) if found[0] != "%%"]
    if len(places) != len(record.args):
        return
    for place, value in zip(places, record.args, strict=True):
        if place[1] and place[1] not in OURS:
            yield place[1], value if isinstance(value, bool | int | float | str) else str(value)
