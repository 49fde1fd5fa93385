"""Numbers as people read them."""

from __future__ import annotations


def size(count: int) -> str:
    """Bytes in a readable unit."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def span(seconds: float) -> str:
    """A time in a readable unit."""
    for unit, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def many(count: int, one: str, more: str = "") -> str:
    """A number with what it counts."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
