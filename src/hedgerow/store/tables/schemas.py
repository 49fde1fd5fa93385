"""The two schemas: written by different hands at different speeds, each in a file of its own."""

from __future__ import annotations

from sqlalchemy import MetaData

# People, configuration, positions, the ledger.
state = MetaData()
# Log lines and metrics, which may lag behind and keep their own mark.
telemetry = MetaData()
