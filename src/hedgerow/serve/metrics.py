"""The text that Prometheus reads. Counts come from the stores, so that they are those of all processes together."""

from __future__ import annotations

from hedgerow.delivery.invocation import OPEN
from hedgerow.store import Connection

OPEN_COUNTS = """
SELECT verdict, count(*) FROM deliveries
WHERE verdict IN ('running','retrying','held','scheduled') GROUP BY verdict
"""


class Exposition:
    """Collects samples; those of one name stand together, as the format demands."""

    def __init__(self) -> None:
        self._families: dict[str, list[str]] = {}

    def counter(self, name: str, text: str, value: float, **labels: str) -> None:
        """Add a number that only grows."""
        self._add("counter", name, text, value, labels)

    def gauge(self, name: str, text: str, value: float, **labels: str) -> None:
        """Add a number that goes up and down."""
        self._add("gauge", name, text, value, labels)

    def _add(self, kind: str, name: str, text: str, value: float, labels: dict[str, str]) -> None:
        lines = self._families.setdefault(name, [f"# HELP {name} {text}", f"# TYPE {name} {kind}"])
        inner = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
        lines.append(f"{name}{{{inner}}} {value:g}" if inner else f"{name} {value:g}")

    def encode(self) -> bytes:
        """The whole text."""
        return "".join(f"{line}\n" for lines in self._families.values() for line in lines).encode()


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def ledger_counts(connection: Connection) -> dict[str, int]:
    """Open deliveries by verdict, also those of which there are none."""
    counts = dict.fromkeys(sorted(OPEN), 0)
    counts.update({str(verdict): int(count) for verdict, count in connection.execute(OPEN_COUNTS)})
    return counts
