"""Looking after an instance: backups, check-ups, and the ways between releases. Works on the data folder itself."""

from hedgerow.upkeep.errors import UpkeepError

__all__ = ["UpkeepError"]
