"""Alerts over a real store, at a time that tests set."""

from __future__ import annotations

import pytest

from support.alerts import House
from support.api import copied
from support.api_fixtures import empty_store

__all__ = ["empty_store", "house"]


@pytest.fixture
def house(empty_store, tmp_path):
    """A store with one project, and somebody who looks at its rules."""
    made = House(copied(empty_store, tmp_path))
    yield made
    made.close()
