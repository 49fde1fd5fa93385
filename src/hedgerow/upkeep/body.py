"""What an instance is made of: its databases, its keys, its workers, and how far they have come."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import apsw

from hedgerow import __version__
from hedgerow.delivery import standby
from hedgerow.destinations.errors import SecretsError
from hedgerow.destinations.secrets import KEY_FILE, names_of, read_keys
from hedgerow.log.segments import Segments
from hedgerow.serve.lag import settled_positions
from hedgerow.settings import Settings
from hedgerow.store import StoreError
from hedgerow.store.database import check_library
from hedgerow.store.migrate import SCHEMAS, head, known, revision_of
from hedgerow.upkeep.backup import sealed_under
from hedgerow.upkeep.doctor import Check, Finding, Patient
from hedgerow.upkeep.snapshot import opened
from hedgerow.upkeep.words import many, span

CHECK: Final = "PRAGMA quick_check(5)"
ANSWER_S: Final = 10.0
ILL: Final = """
SELECT d.name, h.state FROM destination_health h JOIN destinations d ON d.id = h.destination_id
WHERE h.state IN ('quarantined', 'disabled') AND d.deleted = 0 AND d.enabled = 1 ORDER BY d.name
"""
HELD: Final = "SELECT count(*) FROM deliveries WHERE verdict = 'held'"


def versions(_patient: Patient) -> Iterator[Finding]:
    """Whether the libraries are fit."""
    try:
        check_library()
    except StoreError as error:
        yield Finding("release", "trouble", str(error), "pip install --upgrade apsw")
    else:
        yield Finding("release", "ok", f"Hedgerow {__version__} with SQLite {apsw.sqlite_lib_version()}.")


def schema(patient: Patient) -> Iterator[Finding]:
    """Whether the databases are of this release."""
    if not patient.is_made:
        return
    pending = []
    for name in SCHEMAS:
        with opened(patient.folder / f"{name}.db") as connection:
            revision = revision_of(connection)
        if revision not in known(name):
            yield Finding(
                "schema", "trouble", f"{name}.db was made by a newer release (schema {revision or 'unknown'}).",
                "Run that release, or step back with its 'hedgerow downgrade'.",
            )  # fmt: skip
        elif revision != head(name):
            pending.append(f"{name}.db from {revision} to {head(name)}")
    if pending:
        yield Finding(
            "schema", "warning", f"An upgrade is due: {', '.join(pending)}.",
            "Make a backup ('hedgerow backup'), then start the server: it upgrades the data folder.",
        )  # fmt: skip
    else:
        yield Finding("schema", "ok", "The databases are of this release.")


def databases(patient: Patient) -> Iterator[Finding]:
    """Whether SQLite finds the files sound."""
    if not patient.is_made or not patient.thorough:
        return
    paths = [patient.folder / f"{name}.db" for name in SCHEMAS]
    paths += sorted((patient.folder / "events").glob("*.db"))
    sick = [path for path in paths if not _is_sound(path)]
    for path in sick:
        yield Finding(
            "databases", "trouble", f"{path} is damaged.",
            "Stop the server, keep a copy of the data folder, and restore the last backup. Then look at the disk.",
        )  # fmt: skip
    if not sick:
        yield Finding("databases", "ok", f"All {len(paths)} are sound.")


def _is_sound(path: Path) -> bool:
    try:
        with opened(path) as connection:
            return bool(connection.execute(CHECK).get == "ok")
    except Exception:  # noqa: BLE001 - whatever keeps it from being read
        return not path.exists()  # an hour that was deleted just now is no loss


def keys(patient: Patient) -> Iterator[Finding]:
    """Whether the secrets in the state can be opened."""
    if not patient.is_made:
        return
    try:
        held = names_of([*_configured(patient.settings), *read_keys(patient.folder / KEY_FILE)])
    except SecretsError as error:
        yield Finding("keys", "trouble", str(error), "Let the server's user read it.")
        return
    with opened(patient.folder / "state.db") as connection:
        missing = [name for name in sealed_under(connection) if name not in held]
    if missing:
        yield Finding(
            "keys", "trouble", f"Some secrets are sealed with a key that is not here: {', '.join(missing)}.",
            f"Put it into {patient.folder / KEY_FILE} or HEDGEROW_SECRET_KEYS; 'hedgerow keys list' says what it seals.",
        )  # fmt: skip
    else:
        yield Finding("keys", "ok", "Every secret can be opened.")


def _configured(settings: Settings) -> list[str]:
    return [key.strip() for key in settings.secret_keys.get_secret_value().split(",") if key.strip()]


def workers(patient: Patient) -> Iterator[Finding]:
    """What the server says of itself."""
    if patient.pid is None:
        if patient.is_made:
            yield Finding("server", "ok", "It does not run.")
        return
    answer = _asked(patient.settings)
    if answer is None:
        yield Finding(
            "server", "trouble", "It does not say how it is.", "See its log; start it again if it hangs."
        )
        return
    troubles = answer.get("troubles") or []
    for trouble in troubles:
        yield Finding("server", "trouble", f"It is not ready: {trouble}.", "See its log.")
    if not troubles:
        yield Finding("server", "ok", f"It runs as process {patient.pid} and is ready; all workers are up.")


def _asked(settings: Settings) -> dict[str, Any] | None:
    """The answer of ``/_health/ready``; None when there is none."""
    parts = urlsplit(settings.local_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/_health/ready")
        found = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return found if isinstance(found, dict) else None


def lag(patient: Patient) -> Iterator[Finding]:
    """How old the oldest event is that no worker is through with."""
    if not (patient.folder / "events" / "partitions").exists():
        return
    oldest = _oldest(patient)
    if oldest is None:
        yield Finding("lag", "ok", "Every event that was accepted is settled.")
        return
    age = max(0.0, time.time() - oldest / 1000)
    told = f"The oldest event that is not settled is {span(age)} old"
    if patient.pid is None:
        yield Finding("lag", "warning", f"{told}, and no server runs.", "Start it: 'hedgerow serve'.")
    elif age > patient.settings.ready_lag_s:
        yield Finding(
            "lag",
            "warning",
            f"{told}.",
            "See its log; more workers help where processors are idle (HEDGEROW_WORKERS).",
        )
    else:
        yield Finding("lag", "ok", f"{told}.")


def _oldest(patient: Patient) -> int | None:
    """When the oldest unsettled event was accepted, in milliseconds."""
    with opened(patient.folder / "state.db") as state:
        settled = settled_positions(state)
    events = patient.folder / "events"
    partitions = int((events / "partitions").read_text("ascii"))
    segments = Segments(events, partitions)
    try:
        segments.hours()
        found = [segments.read(one, settled.get(one, 0), records=1, size=1) for one in range(partitions)]
    finally:
        segments.close()
    return min((records[0].captured_at for records in found if records), default=None)


def deliveries(patient: Patient) -> Iterator[Finding]:
    """Whether anything is kept from going out."""
    if not patient.is_made:
        return
    with opened(patient.folder / "state.db") as state:
        since, held = standby.since(state), int(state.execute(HELD).get or 0)
        ill = [(str(name), str(how)) for name, how in state.execute(ILL)]
    if since is not None:
        age = span(max(0.0, time.time() - since / 1000))
        yield Finding(
            "deliveries", "warning", f"The instance stands by for {age}: it sends nothing.",
            "If no other copy of it sends: 'hedgerow standby off'.",
        )  # fmt: skip
    for name, state_ in ill:
        yield Finding(
            "deliveries", "warning", f"{name!r} is {state_}; what it wants is held.",
            f"'hedgerow logs {json.dumps(name, ensure_ascii=False)}' says why.",
        )  # fmt: skip
    if since is None and not ill:
        told = (
            f"{many(held, 'delivery', 'deliveries')} {'is' if held == 1 else 'are'} held"
            if held
            else "Nothing is held"
        )
        yield Finding("deliveries", "ok", f"{told}.")


CHECKS: Final[tuple[Check, ...]] = (versions, schema, databases, keys, workers, lag, deliveries)
