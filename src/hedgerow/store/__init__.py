"""The bottom room: tables, migrations and transactions. It knows the names of things, not what they mean."""

from hedgerow.store.database import Connection, Database, StoreBusy, StoreError, open_connection
from hedgerow.store.migrate import migrate

__all__ = ["Connection", "Database", "StoreBusy", "StoreError", "migrate", "open_connection"]
