"""Alerts over a real store, at a time that tests set."""

from __future__ import annotations

import pytest

from support.alerts import House
from support.store import fresh_store


@pytest.fixture
def house(tmp_path):
    """A store with one project, and somebody who looks at its rules."""
    made = House(fresh_store(tmp_path))
    yield made
    made.close()
