"""The check-up of an instance: what is looked at, and what is found.

Each check is a generator of findings in a module of ``upkeep/`` of its own subject. One that fails itself is a finding too: a
doctor that stops at the first trouble tells least when there is most to tell.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from hedgerow.settings import Settings

Level: TypeAlias = Literal["ok", "warning", "trouble"]
LEVELS: Final[tuple[Level, ...]] = ("ok", "warning", "trouble")
"""From well to ill; the place of one is the exit status of a check-up in which it is the worst."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what about.
        level: how it is.
        text: what was seen.
        advice: what to do about it; empty when all is well.
    """

    check: str
    level: Level
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined.

    Attributes:
        settings: of the instance, as they are here and now.
        pid: the process of the server that has the data folder; None when none runs.
        thorough: look through the databases, which takes as long as reading them.
    """

    settings: Settings
    pid: int | None
    thorough: bool = True

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.settings.data_dir

    @property
    def is_made(self) -> bool:
        """Whether an instance has ever run here."""
        return (self.folder / "state.db").exists()


Check: TypeAlias = Callable[[Patient], Iterator[Finding]]


def holder(folder: Path) -> int | None:
    """The process that holds a data folder, 0 when it is not known which; None when none does."""
    try:
        descriptor = os.open(folder / "locks" / "instance", os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)  # and with it the lock, if it was to be had
    return None


def examine(settings: Settings, *, thorough: bool = True) -> Iterator[Finding]:
    """Check an instance, whether its server runs or not.

    Args:
        settings: of the instance.
        thorough: look through the databases too.

    Yields:
        Findings, in the order of the checks.
    """
    from hedgerow.upkeep import body, ground, surroundings

    patient = Patient(settings, holder(settings.data_dir), thorough)
    for check in (*surroundings.CHECKS, *ground.CHECKS, *body.CHECKS):
        yield from _carefully(check, patient)


def _carefully(check: Check, patient: Patient) -> Iterator[Finding]:
    try:
        yield from check(patient)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is told
        name = check.__name__.replace("_", " ")
        yield Finding(
            name,
            "trouble",
            f"It could not be looked at: {type(error).__name__}: {error}.",
            "See above; this may follow from it.",
        )


def worst(findings: list[Finding]) -> Level:
    """The worst of some findings."""
    return max((finding.level for finding in findings), key=LEVELS.index, default="ok")
