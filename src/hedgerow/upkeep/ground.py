"""What an instance stands on: its folder, the disk under it, and the clock."""

from __future__ import annotations

import os
import shutil
import stat
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hedgerow.log.segments import HOUR_MS
from hedgerow.upkeep.doctor import Check, Finding, Patient
from hedgerow.upkeep.snapshot import opened
from hedgerow.upkeep.words import size

SECRETS: Final = ("secrets.key", "api.key")
OTHERS: Final = 0o077
TRIES: Final = 9
SLOW_MS: Final = 30.0
TOO_QUICK_MS: Final = 0.02
SKEW_S: Final = 2.0
AHEAD_MS: Final = 60_000
NETWORKED: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"})
PASSING: Final = frozenset({"tmpfs", "ramfs"})
LATEST: Final = "SELECT max(updated_at) FROM (SELECT updated_at FROM deliveries ORDER BY id DESC LIMIT 1000)"


def folder(patient: Patient) -> Iterator[Finding]:
    """Whether the data folder is there, ours, and nobody else's."""
    place = patient.folder
    if not patient.is_made:
        yield Finding("folder", "ok", f"{place} is no data folder yet: 'hedgerow serve' makes it.")
        return
    if not os.access(place, os.W_OK) or not os.access(place / "state.db", os.W_OK):
        yield Finding(
            "folder", "trouble", f"{place} cannot be written by this user (it belongs to number {place.stat().st_uid}).",
            "Run the server, and this, as the user that it belongs to; or change its owner with chown -R.",
        )  # fmt: skip
    strangers = sorted({path.stat().st_uid for path in _files(place)} - {place.stat().st_uid})
    if strangers:
        yield Finding(
            "folder", "warning", f"Some files in {place} belong to other users than the folder does (number {strangers[0]}).",
            f"chown -R --reference={place} {place}",
        )  # fmt: skip
    else:
        yield Finding("folder", "ok", f"{place} belongs to one user.")


def _files(place: Path) -> Iterator[Path]:
    yield from (path for path in place.rglob("*") if path.is_file())


def permissions(patient: Patient) -> Iterator[Finding]:
    """Whether others can read events and keys."""
    place = patient.folder
    if not patient.is_made:
        return
    readable = [name for name in SECRETS if (place / name).exists() and _mode(place / name) & OTHERS]
    if readable:
        yield Finding(
            "permissions", "trouble", f"Others on this machine may read {' and '.join(readable)}.",
            f"chmod 600 {' '.join(str(place / name) for name in readable)}; if somebody may have read them, "
            "'hedgerow keys rotate --forget', and another API key.",
        )  # fmt: skip
    elif _mode(place) & OTHERS:
        yield Finding(
            "permissions", "warning", f"Others on this machine may look into {place}.", f"chmod 700 {place}"
        )
    else:
        yield Finding("permissions", "ok", "Events and keys can be read by their owner alone.")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def disk(patient: Patient) -> Iterator[Finding]:
    """Room on the disk, and what kind of disk it is."""
    place = _nearest(patient.folder)
    usage, reserve = shutil.disk_usage(place), patient.settings.disk_reserve_bytes
    told = f"{size(usage.free)} of {size(usage.total)} are free"
    if usage.free < reserve:
        yield Finding(
            "disk", "trouble", f"{told}, less than the {size(reserve)} below which events are refused.",
            "Free some space, make the disk larger, or lower HEDGEROW_LOG_RETENTION_HOURS or HEDGEROW_LOG_MAX_BYTES.",
        )  # fmt: skip
    elif usage.free < 3 * reserve:
        yield Finding(
            "disk", "warning", f"{told}; below {size(reserve)} events are refused.", "Make some room in time.",
        )  # fmt: skip
    else:
        yield Finding("disk", "ok", f"{told}.")
    kind = _file_system(place)
    if kind in NETWORKED:
        yield Finding(
            "disk", "trouble", f"{place} is on a network file system ({kind}), whose locks and syncs cannot be relied on.",
            "Put the data folder on a local disk or a block device.",
        )  # fmt: skip
    elif kind in PASSING:
        yield Finding(
            "disk", "warning", f"{place} is in memory ({kind}): everything is gone after a restart of the machine.",
            "Put the data folder on a disk, unless this is for trying out.",
        )  # fmt: skip


