"""What tests of delivery share."""

from __future__ import annotations

import pytest

from hedgerow.store import open_connection, tables
from support.people import store


@pytest.fixture
def connection(tmp_path):
    """To an empty state file."""
    with store(str(tmp_path / "state.db"), tables.state):
        pass
    opened = open_connection(tmp_path / "state.db", synchronous="OFF")
    yield opened
    opened.close()
