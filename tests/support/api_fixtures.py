"""An API over a real store and a log in memory, called without a network: the fixtures, for the ``conftest`` of who needs them."""

from __future__ import annotations

import pytest

from hedgerow.store import migrate
from support.api import Api, copied


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """Migrated files to copy."""
    folder = tmp_path_factory.mktemp("store")
    migrate(folder)
    return folder


@pytest.fixture
def api(empty_store, tmp_path):
    """A fresh API."""
    made = Api(copied(empty_store, tmp_path))
    yield made
    made.close()