def _nearest(place: Path) -> Path:
    """The folder, or what it will be made in."""
    place = place.absolute()
    while not place.exists():
        place = place.parent
    return place


def _file_system(place: Path) -> str:
    """The type of the file system that a folder is on; empty when this system does not tell."""
    try:
        lines = Path("/proc/self/mounts").read_text("utf-8").splitlines()
    except OSError:
        return ""
    mounts = {words[1]: words[2] for words in map(str.split, lines) if len(words) > 2}
    return next((mounts[str(one)] for one in (place, *place.parents) if str(one) in mounts), "")


def syncing(patient: Patient) -> Iterator[Finding]:
    """How long the disk takes to keep something: nothing is acknowledged sooner."""
    place = _nearest(patient.folder)
    if not os.access(place, os.W_OK):
        return
    took = statistics.median(_sync_times(place))
    told = f"A write takes {took:.2g} ms to be kept"
    if took > SLOW_MS:
        yield Finding(
            "disk speed", "warning", f"{told}: slow. Each event waits for it before it is acknowledged.",
            "Use a faster disk (an SSD with power-loss protection takes well below one).",
        )  # fmt: skip
    elif took < TOO_QUICK_MS:
        yield Finding(
            "disk speed", "warning", f"{told}: so quick that it can hardly be on a disk by then.",
            "Make sure that the disk, or the virtual machine's, does not ignore fsync; power cuts would lose events.",
        )  # fmt: skip
    else:
        yield Finding("disk speed", "ok", f"{told}.")


def _sync_times(place: Path) -> list[float]:
    """Milliseconds of some small writes, each waited for."""
    path = place / f".doctor-{os.getpid()}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    times = []
    try:
        for _ in range(TRIES):
            began = time.perf_counter()
            os.write(handle, b"\0" * 4096)
            os.fsync(handle)
            times.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(handle)
        path.unlink(missing_ok=True)
    return times


def clock(patient: Patient) -> Iterator[Finding]:
    """Whether the clock agrees with the file system's, and was not set back."""
    now = time.time()
    skew = _file_clock(_nearest(patient.folder)) - now
    if abs(skew) > SKEW_S:
        yield Finding(
            "clock", "warning", f"The clock of the file system is {skew:+.0f} s off this machine's.",
            "Keep both by NTP.",
        )  # fmt: skip
    ahead = _newest(patient) - now * 1000 if patient.is_made else 0.0
    if ahead > AHEAD_MS:
        yield Finding(
            "clock", "trouble", f"The newest events and deliveries are {ahead / 60_000:.0f} minutes in the future: the clock was set back.",
            "Set it right (timedatectl). Events go on being taken in; what waits for a time waits that much longer.",
        )  # fmt: skip
    elif abs(skew) <= SKEW_S:
        yield Finding(
            "clock",
            "ok",
            f"It is {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(now))} UTC; nothing is from the future.",
        )


def _file_clock(place: Path) -> float:
    """What the file system takes for now."""
    if not os.access(place, os.W_OK):
        return time.time()
    path = place / f".doctor-{os.getpid()}"
    path.touch(mode=0o600, exist_ok=False)
    try:
        return path.stat().st_mtime
    finally:
        path.unlink(missing_ok=True)


def _newest(patient: Patient) -> float:
    """The latest moment that log or state know of, in milliseconds."""
    with opened(patient.folder / "state.db") as state:
        latest = float(state.execute(LATEST).get or 0)
    hours = sorted(int(path.stem) for path in (patient.folder / "events").glob("*.db") if path.stem.isdigit())
    return max(latest, float(hours[-1] * HOUR_MS) if hours else 0.0)


CHECKS: Final[tuple[Check, ...]] = (folder, permissions, disk, syncing, clock)
