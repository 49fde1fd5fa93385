"""Alerts over a real store, at a time that tests set."""

from __future__ import annotations

import pytest

from hedgerow.store import migrate
from support.alerts import House
from support.api import copied


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """Migrated files to copy."""
    folder = tmp_path_factory.mktemp("store")
    migrate(folder)
    return folder


@pytest.fixture
def house(empty_store, tmp_path):
    """A store with one project, and somebody who looks at its rules."""
    made = House(copied(empty_store, tmp_path))
    yield made
    made.close()
