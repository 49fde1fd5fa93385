"""What would keep a delivery back besides filter and sample: repetitions, a threshold, a digest. Read only, for explaining."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hedgerow.delivery import counting, gathering, masking
from hedgerow.delivery.claims import CPU_MS, asked_of
from hedgerow.delivery.identity import raw, text
from hedgerow.delivery.sandbox import Job, Sandbox
from hedgerow.destinations import CompiledDestination, FilterError, InputError, with_source
from hedgerow.destinations.windows import span
from hedgerow.events import timestamps
from hedgerow.hog import HogError
from hedgerow.store import Connection, Database

SETTINGS = ("masking", "threshold", "digest")
NONE: Mapping[str, Any] = dict.fromkeys(SETTINGS)


@dataclass(frozen=True, slots=True)
class Looking:
    """Where to look.

    Attributes:
        state: has the windows.
        sandbox: works out the keys.
        now: milliseconds.
    """

    state: Database
    sandbox: Sandbox
    now: int


async def restraints(
    looking: Looking, compiled: CompiledDestination, globals_: Mapping[str, Any], mapping: str
) -> dict[str, Any]:
    """What each setting of a destination would make of an event like this one if it came now.

    Args:
        looking: where to look.
        compiled: the destination.
        globals_: of the event.
        mapping: that wants it.

    Returns:
        ``masking``, ``threshold`` and ``digest``: None for what it has not, else the setting with ``key``, ``error``, and what is
        known of that key.
    """
    config = compiled.destination.config
    settings: dict[str, Any] = {name: getattr(config, name) for name in SETTINGS}
    if not compiled.claims:
        return settings
    job = Job(
        compiled, with_source(globals_, compiled.destination), mapping, render=compiled.keys_need_inputs
    )
    try:
        keys = await looking.sandbox.claim_keys(job, replace(compiled.limits, cpu_ms=CPU_MS))
    except (FilterError, InputError, HogError) as error:
        return {
            name: one and _told(one, name, error=compiled.redact(str(error)))
            for name, one in settings.items()
        }
    asked = list(asked_of(config, keys))
    owner = raw(compiled.destination.id)
    known = await looking.state.read(lambda connection: _known(connection, owner, asked, looking.now))
    return {
        name: one and {**_told(one, name, key=keys.get(name)), **known.get(name, {})}
        for name, one in settings.items()
    }


def says(told: Mapping[str, Any]) -> str | None:
    """The sentence of the first setting that would keep a delivery back; else of the last that has something to say."""
    said = [one for name in ("threshold", "masking", "digest") if (one := told[name]) and one["says"]]
    first = next((one["says"] for one in said if one["would"] != "send"), None)
    return first or (said[-1]["says"] if said else None)


def _told(
    settings: Mapping[str, Any], name: str, *, key: str | None = None, error: str | None = None
) -> dict[str, Any]:
    """A setting of whose key nothing is known."""
    about: dict[str, Any] = {
        **settings,
        "key": key,
        "error": error,
        "would": "fail" if error else "send",
        "says": error,
    }
    nothing = {"masking": ("window", None), "threshold": ("counted", 0), "digest": ("summary", None)}
    return about | dict([nothing[name]])


def _known(connection: Connection, owner: bytes, asked: Sequence[Any], now: int) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in asked:
        name, look = _LOOKS[type(one)]
        found[name] = look(connection, owner, one, now)
    return found


def _masking(connection: Connection, owner: bytes, asked: masking.Mask, now: int) -> dict[str, Any]:
    row: Any = connection.execute(masking.FIND, (owner, asked.hash)).fetchone()
    if row is None or row[0] <= now:
        return {"says": "Nothing that it would repeat is open: it would be sent."}
    expires_at, count, winner = row
    window = {"expires_at": timestamps.write(expires_at), "count": count, "delivery": text(winner)}
    if asked.threshold is not None and count % asked.threshold == 0:
        return {"window": window, "says": f"It would be sent: one in {asked.threshold} is."}
    says = f"It would be masked: it repeats delivery {text(winner)} until {timestamps.write(expires_at)}."
    return {"window": window, "would": "mask", "says": says}


def _threshold(connection: Connection, owner: bytes, asked: counting.Threshold, now: int) -> dict[str, Any]:
    packed = connection.execute(counting.FIND, (owner, asked.hash)).get
    times, _ = counting.counted(counting.times_of(packed), now, asked, now)
    within = f"{asked.count} within {span(asked.window)}"
    if len(times) >= asked.count:
        return {"counted": len(times) - 1, "says": f"It would be sent: it is the last of {within}."}
    return {
        "counted": len(times) - 1, "would": "count", "says": f"It would count: {len(times)} of {within}.",
    }  # fmt: skip


def _digest(connection: Connection, owner: bytes, asked: gathering.Digest, now: int) -> dict[str, Any]:
    interval_ms = asked.interval * 1000
    found = gathering.find(connection, owner, asked.hash)
    interval = None if found is None else found.at(now, interval_ms)
    if interval is None:
        return {
            "says": f"It would be sent at once, and what follows within {span(asked.interval)} as a summary."
        }
    summary = {
        "due_at": timestamps.write(interval.until),
        "gathered": interval.count if interval.carrier else 0,
        "delivery": text(interval.carrier) if interval.carrier else None,
    }
    return {
        "summary": summary,
        "would": "join",
        "says": f"It would join the summary due at {summary['due_at']}.",
    }


_LOOKS: Mapping[type, tuple[str, Callable[[Connection, bytes, Any, int], dict[str, Any]]]] = {
    masking.Mask: ("masking", _masking),
    counting.Threshold: ("threshold", _threshold),
    gathering.Digest: ("digest", _digest),
}
