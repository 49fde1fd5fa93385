"""Names of invocations: the same event, destination, mapping and run always have the same id."""

from __future__ import annotations

import hashlib
import uuid

# The duplicate of an event, or a record that kills its worker, has a verdict of its own that belongs to no destination.
NO_DESTINATION = bytes(16)
# The name of a run ends so when its deliveries keep the revision that they were first made with.
ORIGINAL = "/original"

# Of the lower 80 bits of a UUIDv8 those that are free, and those that say what it is; above them are 48 of time.
_RANDOM = 0x0FFF_3FFF_FFFF_FFFF_FFFF
_VERSION_8 = 0x8000_8000_0000_0000_0000
_TIME = (1 << 48) - 1


def delivery_id(
    captured_at: int, event_uuid: bytes, destination_id: bytes, mapping: str = "", run: str = ""
) -> bytes:
    """A UUIDv8 that sorts by capture time.

    Args:
        captured_at: when the record was captured, milliseconds since the epoch (48 bits of the id).
        event_uuid: 16 bytes.
        destination_id: 16 bytes.
        mapping: id of the mapping, empty without mappings.
        run: empty for live traffic, else the re-run, replay or tick that wanted this invocation.

    Returns:
        16 bytes: the time, then 74 bits of SHA-256 of the rest around version and variant.
    """
    digest = hashlib.sha256(b"\0".join((event_uuid, destination_id, mapping.encode(), run.encode()))).digest()
    number = int.from_bytes(digest[:10], "big") & _RANDOM | _VERSION_8 | (captured_at & _TIME) << 80
    return number.to_bytes(16, "big")


def text(value: bytes) -> str:
    """The canonical text of 16 id bytes."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def raw(value: str) -> bytes:
    """The 16 bytes of an id's text.

    Raises:
        ValueError: it is not a UUID.
    """
    if len(value) == 36:  # the canonical form, as nearly always: this takes a fifth of the time
        return bytes.fromhex(value.replace("-", ""))
    return uuid.UUID(value).bytes
